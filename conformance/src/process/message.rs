//! The messages between a check and a process that it started: a call or its reply, one line of JSON
//! each.

use std::io;

use serde::{Deserialize, Serialize};
use session_store_core::{Head, LogEntry, SegmentId, SessionId, StoreError};

/// The start of every line that is a reply. A test program prints other lines between the replies.
pub(super) const REPLY_PREFIX: &str = "@session-store ";

/// A call on the one handle of the other process.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Request {
    Open(String),
    Append(SessionId, SegmentId, WireEntry),
    AppendAll(SessionId, SegmentId, Vec<WireEntry>),
    AppendIf(SessionId, SegmentId, Option<String>, Vec<WireEntry>),
    AppendTrace(SessionId, SegmentId, String),
    Create(SessionId, SegmentId, Vec<WireEntry>),
    Truncate(SessionId, SegmentId, usize),
    Delete(SessionId, SegmentId),
    ReadAll(SessionId, SegmentId),
    ReadPage(SessionId, SegmentId, usize, usize),
    Count(SessionId, SegmentId),
    Exists(SessionId, SegmentId),
    Head(SessionId, SegmentId),
    Sessions,
    Segments(SessionId),
    Lookup(SegmentId),
}

/// An error, with as much detail as the checks need to distinguish errors.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum WireError {
    NotFound(SegmentId),
    Corrupt(usize, String),
    Conflict(Option<String>, Option<String>),
    Indeterminate(String),
    Other(String),
}

impl From<StoreError> for WireError {
    fn from(error: StoreError) -> Self {
        let text = crate::check_result::with_causes(&error);
        match error {
            StoreError::NotFound(segment_id) => Self::NotFound(segment_id),
            StoreError::Corrupt { line, message } => Self::Corrupt(line, message),
            StoreError::Conflict { expected, actual } => {
                Self::Conflict(expected.map(head_text), actual.map(head_text))
            }
            error if error.is_indeterminate() => Self::Indeterminate(text),
            _ => Self::Other(text),
        }
    }
}

impl From<WireError> for StoreError {
    fn from(error: WireError) -> Self {
        match error {
            WireError::NotFound(segment_id) => Self::NotFound(segment_id),
            WireError::Corrupt(line, message) => Self::Corrupt { line, message },
            WireError::Conflict(expected, actual) => Self::Conflict {
                expected: expected.as_deref().and_then(head),
                actual: actual.as_deref().and_then(head),
            },
            WireError::Indeterminate(text) => indeterminate("another process", text),
            WireError::Other(text) => Self::Io(io::Error::other(text)),
        }
    }
}

/// Returns the error of a call with an unknown outcome.
pub(super) fn indeterminate(operation: &str, cause: impl Into<String>) -> StoreError {
    let source = cause.into().into();
    StoreError::Indeterminate { operation: operation.to_owned(), source }
}

/// An entry in a message.
///
/// The receiver parses the entry together with the message, before the call begins. In a debug build
/// parsing takes longer than the call, so parsing inside the call would keep concurrent calls apart.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(super) struct WireEntry(pub(super) LogEntry);

impl From<WireEntry> for String {
    fn from(WireEntry(entry): WireEntry) -> Self {
        entry.as_json().to_owned()
    }
}

impl TryFrom<String> for WireEntry {
    type Error = StoreError;

    fn try_from(text: String) -> Result<Self, StoreError> {
        LogEntry::from_json(text).map(Self)
    }
}

pub(super) fn to_wire(entries: &[LogEntry]) -> Vec<WireEntry> {
    entries.iter().cloned().map(WireEntry).collect()
}

pub(super) fn from_wire(entries: Vec<WireEntry>) -> Vec<LogEntry> {
    entries.into_iter().map(|WireEntry(entry)| entry).collect()
}

pub(super) fn head_text(head: Head) -> String {
    head.to_string()
}

pub(super) fn head(text: &str) -> Option<Head> {
    let (entries, token) = text.split_once('@')?;
    Some(Head::new(entries.parse().ok()?, u128::from_str_radix(token, 16).ok()?))
}
