//! `FaultyStore`: a store in memory with faults. A test selects which conditional writes fail, and
//! can remove a capability from the store.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::sync::{Arc, Mutex};

use session_store_core::{
    Capabilities, Capability, Head, LogEntry, Page, PageRequest, Pod, PodName, PodStore, SegmentId,
    SessionId, Store, StoreError, forward_pod_store, forward_store,
};
use session_store_memory::MemoryStore;

/// The outcome that a test selects for one write. `Followed` is for plain appends. All other
/// outcomes are for conditional writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The write is executed without a fault.
    Succeeds,
    /// The write does not happen, and its reply is lost.
    LostBefore,
    /// The write happens, and its reply is lost.
    LostAfter,
    /// The write does not happen. Its error means that nothing was stored.
    Refused,
    /// Only this number of entries is appended, and the error contains the number.
    Part(usize),
    /// Only this number of entries is appended, and the reply is lost.
    LostPart(usize),
    /// A plain (not conditional) append succeeds, and another writer appends directly after it.
    Followed,
}

/// An action that another process does on the store.
type Interference = Box<dyn FnOnce(&MemoryStore) + Send>;

#[derive(Clone, Default)]
pub(crate) struct FaultyStore {
    pub(crate) store: MemoryStore,
    /// The faults of the next plain appends and conditional writes, one for each. After the last
    /// fault, every write succeeds.
    faults: Arc<Mutex<VecDeque<Fault>>>,
    /// The actions of another process. One action happens directly before each of the next
    /// conditional puts of a pod.
    interferences: Arc<Mutex<VecDeque<Interference>>>,
    lacks: Option<Capability>,
    lacks_pods: bool,
}

impl FaultyStore {
    pub(crate) fn lacking(capability: Capability) -> Self {
        Self { lacks: Some(capability), ..Self::default() }
    }

    pub(crate) fn without_pods() -> Self {
        Self { lacks_pods: true, ..Self::default() }
    }

    pub(crate) fn set_faults(&self, faults: &[Fault]) {
        *self.faults.lock().unwrap() = faults.iter().copied().collect();
    }

    /// Adds an action that another process does directly before a conditional put of a pod. The
    /// first added action happens before the next put, the second action before the put after that.
    pub(crate) fn before_put(&self, interference: impl FnOnce(&MemoryStore) + Send + 'static) {
        self.interferences.lock().unwrap().push_back(Box::new(interference));
    }

    fn next_fault(&self) -> Option<Fault> {
        self.faults.lock().unwrap().pop_front()
    }

    fn with_fault<T>(
        &self,
        entries: &[LogEntry],
        write: impl Fn(&[LogEntry]) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let part = |appended: usize, source: StoreError| {
            write(&entries[..appended])
                .and(Err(StoreError::Partial { appended, source: Box::new(source) }))
        };
        match self.next_fault().unwrap_or(Fault::Succeeds) {
            Fault::Succeeds | Fault::Followed => write(entries),
            Fault::LostBefore => Err(lost()),
            Fault::LostAfter => write(entries).and(Err(lost())),
            Fault::Refused => Err(refused()),
            Fault::Part(appended) => part(appended, refused()),
            Fault::LostPart(appended) => part(appended, lost()),
        }
    }

    fn assert_has(&self, capability: Capability) {
        assert_ne!(self.lacks, Some(capability), "a caller checks a capability before it uses it");
    }
}

fn lost() -> StoreError {
    StoreError::indeterminate("write", std::io::Error::from(ErrorKind::ConnectionReset).into())
}

fn refused() -> StoreError {
    StoreError::io("write", ErrorKind::StorageFull.into())
}

#[deny(clippy::missing_trait_methods)]
impl Store for FaultyStore {
    forward_store! { self => self.store;
        read_all list_sessions list_segments lookup_session_of create_segment exists
        read_entry_count append_trace truncate maintenance segment_info list_infos
        read_trace_page delete_segment delete_session sync
    }

    fn append(
        &self,
        session: SessionId,
        segment: SegmentId,
        entry: &LogEntry,
    ) -> Result<(), StoreError> {
        self.store.append(session, segment, entry)?;
        match self.next_fault() {
            Some(Fault::Followed) => self.store.append(session, segment, entry),
            _ => Ok(()),
        }
    }

    fn append_all(
        &self,
        session: SessionId,
        segment: SegmentId,
        entries: &[LogEntry],
    ) -> Result<(), StoreError> {
        entries.iter().try_for_each(|entry| self.append(session, segment, entry))
    }

    fn capabilities(&self) -> Capabilities {
        let all = self.store.capabilities();
        all.iter().filter(|capability| Some(*capability) != self.lacks).collect()
    }

    fn pods(&self) -> Option<&dyn PodStore> {
        if self.lacks_pods { None } else { Some(self) }
    }

    /// Returns the head. If the store is without conditional appends, the head has only the count,
    /// with a constant token.
    fn head(&self, session: SessionId, segment: SegmentId) -> Result<Option<Head>, StoreError> {
        if self.lacks == Some(Capability::ConditionalAppend) {
            let count = self.store.read_entry_count(session, segment);
            return Ok(count.ok().map(|entries| Head::new(entries, 0)));
        }
        self.store.head(session, segment)
    }

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

    fn read_page_with(
        &self,
        session: SessionId,
        segment: SegmentId,
        request: PageRequest,
    ) -> Result<(Vec<LogEntry>, Option<Head>), StoreError> {
        let page = self.read_page(session, segment, request.start, request.max_bytes)?;
        Ok((page.entries, Some(page.head)))
    }
    fn read_page_matching(
        &self,
        session: SessionId,
        segment: SegmentId,
        request: PageRequest,
        matches: &dyn Fn(&str) -> bool,
    ) -> Result<(Vec<Option<LogEntry>>, Option<Head>), StoreError> {
        let (entries, head) = self.read_page_with(session, segment, request)?;
        let matching = |entry: LogEntry| matches(entry.as_json()).then_some(entry);
        Ok((entries.into_iter().map(matching).collect(), head))
    }

    fn append_if(
        &self,
        session: SessionId,
        segment: SegmentId,
        expected: Option<Head>,
        entries: &[LogEntry],
    ) -> Result<Head, StoreError> {
        self.assert_has(Capability::ConditionalAppend);
        self.with_fault(entries, |part| self.store.append_if(session, segment, expected, part))
    }

    fn truncate_if(
        &self,
        session: SessionId,
        segment: SegmentId,
        expected: Head,
        entries_len: usize,
    ) -> Result<Head, StoreError> {
        self.assert_has(Capability::ConditionalAppend);
        self.with_fault(&[], |_| self.store.truncate_if(session, segment, expected, entries_len))
    }
}

#[deny(clippy::missing_trait_methods)]
impl PodStore for FaultyStore {
    forward_pod_store! { self => self.store; put_pod read_pod list_pods delete_pod }

    fn put_pod_if(
        &self,
        name: &PodName,
        expected: Option<&Pod>,
        pod: &Pod,
    ) -> Result<(), StoreError> {
        self.assert_has(Capability::ConditionalPut);
        let interference = self.interferences.lock().unwrap().pop_front();
        if let Some(interfere) = interference {
            interfere(&self.store);
        }
        self.with_fault(&[], |_| self.store.put_pod_if(name, expected, pod))
    }
}
