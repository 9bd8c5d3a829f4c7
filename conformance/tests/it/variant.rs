//! A memory store in which single methods can be replaced: what the gallery of broken stores is made of.

use std::ops::Deref;
use std::sync::Arc;

use session_store_conformance::Storage;
use session_store_core::{
    Capabilities, Capability, Head, LogEntry, Page, Pod, PodName, PodStore, SegmentId, SessionId,
    Store, StoreError, TraceEntry, TracePage,
};
use session_store_memory::MemoryStore;

use crate::call_tracker::Calls;

pub(crate) type Answer<T> = Result<T, StoreError>;
pub(crate) type Key = (SessionId, SegmentId);

/// A storage that is right, and what is known of the calls on it.
#[derive(Default)]
pub(crate) struct Inner {
    store: MemoryStore,
    calls: Arc<Calls>,
}

impl Inner {
    /// What a store over it declares: it outlives its handles here, and stands in for a storage that several
    /// processes open.
    pub(crate) fn declared(&self) -> Capabilities {
        self.capabilities().with(Capability::Persistent).with(Capability::MultiProcess)
    }

    /// Waits in the middle of a call until another thread has made one, or is in the middle of one too.
    pub(crate) fn let_others_in(&self) {
        self.calls.await_others(1);
    }

    /// Waits in the middle of a call until another thread has made so many.
    pub(crate) fn let_others_in_for(&self, calls: usize) {
        self.calls.await_others(calls);
    }
}

impl Deref for Inner {
    type Target = MemoryStore;

    fn deref(&self) -> &MemoryStore {
        &self.store
    }
}

/// Each method does what the memory store does, unless replaced.
pub(crate) trait Variant: Default + Send + Sync + 'static {
    fn append(&self, inner: &Inner, (s, g): Key, entry: &LogEntry) -> Answer<()> {
        inner.append(s, g, entry)
    }
    fn read_all(&self, inner: &Inner, (s, g): Key) -> Answer<Vec<LogEntry>> {
        inner.read_all(s, g)
    }
    fn list_sessions(&self, inner: &Inner) -> Answer<Vec<SessionId>> {
        inner.list_sessions()
    }
    fn list_segments(&self, inner: &Inner, s: SessionId) -> Answer<Vec<SegmentId>> {
        inner.list_segments(s)
    }
    fn lookup_session_of(&self, inner: &Inner, g: SegmentId) -> Answer<Option<SessionId>> {
        inner.lookup_session_of(g)
    }
    fn create(&self, inner: &Inner, (s, g): Key, entries: &[LogEntry]) -> Answer<()> {
        inner.create_segment(s, g, entries)
    }
    fn exists(&self, inner: &Inner, (s, g): Key) -> Answer<bool> {
        inner.exists(s, g)
    }
    fn count(&self, inner: &Inner, (s, g): Key) -> Answer<usize> {
        inner.read_entry_count(s, g)
    }
    fn append_trace(&self, inner: &Inner, (s, g): Key, entry: &TraceEntry) -> Answer<()> {
        inner.append_trace(s, g, entry)
    }
    fn truncate(&self, inner: &Inner, (s, g): Key, entries_len: usize) -> Answer<()> {
        inner.truncate(s, g, entries_len)
    }
    fn capabilities(&self, inner: &Inner) -> Capabilities {
        inner.declared()
    }
    fn keeps_pods(&self) -> bool {
        true
    }
    fn append_all(&self, inner: &Inner, (s, g): Key, entries: &[LogEntry]) -> Answer<()> {
        inner.append_all(s, g, entries)
    }
    fn page(&self, inner: &Inner, (s, g): Key, start: usize, bytes: usize) -> Answer<Page> {
        inner.read_page(s, g, start, bytes)
    }
    fn head(&self, inner: &Inner, (s, g): Key) -> Answer<Option<Head>> {
        inner.head(s, g)
    }
    fn append_if(
        &self,
        inner: &Inner,
        (s, g): Key,
        expected: Option<Head>,
        entries: &[LogEntry],
    ) -> Answer<Head> {
        inner.append_if(s, g, expected, entries)
    }
    fn truncate_if(&self, inner: &Inner, (s, g): Key, expected: Head, len: usize) -> Answer<Head> {
        inner.truncate_if(s, g, expected, len)
    }
    fn trace_page(
        &self,
        inner: &Inner,
        (s, g): Key,
        start: usize,
        bytes: usize,
    ) -> Answer<TracePage> {
        inner.read_trace_page(s, g, start, bytes)
    }
    fn delete_segment(&self, inner: &Inner, (s, g): Key) -> Answer<bool> {
        inner.delete_segment(s, g)
    }
    fn delete_session(&self, inner: &Inner, s: SessionId) -> Answer<bool> {
        inner.delete_session(s)
    }
    fn sync(&self, inner: &Inner) -> Answer<()> {
        inner.sync()
    }
    fn put_pod(&self, inner: &Inner, name: &PodName, pod: &Pod) -> Answer<()> {
        inner.put_pod(name, pod)
    }
    fn read_pod(&self, inner: &Inner, name: &PodName) -> Answer<Option<Pod>> {
        inner.read_pod(name)
    }
    fn list_pods(&self, inner: &Inner) -> Answer<Vec<PodName>> {
        inner.list_pods()
    }
    fn delete_pod(&self, inner: &Inner, name: &PodName) -> Answer<bool> {
        inner.delete_pod(name)
    }
    /// The last handle that shares this twist is dropped.
    fn close(&self, _inner: &Inner) {}
}

/// A handle. What the twist remembers is the storage's, or the handle's own.
pub(crate) struct VariantStore<T: Variant> {
    inner: Arc<Inner>,
    twist: Arc<T>,
}

/// A storage whose handles share one twist.
pub(crate) fn shared<T: Variant>() -> impl Storage {
    let (inner, twist) = (Arc::<Inner>::default(), Arc::new(T::default()));
    move || VariantStore { inner: Arc::clone(&inner), twist: Arc::clone(&twist) }
}

/// A storage in which each handle has a twist of its own: a cache, a buffer.
pub(crate) fn for_each_handle<T: Variant>() -> impl Storage {
    let inner = Arc::<Inner>::default();
    move || VariantStore { inner: Arc::clone(&inner), twist: Arc::new(T::default()) }
}

impl<T: Variant> Drop for VariantStore<T> {
    fn drop(&mut self) {
        if Arc::strong_count(&self.twist) == 1 {
            self.twist.close(&self.inner);
        }
    }
}

impl<T: Variant> VariantStore<T> {
    fn call<A>(&self, call: impl FnOnce() -> A) -> A {
        self.inner.calls.make(call)
    }
}

impl<T: Variant> Store for VariantStore<T> {
    fn append(&self, s: SessionId, g: SegmentId, entry: &LogEntry) -> Answer<()> {
        self.call(|| self.twist.append(&self.inner, (s, g), entry))
    }
    fn read_all(&self, s: SessionId, g: SegmentId) -> Answer<Vec<LogEntry>> {
        self.call(|| self.twist.read_all(&self.inner, (s, g)))
    }
    fn list_sessions(&self) -> Answer<Vec<SessionId>> {
        self.call(|| self.twist.list_sessions(&self.inner))
    }
    fn list_segments(&self, s: SessionId) -> Answer<Vec<SegmentId>> {
        self.call(|| self.twist.list_segments(&self.inner, s))
    }
    fn lookup_session_of(&self, g: SegmentId) -> Answer<Option<SessionId>> {
        self.call(|| self.twist.lookup_session_of(&self.inner, g))
    }
    fn create_segment(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Answer<()> {
        self.call(|| self.twist.create(&self.inner, (s, g), entries))
    }
    fn exists(&self, s: SessionId, g: SegmentId) -> Answer<bool> {
        self.call(|| self.twist.exists(&self.inner, (s, g)))
    }
    fn read_entry_count(&self, s: SessionId, g: SegmentId) -> Answer<usize> {
        self.call(|| self.twist.count(&self.inner, (s, g)))
    }
    fn append_trace(&self, s: SessionId, g: SegmentId, entry: &TraceEntry) -> Answer<()> {
        self.call(|| self.twist.append_trace(&self.inner, (s, g), entry))
    }
    fn truncate(&self, s: SessionId, g: SegmentId, entries_len: usize) -> Answer<()> {
        self.call(|| self.twist.truncate(&self.inner, (s, g), entries_len))
    }
    fn capabilities(&self) -> Capabilities {
        self.twist.capabilities(&self.inner)
    }
    fn pods(&self) -> Option<&dyn PodStore> {
        self.twist.keeps_pods().then_some(self)
    }
    fn append_all(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Answer<()> {
        self.call(|| self.twist.append_all(&self.inner, (s, g), entries))
    }
    fn read_page(&self, s: SessionId, g: SegmentId, start: usize, bytes: usize) -> Answer<Page> {
        self.call(|| self.twist.page(&self.inner, (s, g), start, bytes))
    }
    fn head(&self, s: SessionId, g: SegmentId) -> Answer<Option<Head>> {
        self.call(|| self.twist.head(&self.inner, (s, g)))
    }
    fn append_if(
        &self,
        s: SessionId,
        g: SegmentId,
        expected: Option<Head>,
        entries: &[LogEntry],
    ) -> Answer<Head> {
        self.call(|| self.twist.append_if(&self.inner, (s, g), expected, entries))
    }
    fn truncate_if(&self, s: SessionId, g: SegmentId, expected: Head, len: usize) -> Answer<Head> {
        self.call(|| self.twist.truncate_if(&self.inner, (s, g), expected, len))
    }
    fn read_trace_page(
        &self,
        s: SessionId,
        g: SegmentId,
        start: usize,
        bytes: usize,
    ) -> Answer<TracePage> {
        self.call(|| self.twist.trace_page(&self.inner, (s, g), start, bytes))
    }
    fn delete_segment(&self, s: SessionId, g: SegmentId) -> Answer<bool> {
        self.call(|| self.twist.delete_segment(&self.inner, (s, g)))
    }
    fn delete_session(&self, s: SessionId) -> Answer<bool> {
        self.call(|| self.twist.delete_session(&self.inner, s))
    }
    fn sync(&self) -> Answer<()> {
        self.call(|| self.twist.sync(&self.inner))
    }
}

impl<T: Variant> PodStore for VariantStore<T> {
    fn put_pod(&self, name: &PodName, pod: &Pod) -> Answer<()> {
        self.call(|| self.twist.put_pod(&self.inner, name, pod))
    }
    fn read_pod(&self, name: &PodName) -> Answer<Option<Pod>> {
        self.call(|| self.twist.read_pod(&self.inner, name))
    }
    fn list_pods(&self) -> Answer<Vec<PodName>> {
        self.call(|| self.twist.list_pods(&self.inner))
    }
    fn delete_pod(&self, name: &PodName) -> Answer<bool> {
        self.call(|| self.twist.delete_pod(&self.inner, name))
    }
}
