//! A memory store in which single methods can be replaced: the basis of the gallery of broken
//! stores.

use std::io;
use std::ops::Deref;
use std::sync::Arc;

use session_store_conformance::Storage;
use session_store_core::{
    Capabilities, Capability, Finding, Head, ListOptions, LogEntry, Maintenance, Page, PageRequest,
    Pod, PodName, PodStore, SegmentId, SegmentInfo, SegmentKey, SessionId, Store, StoreError,
    TraceEntry, TracePage, forward_pod_store, forward_store,
};
use session_store_memory::MemoryStore;

use crate::call_tracker::CallTracker;

pub(crate) type Result<T, E = StoreError> = std::result::Result<T, E>;

/// Returns the error of an operation that the store does not declare.
pub(crate) fn unsupported<T>(operation: &'static str, capability: Capability) -> Result<T> {
    Err(StoreError::Unsupported { operation, capability })
}

/// A correct storage, with a record of the calls on it.
#[derive(Default)]
pub(crate) struct Inner {
    store: MemoryStore,
    calls: Arc<CallTracker>,
}

impl Inner {
    /// Returns the capabilities of a store over this storage.
    ///
    /// The storage outlives its handles, so the store is persistent. The store also declares
    /// `multi_process`, so that the checks of this capability run. In these checks, threads take
    /// the place of processes.
    pub(crate) fn declared(&self) -> Capabilities {
        self.capabilities().with(Capability::Persistent).with(Capability::MultiProcess)
    }

    /// Pauses a call until another thread has made a call, or pauses in a call too.
    pub(crate) fn wait_for_another_call(&self) {
        self.calls.wait_for_others(1);
    }

    /// Pauses a call until other threads have made this number of calls.
    pub(crate) fn wait_for_other_calls(&self, calls: usize) {
        self.calls.wait_for_others(calls);
    }
}

impl Deref for Inner {
    type Target = MemoryStore;

    fn deref(&self) -> &MemoryStore {
        &self.store
    }
}

/// A store over memory. Each method does what the memory store does, unless it is replaced.
pub(crate) trait Variant: Send + Sync + 'static {
    fn over(inner: Arc<Inner>) -> Self;

    fn inner(&self) -> &Inner;

    forward_store! { self => self.inner().store;
        append read_all list_sessions list_segments lookup_session_of create_segment exists
        read_entry_count append_trace truncate append_all read_page head segment_info
        list_infos append_if truncate_if read_trace_page delete_segment delete_session sync
    }

    forward_pod_store! { self => self.inner().store;
        put_pod read_pod list_pods delete_pod put_pod_if
    }

    fn read_page_matching(
        &self,
        s: SessionId,
        g: SegmentId,
        request: PageRequest,
        matches: &dyn Fn(&str) -> bool,
    ) -> Result<(Vec<Option<LogEntry>>, Option<Head>)> {
        let page = self.read_page(s, g, request.start, request.max_bytes)?;
        let matching = |entry: LogEntry| matches(entry.as_json()).then_some(entry);
        Ok((page.entries.into_iter().map(matching).collect(), Some(page.head)))
    }

    fn capabilities(&self) -> Capabilities {
        self.inner().declared()
    }

    fn keeps_pods(&self) -> bool {
        true
    }

    fn check(&self, _report: &mut dyn FnMut(Finding)) -> Result<()> {
        Ok(())
    }

    fn repair(&self, _report: &mut dyn FnMut(Finding)) -> Result<()> {
        Ok(())
    }

    /// Removes the segment from an index, as [`Storage::unlist`] does.
    fn unlist(&self, _key: SegmentKey) -> Option<io::Result<()>> {
        None
    }

    /// Runs when the last handle of the variant is dropped.
    fn close(&self) {}
}

/// Implements the required methods of a variant that has a field `inner`. The other fields get
/// their default values.
macro_rules! over_memory {
    ($($field:ident),*) => {
        fn over(inner: std::sync::Arc<$crate::variant::Inner>) -> Self {
            Self { inner, $($field: Default::default()),* }
        }

        fn inner(&self) -> &$crate::variant::Inner {
            &self.inner
        }
    };
}

pub(crate) use over_memory;

/// A handle on a variant.
pub(crate) struct VariantStore<V: Variant>(Arc<V>);

/// A storage whose handles share one variant and its state.
pub(crate) struct Shared<V>(Arc<V>);

impl<V: Variant> Storage for Shared<V> {
    fn open(&self) -> Result<Box<dyn Store>> {
        Ok(Box::new(VariantStore(Arc::clone(&self.0))))
    }

    fn unlist(&self, session_id: SessionId, segment_id: SegmentId) -> Option<io::Result<()>> {
        self.0.unlist(SegmentKey { session_id, segment_id })
    }
}

/// Returns a storage whose handles share one variant and its state.
pub(crate) fn shared<V: Variant>() -> Shared<V> {
    Shared(Arc::new(V::over(Arc::default())))
}

/// Returns a storage with one variant for each handle. The state of the variant is then a cache or
/// a buffer of the handle.
pub(crate) fn for_each_handle<V: Variant>() -> impl Storage {
    let inner = Arc::<Inner>::default();
    move || VariantStore(Arc::new(V::over(Arc::clone(&inner))))
}

/// Returns a storage of the memory store itself.
pub(crate) fn memory() -> impl Storage {
    let store = MemoryStore::new();
    move || store.clone()
}

impl<V: Variant> Drop for VariantStore<V> {
    fn drop(&mut self) {
        if Arc::strong_count(&self.0) == 1 {
            self.0.close();
        }
    }
}

impl<V: Variant> VariantStore<V> {
    /// Makes a call on the variant. A paused call of another thread can wait for this call.
    fn call<T>(&self, call: impl FnOnce(&V) -> T) -> T {
        self.0.inner().calls.make(|| call(&self.0))
    }
}

#[deny(clippy::missing_trait_methods)]
impl<V: Variant> Store for VariantStore<V> {
    fn append(&self, s: SessionId, g: SegmentId, entry: &LogEntry) -> Result<()> {
        self.call(|variant| variant.append(s, g, entry))
    }

    fn read_all(&self, s: SessionId, g: SegmentId) -> Result<Vec<LogEntry>> {
        self.call(|variant| variant.read_all(s, g))
    }

    fn list_sessions(&self) -> Result<Vec<SessionId>> {
        self.call(V::list_sessions)
    }

    fn list_segments(&self, s: SessionId) -> Result<Vec<SegmentId>> {
        self.call(|variant| variant.list_segments(s))
    }

    fn lookup_session_of(&self, g: SegmentId) -> Result<Option<SessionId>> {
        self.call(|variant| variant.lookup_session_of(g))
    }

    fn create_segment(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
        self.call(|variant| variant.create_segment(s, g, entries))
    }

    fn exists(&self, s: SessionId, g: SegmentId) -> Result<bool> {
        self.call(|variant| variant.exists(s, g))
    }

    fn read_entry_count(&self, s: SessionId, g: SegmentId) -> Result<usize> {
        self.call(|variant| variant.read_entry_count(s, g))
    }

    fn append_trace(&self, s: SessionId, g: SegmentId, entry: &TraceEntry) -> Result<()> {
        self.call(|variant| variant.append_trace(s, g, entry))
    }

    fn truncate(&self, s: SessionId, g: SegmentId, entries_len: usize) -> Result<()> {
        self.call(|variant| variant.truncate(s, g, entries_len))
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn pods(&self) -> Option<&dyn PodStore> {
        self.0.keeps_pods().then_some(self)
    }

    fn maintenance(&self) -> Option<&dyn Maintenance> {
        Some(self)
    }

    fn append_all(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
        self.call(|variant| variant.append_all(s, g, entries))
    }

    fn read_page(&self, s: SessionId, g: SegmentId, start: usize, bytes: usize) -> Result<Page> {
        self.call(|variant| variant.read_page(s, g, start, bytes))
    }

    fn read_page_with(
        &self,
        s: SessionId,
        g: SegmentId,
        request: PageRequest,
    ) -> Result<(Vec<LogEntry>, Option<Head>)> {
        let page = self.read_page(s, g, request.start, request.max_bytes)?;
        Ok((page.entries, Some(page.head)))
    }

    fn read_page_matching(
        &self,
        s: SessionId,
        g: SegmentId,
        request: PageRequest,
        matches: &dyn Fn(&str) -> bool,
    ) -> Result<(Vec<Option<LogEntry>>, Option<Head>)> {
        self.call(|variant| variant.read_page_matching(s, g, request, matches))
    }

    fn head(&self, s: SessionId, g: SegmentId) -> Result<Option<Head>> {
        self.call(|variant| variant.head(s, g))
    }

    fn segment_info(&self, s: SessionId, g: SegmentId) -> Result<Option<SegmentInfo>> {
        self.call(|variant| variant.segment_info(s, g))
    }

    fn list_infos(&self, options: &ListOptions) -> Result<Vec<(SegmentKey, SegmentInfo)>> {
        self.call(|variant| variant.list_infos(options))
    }

    fn append_if(
        &self,
        s: SessionId,
        g: SegmentId,
        expected: Option<Head>,
        entries: &[LogEntry],
    ) -> Result<Head> {
        self.call(|variant| variant.append_if(s, g, expected, entries))
    }

    fn truncate_if(&self, s: SessionId, g: SegmentId, expected: Head, len: usize) -> Result<Head> {
        self.call(|variant| variant.truncate_if(s, g, expected, len))
    }

    fn read_trace_page(
        &self,
        s: SessionId,
        g: SegmentId,
        start: usize,
        bytes: usize,
    ) -> Result<TracePage> {
        self.call(|variant| variant.read_trace_page(s, g, start, bytes))
    }

    fn delete_segment(&self, s: SessionId, g: SegmentId) -> Result<bool> {
        self.call(|variant| variant.delete_segment(s, g))
    }

    fn delete_session(&self, s: SessionId) -> Result<bool> {
        self.call(|variant| variant.delete_session(s))
    }

    fn sync(&self) -> Result<()> {
        self.call(V::sync)
    }
}

#[deny(clippy::missing_trait_methods)]
impl<V: Variant> PodStore for VariantStore<V> {
    fn put_pod(&self, name: &PodName, pod: &Pod) -> Result<()> {
        self.call(|variant| variant.put_pod(name, pod))
    }

    fn read_pod(&self, name: &PodName) -> Result<Option<Pod>> {
        self.call(|variant| variant.read_pod(name))
    }

    fn list_pods(&self) -> Result<Vec<PodName>> {
        self.call(V::list_pods)
    }

    fn delete_pod(&self, name: &PodName) -> Result<bool> {
        self.call(|variant| variant.delete_pod(name))
    }

    fn put_pod_if(&self, name: &PodName, expected: Option<&Pod>, pod: &Pod) -> Result<()> {
        self.call(|variant| variant.put_pod_if(name, expected, pod))
    }
}

impl<V: Variant> Maintenance for VariantStore<V> {
    fn check(&self, report: &mut dyn FnMut(Finding)) -> Result<()> {
        self.0.check(report)
    }

    fn repair(&self, report: &mut dyn FnMut(Finding)) -> Result<()> {
        self.0.repair(report)
    }
}
