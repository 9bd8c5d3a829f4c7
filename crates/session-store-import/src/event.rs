//! `Event`: the progress of an import.

use crate::report::UnitReport;

/// The progress of an import.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Files were found. Their beginnings are now read.
    Found {
        /// The number of files.
        files: usize,
    },
    /// The beginning of one file was read.
    Inspected,
    /// The beginnings of all files were read. The logs are now stored.
    Storing {
        /// The number of logs.
        logs: usize,
    },
    /// Entries were read.
    Read {
        /// The number of entries.
        entries: usize,
        /// The size of the entries.
        bytes: u64,
    },
    /// A log was stored, or could not be stored.
    Done(&'a UnitReport),
}
