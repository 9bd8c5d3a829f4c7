//! References and smart pointers to a store are stores: every method goes to the store itself, so that no
//! wrapper falls back to a provided body that its store has replaced.
#![deny(clippy::missing_trait_methods)]

use std::sync::Arc;

use crate::{
    Capabilities, Head, LogEntry, Page, Pod, PodName, PodStore, SegmentId, SessionId, Store,
    StoreError, TraceEntry, TracePage,
};

macro_rules! forward {
    ($($pointer:ty),*) => { $(
        impl<S: Store + ?Sized> Store for $pointer {
            fn append(&self, session_id: SessionId, segment_id: SegmentId, entry: &LogEntry) -> Result<(), StoreError> {
                (**self).append(session_id, segment_id, entry)
            }
            fn read_all(&self, session_id: SessionId, segment_id: SegmentId) -> Result<Vec<LogEntry>, StoreError> {
                (**self).read_all(session_id, segment_id)
            }
            fn list_sessions(&self) -> Result<Vec<SessionId>, StoreError> {
                (**self).list_sessions()
            }
            fn list_segments(&self, session_id: SessionId) -> Result<Vec<SegmentId>, StoreError> {
                (**self).list_segments(session_id)
            }
            fn lookup_session_of(&self, segment_id: SegmentId) -> Result<Option<SessionId>, StoreError> {
                (**self).lookup_session_of(segment_id)
            }
            fn create_segment(&self, session_id: SessionId, segment_id: SegmentId, entries: &[LogEntry]) -> Result<(), StoreError> {
                (**self).create_segment(session_id, segment_id, entries)
            }
            fn exists(&self, session_id: SessionId, segment_id: SegmentId) -> Result<bool, StoreError> {
                (**self).exists(session_id, segment_id)
            }
            fn read_entry_count(&self, session_id: SessionId, segment_id: SegmentId) -> Result<usize, StoreError> {
                (**self).read_entry_count(session_id, segment_id)
            }
            fn append_trace(&self, session_id: SessionId, segment_id: SegmentId, entry: &TraceEntry) -> Result<(), StoreError> {
                (**self).append_trace(session_id, segment_id, entry)
            }
            fn truncate(&self, session_id: SessionId, segment_id: SegmentId, entries_len: usize) -> Result<(), StoreError> {
                (**self).truncate(session_id, segment_id, entries_len)
            }
            fn capabilities(&self) -> Capabilities {
                (**self).capabilities()
            }
            fn pods(&self) -> Option<&dyn PodStore> {
                (**self).pods()
            }
            fn append_all(&self, session_id: SessionId, segment_id: SegmentId, entries: &[LogEntry]) -> Result<(), StoreError> {
                (**self).append_all(session_id, segment_id, entries)
            }
            fn read_page(&self, session_id: SessionId, segment_id: SegmentId, start: usize, max_bytes: usize) -> Result<Page, StoreError> {
                (**self).read_page(session_id, segment_id, start, max_bytes)
            }
            fn head(&self, session_id: SessionId, segment_id: SegmentId) -> Result<Option<Head>, StoreError> {
                (**self).head(session_id, segment_id)
            }
            fn append_if(&self, session_id: SessionId, segment_id: SegmentId, expected: Option<Head>, entries: &[LogEntry]) -> Result<Head, StoreError> {
                (**self).append_if(session_id, segment_id, expected, entries)
            }
            fn truncate_if(&self, session_id: SessionId, segment_id: SegmentId, expected: Head, entries_len: usize) -> Result<Head, StoreError> {
                (**self).truncate_if(session_id, segment_id, expected, entries_len)
            }
            fn read_trace_page(&self, session_id: SessionId, segment_id: SegmentId, start: usize, max_bytes: usize) -> Result<TracePage, StoreError> {
                (**self).read_trace_page(session_id, segment_id, start, max_bytes)
            }
            fn delete_segment(&self, session_id: SessionId, segment_id: SegmentId) -> Result<bool, StoreError> {
                (**self).delete_segment(session_id, segment_id)
            }
            fn delete_session(&self, session_id: SessionId) -> Result<bool, StoreError> {
                (**self).delete_session(session_id)
            }
            fn sync(&self) -> Result<(), StoreError> {
                (**self).sync()
            }
        }

        impl<S: PodStore + ?Sized> PodStore for $pointer {
            fn put_pod(&self, name: &PodName, pod: &Pod) -> Result<(), StoreError> {
                (**self).put_pod(name, pod)
            }
            fn read_pod(&self, name: &PodName) -> Result<Option<Pod>, StoreError> {
                (**self).read_pod(name)
            }
            fn list_pods(&self) -> Result<Vec<PodName>, StoreError> {
                (**self).list_pods()
            }
            fn delete_pod(&self, name: &PodName) -> Result<bool, StoreError> {
                (**self).delete_pod(name)
            }
        }
    )* };
}

forward!(&S, Box<S>, Arc<S>);
