//! `Conversation`: describes the entries of a log, in the format of the program that wrote the log.

use std::cell::OnceCell;
use std::time::SystemTime;
use std::vec;

use jiff::Zoned;
use session_store::{Entries, LogEntry, OpenStore, StoreError};
use session_store_import::{Description, Format, Role, format_of};

use crate::segment::{Segment, lines};

/// The number of entries from which the format of a log is found.
const FORMAT_ENTRIES: usize = 16;

/// An iterator over the entries of a log, with the number of each entry, counted from 1.
///
/// A line that is not an entry is returned as an error and skipped, as by [`lines`].
pub(crate) struct Conversation<'a> {
    first: vec::IntoIter<Result<Numbered, StoreError>>,
    rest: Entries<'a, OpenStore, LogEntry>,
    /// The entries from which the format is found.
    known: Vec<LogEntry>,
    format: OnceCell<&'static dyn Format>,
}

/// An entry and its number in the log.
type Numbered = (usize, LogEntry);

impl<'a> Conversation<'a> {
    /// Reads the first entries of a log.
    pub(crate) fn open(segment: Segment<'a>) -> Self {
        let mut rest = lines(segment, 0);
        let first: Vec<_> = (0..FORMAT_ENTRIES).map_while(|_| next_numbered(&mut rest)).collect();
        let known = first.iter().flatten().map(|(_, entry)| entry.clone()).collect();
        Self { first: first.into_iter(), rest, known, format: OnceCell::new() }
    }

    /// Returns the readable content of an entry of this log.
    ///
    /// The format is found at the first call, because that takes longer than reading the log.
    pub(crate) fn describe(&self, entry: &LogEntry) -> Description {
        self.format.get_or_init(|| format_of(&self.known)).describe(entry)
    }
}

impl Iterator for Conversation<'_> {
    type Item = Result<Numbered, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.first.next().or_else(|| next_numbered(&mut self.rest))
    }
}

fn next_numbered(entries: &mut Entries<'_, OpenStore>) -> Option<Result<Numbered, StoreError>> {
    let entry = entries.next()?;
    Some(entry.map(|entry| (entries.pages().position(), entry)))
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

/// Returns whether a reader has something to read in an entry. A record of the program's own state
/// has nothing.
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

/// Returns the time of an entry in the time zone of the user.
pub(crate) fn local_time(time: Option<SystemTime>) -> Option<String> {
    let time = Zoned::try_from(time?).ok()?;
    Some(time.strftime("%Y-%m-%d %H:%M:%S").to_string())
}
