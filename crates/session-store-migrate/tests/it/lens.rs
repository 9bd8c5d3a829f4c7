//! A memory store seen through a lens that makes it fail, lie or lack something.

use session_store_core::{
    Capabilities, Capability, Head, LogEntry, Page, PodStore, SegmentId, SessionId, Store,
    StoreError, TraceEntry, TracePage,
};
use session_store_memory::MemoryStore;

type Hook = Box<dyn Fn(&MemoryStore) -> Result<(), StoreError> + Send + Sync>;

pub(crate) struct Lens {
    pub(crate) store: MemoryStore,
    /// The entry, counted from 0, that every log's page fails on.
    pub(crate) bad_entry: usize,
    /// What happens before an `append_if` reaches the store.
    pub(crate) before_append: Hook,
    pub(crate) lacks: Option<Capability>,
    pub(crate) lacks_pods: bool,
    /// How many entries it counts too many.
    pub(crate) overcounts: usize,
}

impl Lens {
    pub(crate) fn clear(store: &MemoryStore) -> Self {
        Self {
            store: store.clone(),
            bad_entry: usize::MAX,
            before_append: Box::new(|_| Ok(())),
            lacks: None,
            lacks_pods: false,
            overcounts: 0,
        }
    }
}

type Done = Result<(), StoreError>;

impl Store for Lens {
    fn append(&self, session: SessionId, segment: SegmentId, entry: &LogEntry) -> Done {
        self.store.append(session, segment, entry)
    }
    fn read_all(
        &self,
        session: SessionId,
        segment: SegmentId,
    ) -> Result<Vec<LogEntry>, StoreError> {
        self.store.read_all(session, segment)
    }
    fn list_sessions(&self) -> Result<Vec<SessionId>, StoreError> {
        self.store.list_sessions()
    }
    fn list_segments(&self, session: SessionId) -> Result<Vec<SegmentId>, StoreError> {
        self.store.list_segments(session)
    }
    fn lookup_session_of(&self, segment: SegmentId) -> Result<Option<SessionId>, StoreError> {
        self.store.lookup_session_of(segment)
    }
    fn create_segment(&self, session: SessionId, segment: SegmentId, entries: &[LogEntry]) -> Done {
        self.store.create_segment(session, segment, entries)
    }
    fn exists(&self, session: SessionId, segment: SegmentId) -> Result<bool, StoreError> {
        self.store.exists(session, segment)
    }
    fn read_entry_count(
        &self,
        session: SessionId,
        segment: SegmentId,
    ) -> Result<usize, StoreError> {
        Ok(self.store.read_entry_count(session, segment)? + self.overcounts)
    }
    fn append_trace(&self, session: SessionId, segment: SegmentId, entry: &TraceEntry) -> Done {
        self.store.append_trace(session, segment, entry)
    }
    fn capabilities(&self) -> Capabilities {
        let all = self.store.capabilities();
        all.iter().filter(|capability| Some(*capability) != self.lacks).collect()
    }
    fn pods(&self) -> Option<&dyn PodStore> {
        if self.lacks_pods { None } else { self.store.pods() }
    }
    fn head(&self, session: SessionId, segment: SegmentId) -> Result<Option<Head>, StoreError> {
        self.store.head(session, segment)
    }
    /// Pages of one entry, so that every entry before the bad one is read.
    fn read_page(
        &self,
        session: SessionId,
        segment: SegmentId,
        start: usize,
        _: usize,
    ) -> Result<Page, StoreError> {
        if start == self.bad_entry {
            let message = format!("segment {segment}: no entry");
            return Err(StoreError::Corrupt { line: start + 1, message });
        }
        self.store.read_page(session, segment, start, 0)
    }
    fn append_if(
        &self,
        session: SessionId,
        segment: SegmentId,
        expected: Option<Head>,
        entries: &[LogEntry],
    ) -> Result<Head, StoreError> {
        (self.before_append)(&self.store)?;
        self.store.append_if(session, segment, expected, entries)
    }
    fn read_trace_page(
        &self,
        session: SessionId,
        segment: SegmentId,
        start: usize,
        max_bytes: usize,
    ) -> Result<TracePage, StoreError> {
        self.store.read_trace_page(session, segment, start, max_bytes)
    }
}
