//! Stores without conditional writes, admitted by name: check, then write.

use session_store_core::{
    Capabilities, Capability, Head, LogEntry, Page, PodStore, SegmentId, SessionId, Store,
    StoreError, TraceEntry, TracePage,
};

/// A store whose conditional writes are a check and then a write, for stores that have no better ones.
///
/// **Between the two another writer can come in**, and a log that was cut and has grown back passes for
/// unchanged. It is right where one writer uses a segment at a time. A store that has
/// [`Capability::ConditionalAppend`] keeps its own.
#[derive(Clone, Debug)]
pub struct BestEffort<S>(pub S);

impl<S: Store> BestEffort<S> {
    fn has_its_own(&self) -> bool {
        self.0.capabilities().has(Capability::ConditionalAppend)
    }

    fn check(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        expected: Option<Head>,
    ) -> Result<(), StoreError> {
        let actual = self.0.head(session_id, segment_id)?;
        if actual == expected { Ok(()) } else { Err(StoreError::Conflict { expected, actual }) }
    }

    fn known_head(&self, session_id: SessionId, segment_id: SegmentId) -> Result<Head, StoreError> {
        self.0.head(session_id, segment_id)?.ok_or(StoreError::NotFound(segment_id))
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: Store> Store for BestEffort<S> {
    fn append(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entry: &LogEntry,
    ) -> Result<(), StoreError> {
        self.0.append(session_id, segment_id, entry)
    }

    fn read_all(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<Vec<LogEntry>, StoreError> {
        self.0.read_all(session_id, segment_id)
    }

    fn list_sessions(&self) -> Result<Vec<SessionId>, StoreError> {
        self.0.list_sessions()
    }

    fn list_segments(&self, session_id: SessionId) -> Result<Vec<SegmentId>, StoreError> {
        self.0.list_segments(session_id)
    }

    fn lookup_session_of(&self, segment_id: SegmentId) -> Result<Option<SessionId>, StoreError> {
        self.0.lookup_session_of(segment_id)
    }

    fn create_segment(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entries: &[LogEntry],
    ) -> Result<(), StoreError> {
        self.0.create_segment(session_id, segment_id, entries)
    }

    fn exists(&self, session_id: SessionId, segment_id: SegmentId) -> Result<bool, StoreError> {
        self.0.exists(session_id, segment_id)
    }

    fn read_entry_count(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<usize, StoreError> {
        self.0.read_entry_count(session_id, segment_id)
    }

    fn append_trace(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entry: &TraceEntry,
    ) -> Result<(), StoreError> {
        self.0.append_trace(session_id, segment_id, entry)
    }

    fn truncate(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entries_len: usize,
    ) -> Result<(), StoreError> {
        self.0.truncate(session_id, segment_id, entries_len)
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities().with(Capability::ConditionalAppend)
    }

    fn pods(&self) -> Option<&dyn PodStore> {
        self.0.pods()
    }

    fn append_all(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entries: &[LogEntry],
    ) -> Result<(), StoreError> {
        self.0.append_all(session_id, segment_id, entries)
    }

    fn read_page(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        start: usize,
        max_bytes: usize,
    ) -> Result<Page, StoreError> {
        self.0.read_page(session_id, segment_id, start, max_bytes)
    }

    fn head(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<Option<Head>, StoreError> {
        self.0.head(session_id, segment_id)
    }

    fn append_if(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        expected: Option<Head>,
        entries: &[LogEntry],
    ) -> Result<Head, StoreError> {
        if self.has_its_own() {
            return self.0.append_if(session_id, segment_id, expected, entries);
        }
        self.check(session_id, segment_id, expected)?;
        match (expected, entries) {
            (None, []) => self.0.create_segment(session_id, segment_id, &[])?,
            _ => self.0.append_all(session_id, segment_id, entries)?,
        }
        self.known_head(session_id, segment_id)
    }

    fn truncate_if(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        expected: Head,
        entries_len: usize,
    ) -> Result<Head, StoreError> {
        if self.has_its_own() {
            return self.0.truncate_if(session_id, segment_id, expected, entries_len);
        }
        self.check(session_id, segment_id, Some(expected))?;
        self.0.truncate(session_id, segment_id, entries_len)?;
        self.known_head(session_id, segment_id)
    }

    fn read_trace_page(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        start: usize,
        max_bytes: usize,
    ) -> Result<TracePage, StoreError> {
        self.0.read_trace_page(session_id, segment_id, start, max_bytes)
    }

    fn delete_segment(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<bool, StoreError> {
        self.0.delete_segment(session_id, segment_id)
    }

    fn delete_session(&self, session_id: SessionId) -> Result<bool, StoreError> {
        self.0.delete_session(session_id)
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.0.sync()
    }
}
