//! The errors of writing, reading and restoring a backup.

use std::io;

use crate::error::{Failure, MigrateError};

/// The reason why a backup was not written, read or restored. Errors of one segment or pod are not
/// reported by this type, but in the manifest of an export or the report of a restore.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The store failed, or the store does not meet the requirements of a migration.
    #[error(transparent)]
    Store(#[from] MigrateError),

    /// The backup could not be written. The written bytes are not a backup.
    #[error("cannot write the backup")]
    Write(#[source] io::Error),

    /// A temporary file could not be written. The folder for temporary files may be full.
    #[error("cannot write a temporary file")]
    Spool(#[source] io::Error),

    /// The operating system could not read the backup.
    #[error("cannot read the backup")]
    Read(#[source] io::Error),

    /// The file is not a backup.
    #[error("the file is not a backup: {found}")]
    NotABackup {
        /// The kind of file that was found instead.
        found: &'static str,
    },

    /// The backup has a format of a newer version of this program.
    #[error(
        "the backup has format version {found}; this program supports versions up to {supported}"
    )]
    NewerFormat {
        /// The version of the backup.
        found: u64,
        /// The newest supported version.
        supported: u64,
    },

    /// A line is longer than the limit. The line can be a large entry. The file can also be an
    /// attack: a small file that decompresses to gigabytes.
    #[error(
        "{place}: the line has more than {limit} bytes; raise the limit, max-line, if it is an entry"
    )]
    LineTooLong {
        /// The place of the line.
        place: String,
        /// The limit, in bytes.
        limit: u64,
    },

    /// The backup was truncated or changed after it was written.
    #[error("the backup is damaged: {place}: {damage}")]
    Damaged {
        /// The place of the damage: the path of a file in the backup and a line in it, or the
        /// position of a byte in the backup.
        place: String,
        /// The damage.
        damage: String,
    },
}

impl From<Failure> for BackupError {
    fn from(failure: Failure) -> Self {
        Self::Store(failure.into())
    }
}

impl BackupError {
    pub(super) fn damaged(place: impl Into<String>, damage: impl Into<String>) -> Self {
        Self::Damaged { place: place.into(), damage: damage.into() }
    }

    /// Classifies an error of a read through the decompression.
    ///
    /// An error of the operating system has an error code, and does not mean that the backup is
    /// damaged. An error of the decompression has no such code, and means damage.
    pub(super) fn of_read(error: io::Error, place: impl FnOnce() -> String) -> Self {
        if error.raw_os_error().is_some() {
            return Self::Read(error);
        }
        let damage = match error.kind() {
            io::ErrorKind::UnexpectedEof => "it ends too early".to_owned(),
            _ => error.to_string(),
        };
        Self::damaged(place(), damage)
    }
}
