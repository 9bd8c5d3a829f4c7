//! The `Store` trait over the state: each method is one step under the lock.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use session_store_core::{
    Capabilities, Capability, Head, LogEntry, Page, PageBudget, Pod, PodName, PodStore, SegmentId,
    SessionId, Store, StoreError, TraceEntry, TracePage,
};

use crate::state::{Log, State};

const CAPABILITIES: Capabilities = Capabilities::NONE
    .with(Capability::ConditionalAppend)
    .with(Capability::ReadTraces)
    .with(Capability::Delete)
    .with(Capability::Epoch)
    .with(Capability::AtomicBatch)
    .with(Capability::ConditionalPut);

/// A store in memory. A clone is another handle on the same storage; [`MemoryStore::new`] makes a storage
/// of its own.
#[derive(Clone, Default)]
pub struct MemoryStore {
    state: Arc<RwLock<State>>,
}

impl MemoryStore {
    /// A fresh, empty storage.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    // A panic of another thread poisons nothing (S5): no change below can panic half-way.
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}

impl Store for MemoryStore {
    fn append(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entry: &LogEntry,
    ) -> Result<(), StoreError> {
        self.append_all(session_id, segment_id, std::slice::from_ref(entry))
    }

    fn read_all(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<Vec<LogEntry>, StoreError> {
        self.read().known_log((session_id, segment_id)).map(|log| log.entries.clone())
    }

    fn list_sessions(&self) -> Result<Vec<SessionId>, StoreError> {
        let mut ids: Vec<_> = self.read().keys().map(|(session_id, _)| session_id).collect();
        ids.dedup();
        Ok(ids)
    }

    fn list_segments(&self, session_id: SessionId) -> Result<Vec<SegmentId>, StoreError> {
        let state = self.read();
        let own = state.keys().filter(|key| key.0 == session_id);
        Ok(own.map(|(_, segment_id)| segment_id).collect())
    }

    fn lookup_session_of(&self, segment_id: SegmentId) -> Result<Option<SessionId>, StoreError> {
        Ok(self.read().session_of(segment_id))
    }

    fn create_segment(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entries: &[LogEntry],
    ) -> Result<(), StoreError> {
        self.write().put((session_id, segment_id), entries);
        Ok(())
    }

    fn exists(&self, session_id: SessionId, segment_id: SegmentId) -> Result<bool, StoreError> {
        Ok(self.read().log((session_id, segment_id)).is_some())
    }

    fn read_entry_count(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<usize, StoreError> {
        self.read().known_log((session_id, segment_id)).map(|log| log.entries.len())
    }

    fn append_trace(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entry: &TraceEntry,
    ) -> Result<(), StoreError> {
        self.write().traces.entry((session_id, segment_id)).or_default().push(entry.clone());
        Ok(())
    }

    fn truncate(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entries_len: usize,
    ) -> Result<(), StoreError> {
        self.write().truncate((session_id, segment_id), entries_len).map(drop)
    }

    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    fn pods(&self) -> Option<&dyn PodStore> {
        Some(self)
    }

    fn append_all(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entries: &[LogEntry],
    ) -> Result<(), StoreError> {
        if !entries.is_empty() {
            self.write().append((session_id, segment_id), entries);
        }
        Ok(())
    }

    fn read_page(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        start: usize,
        max_bytes: usize,
    ) -> Result<Page, StoreError> {
        let state = self.read();
        let log = state.known_log((session_id, segment_id))?;
        Ok(Page::new(page_of(&log.entries, start, max_bytes, LogEntry::as_json), log.head()))
    }

    fn head(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<Option<Head>, StoreError> {
        Ok(self.read().head((session_id, segment_id)))
    }

    fn append_if(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        expected: Option<Head>,
        entries: &[LogEntry],
    ) -> Result<Head, StoreError> {
        let key = (session_id, segment_id);
        let mut state = self.write();
        state.expect(key, expected)?;
        state.append(key, entries);
        state.known_log(key).map(Log::head)
    }

    fn truncate_if(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        expected: Head,
        entries_len: usize,
    ) -> Result<Head, StoreError> {
        let key = (session_id, segment_id);
        let mut state = self.write();
        state.expect(key, Some(expected))?;
        state.truncate(key, entries_len)
    }

    fn read_trace_page(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        start: usize,
        max_bytes: usize,
    ) -> Result<TracePage, StoreError> {
        let state = self.read();
        let trace = state.traces.get(&(session_id, segment_id)).map_or(&[][..], Vec::as_slice);
        Ok(TracePage::new(page_of(trace, start, max_bytes, TraceEntry::as_json)))
    }

    fn delete_segment(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<bool, StoreError> {
        Ok(self.write().delete((session_id, segment_id)))
    }

    fn delete_session(&self, session_id: SessionId) -> Result<bool, StoreError> {
        let mut state = self.write();
        let logs = state.keys();
        let traces = state.traces.keys().copied();
        let own: Vec<_> = logs.chain(traces).filter(|key| key.0 == session_id).collect();
        for &key in &own {
            state.delete(key);
        }
        Ok(!own.is_empty())
    }
}

impl PodStore for MemoryStore {
    fn put_pod(&self, name: &PodName, pod: &Pod) -> Result<(), StoreError> {
        self.write().pods.insert(name.clone(), pod.clone());
        Ok(())
    }

    fn read_pod(&self, name: &PodName) -> Result<Option<Pod>, StoreError> {
        Ok(self.read().pods.get(name).cloned())
    }

    fn list_pods(&self) -> Result<Vec<PodName>, StoreError> {
        Ok(self.read().pods.keys().cloned().collect())
    }

    fn delete_pod(&self, name: &PodName) -> Result<bool, StoreError> {
        Ok(self.write().pods.remove(name).is_some())
    }

    fn put_pod_if(
        &self,
        name: &PodName,
        expected: Option<&Pod>,
        pod: &Pod,
    ) -> Result<(), StoreError> {
        let mut state = self.write();
        if state.pods.get(name) != expected {
            return Err(StoreError::PodConflict { name: name.to_string() });
        }
        state.pods.insert(name.clone(), pod.clone());
        Ok(())
    }
}

/// The entries from `start` on that fit in `max_bytes`, at least one.
fn page_of<T: Clone>(
    all: &[T],
    start: usize,
    max_bytes: usize,
    text: impl Fn(&T) -> &str,
) -> Vec<T> {
    let mut budget = PageBudget::new(max_bytes);
    let rest = all.get(start..).unwrap_or_default();
    rest.iter().take_while(|entry| budget.admits(text(entry).len())).cloned().collect()
}
