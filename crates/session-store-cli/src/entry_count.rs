//! The result of the commands that change or count the entries of a segment.

use std::fmt;

use serde::Serialize;

/// The number of entries in a segment.
#[derive(Serialize)]
pub(crate) struct EntryCount {
    pub(crate) entries: usize,
}

impl fmt::Display for EntryCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entries.fmt(f)
    }
}
