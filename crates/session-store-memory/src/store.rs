//! `MemoryStore` as a `Store`. Each method locks the state once, so other threads see either the
//! whole effect of a call or no effect.

use std::fmt;
use std::slice;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use session_store_core::{
    Capabilities, Capability, Entry, Head, ListOptions, LogEntry, Page, PageBudget, PodStore,
    SegmentId, SegmentInfo, SegmentKey, SessionId, Store, StoreError, TraceEntry, TracePage,
};

use crate::state::{Log, State};

const CAPABILITIES: Capabilities = Capabilities::NONE
    .with(Capability::ConditionalAppend)
    .with(Capability::ReadTraces)
    .with(Capability::Delete)
    .with(Capability::Epoch)
    .with(Capability::AtomicBatch)
    .with(Capability::ConditionalPut);

/// A store in memory. A clone is another handle on the same storage. Each call of
/// [`MemoryStore::new`] makes a separate storage.
///
/// A process that was made by `fork` must not use the store ([handles and
/// processes](session_store_core::Store#handles-and-processes)). The memory of the new process is a
/// copy of the memory of the old process. If another thread held a lock at the moment of the fork,
/// the lock in the copy is never released.
#[derive(Clone, Default)]
pub struct MemoryStore {
    state: Arc<RwLock<State>>,
}

impl MemoryStore {
    /// Returns a new, empty storage.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    // If a thread panics while it holds the lock, the lock is poisoned. Poisoning is ignored, so
    // that other threads can continue (S5). The state is still correct, because no change in this
    // crate can panic halfway.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, State> {
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
        self.append_all(session_id, segment_id, slice::from_ref(entry))
    }

    fn read_all(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<Vec<LogEntry>, StoreError> {
        let key = SegmentKey { session_id, segment_id };
        self.read().known_log(key).map(|log| log.entries.clone())
    }

    fn list_sessions(&self) -> Result<Vec<SessionId>, StoreError> {
        Ok(self.read().sessions())
    }

    fn list_segments(&self, session_id: SessionId) -> Result<Vec<SegmentId>, StoreError> {
        Ok(self.read().logs_of(session_id).map(|(key, _)| key.segment_id).collect())
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
        self.write().put(SegmentKey { session_id, segment_id }, entries);
        Ok(())
    }

    fn exists(&self, session_id: SessionId, segment_id: SegmentId) -> Result<bool, StoreError> {
        Ok(self.read().log(SegmentKey { session_id, segment_id }).is_some())
    }

    fn read_entry_count(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<usize, StoreError> {
        let key = SegmentKey { session_id, segment_id };
        self.read().known_log(key).map(|log| log.entries.len())
    }

    fn append_trace(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entry: &TraceEntry,
    ) -> Result<(), StoreError> {
        let key = SegmentKey { session_id, segment_id };
        self.write().traces.entry(key).or_default().push(entry.clone());
        Ok(())
    }

    fn truncate(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entries_len: usize,
    ) -> Result<(), StoreError> {
        self.write().truncate(SegmentKey { session_id, segment_id }, entries_len).map(drop)
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
            self.write().append(SegmentKey { session_id, segment_id }, entries);
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
        let log = state.known_log(SegmentKey { session_id, segment_id })?;
        Ok(Page::new(page_of(&log.entries, start, max_bytes), log.head()))
    }

    fn head(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<Option<Head>, StoreError> {
        Ok(self.read().head(SegmentKey { session_id, segment_id }))
    }

    fn segment_info(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<Option<SegmentInfo>, StoreError> {
        Ok(self.read().log(SegmentKey { session_id, segment_id }).map(Log::info))
    }

    fn list_infos(
        &self,
        options: &ListOptions,
    ) -> Result<Vec<(SegmentKey, SegmentInfo)>, StoreError> {
        let state = self.read();
        let sessions = options.select(state.sessions()).into_iter();
        let logs = sessions.flat_map(|session_id| state.logs_of(session_id));
        Ok(logs.map(|(key, log)| (key, log.info())).collect())
    }

    fn append_if(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        expected: Option<Head>,
        entries: &[LogEntry],
    ) -> Result<Head, StoreError> {
        let key = SegmentKey { session_id, segment_id };
        let mut state = self.write();
        state.check_head(key, expected)?;
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
        let key = SegmentKey { session_id, segment_id };
        let mut state = self.write();
        state.check_head(key, Some(expected))?;
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
        let trace = state.traces.get(&SegmentKey { session_id, segment_id });
        let trace = trace.map_or(&[][..], Vec::as_slice);
        Ok(TracePage::new(page_of(trace, start, max_bytes)))
    }

    fn delete_segment(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<bool, StoreError> {
        Ok(self.write().delete(SegmentKey { session_id, segment_id }))
    }

    fn delete_session(&self, session_id: SessionId) -> Result<bool, StoreError> {
        Ok(self.write().delete_session(session_id))
    }
}

/// Returns the entries from `start` on, as many as fit in `max_bytes`. The first entry always fits.
/// If `start` is past the end, the result is empty.
fn page_of<E: Entry>(entries: &[E], start: usize, max_bytes: usize) -> Vec<E> {
    let mut budget = PageBudget::new(max_bytes);
    let rest = entries.get(start..).unwrap_or_default();
    rest.iter().take_while(|entry| budget.admits(entry.as_json().len())).cloned().collect()
}
