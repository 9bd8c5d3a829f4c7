//! Sources that change during an export. Each log in the backup is as it was at one moment.

use std::sync::atomic::{AtomicUsize, Ordering};

use session_store_core::{
    Capabilities, Head, LogEntry, Page, PodStore, SegmentId, SessionId, Store, StoreError,
    TraceEntry, TracePage,
};
use session_store_memory::MemoryStore;

use super::{export, restored};
use crate::{entries, log_of};

/// A store with small pages that calls a function before each page.
struct Restless<F> {
    store: MemoryStore,
    pages: AtomicUsize,
    before_page: F,
}

/// Exports a log of ten entries. `before_page` receives the store, the segment, and the number of
/// the page.
fn exported(
    before_page: impl Fn(&MemoryStore, SessionId, SegmentId, usize) + Send + Sync,
) -> (Vec<u8>, Vec<String>) {
    let (session, segment) = (SessionId::new(), SegmentId::new());
    let texts: Vec<_> = (0..10).map(|n| format!("{{\"n\":{n}}}")).collect();
    let texts: Vec<_> = texts.iter().map(String::as_str).collect();
    let store = MemoryStore::new();
    store.create_segment(session, segment, &entries(&texts)).unwrap();
    let before_page = |store: &_, page| before_page(store, session, segment, page);
    let source = Restless { store, pages: AtomicUsize::new(0), before_page };
    let (file, report) = export(&source, &Default::default());
    let missing = report.manifest.missing;
    (file, missing.into_iter().map(|missing| missing.reason).collect())
}

fn only_log(file: Vec<u8>) -> Vec<String> {
    let store = restored(file);
    let session = store.list_sessions().unwrap()[0];
    log_of(&store, session, store.list_segments(session).unwrap()[0])
}

#[test]
fn entries_appended_during_the_export_are_left_out() {
    let (file, missing) = exported(|store, session, segment, page| {
        if page < 50 {
            store.append(session, segment, &entries(&[r#"{"late":1}"#])[0]).unwrap();
        }
    });
    assert!(missing.is_empty());
    assert_eq!(only_log(file).len(), 10);
}

#[test]
fn a_log_truncated_during_the_export_is_read_again() {
    let (file, missing) = exported(|store, session, segment, page| {
        if page == 7 {
            store.truncate(session, segment, 3).unwrap();
            store.append(session, segment, &entries(&[r#"{"after":1}"#])[0]).unwrap();
        }
    });
    assert!(missing.is_empty(), "{missing:?}");
    assert_eq!(only_log(file), [r#"{"n":0}"#, r#"{"n":1}"#, r#"{"n":2}"#, r#"{"after":1}"#]);
}

#[test]
fn a_log_replaced_by_a_longer_one_is_read_again() {
    let (file, missing) = exported(|store, session, segment, page| {
        if page == 4 {
            store.create_segment(session, segment, &entries(&["{}"; 20])).unwrap();
        }
    });
    assert!(missing.is_empty(), "{missing:?}");
    assert_eq!(only_log(file), ["{}"; 20]);
}

/// Both logs have the same entry before the page that follows the change.
#[test]
fn a_log_replaced_by_a_similar_one_is_read_again() {
    let other = [r#"{"m":0}"#, r#"{"n":1}"#, r#"{"m":2}"#, r#"{"m":3}"#];
    let (file, missing) = exported(|store, session, segment, page| {
        if page == 2 {
            store.create_segment(session, segment, &entries(&other)).unwrap();
        }
    });
    assert!(missing.is_empty(), "{missing:?}");
    assert_eq!(only_log(file), other);
}

#[test]
fn a_log_that_is_replaced_in_every_round_is_missing() {
    let (file, missing) = exported(|store, session, segment, page| {
        let other = format!("{{\"page\":{page}}}");
        store.create_segment(session, segment, &entries(&[other.as_str(); 5])).unwrap();
    });
    assert_eq!(missing.len(), 1);
    assert!(missing[0].contains("each of 5 reads"), "{missing:?}");
    assert!(restored(file).list_sessions().unwrap().is_empty());
}

#[test]
fn a_segment_deleted_during_the_export_is_not_missing() {
    let (file, missing) = exported(|store, session, segment, page| {
        if page == 4 {
            store.delete_segment(session, segment).unwrap();
        }
    });
    assert!(missing.is_empty(), "{missing:?}");
    assert!(restored(file).list_sessions().unwrap().is_empty());
}

impl<F: Fn(&MemoryStore, usize) + Send + Sync> Store for Restless<F> {
    fn append(
        &self,
        session: SessionId,
        segment: SegmentId,
        entry: &LogEntry,
    ) -> Result<(), StoreError> {
        self.store.append(session, segment, entry)
    }
    fn read_all(
        &self,
        session: SessionId,
        segment: SegmentId,
    ) -> Result<Vec<LogEntry>, StoreError> {
        self.store.read_all(session, segment)
    }
    fn list_sessions(&self) -> Result<Vec<SessionId>, StoreError> {
        self.store.list_sessions()
    }
    fn list_segments(&self, session: SessionId) -> Result<Vec<SegmentId>, StoreError> {
        self.store.list_segments(session)
    }
    fn lookup_session_of(&self, segment: SegmentId) -> Result<Option<SessionId>, StoreError> {
        self.store.lookup_session_of(segment)
    }
    fn create_segment(
        &self,
        session: SessionId,
        segment: SegmentId,
        entries: &[LogEntry],
    ) -> Result<(), StoreError> {
        self.store.create_segment(session, segment, entries)
    }
    fn exists(&self, session: SessionId, segment: SegmentId) -> Result<bool, StoreError> {
        self.store.exists(session, segment)
    }
    fn read_entry_count(
        &self,
        session: SessionId,
        segment: SegmentId,
    ) -> Result<usize, StoreError> {
        self.store.read_entry_count(session, segment)
    }
    fn append_trace(
        &self,
        session: SessionId,
        segment: SegmentId,
        entry: &TraceEntry,
    ) -> Result<(), StoreError> {
        self.store.append_trace(session, segment, entry)
    }
    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }
    fn pods(&self) -> Option<&dyn PodStore> {
        self.store.pods()
    }
    fn head(&self, session: SessionId, segment: SegmentId) -> Result<Option<Head>, StoreError> {
        self.store.head(session, segment)
    }
    fn read_page(
        &self,
        session: SessionId,
        segment: SegmentId,
        start: usize,
        _: usize,
    ) -> Result<Page, StoreError> {
        (self.before_page)(&self.store, self.pages.fetch_add(1, Ordering::Relaxed));
        self.store.read_page(session, segment, start, 0)
    }
    fn read_trace_page(
        &self,
        session: SessionId,
        segment: SegmentId,
        start: usize,
        max_bytes: usize,
    ) -> Result<TracePage, StoreError> {
        self.store.read_trace_page(session, segment, start, max_bytes)
    }
}
