//! How a database is opened: what the caller chooses, and the steps from a path to a store.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use session_store_core::{Durability, StoreError};

use crate::connect::{self, Settings};
use crate::database::Database;
use crate::error::Failure;
use crate::{SqliteStore, file};

/// How to open a [`SqliteStore`].
///
/// ```
/// use std::time::Duration;
///
/// use session_store_sqlite::SqliteOptions;
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("sessions.db");
/// let mut options = SqliteOptions::new();
/// options.busy_timeout(Duration::from_secs(5));
/// assert!(options.open(&path).is_err(), "nothing is created unasked");
/// options.create(true).open(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    create: bool,
    busy_timeout: Duration,
    durability: Durability,
}

impl SqliteOptions {
    /// Opens what exists, waits 30 seconds for locks, and promises [`Durability::Process`].
    #[must_use]
    pub const fn new() -> Self {
        let busy_timeout = Duration::from_secs(30);
        Self { create: false, busy_timeout, durability: Durability::Process }
    }

    /// Whether a store is made where there is no file, an empty one, or a database without tables.
    pub const fn create(&mut self, create: bool) -> &mut Self {
        self.create = create;
        self
    }

    /// How long a call waits while other connections hold the lock it needs, before it fails with an error
    /// that [is transient](StoreError::is_transient); about 24 days at most. Changes wait for each other;
    /// reads wait for nothing but the first and the last connection's tidying up, and changes and reads for
    /// each other only where the write-ahead log has got long (64 MiB), to be used anew.
    pub const fn busy_timeout(&mut self, busy_timeout: Duration) -> &mut Self {
        self.busy_timeout = busy_timeout;
        self
    }

    /// What an acknowledged change survives. With [`Durability::Power`] every change waits until the device
    /// has it (`synchronous = FULL`), and with [`Durability::Process`] none does (`NORMAL`). Handles that
    /// promise different things can share a database. After a failed sync a handle makes no further change.
    pub const fn durability(&mut self, durability: Durability) -> &mut Self {
        self.durability = durability;
        self
    }

    /// Opens the database file at `path`. Any number of threads and processes may do so at the same moment,
    /// to create it too (S6).
    ///
    /// # Errors
    /// [`StoreError::Io`] with the kind `NotFound` if nothing is there and nothing shall be created (S7), or
    /// its folder is missing; [`StoreError::NotAStore`] for a file that is no database, another program's
    /// database (L4), or, unless it shall be created, an empty one, all left untouched;
    /// [`StoreError::NewerFormat`]; [`StoreError::Backend`] if the SQLite library is too old, the file system
    /// knows no shared memory, or a lock was not to be had in time.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<SqliteStore, StoreError> {
        let path = path.as_ref();
        self.prepare(path)
            .map(SqliteStore::new)
            .map_err(|failure| failure.during(format_args!("open {}", path.display()), path))
    }

    fn prepare(&self, path: &Path) -> Result<Database, Failure> {
        connect::check_library(rusqlite::version_number())?;
        let path = std::path::absolute(path)?;
        if self.create {
            file::create(&path)?;
        }
        file::check(&path, self.create)?;
        // SQLite takes its milliseconds as a C int.
        let busy_timeout = self.busy_timeout.min(Duration::from_millis(i32::MAX as u64));
        let (durability, sync_failed, log_pages) =
            (self.durability, Arc::default(), Arc::default());
        let settings = Settings { path, busy_timeout, durability, sync_failed, log_pages };
        Database::open(settings, self.create)
    }
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self::new()
    }
}
