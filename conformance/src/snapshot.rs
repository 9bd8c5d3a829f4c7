//! `Snapshot`: the whole readable content of a storage, for comparisons before and after a call.

use session_store_core::{
    Capability, Head, LogEntry, Pod, PodName, SegmentKey, SessionId, Store, StoreError, TraceEntry,
};

use crate::check_result::{CheckResult, ensure_eq};
use crate::test_log::TestLog;

/// The contents of a storage, read through one handle.
#[derive(Debug, PartialEq)]
pub(crate) struct Snapshot {
    sessions: Vec<SessionId>,
    segments: Vec<Segment>,
    pods: Vec<(PodName, Option<Pod>)>,
}

#[derive(Debug, PartialEq)]
struct Segment {
    key: SegmentKey,
    entries: Vec<LogEntry>,
    count: usize,
    head: Option<Head>,
    traces: Vec<TraceEntry>,
}

impl Snapshot {
    pub(crate) fn of(store: &dyn Store) -> Result<Self, StoreError> {
        let sessions = store.list_sessions()?;
        let mut segments = Vec::new();
        for &session_id in &sessions {
            for segment_id in store.list_segments(session_id)? {
                segments
                    .push(Segment::of(TestLog::at(store, SegmentKey { session_id, segment_id }))?);
            }
        }
        Ok(Self { sessions, segments, pods: pods_of(store)? })
    }

    /// Fails unless `store` still has the same contents.
    pub(crate) fn must_be_unchanged_in(&self, store: &dyn Store, context: &str) -> CheckResult {
        ensure_eq(&Self::of(store)?, self, context)
    }

    /// Removes the heads, because a backend may renew their tokens when the storage is reopened.
    pub(crate) fn without_heads(mut self) -> Self {
        self.segments.iter_mut().for_each(|segment| segment.head = None);
        self
    }
}

impl Segment {
    fn of(log: TestLog<'_>) -> Result<Self, StoreError> {
        let readable = log.store().capabilities().has(Capability::ReadTraces);
        Ok(Self {
            key: log.key(),
            entries: log.read_all()?,
            count: log.read_entry_count()?,
            head: log.head()?,
            traces: if readable { log.read_trace()? } else { Vec::new() },
        })
    }
}

fn pods_of(store: &dyn Store) -> Result<Vec<(PodName, Option<Pod>)>, StoreError> {
    let Some(pods) = store.pods() else { return Ok(Vec::new()) };
    let read = |name: PodName| Ok((name.clone(), pods.read_pod(&name)?));
    pods.list_pods()?.into_iter().map(read).collect()
}
