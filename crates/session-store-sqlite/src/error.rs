//! Errors of SQLite and of the operating system, and their conversion to a [`StoreError`].

use std::error::Error;
use std::ffi::c_int;
use std::fmt::Display;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rusqlite::{ErrorCode, ffi};
use session_store_core::{BackendError, StoreError};

use crate::permission;

/// The description of a file that is not a database.
pub(crate) const NOT_A_DATABASE: &str = "a file that is not a SQLite database";

/// The result of work on the database.
pub(crate) type Result<T, E = DatabaseError> = std::result::Result<T, E>;

/// The reason why work on the database failed, before the operation and the place are added.
#[derive(Debug)]
pub(crate) enum DatabaseError {
    /// A complete error of the contract.
    Store(StoreError),
    /// An error of SQLite. The transaction was rolled back, so nothing has changed.
    Sqlite(rusqlite::Error),
    /// An error of the operating system.
    Io(io::Error),
    /// The SQLite library, the file system, or the format does not support the operation, for the
    /// given reason.
    Impossible(String),
    /// A commit or a sync failed with an unknown outcome.
    Indeterminate(Arc<dyn Error + Send + Sync>),
}

impl DatabaseError {
    /// Returns the error for a log or a database that has reached its limit.
    pub(crate) fn full(what: &str, limit: &str) -> Self {
        Self::Impossible(format!("the {what} is full: it has reached its limit of {limit}"))
    }

    /// Returns the error for a sync or a check of the files that failed after a commit.
    pub(crate) fn indeterminate(error: io::Error) -> Self {
        Self::Indeterminate(Arc::new(error))
    }

    /// Returns whether the operating system did not let SQLite open or create a file.
    pub(crate) fn is_refused_by_system(&self) -> bool {
        use ErrorCode as Code;
        let Self::Sqlite(error) = self else { return false };
        matches!(error.sqlite_error_code(), Some(Code::CannotOpen | Code::ReadOnly))
    }

    /// Returns the error of a commit again, for another change of the same group.
    pub(crate) fn duplicate(&self) -> Self {
        use rusqlite::Error::SqliteFailure;
        match self {
            Self::Sqlite(SqliteFailure(error, text)) => SqliteFailure(*error, text.clone()).into(),
            Self::Indeterminate(source) => Self::Indeterminate(Arc::clone(source)),
            error => {
                Self::Impossible(format!("another change of the same commit failed: {error:?}"))
            }
        }
    }

    /// Adds the operation that failed. `path` is the place of the database.
    pub(crate) fn during(self, operation: impl Display, path: &Path) -> StoreError {
        let operation = operation.to_string();
        match self {
            Self::Store(error) => error,
            Self::Sqlite(error) => translate(error, operation, path),
            Self::Io(error) => StoreError::io(operation, error),
            Self::Impossible(reason) => BackendError::new(operation, false, reason).into(),
            Self::Indeterminate(source) => {
                StoreError::Indeterminate { operation, source: Box::new(source) }
            }
        }
    }
}

impl From<StoreError> for DatabaseError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<io::Error> for DatabaseError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<rusqlite::Error> for DatabaseError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// Returns SQLite's extended error code. Only newer versions of rusqlite have a method for this
/// code.
fn extended_code(error: &rusqlite::Error) -> Option<c_int> {
    error.sqlite_error().map(|error| error.extended_code)
}

/// Returns whether another connection held a lock, so that the same call may succeed later.
pub(crate) fn is_busy(error: &rusqlite::Error) -> bool {
    use ErrorCode as Code;
    matches!(
        error.sqlite_error_code(),
        Some(Code::DatabaseBusy | Code::DatabaseLocked | Code::FileLockingProtocolFailed)
    )
}

/// Returns whether the connection cannot write.
pub(crate) fn is_read_only(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::ReadOnly)
}

/// Returns whether a crash could bring back the changes of this failed COMMIT.
///
/// SQLite has rolled the transaction back, but its last page may already be in the WAL (write-ahead
/// log). WAL recovery would then replay the whole transaction. After a failed write the result is
/// false, because the last page of the transaction is then incomplete, and WAL recovery stops
/// before it.
pub(crate) fn can_reappear(error: &rusqlite::Error) -> bool {
    use ErrorCode as Code;
    let failed_write = extended_code(error) == Some(ffi::SQLITE_IOERR_WRITE);
    let code = error.sqlite_error_code();
    matches!(code, Some(Code::SystemIoFailure | Code::OutOfMemory)) && !failed_write
}

/// Returns whether a sync failed, so that the device may have lost acknowledged changes.
pub(crate) fn is_failed_sync(error: &rusqlite::Error) -> bool {
    extended_code(error) == Some(ffi::SQLITE_IOERR_FSYNC)
}

/// Returns whether the error says that the database file is damaged. A
/// [`DamagedDatabase`](crate::DamagedDatabase) copies what can still be read.
#[must_use]
pub fn is_malformed(error: &StoreError) -> bool {
    let StoreError::Backend(error) = error else { return false };
    let cause = error.source().and_then(|cause| cause.downcast_ref::<rusqlite::Error>());
    cause.and_then(rusqlite::Error::sqlite_error_code) == Some(ErrorCode::DatabaseCorrupt)
}

pub(crate) fn not_a_store(path: &Path, found: impl Into<String>) -> StoreError {
    StoreError::NotAStore { place: path.display().to_string(), found: found.into() }
}

/// Returns the error for a place without a store. `found` is a sentence that describes the place.
pub(crate) fn no_store(path: &Path, found: impl Into<String>) -> StoreError {
    StoreError::NoStore { place: path.display().to_string(), found: found.into() }
}

/// Returns the error for a sidecar file (`-wal` or `-shm`) that is not at its path.
pub(crate) fn gone(path: &Path) -> io::Error {
    io::Error::other(format!(
        "{} was removed or replaced while the store was open, and the file may have held \
         acknowledged changes; close all handles of the store and reopen it",
        path.display()
    ))
}

fn translate(error: rusqlite::Error, mut operation: String, path: &Path) -> StoreError {
    use ErrorCode as Code;
    let is_folder = extended_code(&error) == Some(ffi::SQLITE_READONLY_DIRECTORY);
    let mut is_denied = is_folder;
    if is_folder || error.sqlite_error_code() == Some(Code::CannotOpen) {
        // The text of SQLite is only "unable to open database file", without the cause.
        if let Err(cause) = permission::can_read(path) {
            return StoreError::io(operation, cause);
        }
        let folder = permission::can_create_beside(path);
        is_denied |= folder.is_err();
        if is_denied {
            // The text of SQLite is "attempt to write". This would confuse a caller that only
            // reads.
            operation.push_str(" (SQLite must be able to create files beside a database");
            operation.push_str(&folder.map_or_else(|cause| format!(": {cause})"), |()| ")".into()));
        }
    }
    if extended_code(&error) == Some(ffi::SQLITE_IOERR_SHMSIZE) {
        // The text of SQLite is only "disk I/O error", without the cause.
        operation.push_str(" (SQLite must be able to extend the -shm file; the disk may be full)");
    }
    let kind = match error.sqlite_error_code() {
        Some(Code::NotADatabase) => return not_a_store(path, NOT_A_DATABASE),
        Some(Code::DiskFull) => io::ErrorKind::StorageFull,
        Some(Code::ReadOnly | Code::PermissionDenied) => io::ErrorKind::PermissionDenied,
        Some(Code::CannotOpen) if is_denied => io::ErrorKind::PermissionDenied,
        Some(Code::CannotOpen | Code::SystemIoFailure) => io::ErrorKind::Other,
        _ => return BackendError::new(operation, is_busy(&error), error).into(),
    };
    StoreError::io(operation, io::Error::new(kind, error))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn sqlite(code: i32) -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)
    }

    fn during_append(code: i32) -> StoreError {
        DatabaseError::from(sqlite(code)).during("append in /db", Path::new("/db"))
    }

    #[test]
    fn the_error_of_a_read_explains_why_sqlite_needs_a_writable_folder() {
        let error = sqlite(ffi::SQLITE_READONLY_DIRECTORY);
        let error = translate(error, String::from("open a.db"), Path::new("a.db"));
        let text = error.to_string();
        let start = "I/O error: cannot open a.db (SQLite must be able to create files beside ";
        assert!(text.starts_with(start), "{text}");
    }

    #[test]
    fn the_error_of_a_full_disk_names_the_file_that_cannot_grow() {
        let text = during_append(ffi::SQLITE_IOERR_SHMSIZE).to_string();
        let start = "I/O error: cannot append in /db (SQLite must be able to extend the -shm file;";
        assert!(text.starts_with(start), "{text}");
    }

    #[rstest]
    #[case::failed_sync(ffi::SQLITE_IOERR_FSYNC, true)]
    #[case::failed_shared_memory(ffi::SQLITE_IOERR_SHMSIZE, true)]
    #[case::no_memory(ffi::SQLITE_NOMEM, true)]
    #[case::failed_write(ffi::SQLITE_IOERR_WRITE, false)]
    #[case::full(ffi::SQLITE_FULL, false)]
    #[case::busy(ffi::SQLITE_BUSY, false)]
    fn only_a_commit_that_was_written_completely_can_reappear(
        #[case] code: i32,
        #[case] expected: bool,
    ) {
        assert_eq!(can_reappear(&sqlite(code)), expected);
    }

    #[rstest]
    #[case(ffi::SQLITE_FULL, io::ErrorKind::StorageFull)]
    #[case(ffi::SQLITE_READONLY_DBMOVED, io::ErrorKind::PermissionDenied)]
    #[case(ffi::SQLITE_CANTOPEN, io::ErrorKind::Other)]
    #[case(ffi::SQLITE_IOERR_READ, io::ErrorKind::Other)]
    fn a_refusal_by_the_operating_system_is_an_io_error(
        #[case] code: i32,
        #[case] kind: io::ErrorKind,
    ) {
        let error = during_append(code);
        assert!(matches!(&error, StoreError::Io(error) if error.kind() == kind), "{error:?}");
        let text = format!("I/O error: cannot append in /db: {}", sqlite(code));
        assert_eq!(error.to_string(), text);
    }

    #[rstest]
    #[case(ffi::SQLITE_BUSY, true)]
    #[case(ffi::SQLITE_BUSY_RECOVERY, true)]
    #[case(ffi::SQLITE_LOCKED, true)]
    #[case(ffi::SQLITE_CORRUPT, false)]
    fn any_other_error_of_sqlite_is_a_backend_error(#[case] code: i32, #[case] transient: bool) {
        let error = during_append(code);
        assert!(matches!(error, StoreError::Backend(_)), "{error:?}");
        assert_eq!(error.is_transient(), transient);
        assert_eq!(is_malformed(&error), code == ffi::SQLITE_CORRUPT);
        assert!(error.source().is_some());
    }
}
