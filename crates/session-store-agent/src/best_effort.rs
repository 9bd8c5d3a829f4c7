//! `BestEffort`: a wrapper for stores without conditional writes. For a conditional write, the
//! wrapper first checks the stored data and then writes. The checked data is the head of a log (the
//! state of the log's end) or a pod (a named agent).

use session_store_core::{
    Capabilities, Capability, Head, LogEntry, Pod, PodName, PodStore, SegmentId, SegmentRef,
    SessionId, Store, StoreError, StoreExt, forward_pod_store, forward_store,
};

/// A store with conditional writes that are not atomic. Each write first checks the condition and
/// then writes.
///
/// **Another writer can write between the check and the write.** Also, a log that was truncated and
/// has then grown to its old length counts as unchanged. The wrapper is therefore correct only if
/// one writer at a time uses a segment or a pod. If the inner store has conditional writes of its
/// own, the wrapper calls these writes instead.
#[derive(Clone, Debug)]
pub struct BestEffort<S>(pub S);

impl<S: Store> BestEffort<S> {
    fn has(&self, capability: Capability) -> bool {
        self.0.capabilities().has(capability)
    }

    /// Returns the pods of the inner store. Callers get the wrapper's pods from [`Store::pods`],
    /// which returns `None` if the inner store does not have pods. So this function is only called
    /// if the inner store has pods.
    fn inner_pods(&self) -> &dyn PodStore {
        self.0.pods().expect("a store that has returned its pods still has them")
    }
}

/// Returns an error if the head of the segment is not `expected`.
fn check<S: Store>(segment: SegmentRef<'_, S>, expected: Option<Head>) -> Result<(), StoreError> {
    let actual = segment.head()?;
    if actual == expected { Ok(()) } else { Err(StoreError::Conflict { expected, actual }) }
}

fn head_of<S: Store>(segment: SegmentRef<'_, S>) -> Result<Head, StoreError> {
    segment.head()?.ok_or(StoreError::NotFound(segment.segment_id()))
}

#[deny(clippy::missing_trait_methods)]
impl<S: Store> Store for BestEffort<S> {
    forward_store! { self => self.0;
        append read_all list_sessions list_segments lookup_session_of create_segment exists
        read_entry_count append_trace truncate maintenance append_all read_page read_page_with
        read_page_matching head segment_info list_infos read_trace_page delete_segment
        delete_session sync
    }

    fn capabilities(&self) -> Capabilities {
        let capabilities = self.0.capabilities().with(Capability::ConditionalAppend);
        match self.0.pods() {
            Some(_) => capabilities.with(Capability::ConditionalPut),
            None => capabilities,
        }
    }

    fn pods(&self) -> Option<&dyn PodStore> {
        self.0.pods().map(|_| self as &dyn PodStore)
    }

    fn append_if(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        expected: Option<Head>,
        entries: &[LogEntry],
    ) -> Result<Head, StoreError> {
        let segment = self.0.segment(session_id, segment_id);
        if self.has(Capability::ConditionalAppend) {
            return segment.append_if(expected, entries);
        }
        check(segment, expected)?;
        match (expected, entries) {
            (None, []) => segment.create(&[])?,
            _ => segment.append_all(entries)?,
        }
        head_of(segment)
    }

    fn truncate_if(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        expected: Head,
        entries_len: usize,
    ) -> Result<Head, StoreError> {
        let segment = self.0.segment(session_id, segment_id);
        if self.has(Capability::ConditionalAppend) {
            return segment.truncate_if(expected, entries_len);
        }
        check(segment, Some(expected))?;
        segment.truncate(entries_len)?;
        head_of(segment)
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: Store> PodStore for BestEffort<S> {
    forward_pod_store! { self => *self.inner_pods(); put_pod read_pod list_pods delete_pod }

    fn put_pod_if(
        &self,
        name: &PodName,
        expected: Option<&Pod>,
        pod: &Pod,
    ) -> Result<(), StoreError> {
        let pods = self.inner_pods();
        if self.has(Capability::ConditionalPut) {
            return pods.put_pod_if(name, expected, pod);
        }
        if pods.read_pod(name)?.as_ref() != expected {
            return Err(StoreError::PodConflict { name: name.to_string() });
        }
        pods.put_pod(name, pod)
    }
}
