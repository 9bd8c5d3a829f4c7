//! A store reduced to its nine required methods, so that checks test the provided methods of the trait.

use session_store_core::{LogEntry, SegmentId, SessionId, Store, StoreError, TraceEntry};

/// The base level of `S`. All other methods are those that the trait provides.
pub(crate) struct BaseLevel<S>(pub(crate) S);

type Answer<T> = Result<T, StoreError>;

impl<S: Store> Store for BaseLevel<S> {
    fn append(&self, s: SessionId, g: SegmentId, entry: &LogEntry) -> Answer<()> {
        self.0.append(s, g, entry)
    }

    fn read_all(&self, s: SessionId, g: SegmentId) -> Answer<Vec<LogEntry>> {
        self.0.read_all(s, g)
    }

    fn list_sessions(&self) -> Answer<Vec<SessionId>> {
        self.0.list_sessions()
    }

    fn list_segments(&self, s: SessionId) -> Answer<Vec<SegmentId>> {
        self.0.list_segments(s)
    }

    fn lookup_session_of(&self, g: SegmentId) -> Answer<Option<SessionId>> {
        self.0.lookup_session_of(g)
    }

    fn create_segment(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Answer<()> {
        self.0.create_segment(s, g, entries)
    }

    fn exists(&self, s: SessionId, g: SegmentId) -> Answer<bool> {
        self.0.exists(s, g)
    }

    fn read_entry_count(&self, s: SessionId, g: SegmentId) -> Answer<usize> {
        self.0.read_entry_count(s, g)
    }

    fn append_trace(&self, s: SessionId, g: SegmentId, entry: &TraceEntry) -> Answer<()> {
        self.0.append_trace(s, g, entry)
    }
}
