//! Answers that several commands give.

use std::fmt;

use serde::Serialize;

/// How many entries there are now.
#[derive(Serialize)]
pub(crate) struct EntryCount {
    pub(crate) entries: usize,
}

impl fmt::Display for EntryCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entries.fmt(f)
    }
}
