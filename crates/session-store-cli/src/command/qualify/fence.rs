//! A handle that touches only what was made through it or its siblings: sessions and pods of others are
//! neither shown nor changed.
#![deny(clippy::missing_trait_methods)]

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use session_store::{
    Capabilities, Head, LogEntry, OpenStore, Page, Pod, PodName, PodStore, SegmentId, SessionId,
    Store, StoreError, TraceEntry, TracePage,
};

/// Part of the message of a change that would have touched what is somebody else's.
pub(super) const IN_USE: &str = "is in use";

type Answer<T> = Result<T, StoreError>;

/// What was made inside.
#[derive(Default)]
pub(super) struct Fence(Mutex<Made>);

#[derive(Default)]
struct Made {
    sessions: BTreeSet<SessionId>,
    pods: BTreeSet<PodName>,
}

impl Fence {
    fn made(&self) -> MutexGuard<'_, Made> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Deletes everything that was made inside.
    pub(super) fn clear(&self, store: &OpenStore) -> Answer<()> {
        let made = std::mem::take(&mut *self.made());
        for session_id in made.sessions {
            store.delete_session(session_id)?;
        }
        for (pods, name) in
            store.pods().into_iter().flat_map(|pods| made.pods.iter().map(move |name| (pods, name)))
        {
            pods.delete_pod(name)?;
        }
        Ok(())
    }
}

/// A handle on the inside.
pub(super) struct Fenced {
    store: OpenStore,
    fence: Arc<Fence>,
}

fn in_use(name: impl std::fmt::Display) -> StoreError {
    io::Error::other(format!("{name} {IN_USE}")).into()
}

impl Fenced {
    pub(super) fn new(store: OpenStore, fence: Arc<Fence>) -> Self {
        Self { store, fence }
    }

    /// Takes the session in, unless it was there before anybody made it here.
    fn enter(&self, session_id: SessionId) -> Answer<&OpenStore> {
        let mut made = self.fence.made();
        if !made.sessions.contains(&session_id) {
            if !self.store.list_segments(session_id)?.is_empty() {
                return Err(in_use(format_args!("session {session_id}")));
            }
            made.sessions.insert(session_id);
        }
        Ok(&self.store)
    }

    fn is_inside(&self, session_id: SessionId) -> bool {
        self.fence.made().sessions.contains(&session_id)
    }

    fn inner_pods(&self) -> &dyn PodStore {
        self.store.pods().expect("a store that kept pods before still does")
    }

    fn has_pod(&self, name: &PodName) -> bool {
        self.fence.made().pods.contains(name)
    }
}

impl Store for Fenced {
    fn append(&self, s: SessionId, g: SegmentId, entry: &LogEntry) -> Answer<()> {
        self.enter(s)?.append(s, g, entry)
    }

    fn read_all(&self, s: SessionId, g: SegmentId) -> Answer<Vec<LogEntry>> {
        self.store.read_all(s, g)
    }

    fn list_sessions(&self) -> Answer<Vec<SessionId>> {
        let mut sessions = self.store.list_sessions()?;
        sessions.retain(|&session_id| self.is_inside(session_id));
        Ok(sessions)
    }

    fn list_segments(&self, s: SessionId) -> Answer<Vec<SegmentId>> {
        self.store.list_segments(s)
    }

    fn lookup_session_of(&self, g: SegmentId) -> Answer<Option<SessionId>> {
        self.store.lookup_session_of(g)
    }

    fn create_segment(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Answer<()> {
        self.enter(s)?.create_segment(s, g, entries)
    }

    fn exists(&self, s: SessionId, g: SegmentId) -> Answer<bool> {
        self.store.exists(s, g)
    }

    fn read_entry_count(&self, s: SessionId, g: SegmentId) -> Answer<usize> {
        self.store.read_entry_count(s, g)
    }

    fn append_trace(&self, s: SessionId, g: SegmentId, entry: &TraceEntry) -> Answer<()> {
        self.enter(s)?.append_trace(s, g, entry)
    }

    fn truncate(&self, s: SessionId, g: SegmentId, entries_len: usize) -> Answer<()> {
        self.enter(s)?.truncate(s, g, entries_len)
    }

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    fn pods(&self) -> Option<&dyn PodStore> {
        self.store.pods().is_some().then_some(self)
    }

    fn append_all(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Answer<()> {
        self.enter(s)?.append_all(s, g, entries)
    }

    fn read_page(&self, s: SessionId, g: SegmentId, start: usize, bytes: usize) -> Answer<Page> {
        self.store.read_page(s, g, start, bytes)
    }

    fn head(&self, s: SessionId, g: SegmentId) -> Answer<Option<Head>> {
        self.store.head(s, g)
    }

    fn append_if(
        &self,
        s: SessionId,
        g: SegmentId,
        expected: Option<Head>,
        entries: &[LogEntry],
    ) -> Answer<Head> {
        self.enter(s)?.append_if(s, g, expected, entries)
    }

    fn truncate_if(&self, s: SessionId, g: SegmentId, expected: Head, len: usize) -> Answer<Head> {
        self.enter(s)?.truncate_if(s, g, expected, len)
    }

    fn read_trace_page(
        &self,
        s: SessionId,
        g: SegmentId,
        start: usize,
        bytes: usize,
    ) -> Answer<TracePage> {
        self.store.read_trace_page(s, g, start, bytes)
    }

    fn delete_segment(&self, s: SessionId, g: SegmentId) -> Answer<bool> {
        self.enter(s)?.delete_segment(s, g)
    }

    fn delete_session(&self, s: SessionId) -> Answer<bool> {
        self.enter(s)?.delete_session(s)
    }

    fn sync(&self) -> Answer<()> {
        self.store.sync()
    }
}

impl PodStore for Fenced {
    fn put_pod(&self, name: &PodName, pod: &Pod) -> Answer<()> {
        let mut made = self.fence.made();
        if !made.pods.contains(name) && self.inner_pods().read_pod(name)?.is_some() {
            return Err(in_use(format_args!("pod {:?}", name.as_str())));
        }
        made.pods.insert(name.clone());
        drop(made);
        self.inner_pods().put_pod(name, pod)
    }

    fn read_pod(&self, name: &PodName) -> Answer<Option<Pod>> {
        if self.has_pod(name) { self.inner_pods().read_pod(name) } else { Ok(None) }
    }

    fn list_pods(&self) -> Answer<Vec<PodName>> {
        let mut names = self.inner_pods().list_pods()?;
        names.retain(|name| self.has_pod(name));
        Ok(names)
    }

    fn delete_pod(&self, name: &PodName) -> Answer<bool> {
        if self.has_pod(name) { self.inner_pods().delete_pod(name) } else { Ok(false) }
    }
}
