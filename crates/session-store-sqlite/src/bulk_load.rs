//! `BulkLoad`: fills a new database under a temporary name, without a write-ahead log (WAL).

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::OFlags;
use session_store_core::{Durability, StoreError};
use tempfile::TempPath;

use crate::SqliteOptions;
use crate::connection::{self, ConnectionSettings};
use crate::database::Database;
use crate::error::Result;
use crate::file;
use crate::schema;
use crate::store::SqliteStore;
use crate::sync;

/// A new database that is filled under the name `PATH.partial`. [`finish`](Self::finish) gives the
/// database its name.
///
/// The load is faster than a normal store, because nothing is written to a write-ahead log, and
/// nothing is synced before the end. So a crash or a power cut can leave a corrupt file. That file
/// never gets the name `PATH`, and the next load of the same path replaces it.
///
/// Only this handle can use the database before [`finish`](Self::finish). Its calls run one at a
/// time. Syncs have no effect before the end.
///
/// Dropping the value deletes the file.
///
/// This type is only available on Unix.
///
/// ```
/// use session_store_core::{SegmentId, SessionId, Store};
/// use session_store_sqlite::{BulkLoad, SqliteStore};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("sessions.db");
/// let load = BulkLoad::create(&path)?;
/// load.store().create_segment(SessionId::new(), SegmentId::new(), &[])?;
/// assert!(!path.exists());
/// load.finish()?;
/// assert_eq!(SqliteStore::open(&path)?.list_sessions()?.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct BulkLoad {
    // The order of the fields matters for a drop: the lock is released last, so that no other
    // process uses the file before it is deleted.
    store: SqliteStore,
    path: PathBuf,
    partial: TempPath,
    lock: File,
    has_replaced: bool,
}

impl BulkLoad {
    /// Creates a database for the name `path`, which must not exist.
    ///
    /// # Errors
    /// [`StoreError::Io`] of the kind
    /// - `AlreadyExists` if `path` exists, or if `PATH.partial` is not the file of a load,
    /// - `ResourceBusy` if another load of the same path is running,
    /// - `NotFound` if the folder of the file does not exist.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        Self::new(path)
            .map_err(|error| error.during(format_args!("create {}", path.display()), path))
    }

    fn new(path: &Path) -> Result<Self> {
        connection::check_library(rusqlite::version_number())?;
        let path = std::path::absolute(path)?;
        check_is_free(&path)?;
        let mut partial = path.clone().into_os_string();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let mut lock = lock_file(&partial)?;
        let has_replaced = check_leftover(&mut lock, &partial)?;
        // From here on, an error deletes the file.
        let temporary = TempPath::try_from_path(&partial)?;
        // Check again under the lock, because another load can have finished meanwhile.
        check_is_free(&path)?;
        lock.set_len(0)?;
        for ending in ["-journal", "-wal", "-shm"] {
            let mut sidecar = partial.clone().into_os_string();
            sidecar.push(ending);
            match fs::remove_file(sidecar) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
        let settings = ConnectionSettings {
            path: partial,
            busy_timeout: Duration::ZERO,
            durability: Durability::Process,
            is_exclusive: true,
            wal: Arc::default(),
        };
        let store = SqliteStore::new(Database::open_bulk(settings)?);
        Ok(Self { store, path, partial: temporary, lock, has_replaced })
    }

    /// Returns the handle that fills the database.
    #[must_use]
    pub const fn store(&self) -> &SqliteStore {
        &self.store
    }

    /// Returns whether the load has replaced the file of an earlier load, which did not finish.
    #[must_use]
    pub const fn has_replaced(&self) -> bool {
        self.has_replaced
    }

    /// Makes the database a normal store, syncs it, and gives it its name.
    ///
    /// The handles that [`store`](Self::store) returned are closed. A call that is running is
    /// finished first, and later calls fail.
    ///
    /// # Errors
    /// - [`StoreError::Io`] of the kind `AlreadyExists` if `path` exists meanwhile. The file at
    ///   `path` is not changed.
    /// - Other errors if the new database cannot be synced, or if an earlier call has failed and
    ///   damaged it. (After an error of the disk, this call checks the new database.)
    /// - An error of the operating system if the folder cannot be synced. Then the database already
    ///   has its name, but a power cut can remove the name.
    ///
    /// Except in the last case, the new database is deleted.
    pub fn finish(self) -> Result<(), StoreError> {
        let Self { store, path, partial, lock, .. } = self;
        let finish = || -> Result<()> {
            store.database.close_bulk()?;
            // A normal handle switches the file to WAL mode, and removes the WAL when it is closed.
            drop(SqliteOptions::new().open(&partial)?);
            if !is_at(&lock, &partial)? {
                return Err(io::Error::other("another file has replaced the new database").into());
            }
            lock.sync_all()?;
            partial.persist_noclobber(&path).map_err(|error| error.error)?;
            Ok(sync::sync_folder(&path)?)
        };
        finish().map_err(|error| error.during(format_args!("finish {}", path.display()), &path))
    }
}

/// Fails if the path exists, or if a write-ahead log for a database at this path exists.
fn check_is_free(path: &Path) -> Result<()> {
    if path.symlink_metadata().is_ok() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "the file exists").into());
    }
    file::check_wal_has_a_database(path)
}

/// Opens or creates the file and locks it against other loads, in this and other processes.
///
/// SQLite uses locks of another kind (POSIX), which are independent. Closing the file drops the
/// locks of SQLite in this process. So the file stays open until the end of the load. A second load
/// in this process also opens and closes the file, and so drops the locks of SQLite that the first
/// load holds. That is harmless, because each load takes the lock of this function before it uses
/// the file.
fn lock_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options.custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
    loop {
        let file = options.open(path)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::Error::new(
                io::ErrorKind::ResourceBusy,
                format!("another process is writing {}", path.display()),
            ),
            TryLockError::Error(error) => error,
        })?;
        // The other load may have renamed or deleted the file before this lock was taken.
        if is_at(&file, path)? {
            return Ok(file);
        }
    }
}

fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let file = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(found) => Ok((found.dev(), found.ino()) == (file.dev(), file.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Returns whether the file is not empty. Fails if the file is not the file of a load, because the
/// load would overwrite the file.
fn check_leftover(file: &mut File, path: &Path) -> io::Result<bool> {
    let mut header = Vec::new();
    file.take(100).read_to_end(&mut header)?;
    if header.is_empty() || schema::is_header_of_store(&header) {
        return Ok(!header.is_empty());
    }
    let cause = format!("{} is not the rest of an earlier run; move it away", path.display());
    Err(io::Error::new(io::ErrorKind::AlreadyExists, cause))
}
