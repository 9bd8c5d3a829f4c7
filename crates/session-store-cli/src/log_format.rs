//! `LogFormat`: describes the entries of a log, in the format of the program that wrote the log.

use std::cell::OnceCell;

use session_store::LogEntry;
use session_store_import::{Description, Format, Role, format_of};

use crate::segment::{Segment, pages};

/// The number of entries from which the format of a log is found.
const FORMAT_ENTRIES: usize = 16;

/// The size of the pages in which these entries are read. Less than the default, because a page
/// of the default size has many more entries, and the store checks each of them.
const FORMAT_BYTES: usize = 32 * 1024;

/// The format of the entries of a log.
///
/// The format is found at the first call of [`describe`](Self::describe), because that takes longer
/// than reading the log.
pub(crate) struct LogFormat<'a> {
    segment: Segment<'a>,
    format: OnceCell<&'static dyn Format>,
}

impl<'a> LogFormat<'a> {
    pub(crate) const fn new(segment: Segment<'a>) -> Self {
        Self { segment, format: OnceCell::new() }
    }

    /// Returns the readable content of an entry of this log.
    pub(crate) fn describe(&self, entry: &LogEntry) -> Description {
        let format = self.format.get_or_init(|| {
            let entries = self.segment.iterate(pages(0).page_bytes(FORMAT_BYTES));
            format_of(&entries.take(FORMAT_ENTRIES).flatten().collect::<Vec<_>>())
        });
        format.describe(entry)
    }
}

/// Returns the word for the author of an entry.
pub(crate) const fn role_name(role: Option<Role>) -> &'static str {
    match role {
        Some(Role::User) => "user",
        Some(Role::Assistant) => "assistant",
        Some(Role::Tool) => "tool",
        Some(Role::System) => "system",
        None => "entry",
    }
}

/// Returns whether an entry has readable content. A record of the program's own state has none.
pub(crate) fn has_words(description: &Description) -> bool {
    words_of(description).is_some() || !description.tool_calls.is_empty()
}

/// Returns the text of an entry, unless it is blank.
pub(crate) fn words_of(description: &Description) -> Option<&str> {
    description.text.as_deref().map(str::trim_end).filter(|text| !text.is_empty())
}

/// Returns whether only the beginning of a text of this author is shown at first.
pub(crate) const fn is_folded(role: Option<Role>) -> bool {
    matches!(role, Some(Role::Tool | Role::System))
}
