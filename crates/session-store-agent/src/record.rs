//! The typed vocabulary of a log: what kinds of records there are, and how one is read and built.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::de::Error as _;
use serde::{Deserialize, Serialize};
use session_store_core::{LogEntry, StoreError};

/// What a record says happened. In the log it is the field `kind`, in lower case with underscores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// The first record of a segment: where it comes from and what it starts with.
    SegmentStart,
    /// A run begins.
    Invoke,
    /// The user said something.
    UserInput,
    /// The model said something, or asked for a tool.
    AssistantItem,
    /// A tool answered.
    ToolResult,
    /// The runtime put something into the conversation.
    SystemItem,
    /// A turn is over. Segments are forked at such boundaries.
    TurnEnd,
    /// The run is over.
    RunCompleted,
    /// The run failed, and is over.
    RunErrored,
    /// A run that was interrupted is given up.
    PausedTurnAbandoned,
    /// The configuration is another from now on.
    ConfigChanged,
    /// What a call of the model used.
    LlmUsage,
    /// State of an extension of the runtime.
    Extension,
}

/// An entry of the log together with its kind: `{"kind": "…", "ts": milliseconds, …}`.
///
/// Reading one never fails and never changes the entry. A kind that this version does not know, and an
/// object of another program that has no kind, is a record too, one without a [`kind`](Self::kind).
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
    /// A record of this moment, whose other fields are those of `payload`.
    ///
    /// # Errors
    /// [`StoreError::Serde`] if the payload does not serialise to an object, or has a field `kind` or `ts`
    /// itself.
    pub fn new<T: Serialize + ?Sized>(kind: Kind, payload: &T) -> Result<Self, StoreError> {
        Self::at(now(), kind, payload)
    }

    /// As [`new`](Self::new), of the moment `ts`, in milliseconds since 1970.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn at<T: Serialize + ?Sized>(ts: u64, kind: Kind, payload: &T) -> Result<Self, StoreError> {
        let entry = LogEntry::encode(&Built { kind, ts, payload })?;
        let record = Self::from(entry);
        if record.kind.is_none() || record.ts().is_none() {
            let problem = "a record's payload must not have a field `kind` or `ts`";
            return Err(serde_json::Error::custom(problem).into());
        }
        Ok(record)
    }

    /// What happened, if this version knows it.
    #[must_use]
    pub const fn kind(&self) -> Option<Kind> {
        self.kind
    }

    /// When it happened, in milliseconds since 1970, if the record says so in its field `ts`.
    #[must_use]
    pub fn ts(&self) -> Option<u64> {
        #[derive(Deserialize)]
        struct Timed {
            ts: u64,
        }
        self.entry.decode().ok().map(|Timed { ts }| ts)
    }

    /// The entry as it stands in the log.
    #[must_use]
    pub const fn entry(&self) -> &LogEntry {
        &self.entry
    }

    /// The entry as it stands in the log.
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
    /// The kind of an entry. None where the field is missing, doubled, no string or an unknown one; the rest
    /// of the entry is not looked into, so it may be anything that JSON allows.
    #[must_use]
    pub fn of(entry: &LogEntry) -> Option<Self> {
        #[derive(Deserialize)]
        struct Peek {
            kind: Kind,
        }
        entry.decode().ok().map(|Peek { kind }| kind)
    }
}

impl fmt::Display for Kind {
    /// As it stands in the log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// How many turns end in these entries.
pub(crate) fn turns_in(entries: &[LogEntry]) -> usize {
    entries.iter().filter(|entry| Kind::of(entry) == Some(Kind::TurnEnd)).count()
}

#[derive(Serialize)]
struct Built<'a, T: ?Sized> {
    kind: Kind,
    ts: u64,
    #[serde(flatten)]
    payload: &'a T,
}

fn now() -> u64 {
    // A clock set before 1970 gives 0: a timestamp is for readers, no order depends on it.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
