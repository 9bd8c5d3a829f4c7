//! `Record` and `Kind`: the typed records of a log.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::de::Error as _;
use serde::{Deserialize, Serialize};
use session_store_core::{LogEntry, StoreError};

/// The event that a record describes.
///
/// In the log, the kind is the field `kind`, in lower case with underscores. Some programs write
/// the prefix `annotated_` before some kinds: `annotated_user_input` is read as
/// [`UserInput`](Self::UserInput).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// The first record of a segment: the lineage of the segment, and the state at its start.
    #[serde(alias = "annotated_segment_start")]
    SegmentStart,
    /// The start of a run.
    Invoke,
    /// An input of the user.
    #[serde(alias = "annotated_user_input")]
    UserInput,
    /// An output of the model: text or a tool call.
    #[serde(alias = "annotated_assistant_item")]
    AssistantItem,
    /// The result of a tool call.
    #[serde(alias = "annotated_tool_result")]
    ToolResult,
    /// An item that the runtime itself adds to the conversation.
    #[serde(alias = "annotated_system_item")]
    SystemItem,
    /// The end of a turn. A segment can be forked at each end of a turn.
    TurnEnd,
    /// The end of a successful run.
    RunCompleted,
    /// The end of a failed run.
    RunErrored,
    /// The end of an interrupted run that is not continued.
    PausedTurnAbandoned,
    /// A run that continues in this segment. The run began in an earlier segment, and was active
    /// when the earlier segment was compacted.
    ActiveRunCheckpoint,
    /// A new configuration.
    ConfigChanged,
    /// The resources that one call of the model has used, such as tokens.
    LlmUsage,
    /// The state of an extension of the runtime.
    Extension,
}

/// An entry of the log and its kind: `{"kind": "…", "ts": milliseconds, …}`.
///
/// Every entry can be converted to a record. The conversion does not change the text of the entry.
/// An entry of an unknown kind, or without the field `kind`, becomes a record whose
/// [`kind`](Self::kind) is `None`.
///
/// ```
/// use session_store_agent::{Kind, Record};
/// use session_store_core::LogEntry;
///
/// let record = Record::new(Kind::UserInput, &serde_json::json!({"text": "hi"}))?;
/// assert!(record.entry().as_json().starts_with(r#"{"kind":"user_input","ts":"#));
///
/// let newer = LogEntry::from_json(r#"{"kind":"from_the_future","x":1e999}"#)?;
/// assert_eq!(Record::from(newer).kind(), None);
/// # Ok::<(), session_store_core::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    entry: LogEntry,
    kind: Option<Kind>,
}

impl Record {
    /// Returns a record with the current time and the fields of `payload`.
    ///
    /// # Errors
    /// [`StoreError::Serde`] if the payload does not serialize to an object, or has a field `kind`
    /// or `ts`.
    pub fn new<T: Serialize + ?Sized>(kind: Kind, payload: &T) -> Result<Self, StoreError> {
        Self::at(now(), kind, payload)
    }

    /// Returns a record like [`new`](Self::new), but with the time `ts`, in milliseconds since
    /// 1970.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn at<T: Serialize + ?Sized>(ts: u64, kind: Kind, payload: &T) -> Result<Self, StoreError> {
        let entry = LogEntry::encode(&Fields { kind, ts, payload })?;
        let record = Self::from(entry);
        if record.kind.is_none() || record.ts().is_none() {
            let problem = "a record's payload must not have a field `kind` or `ts`";
            return Err(serde_json::Error::custom(problem).into());
        }
        Ok(record)
    }

    /// Returns the kind, if this version of the crate knows it.
    #[must_use]
    pub const fn kind(&self) -> Option<Kind> {
        self.kind
    }

    /// Returns the time in the field `ts`, in milliseconds since 1970. Returns `None` if the record
    /// has no such field.
    #[must_use]
    pub fn ts(&self) -> Option<u64> {
        #[derive(Deserialize)]
        struct Timed {
            ts: u64,
        }
        self.entry.decode().ok().map(|Timed { ts }| ts)
    }

    /// Returns the entry of the log.
    #[must_use]
    pub const fn entry(&self) -> &LogEntry {
        &self.entry
    }

    /// Converts the record to the entry of the log.
    #[must_use]
    pub fn into_entry(self) -> LogEntry {
        self.entry
    }
}

impl From<LogEntry> for Record {
    fn from(entry: LogEntry) -> Self {
        let kind = Kind::of(&entry);
        Self { entry, kind }
    }
}

impl Kind {
    /// Returns the kind of an entry.
    ///
    /// Returns `None` if the field is missing, occurs twice, is not a string or has an unknown
    /// value. The other fields are not decoded, so they can contain any JSON.
    #[must_use]
    pub fn of(entry: &LogEntry) -> Option<Self> {
        #[derive(Deserialize)]
        struct Header {
            kind: Kind,
        }
        entry.decode().ok().map(|Header { kind }| kind)
    }
}

impl fmt::Display for Kind {
    /// Writes the value of the field `kind`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// Returns the number of turns that end in these entries.
pub(crate) fn count_turns(entries: &[LogEntry]) -> usize {
    entries.iter().filter(|entry| Kind::of(entry) == Some(Kind::TurnEnd)).count()
}

#[derive(Serialize)]
struct Fields<'a, T: ?Sized> {
    kind: Kind,
    ts: u64,
    #[serde(flatten)]
    payload: &'a T,
}

fn now() -> u64 {
    // If the clock is set to a time before 1970, the timestamp is 0. Timestamps are only for
    // people, so their order does not matter.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
