//! A fence around the sessions and pods that a check creates in a live store. A fenced store only
//! shows and changes these sessions and pods.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use session_store::{
    Head, ListOptions, LogEntry, Maintenance, OpenStore, Pod, PodName, PodStore, SegmentId,
    SegmentInfo, SegmentKey, SessionId, Store, StoreError, TraceEntry, forward_store,
};

type Result<T> = std::result::Result<T, StoreError>;

/// The end of the message about a session or a pod that was not created inside the fence.
pub(super) const IN_USE: &str = "is in use";

/// The sessions and pods that were created inside the fence.
#[derive(Default)]
pub(super) struct Fence(Mutex<Created>);

#[derive(Default)]
struct Created {
    sessions: BTreeSet<SessionId>,
    pods: BTreeSet<PodName>,
}

impl Fence {
    fn created(&self) -> MutexGuard<'_, Created> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Deletes everything that was created inside the fence.
    pub(super) fn clear(&self, store: &OpenStore) -> Result<()> {
        let created = std::mem::take(&mut *self.created());
        for session_id in created.sessions {
            store.delete_session(session_id)?;
        }
        let Some(pods) = store.pods() else { return Ok(()) };
        created.pods.iter().try_for_each(|name| pods.delete_pod(name).map(drop))
    }
}

/// A handle on a store that is limited to the inside of a fence.
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

    /// Adds the session to the fence before a change. Fails if the session already exists outside
    /// of the fence.
    ///
    /// The lock is held until the session is recorded. Otherwise a second thread could find the
    /// session of the first thread in the store, and mistake it for an existing session.
    fn enter(&self, session_id: SessionId) -> Result<&OpenStore> {
        let mut created = self.fence.created();
        if !created.sessions.contains(&session_id) {
            if !self.store.list_segments(session_id)?.is_empty() {
                return Err(in_use(format_args!("session {session_id}")));
            }
            created.sessions.insert(session_id);
        }
        Ok(&self.store)
    }

    /// Adds the pod to the fence before a change, like [`enter`](Self::enter).
    fn enter_pod(&self, name: &PodName) -> Result<&dyn PodStore> {
        let mut created = self.fence.created();
        if !created.pods.contains(name) {
            if self.inner_pods().read_pod(name)?.is_some() {
                return Err(in_use(format_args!("pod {:?}", name.as_str())));
            }
            created.pods.insert(name.clone());
        }
        Ok(self.inner_pods())
    }

    fn contains(&self, session_id: SessionId) -> bool {
        self.fence.created().sessions.contains(&session_id)
    }

    fn contains_pod(&self, name: &PodName) -> bool {
        self.fence.created().pods.contains(name)
    }

    fn inner_pods(&self) -> &dyn PodStore {
        self.store.pods().expect("the store had pods when it was opened")
    }
}

#[deny(clippy::missing_trait_methods)]
impl Store for Fenced {
    forward_store! { self => self.store;
        read_all list_segments lookup_session_of exists read_entry_count capabilities read_page
        read_page_with read_page_matching head segment_info read_trace_page sync
    }

    fn append(&self, session: SessionId, segment: SegmentId, entry: &LogEntry) -> Result<()> {
        self.enter(session)?.append(session, segment, entry)
    }

    fn list_sessions(&self) -> Result<Vec<SessionId>> {
        let mut sessions = self.store.list_sessions()?;
        sessions.retain(|&session_id| self.contains(session_id));
        Ok(sessions)
    }

    fn create_segment(
        &self,
        session: SessionId,
        segment: SegmentId,
        entries: &[LogEntry],
    ) -> Result<()> {
        self.enter(session)?.create_segment(session, segment, entries)
    }

    fn append_trace(
        &self,
        session: SessionId,
        segment: SegmentId,
        entry: &TraceEntry,
    ) -> Result<()> {
        self.enter(session)?.append_trace(session, segment, entry)
    }

    fn truncate(&self, session: SessionId, segment: SegmentId, entries_len: usize) -> Result<()> {
        self.enter(session)?.truncate(session, segment, entries_len)
    }

    fn pods(&self) -> Option<&dyn PodStore> {
        self.store.pods().is_some().then_some(self)
    }

    /// Returns `None`, because a repair is not limited to the inside of the fence.
    fn maintenance(&self) -> Option<&dyn Maintenance> {
        None
    }

    fn append_all(
        &self,
        session: SessionId,
        segment: SegmentId,
        entries: &[LogEntry],
    ) -> Result<()> {
        self.enter(session)?.append_all(session, segment, entries)
    }

    /// Reads pages of the whole store until they contain enough sessions of the fence.
    fn list_infos(&self, options: &ListOptions) -> Result<Vec<(SegmentKey, SegmentInfo)>> {
        let (mut options, limit) = (*options, options.max_sessions().unwrap_or(usize::MAX));
        let (mut infos, mut sessions) = (Vec::new(), BTreeSet::new());
        loop {
            let page = self.store.list_infos(&options)?;
            let Some((last, _)) = page.last() else { return Ok(infos) };
            options = options.after(last.session_id);
            for (key, info) in page {
                if !self.contains(key.session_id) {
                    continue;
                }
                if sessions.insert(key.session_id) && sessions.len() > limit {
                    return Ok(infos);
                }
                infos.push((key, info));
            }
        }
    }

    fn append_if(
        &self,
        session: SessionId,
        segment: SegmentId,
        expected: Option<Head>,
        entries: &[LogEntry],
    ) -> Result<Head> {
        self.enter(session)?.append_if(session, segment, expected, entries)
    }

    fn truncate_if(
        &self,
        session: SessionId,
        segment: SegmentId,
        expected: Head,
        entries_len: usize,
    ) -> Result<Head> {
        self.enter(session)?.truncate_if(session, segment, expected, entries_len)
    }

    fn delete_segment(&self, session: SessionId, segment: SegmentId) -> Result<bool> {
        self.enter(session)?.delete_segment(session, segment)
    }

    fn delete_session(&self, session: SessionId) -> Result<bool> {
        self.enter(session)?.delete_session(session)
    }
}

#[deny(clippy::missing_trait_methods)]
impl PodStore for Fenced {
    fn put_pod(&self, name: &PodName, pod: &Pod) -> Result<()> {
        self.enter_pod(name)?.put_pod(name, pod)
    }

    fn put_pod_if(&self, name: &PodName, expected: Option<&Pod>, pod: &Pod) -> Result<()> {
        self.enter_pod(name)?.put_pod_if(name, expected, pod)
    }

    fn read_pod(&self, name: &PodName) -> Result<Option<Pod>> {
        if self.contains_pod(name) { self.inner_pods().read_pod(name) } else { Ok(None) }
    }

    fn list_pods(&self) -> Result<Vec<PodName>> {
        let mut names = self.inner_pods().list_pods()?;
        names.retain(|name| self.contains_pod(name));
        Ok(names)
    }

    fn delete_pod(&self, name: &PodName) -> Result<bool> {
        if self.contains_pod(name) { self.inner_pods().delete_pod(name) } else { Ok(false) }
    }
}
