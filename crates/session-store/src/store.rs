//! `OpenStore`: a store of whatever backend, together with the URL that it was opened from.
#![deny(clippy::missing_trait_methods)]

use std::fmt;
use std::sync::Arc;

use crate::{
    Capabilities, Head, LogEntry, Page, PodStore, SegmentId, SessionId, Store, StoreError,
    StoreUrl, TraceEntry, TracePage,
};

/// An opened store, made by [`open`](crate::open()) and [`open_or_create`](crate::open_or_create()). Every
/// method goes to the backend itself. A clone is the same handle, shared.
#[derive(Clone)]
pub struct OpenStore {
    store: Arc<dyn Store>,
    url: StoreUrl,
    warnings: Arc<[String]>,
    #[cfg(feature = "redis")]
    redis: Option<Arc<crate::redis::RedisStore>>,
}

impl OpenStore {
    pub(crate) fn new(store: Arc<dyn Store>, url: StoreUrl) -> Self {
        Self {
            store,
            url,
            warnings: Arc::default(),
            #[cfg(feature = "redis")]
            redis: None,
        }
    }

    #[cfg(feature = "redis")]
    pub(crate) fn redis(store: crate::redis::RedisStore, url: StoreUrl) -> Self {
        let (warnings, store) = (store.warnings().into(), Arc::new(store));
        Self { warnings, redis: Some(Arc::clone(&store)), ..Self::new(store, url) }
    }

    /// Where the store is; a bare path has become the URL of what was found there.
    #[must_use]
    pub const fn url(&self) -> &StoreUrl {
        &self.url
    }

    /// What an operator should know about the storage, as it was when the store was opened: that a Redis
    /// server may evict entries, for one. Nothing, if all is well.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Writes down again which session holds each segment, where a backend keeps that apart from the
    /// sessions and can lose it, as Redis does; returns how many were missing. Elsewhere there is nothing
    /// to lose, since a lookup searches.
    ///
    /// # Errors
    /// [`StoreError::Io`] or [`StoreError::Backend`]; the call can be repeated.
    pub fn rebuild_lookups(&self) -> Result<usize, StoreError> {
        #[cfg(feature = "redis")]
        if let Some(store) = &self.redis {
            return store.rebuild_lookups();
        }
        Ok(0)
    }
}

impl fmt::Debug for OpenStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpenStore({})", self.url)
    }
}

impl Store for OpenStore {
    fn append(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entry: &LogEntry,
    ) -> Result<(), StoreError> {
        self.store.append(session_id, segment_id, entry)
    }

    fn read_all(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<Vec<LogEntry>, StoreError> {
        self.store.read_all(session_id, segment_id)
    }

    fn list_sessions(&self) -> Result<Vec<SessionId>, StoreError> {
        self.store.list_sessions()
    }

    fn list_segments(&self, session_id: SessionId) -> Result<Vec<SegmentId>, StoreError> {
        self.store.list_segments(session_id)
    }

    fn lookup_session_of(&self, segment_id: SegmentId) -> Result<Option<SessionId>, StoreError> {
        self.store.lookup_session_of(segment_id)
    }

    fn create_segment(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entries: &[LogEntry],
    ) -> Result<(), StoreError> {
        self.store.create_segment(session_id, segment_id, entries)
    }

    fn exists(&self, session_id: SessionId, segment_id: SegmentId) -> Result<bool, StoreError> {
        self.store.exists(session_id, segment_id)
    }

    fn read_entry_count(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<usize, StoreError> {
        self.store.read_entry_count(session_id, segment_id)
    }

    fn append_trace(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entry: &TraceEntry,
    ) -> Result<(), StoreError> {
        self.store.append_trace(session_id, segment_id, entry)
    }

    fn truncate(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entries_len: usize,
    ) -> Result<(), StoreError> {
        self.store.truncate(session_id, segment_id, entries_len)
    }

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    fn pods(&self) -> Option<&dyn PodStore> {
        self.store.pods()
    }

    fn append_all(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entries: &[LogEntry],
    ) -> Result<(), StoreError> {
        self.store.append_all(session_id, segment_id, entries)
    }

    fn read_page(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        start: usize,
        max_bytes: usize,
    ) -> Result<Page, StoreError> {
        self.store.read_page(session_id, segment_id, start, max_bytes)
    }

    fn head(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<Option<Head>, StoreError> {
        self.store.head(session_id, segment_id)
    }

    fn append_if(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        expected: Option<Head>,
        entries: &[LogEntry],
    ) -> Result<Head, StoreError> {
        self.store.append_if(session_id, segment_id, expected, entries)
    }

    fn truncate_if(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        expected: Head,
        entries_len: usize,
    ) -> Result<Head, StoreError> {
        self.store.truncate_if(session_id, segment_id, expected, entries_len)
    }

    fn read_trace_page(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        start: usize,
        max_bytes: usize,
    ) -> Result<TracePage, StoreError> {
        self.store.read_trace_page(session_id, segment_id, start, max_bytes)
    }

    fn delete_segment(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<bool, StoreError> {
        self.store.delete_segment(session_id, segment_id)
    }

    fn delete_session(&self, session_id: SessionId) -> Result<bool, StoreError> {
        self.store.delete_session(session_id)
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.store.sync()
    }
}
