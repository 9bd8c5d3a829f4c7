//! Everything that can be asked of a storage, to be compared with what it answers later.

use session_store_core::{
    Capability, Head, LogEntry, Pod, PodName, SegmentId, SessionId, Store, StoreError, TraceEntry,
};

use crate::failure::{Verdict, same};
use crate::log::Log;

/// What a storage holds, as one handle sees it.
#[derive(Debug, PartialEq)]
pub(crate) struct Snapshot {
    sessions: Vec<SessionId>,
    segments: Vec<Segment>,
    pods: Vec<(PodName, Option<Pod>)>,
}

#[derive(Debug, PartialEq)]
struct Segment {
    id: SegmentId,
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
                segments.push(Segment::of(Log { store, session_id, segment_id })?);
            }
        }
        Ok(Self { sessions, segments, pods: pods_of(store)? })
    }

    /// Fails unless `store` still shows the same.
    pub(crate) fn must_be_what(&self, store: &dyn Store, promise: &str) -> Verdict {
        same(&Self::of(store)?, self, promise)
    }

    /// The same without heads, whose tokens a backend may renew when it is opened again.
    pub(crate) fn without_heads(mut self) -> Self {
        self.segments.iter_mut().for_each(|segment| segment.head = None);
        self
    }
}

impl Segment {
    fn of(log: Log<'_>) -> Result<Self, StoreError> {
        let readable = log.store.capabilities().has(Capability::ReadTraces);
        Ok(Self {
            id: log.segment_id,
            entries: log.entries()?,
            count: log.count()?,
            head: log.head()?,
            traces: if readable { log.traces()? } else { Vec::new() },
        })
    }
}

fn pods_of(store: &dyn Store) -> Result<Vec<(PodName, Option<Pod>)>, StoreError> {
    let Some(pods) = store.pods() else { return Ok(Vec::new()) };
    let read = |name: PodName| Ok((name.clone(), pods.read_pod(&name)?));
    pods.list_pods()?.into_iter().map(read).collect()
}
