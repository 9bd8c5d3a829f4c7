//! The messages of the protocol, one line of JSON each.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use session_store_core::{
    Capabilities, Capability, Finding, Head, LogEntry, PodName, SegmentId, SegmentInfo, SegmentKey,
    SessionId, Severity, Store, StoreError,
};

use crate::call_names::{MAINTENANCE_CALLS, POD_CALLS, STORE_CALLS};
use crate::failure::Failure;

/// The first line of the server.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Greeting {
    /// The version of the protocol.
    pub(crate) session_store: u32,
    /// The store, unless the client has to open a store first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) store: Option<Description>,
}

/// The calls and the promises of an open store.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Description {
    /// The names of the calls that the server answers.
    pub(crate) calls: Vec<String>,
    /// The names of the capabilities that the store declares.
    #[serde(default)]
    capabilities: Vec<String>,
}

impl Description {
    pub(crate) fn of(store: &dyn Store) -> Self {
        let pods = store.pods().map_or(&[][..], |_| POD_CALLS);
        let maintenance = store.maintenance().map_or(&[][..], |_| MAINTENANCE_CALLS);
        let calls = [STORE_CALLS, pods, maintenance].concat();
        Self {
            calls: calls.into_iter().map(str::to_owned).collect(),
            capabilities: store.capabilities().iter().map(|c| c.name().to_owned()).collect(),
        }
    }

    pub(crate) fn has(&self, call: &str) -> bool {
        self.calls.iter().any(|name| name == call)
    }

    /// Returns the capabilities. A name that this version does not know is left out.
    pub(crate) fn capabilities(&self) -> Capabilities {
        let is_named = |c: &&Capability| self.capabilities.iter().any(|name| name == c.name());
        Capability::ALL.iter().filter(is_named).copied().collect()
    }
}

/// A line of the client.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) id: u64,
    /// Whether the server reports the start of the call.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) report_start: bool,
    #[serde(flatten)]
    pub(crate) call: Call,
}

/// The id of a request. It is read alone if the call in the request is not valid.
#[derive(Deserialize)]
pub(crate) struct RequestId {
    pub(crate) id: Option<u64>,
}

/// A call and its arguments.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "snake_case")]
pub(crate) enum Call {
    Open {
        address: String,
    },
    Append {
        #[serde(flatten)]
        key: SegmentKey,
        entry: WireEntry,
    },
    AppendAll {
        #[serde(flatten)]
        key: SegmentKey,
        entries: Vec<WireEntry>,
    },
    AppendIf {
        #[serde(flatten)]
        key: SegmentKey,
        expected: Option<Head>,
        entries: Vec<WireEntry>,
    },
    AppendTrace {
        #[serde(flatten)]
        key: SegmentKey,
        entry: String,
    },
    CreateSegment {
        #[serde(flatten)]
        key: SegmentKey,
        entries: Vec<WireEntry>,
    },
    DeleteSegment(SegmentKey),
    DeleteSession {
        session_id: SessionId,
    },
    Exists(SegmentKey),
    Head(SegmentKey),
    ListInfos {
        after: Option<SessionId>,
        limit: Option<usize>,
    },
    ListSegments {
        session_id: SessionId,
    },
    ListSessions,
    LookupSessionOf {
        segment_id: SegmentId,
    },
    ReadAll(SegmentKey),
    ReadEntryCount(SegmentKey),
    ReadPage {
        #[serde(flatten)]
        key: SegmentKey,
        start: usize,
        max_bytes: usize,
        #[serde(default = "yes")]
        needs_head: bool,
    },
    ReadTracePage {
        #[serde(flatten)]
        key: SegmentKey,
        start: usize,
        max_bytes: usize,
    },
    SegmentInfo(SegmentKey),
    Sync,
    Truncate {
        #[serde(flatten)]
        key: SegmentKey,
        entries_len: usize,
    },
    TruncateIf {
        #[serde(flatten)]
        key: SegmentKey,
        expected: Head,
        entries_len: usize,
    },
    PutPod {
        name: PodName,
        pod: String,
    },
    PutPodIf {
        name: PodName,
        expected: Option<String>,
        pod: String,
    },
    ReadPod {
        name: PodName,
    },
    ListPods,
    DeletePod {
        name: PodName,
    },
    Check,
    Repair,
}

fn yes() -> bool {
    true
}

/// A line of the server after the greeting: the start of a call, or its result.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Reply {
    /// The id of the request. `None` if the request has no id that can be read.
    pub(crate) id: Option<u64>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) started: bool,
    /// The result. A missing result is `null`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ok: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<Failure>,
}

/// The text of an entry.
///
/// The entry is checked when the message is parsed. At that time, the server has not reported the
/// start of the call yet. The check could also be a part of the call. But in a debug build, the
/// check takes longer than the rest of the call. Two calls that start at the same time would then
/// seldom overlap in the store, and tests of concurrent calls need this overlap.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(crate) struct WireEntry(LogEntry);

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

impl From<&LogEntry> for WireEntry {
    fn from(entry: &LogEntry) -> Self {
        Self(entry.clone())
    }
}

impl From<WireEntry> for LogEntry {
    fn from(WireEntry(entry): WireEntry) -> Self {
        entry
    }
}

pub(crate) fn to_wire(entries: &[LogEntry]) -> Vec<WireEntry> {
    entries.iter().map(WireEntry::from).collect()
}

pub(crate) fn from_wire(entries: Vec<WireEntry>) -> Vec<LogEntry> {
    entries.into_iter().map(LogEntry::from).collect()
}

/// A page of a log or of a trace. A page of a trace has no head.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct WirePage<E> {
    pub(crate) entries: Vec<E>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) head: Option<Head>,
}

/// A `SegmentInfo` in a message.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct WireInfo {
    head: Head,
    #[serde(default)]
    bytes: Option<u64>,
    /// Microseconds since 1970-01-01 UTC. JavaScript represents such a number exactly.
    #[serde(default)]
    modified_us: Option<u64>,
}

impl From<SegmentInfo> for WireInfo {
    fn from(SegmentInfo { head, bytes, modified, .. }: SegmentInfo) -> Self {
        let since_1970 = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let modified_us = since_1970.and_then(|time| u64::try_from(time.as_micros()).ok());
        Self { head, bytes, modified_us }
    }
}

impl From<WireInfo> for SegmentInfo {
    fn from(WireInfo { head, bytes, modified_us }: WireInfo) -> Self {
        let modified = modified_us.map(|us| UNIX_EPOCH + Duration::from_micros(us));
        let modified: Option<SystemTime> = modified;
        Self::new(head).with_bytes(bytes).with_modified(modified)
    }
}

/// An item of the result of `list_infos`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct WireListedInfo {
    #[serde(flatten)]
    pub(crate) key: SegmentKey,
    #[serde(flatten)]
    pub(crate) info: WireInfo,
}

/// A finding of a check or a repair.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct WireFinding {
    is_fault: bool,
    place: String,
    cause: String,
    #[serde(default)]
    remedy: Option<String>,
    #[serde(default)]
    is_unlisted: bool,
}

impl From<Finding> for WireFinding {
    fn from(finding: Finding) -> Self {
        let is_fault = finding.severity == Severity::Fault;
        let Finding { place, cause, remedy, is_unlisted, .. } = finding;
        Self { is_fault, place, cause, remedy, is_unlisted }
    }
}

impl From<WireFinding> for Finding {
    fn from(wire: WireFinding) -> Self {
        let severity = if wire.is_fault { Severity::Fault } else { Severity::Note };
        let mut finding = Self::new(severity, wire.place, wire.cause);
        (finding.remedy, finding.is_unlisted) = (wire.remedy, wire.is_unlisted);
        finding
    }
}
