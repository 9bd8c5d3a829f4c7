//! A memory store that loses replies, stores parts and lacks things, as told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use session_store_core::{
    Capabilities, Capability, Head, LogEntry, Page, PodStore, SegmentId, SessionId, Store,
    StoreError, TraceEntry,
};
use session_store_memory::MemoryStore;

/// What happens to one `append_if` or `truncate_if`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It goes through.
    None,
    /// It does not happen, and the reply is lost.
    LostBefore,
    /// It happens, and the reply is lost.
    LostAfter,
    /// It does not happen, and says so.
    Refused,
    /// Only so many entries are appended, and it says so.
    Part(usize),
    /// Only so many entries are appended, and the reply is lost.
    LostPart(usize),
    /// A plain append goes through, and another writer's follows before anybody looks.
    Followed,
}

#[derive(Clone, Default)]
pub(crate) struct Flaky {
    pub(crate) store: MemoryStore,
    /// What happens to the next conditional writes; then they go through.
    pub(crate) faults: Arc<Mutex<VecDeque<Fault>>>,
    pub(crate) lacks: Option<Capability>,
    pub(crate) lacks_pods: bool,
}

impl Flaky {
    pub(crate) fn will(&self, faults: &[Fault]) {
        *self.faults.lock().unwrap() = faults.iter().copied().collect();
    }

    fn faulty(
        &self,
        entries: &[LogEntry],
        write: impl Fn(&[LogEntry]) -> Result<Head, StoreError>,
    ) -> Result<Head, StoreError> {
        let fault = self.faults.lock().unwrap().pop_front().unwrap_or(Fault::None);
        let part = |appended: usize, source: StoreError| {
            write(&entries[..appended])
                .and(Err(StoreError::Partial { appended, source: Box::new(source) }))
        };
        match fault {
            Fault::None | Fault::Followed => write(entries),
            Fault::LostBefore => Err(lost()),
            Fault::LostAfter => write(entries).and(Err(lost())),
            Fault::Refused => Err(refused()),
            Fault::Part(appended) => part(appended, refused()),
            Fault::LostPart(appended) => part(appended, lost()),
        }
    }
}

fn lost() -> StoreError {
    StoreError::Indeterminate { operation: "write".into(), source: "the line went dead".into() }
}

fn refused() -> StoreError {
    StoreError::io("write", std::io::ErrorKind::StorageFull.into())
}

type Done = Result<(), StoreError>;

impl Store for Flaky {
    fn append(&self, session: SessionId, segment: SegmentId, entry: &LogEntry) -> Done {
        self.store.append(session, segment, entry)?;
        let fault = self.faults.lock().unwrap().pop_front();
        let follows = fault == Some(Fault::Followed);
        if follows { self.store.append(session, segment, entry) } else { Ok(()) }
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
        self.store.read_entry_count(session, segment)
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
        if self.lacks == Some(Capability::ConditionalAppend) {
            let count = self.store.read_entry_count(session, segment);
            return Ok(count.ok().map(|entries| Head::new(entries, 0)));
        }
        self.store.head(session, segment)
    }
    /// A head that fits: that of the base level where conditions are lacking.
    fn read_page(
        &self,
        session: SessionId,
        segment: SegmentId,
        start: usize,
        max_bytes: usize,
    ) -> Result<Page, StoreError> {
        let mut page = self.store.read_page(session, segment, start, max_bytes)?;
        page.head = self.head(session, segment)?.unwrap_or(page.head);
        Ok(page)
    }
    fn append_if(
        &self,
        session: SessionId,
        segment: SegmentId,
        expected: Option<Head>,
        entries: &[LogEntry],
    ) -> Result<Head, StoreError> {
        assert_ne!(self.lacks, Some(Capability::ConditionalAppend), "nobody may ask for it");
        self.faulty(entries, |entries| self.store.append_if(session, segment, expected, entries))
    }
    fn truncate_if(
        &self,
        session: SessionId,
        segment: SegmentId,
        expected: Head,
        entries_len: usize,
    ) -> Result<Head, StoreError> {
        assert_ne!(self.lacks, Some(Capability::ConditionalAppend), "nobody may ask for it");
        self.faulty(&[], |_| self.store.truncate_if(session, segment, expected, entries_len))
    }
}
