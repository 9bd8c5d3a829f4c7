//! From what SQLite answers to what a caller is told.

use std::error::Error;
use std::fmt::Display;
use std::io;
use std::path::Path;

use rusqlite::{ErrorCode, ffi};
use session_store_core::{BackendError, StoreError};

/// What is found where a database should be.
pub(crate) const NO_DATABASE: &str = "a file that is no SQLite database";

/// Why a piece of work on the database failed, before anybody has said what it was part of.
#[derive(Debug)]
pub(crate) enum Failure {
    /// In the contract's words already.
    Told(StoreError),
    /// In SQLite's words. Nothing was changed: the transaction is rolled back.
    Sqlite(rusqlite::Error),
    /// In the operating system's words.
    Io(io::Error),
    /// What was asked for cannot be had from this library, file system or format, for the reason given.
    Impossible(String),
    /// A commit or a sync failed in a way that leaves open whether it happened.
    Unknown(Box<dyn Error + Send + Sync>),
}

impl Failure {
    /// What the caller is told; `attempt` says what was tried and where.
    pub(crate) fn during(self, attempt: impl Display, path: &Path) -> StoreError {
        match self {
            Self::Told(error) => error,
            Self::Sqlite(error) => translate(error, attempt.to_string(), path),
            Self::Io(error) => StoreError::io(attempt.to_string(), error),
            Self::Impossible(reason) => {
                BackendError::new(attempt.to_string(), false, reason).into()
            }
            Self::Unknown(source) => {
                StoreError::Indeterminate { operation: attempt.to_string(), source }
            }
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Told(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// Whether another connection was in the way, so that the same call may succeed later.
pub(crate) fn is_busy(error: &rusqlite::Error) -> bool {
    use ErrorCode as Code;
    matches!(
        error.sqlite_error_code(),
        Some(Code::DatabaseBusy | Code::DatabaseLocked | Code::FileLockingProtocolFailed)
    )
}

/// Whether the connection is one that cannot write.
pub(crate) fn is_read_only(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::ReadOnly)
}

/// Whether a crash before the next commit would bring back what this failed COMMIT, which SQLite has rolled
/// back, was to change: where the last page had been handed to the system before. A failed write is not that
/// case, since the write-ahead log is valid only up to the last page that was written whole.
pub(crate) fn may_come_back(error: &rusqlite::Error) -> bool {
    use ErrorCode as Code;
    let failed_write = error.sqlite_extended_error_code() == Some(ffi::SQLITE_IOERR_WRITE);
    let code = error.sqlite_error_code();
    matches!(code, Some(Code::SystemIoFailure | Code::OutOfMemory)) && !failed_write
}

/// Whether the device may not have what it was told to keep.
pub(crate) fn is_failed_sync(error: &rusqlite::Error) -> bool {
    error.sqlite_extended_error_code() == Some(ffi::SQLITE_IOERR_FSYNC)
}

pub(crate) fn not_a_store(path: &Path, found: impl Into<String>) -> StoreError {
    StoreError::NotAStore { place: path.display().to_string(), found: found.into() }
}

fn translate(error: rusqlite::Error, mut attempt: String, path: &Path) -> StoreError {
    use ErrorCode as Code;
    if error.sqlite_extended_error_code() == Some(ffi::SQLITE_READONLY_DIRECTORY) {
        // Else a reader is told that it tried to write.
        attempt.push_str(" (to read a database, too, SQLite must be able to make files beside it)");
    }
    let kind = match error.sqlite_error_code() {
        Some(Code::NotADatabase) => return not_a_store(path, NO_DATABASE),
        Some(Code::DiskFull) => io::ErrorKind::StorageFull,
        Some(Code::ReadOnly | Code::PermissionDenied) => io::ErrorKind::PermissionDenied,
        Some(Code::CannotOpen | Code::SystemIoFailure) => io::ErrorKind::Other,
        _ => return BackendError::new(attempt, is_busy(&error), error).into(),
    };
    StoreError::io(attempt, io::Error::new(kind, error))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn sqlite(code: i32) -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)
    }

    #[test]
    fn a_reader_that_may_not_write_beside_the_database_is_told_so() {
        let error = sqlite(ffi::SQLITE_READONLY_DIRECTORY);
        let error = translate(error, String::from("open a.db"), Path::new("a.db"));
        assert!(error.to_string().starts_with("open a.db (to read a database, too, "), "{error}");
    }

    #[rstest]
    #[case::failed_sync(ffi::SQLITE_IOERR_FSYNC, true)]
    #[case::failed_shared_memory(ffi::SQLITE_IOERR_SHMSIZE, true)]
    #[case::no_memory(ffi::SQLITE_NOMEM, true)]
    #[case::failed_write(ffi::SQLITE_IOERR_WRITE, false)]
    #[case::full(ffi::SQLITE_FULL, false)]
    #[case::busy(ffi::SQLITE_BUSY, false)]
    fn only_what_was_written_whole_may_come_back(#[case] code: i32, #[case] expected: bool) {
        assert_eq!(may_come_back(&sqlite(code)), expected);
    }

    #[rstest]
    #[case(ffi::SQLITE_FULL, io::ErrorKind::StorageFull)]
    #[case(ffi::SQLITE_READONLY_DBMOVED, io::ErrorKind::PermissionDenied)]
    #[case(ffi::SQLITE_CANTOPEN, io::ErrorKind::Other)]
    #[case(ffi::SQLITE_IOERR_READ, io::ErrorKind::Other)]
    fn what_the_system_refused_is_io(#[case] code: i32, #[case] kind: io::ErrorKind) {
        let told = Failure::from(sqlite(code)).during("append in /db", Path::new("/db"));
        assert!(matches!(&told, StoreError::Io(error) if error.kind() == kind), "{told:?}");
        assert_eq!(told.to_string(), "append in /db");
    }

    #[rstest]
    #[case(ffi::SQLITE_BUSY, true)]
    #[case(ffi::SQLITE_BUSY_RECOVERY, true)]
    #[case(ffi::SQLITE_LOCKED, true)]
    #[case(ffi::SQLITE_CORRUPT, false)]
    fn the_rest_is_the_engines(#[case] code: i32, #[case] transient: bool) {
        let told = Failure::from(sqlite(code)).during("append in /db", Path::new("/db"));
        assert!(matches!(told, StoreError::Backend(_)), "{told:?}");
        assert_eq!(told.is_transient(), transient);
        assert!(told.source().is_some());
    }
}
