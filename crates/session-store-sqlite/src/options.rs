//! `SqliteOptions`: the options for opening a store, and the steps of opening it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use session_store_core::{Durability, StoreError};

use crate::connection::{self, ConnectionSettings};
use crate::database::Database;
use crate::error::Result;
use crate::file;
use crate::store::SqliteStore;

/// The longest time that an exclusive handle waits for a lock of SQLite. Only opening the handle
/// waits, because the handle then keeps the lock. Another handle can be open as long as its process
/// runs. So the handle only waits for the short locks of programs that start or end.
const EXCLUSIVE_TIMEOUT: Duration = Duration::from_millis(250);

/// The options for opening a [`SqliteStore`].
///
/// ```
/// use std::time::Duration;
///
/// use session_store_sqlite::SqliteOptions;
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("sessions.db");
/// let options = SqliteOptions::new().busy_timeout(Duration::from_secs(5));
/// assert!(options.open(&path).is_err(), "a missing file is not created by default");
/// options.create(true).open(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    create: bool,
    busy_timeout: Duration,
    durability: Durability,
    exclusive: bool,
}

impl SqliteOptions {
    /// Returns the default options: open an existing store, wait up to 30 seconds for a lock, and
    /// provide [`Durability::Process`].
    #[must_use]
    pub const fn new() -> Self {
        let busy_timeout = Duration::from_secs(30);
        Self { create: false, busy_timeout, durability: Durability::Process, exclusive: false }
    }

    /// Sets whether to create a store if the path does not contain one yet. A store is created if
    /// the file does not exist, is empty, or is a database without tables. The default is false.
    #[must_use]
    pub const fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Sets how long a call waits for a lock that another connection holds.
    ///
    /// If the lock is not free after this time, the call fails with an error that [is
    /// transient](StoreError::is_transient). The default is 30 seconds. The longest possible
    /// timeout is about 24 days.
    ///
    /// - A change waits for the changes of other handles.
    /// - A read does not wait for changes. A read only waits while the first connection opens the
    ///   database, and while the last connection closes it.
    ///
    /// There is one exception. When the write-ahead log has become long (64 MiB), the handle
    /// truncates it after a change. Before that, the change waits without a limit for the reads in
    /// progress of this handle. For the reads of other handles, the change waits up to one second,
    /// or up to this timeout if it is shorter. New reads of this handle wait until the log is
    /// truncated.
    #[must_use]
    pub const fn busy_timeout(mut self, busy_timeout: Duration) -> Self {
        self.busy_timeout = busy_timeout;
        self
    }

    /// Sets what an acknowledged change survives.
    ///
    /// With [`Durability::Power`] every change waits until the device has stored the change
    /// (`synchronous = FULL`). Concurrent changes of one handle share a commit. If the commit
    /// fails, all of them fail. With [`Durability::Process`], the default, changes do not wait for
    /// the device (`NORMAL`). Handles with different durability can share a database. After a
    /// failed sync a handle refuses all further changes.
    #[must_use]
    pub const fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Sets whether the handle is the only one on the database. The default is false.
    ///
    /// Appends are then faster, because SQLite locks the database only once and has no shared
    /// memory. While the handle and its clones are open, opening another handle of this or another
    /// process fails at once, also to read ([S11](session_store_core::contract#s11)). All calls
    /// of the handle use one connection and run one at a time, so a read waits for a change. The
    /// store does not declare the capability
    /// [`MultiProcess`](session_store_core::Capability::MultiProcess).
    ///
    /// Opening the handle creates the file `<database>-lock`, which stays. Older versions of this
    /// crate and other programs do not know this file. They wait for their busy timeout, and then
    /// report that the database is locked.
    #[must_use]
    pub const fn exclusive(mut self, exclusive: bool) -> Self {
        self.exclusive = exclusive;
        self
    }

    /// Opens the database file at `path`.
    ///
    /// Any number of threads and processes can open or create the same file at the same moment
    /// ([S6](session_store_core::contract#s6)).
    ///
    /// # Errors
    /// - [`StoreError::NoStore`] without [`create(true)`](Self::create), if the file does not
    ///   exist, is empty, or is a database without tables ([S7](session_store_core::contract#s7)).
    /// - [`StoreError::Io`] of the kind `NotFound` with `create(true)`, if the folder of the file
    ///   does not exist.
    /// - [`StoreError::Io`] of the kind [`ResourceBusy`](std::io::ErrorKind::ResourceBusy) if
    ///   another handle is exclusive, or if this handle is to be exclusive and another one is open.
    ///   The error is [transient](StoreError::is_transient).
    /// - [`StoreError::NotAStore`] if the file is not a database, or is the database of another
    ///   program ([L4](session_store_core::contract#l4)). The file is not changed.
    /// - [`StoreError::NewerFormat`] if a newer version of this library wrote the file.
    /// - [`StoreError::Backend`] if the SQLite library is too old, the file system does not support
    ///   shared memory, or a lock was not free in time.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<SqliteStore, StoreError> {
        let path = path.as_ref();
        let verb = if self.exclusive { "open exclusively" } else { "open" };
        self.open_database(path)
            .map(SqliteStore::new)
            .map_err(|error| error.during(format_args!("{verb} {}", path.display()), path))
    }

    fn open_database(&self, path: &Path) -> Result<Database> {
        connection::check_library(rusqlite::version_number())?;
        let path = std::path::absolute(path)?;
        file::check_wal_has_a_database(&path)?;
        if self.create {
            file::create(&path)?;
        }
        let first_page = file::check(&path, self.create)?;
        // SQLite takes the timeout in milliseconds as a C int.
        let longest = Duration::from_millis(i32::MAX as u64);
        let longest = if self.exclusive { EXCLUSIVE_TIMEOUT } else { longest };
        let busy_timeout = self.busy_timeout.min(longest);
        let (durability, is_exclusive, wal) = (self.durability, self.exclusive, Arc::default());
        let settings = ConnectionSettings { path, busy_timeout, durability, is_exclusive, wal };
        Database::open(settings, self.create, first_page)
    }
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl SqliteStore {
    /// Opens the store at `path`, which must exist.
    ///
    /// A mistyped path is an error and creates nothing ([S7](session_store_core::contract#s7)).
    ///
    /// # Errors
    /// The errors of [`SqliteOptions::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        SqliteOptions::new().open(path)
    }

    /// Opens the store at `path`. Creates the store if it does not exist. The folder must exist.
    ///
    /// # Errors
    /// The errors of [`SqliteOptions::open`].
    pub fn open_or_create(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        SqliteOptions::new().create(true).open(path)
    }
}
