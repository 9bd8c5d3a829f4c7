//! `Event`: the progress of an import.

use crate::report::UnitReport;

/// The progress of an import.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Files were found, and are now looked at.
    Found {
        /// The number of files.
        files: usize,
    },
    /// One of the files was looked at.
    Inspected,
    /// All files were looked at, and logs are now stored.
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
