//! Why a backup was not made, not read or not restored.

use std::io;

use crate::error::{Failure, MigrateError};

/// Why a backup was not made, not read or not restored. What concerns one segment or pod alone is no such
/// error but stands in the manifest or the report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The store cannot be read from, or written to, as a migration would.
    #[error(transparent)]
    Store(#[from] MigrateError),

    /// The backup could not be written. What was written of it is none.
    #[error("cannot write the backup")]
    Write(#[source] io::Error),

    /// A log could not be kept aside while it was read; the folder for temporary files may be full.
    #[error("cannot write a temporary file")]
    Spool(#[source] io::Error),

    /// The backup could not be read, whatever it holds.
    #[error("cannot read the backup")]
    Read(#[source] io::Error),

    /// It is something else.
    #[error("this is no backup: {found}")]
    NotABackup {
        /// What it is instead.
        found: &'static str,
    },

    /// It was made by a newer version of the program, in a format that this one does not know.
    #[error("the backup has format version {found}; this program knows versions up to {supported}")]
    NewerFormat {
        /// The version found.
        found: u64,
        /// The newest version that can be read.
        supported: u64,
    },

    /// It was cut off or changed since it was made.
    #[error("the backup is damaged: {place}: {damage}")]
    Damaged {
        /// Where: a file in the backup and a line of it, or how many bytes were whole.
        place: String,
        /// What is wrong there.
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

    /// What reading the backup answered: the operating system's errors have a number, those of the
    /// decompression have none.
    pub(super) fn unread(error: io::Error, place: impl FnOnce() -> String) -> Self {
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
