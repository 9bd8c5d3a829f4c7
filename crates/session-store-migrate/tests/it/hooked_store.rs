//! `HookedStore`: a memory store with faults. It can also run hooks of a test before and after each
//! call.

use session_store_core::{
    Capabilities, Capability, Head, LogEntry, Page, PageRequest, Pod, PodName, PodStore, SegmentId,
    SessionId, Store, StoreError, TraceEntry, TracePage, forward_pod_store, forward_store,
};
use session_store_memory::MemoryStore;

/// The kinds of calls for which a hook is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    List,
    Head,
    ReadPage,
    ReadTrace,
    AppendIf,
    TruncateIf,
    AppendTrace,
    Sync,
    ReadPod,
    PutPod,
}

impl Call {
    /// Returns whether the call can change the store.
    pub(crate) fn is_write(self) -> bool {
        matches!(self, Self::AppendIf | Self::TruncateIf | Self::AppendTrace | Self::PutPod)
    }
}

/// A function that receives a call and the inner store. If it returns an error, the caller of the
/// store receives that error.
pub(crate) type Hook = Box<dyn Fn(Call, &MemoryStore) -> Done + Send + Sync>;

type Done = Result<(), StoreError>;

/// A store that forwards every call to a memory store. The fields set its hooks and faults.
pub(crate) struct HookedStore {
    pub(crate) store: MemoryStore,
    /// The position of an entry that cannot be read, in every log.
    pub(crate) bad_entry: usize,
    /// Called before the inner store.
    pub(crate) before: Hook,
    /// Called after the inner store, before the caller receives the result.
    pub(crate) after: Hook,
    /// A capability of the memory store that this store does not declare.
    pub(crate) lacks: Option<Capability>,
    /// Whether this store does not store pods.
    pub(crate) lacks_pods: bool,
    /// Whether this store declares that it can sync. The memory store does not declare this.
    pub(crate) syncs: bool,
    /// The difference between the reported and the real entry count.
    pub(crate) overcounts: usize,
}

impl HookedStore {
    /// Creates a store without hooks and faults.
    pub(crate) fn new(store: &MemoryStore) -> Self {
        Self {
            store: store.clone(),
            bad_entry: usize::MAX,
            before: Box::new(|_, _| Ok(())),
            after: Box::new(|_, _| Ok(())),
            lacks: None,
            lacks_pods: false,
            syncs: false,
            overcounts: 0,
        }
    }

    /// Creates a store that calls `before` before each call.
    pub(crate) fn with_hook(
        store: &MemoryStore,
        before: impl Fn(Call, &MemoryStore) -> Done + Send + Sync + 'static,
    ) -> Self {
        Self { before: Box::new(before), ..Self::new(store) }
    }

    fn call<T>(
        &self,
        call: Call,
        go: impl FnOnce(&MemoryStore) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        (self.before)(call, &self.store)?;
        let result = go(&self.store)?;
        (self.after)(call, &self.store)?;
        Ok(result)
    }
}

#[deny(clippy::missing_trait_methods)]
impl Store for HookedStore {
    forward_store! { self => self.store;
        append read_all list_segments lookup_session_of create_segment exists truncate append_all
        segment_info list_infos maintenance delete_segment delete_session
    }

    fn list_sessions(&self) -> Result<Vec<SessionId>, StoreError> {
        self.call(Call::List, MemoryStore::list_sessions)
    }
    fn read_entry_count(
        &self,
        session: SessionId,
        segment: SegmentId,
    ) -> Result<usize, StoreError> {
        Ok(self.store.read_entry_count(session, segment)? + self.overcounts)
    }
    fn append_trace(&self, session: SessionId, segment: SegmentId, entry: &TraceEntry) -> Done {
        self.call(Call::AppendTrace, |store| store.append_trace(session, segment, entry))
    }
    fn capabilities(&self) -> Capabilities {
        let mut all = self.store.capabilities();
        if self.syncs {
            all = all.with(Capability::DurableSync);
        }
        all.iter().filter(|capability| Some(*capability) != self.lacks).collect()
    }
    fn pods(&self) -> Option<&dyn PodStore> {
        if self.lacks_pods { None } else { Some(self) }
    }
    fn head(&self, session: SessionId, segment: SegmentId) -> Result<Option<Head>, StoreError> {
        self.call(Call::Head, |store| store.head(session, segment))
    }
    /// Returns pages of one entry, so that a hook runs between any two entries.
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
        self.call(Call::ReadPage, |store| store.read_page(session, segment, start, 0))
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
        self.call(Call::AppendIf, |store| store.append_if(session, segment, expected, entries))
    }
    fn truncate_if(
        &self,
        session: SessionId,
        segment: SegmentId,
        expected: Head,
        keep: usize,
    ) -> Result<Head, StoreError> {
        self.call(Call::TruncateIf, |store| store.truncate_if(session, segment, expected, keep))
    }
    fn read_trace_page(
        &self,
        session: SessionId,
        segment: SegmentId,
        start: usize,
        _: usize,
    ) -> Result<TracePage, StoreError> {
        self.call(Call::ReadTrace, |store| store.read_trace_page(session, segment, start, 0))
    }
    fn sync(&self) -> Done {
        self.call(Call::Sync, |_| Ok(()))
    }
}

#[deny(clippy::missing_trait_methods)]
impl PodStore for HookedStore {
    forward_pod_store! { self => self.store; list_pods delete_pod }

    fn put_pod(&self, name: &PodName, pod: &Pod) -> Done {
        self.call(Call::PutPod, |store| store.put_pod(name, pod))
    }
    fn put_pod_if(&self, name: &PodName, expected: Option<&Pod>, pod: &Pod) -> Done {
        if self.lacks == Some(Capability::ConditionalPut) {
            let capability = Capability::ConditionalPut;
            return Err(StoreError::Unsupported { operation: "put_pod_if", capability });
        }
        self.call(Call::PutPod, |store| store.put_pod_if(name, expected, pod))
    }
    fn read_pod(&self, name: &PodName) -> Result<Option<Pod>, StoreError> {
        self.call(Call::ReadPod, |store| store.read_pod(name))
    }
}
