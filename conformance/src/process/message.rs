//! The messages between a check and a process that it started: a call or its reply, one line of
//! JSON each.

use std::io;

use serde::{Deserialize, Serialize};
use session_store_core::{
    Finding, Head, InvalidHead, LogEntry, PodName, SegmentId, SegmentKey, SessionId, Severity,
    StoreError, error_chain,
};

/// The start of every line that is a reply. A test program prints other lines between the replies.
pub(super) const REPLY_PREFIX: &str = "@session-store ";

/// A call on the handle of the other process. The process has only one handle.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Request {
    Open(String),
    Append(SegmentKey, WireEntry),
    AppendAll(SegmentKey, Vec<WireEntry>),
    AppendIf(SegmentKey, Option<WireHead>, Vec<WireEntry>),
    AppendTrace(SegmentKey, String),
    Create(SegmentKey, Vec<WireEntry>),
    Truncate(SegmentKey, usize),
    Delete(SegmentKey),
    DeleteSession(SessionId),
    ReadAll(SegmentKey),
    ReadPage(SegmentKey, usize, usize),
    Count(SegmentKey),
    Exists(SegmentKey),
    Head(SegmentKey),
    Sessions,
    Segments(SessionId),
    Lookup(SegmentId),
    ReadTracePage(SegmentKey, usize, usize),
    PutPod(PodName, String),
    ReadPod(PodName),
    ListPods,
    DeletePod(PodName),
    Sync,
    Check,
    Repair,
}

/// A finding, without its remedy.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct WireFinding {
    is_fault: bool,
    place: String,
    cause: String,
}

impl From<Finding> for WireFinding {
    fn from(Finding { severity, place, cause, .. }: Finding) -> Self {
        Self { is_fault: severity == Severity::Fault, place, cause }
    }
}

impl From<WireFinding> for Finding {
    fn from(WireFinding { is_fault, place, cause }: WireFinding) -> Self {
        let severity = if is_fault { Severity::Fault } else { Severity::Note };
        Self::new(severity, place, cause)
    }
}

/// An error, with as much detail as the checks need to distinguish errors.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum WireError {
    NotFound(SegmentId),
    Corrupt(usize, String),
    Conflict(Option<WireHead>, Option<WireHead>),
    Indeterminate(String),
    Partial(usize, Box<WireError>),
    Other(String),
}

impl From<StoreError> for WireError {
    fn from(error: StoreError) -> Self {
        let text = error_chain(&error);
        match error {
            StoreError::NotFound(segment_id) => Self::NotFound(segment_id),
            StoreError::Corrupt { line, message } => Self::Corrupt(line, message),
            StoreError::Conflict { expected, actual } => {
                Self::Conflict(expected.map(WireHead), actual.map(WireHead))
            }
            StoreError::Partial { appended, source } => {
                Self::Partial(appended, Box::new(Self::from(*source)))
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
            WireError::Conflict(expected, actual) => {
                let head = |WireHead(head)| head;
                Self::Conflict { expected: expected.map(head), actual: actual.map(head) }
            }
            WireError::Indeterminate(text) => {
                Self::indeterminate("call another process", io::Error::other(text).into())
            }
            WireError::Partial(appended, source) => {
                Self::Partial { appended, source: Box::new(Self::from(*source)) }
            }
            WireError::Other(text) => Self::Io(io::Error::other(text)),
        }
    }
}

/// A head in a message.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(super) struct WireHead(pub(super) Head);

impl From<WireHead> for String {
    fn from(WireHead(head): WireHead) -> Self {
        head.to_string()
    }
}

impl TryFrom<String> for WireHead {
    type Error = InvalidHead;

    fn try_from(text: String) -> Result<Self, InvalidHead> {
        text.parse().map(Self)
    }
}

/// An entry in a message.
///
/// The receiver parses the entry together with the message, before the call begins. In a debug
/// build parsing takes longer than the call, so parsing inside the call would keep concurrent calls
/// apart.
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
