//! The result of the commands that change or count the entries of a segment.

use std::fmt;

use serde::{Serialize, Serializer};
use session_store::Head;

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

/// The head of a segment: the number of its entries and the token of its log.
#[derive(Serialize)]
pub(crate) struct HeadOf {
    entries: usize,
    #[serde(serialize_with = "as_text")]
    head: Head,
}

impl From<Head> for HeadOf {
    fn from(head: Head) -> Self {
        Self { entries: head.entries(), head }
    }
}

impl fmt::Display for HeadOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.head.fmt(f)
    }
}

fn as_text<S: Serializer>(head: &Head, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(head)
}
