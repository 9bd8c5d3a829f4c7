//! `Event`: the progress of an import.

use crate::report::UnitReport;

/// The progress of an import.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The files were found. The import now reads the beginning of each file.
    Found {
        /// The number of files.
        files: usize,
    },
    /// The beginning of one file was read.
    Inspected,
    /// The beginnings of all files were read. The import now stores the logs.
    Storing {
        /// The number of logs.
        logs: usize,
    },
    /// Entries were read.
    Read {
        /// The number of entries.
        entries: usize,
        /// The size of these entries, in bytes.
        bytes: u64,
    },
    /// A log was stored, or could not be stored.
    Done(&'a UnitReport),
}
