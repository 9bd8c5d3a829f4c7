//! What a check and a process that it started say to each other: a call or its answer, a line of JSON each.

use std::io;

use serde::{Deserialize, Serialize};
use session_store_core::{Head, LogEntry, SegmentId, SessionId, StoreError};

/// Every line of an answer begins with this; a test program prints lines of its own between them.
pub(crate) const MARK: &str = "@session-store ";

/// A call on the other process's one handle.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    Open(String),
    Append(SessionId, SegmentId, Carried),
    AppendAll(SessionId, SegmentId, Vec<Carried>),
    AppendIf(SessionId, SegmentId, Option<String>, Vec<Carried>),
    AppendTrace(SessionId, SegmentId, String),
    Create(SessionId, SegmentId, Vec<Carried>),
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

/// An error, as far as the checks tell errors apart.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Fault {
    NotFound(SegmentId),
    Corrupt(usize, String),
    Conflict(Option<String>, Option<String>),
    Indeterminate(String),
    Other(String),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        let told = crate::failure::with_causes(&error);
        match error {
            StoreError::NotFound(segment_id) => Self::NotFound(segment_id),
            StoreError::Corrupt { line, message } => Self::Corrupt(line, message),
            StoreError::Conflict { expected, actual } => {
                Self::Conflict(expected.map(told_head), actual.map(told_head))
            }
            error if error.is_indeterminate() => Self::Indeterminate(told),
            _ => Self::Other(told),
        }
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::NotFound(segment_id) => Self::NotFound(segment_id),
            Fault::Corrupt(line, message) => Self::Corrupt { line, message },
            Fault::Conflict(expected, actual) => Self::Conflict {
                expected: expected.as_deref().and_then(head),
                actual: actual.as_deref().and_then(head),
            },
            Fault::Indeterminate(told) => indeterminate("another process", told),
            Fault::Other(told) => Self::Io(io::Error::other(told)),
        }
    }
}

/// The error of a call whose outcome nobody knows.
pub(crate) fn indeterminate(operation: &str, cause: impl Into<String>) -> StoreError {
    let source = cause.into().into();
    StoreError::Indeterminate { operation: operation.to_owned(), source }
}

/// An entry on its way. It is parsed as it arrives and not in the call, where in a debug build that would take
/// most of the time.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(crate) struct Carried(pub(crate) LogEntry);

impl From<Carried> for String {
    fn from(Carried(entry): Carried) -> Self {
        entry.as_json().to_owned()
    }
}

impl TryFrom<String> for Carried {
    type Error = StoreError;

    fn try_from(text: String) -> Result<Self, StoreError> {
        LogEntry::from_json(text).map(Self)
    }
}

pub(crate) fn carried(entries: &[LogEntry]) -> Vec<Carried> {
    entries.iter().cloned().map(Carried).collect()
}

pub(crate) fn entries(carried: Vec<Carried>) -> Vec<LogEntry> {
    carried.into_iter().map(|Carried(entry)| entry).collect()
}

/// A head as it is printed, which is all of it.
pub(crate) fn told_head(head: Head) -> String {
    head.to_string()
}

/// The head that was printed so.
pub(crate) fn head(told: &str) -> Option<Head> {
    let (entries, token) = told.split_once('@')?;
    Some(Head::new(entries.parse().ok()?, u128::from_str_radix(token, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_survives_being_told() {
        for original in [Head::new(0, 0), Head::new(usize::MAX, u128::MAX), Head::new(7, 1 << 100)]
        {
            assert_eq!(head(&told_head(original)), Some(original));
        }
        assert_eq!(head("7"), None);
    }
}
