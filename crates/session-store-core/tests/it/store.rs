//! Tests of the trait `Store` itself: its provided bodies, the forwarding of its methods, and
//! `StoreExt`.

use std::sync::{Arc, Mutex};

use session_store_core::{
    Capabilities, Capability, Head, LogEntry, SegmentId, SessionId, Store, StoreError, StoreExt,
    TraceEntry,
};
use session_store_memory::MemoryStore;

/// A store with one segment, and with the nine required methods only. An append fails if the log
/// has `fails_at` entries.
#[derive(Default)]
struct OneLog {
    entries: Mutex<Option<Vec<LogEntry>>>,
    fails_at: Option<usize>,
}

type Done = Result<(), StoreError>;

impl Store for OneLog {
    fn append(&self, _: SessionId, _: SegmentId, entry: &LogEntry) -> Done {
        let mut entries = self.entries.lock().unwrap();
        let entries = entries.get_or_insert_default();
        if self.fails_at == Some(entries.len()) {
            return Err(std::io::Error::from(std::io::ErrorKind::StorageFull).into());
        }
        entries.push(entry.clone());
        Ok(())
    }
    fn read_all(&self, _: SessionId, segment_id: SegmentId) -> Result<Vec<LogEntry>, StoreError> {
        self.entries.lock().unwrap().clone().ok_or(StoreError::NotFound(segment_id))
    }
    fn list_sessions(&self) -> Result<Vec<SessionId>, StoreError> {
        Ok(Vec::new())
    }
    fn list_segments(&self, _: SessionId) -> Result<Vec<SegmentId>, StoreError> {
        Ok(Vec::new())
    }
    fn lookup_session_of(&self, _: SegmentId) -> Result<Option<SessionId>, StoreError> {
        Ok(None)
    }
    fn create_segment(&self, _: SessionId, _: SegmentId, entries: &[LogEntry]) -> Done {
        *self.entries.lock().unwrap() = Some(entries.to_vec());
        Ok(())
    }
    fn exists(&self, _: SessionId, _: SegmentId) -> Result<bool, StoreError> {
        Ok(self.entries.lock().unwrap().is_some())
    }
    fn read_entry_count(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<usize, StoreError> {
        self.read_all(session_id, segment_id).map(|entries| entries.len())
    }
    fn append_trace(&self, _: SessionId, _: SegmentId, _: &TraceEntry) -> Done {
        Ok(())
    }
}

fn entries(count: usize) -> Vec<LogEntry> {
    (0..count).map(|n| LogEntry::encode(&serde_json::json!({ "n": n })).unwrap()).collect()
}

fn ids() -> (SessionId, SegmentId) {
    (SessionId::new(), SegmentId::new())
}

#[test]
fn a_base_level_store_truncates() {
    let (session, segment) = ids();
    let store = OneLog::default();
    assert!(store.truncate(session, segment, 0).unwrap_err().is_not_found());
    store.append_all(session, segment, &entries(3)).unwrap();
    let error = store.truncate(session, segment, 4).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { line: 4, .. }), "{error:?}");
    store.truncate(session, segment, 2).unwrap();
    assert_eq!(store.read_all(session, segment).unwrap(), entries(2));
    store.truncate(session, segment, 0).unwrap();
    assert!(store.exists(session, segment).unwrap());
}

#[test]
fn the_error_of_a_base_level_batch_has_the_number_of_stored_entries() {
    let (session, segment) = ids();
    let store = OneLog { fails_at: Some(2), ..OneLog::default() };
    let error = store.append_all(session, segment, &entries(5)).unwrap_err();
    assert!(matches!(error, StoreError::Partial { appended: 2, .. }), "{error:?}");
    let error = store.append_all(session, segment, &entries(1)).unwrap_err();
    assert!(matches!(error, StoreError::Io(_)), "nothing was stored this time: {error:?}");
    let nothing = OneLog::default();
    nothing.append_all(session, segment, &[]).unwrap();
    assert!(!nothing.exists(session, segment).unwrap());
}

#[test]
fn a_base_level_store_pages_and_has_a_head() {
    let (session, segment) = ids();
    let store = OneLog::default();
    assert_eq!(store.head(session, segment).unwrap(), None);
    store.append_all(session, segment, &entries(5)).unwrap();
    let page = store.read_page(session, segment, 1, 15).unwrap();
    assert_eq!(page.entries, entries(5)[1..3], "two entries of 7 bytes fit in 15");
    assert_eq!(Some(page.head), store.head(session, segment).unwrap());
    assert_eq!(store.read_page(session, segment, 4, 0).unwrap().entries.len(), 1);
    assert!(store.read_page(session, segment, 9, 100).unwrap().entries.is_empty());
}

#[test]
fn operations_beyond_the_base_level_are_unsupported() {
    let (session, segment) = ids();
    let store = OneLog::default();
    let refused = [
        store.append_if(session, segment, None, &[]).map(drop),
        store.truncate_if(session, segment, Head::new(0, 0), 0).map(drop),
        store.read_trace_page(session, segment, 0, 1).map(drop),
        store.delete_segment(session, segment).map(drop),
        store.delete_session(session).map(drop),
        store.sync(),
    ];
    for result in refused {
        assert!(matches!(result, Err(StoreError::Unsupported { .. })), "{result:?}");
    }
    assert_eq!(store.capabilities(), Capabilities::NONE);
    assert!(store.pods().is_none());
}

#[test]
fn pointers_to_a_store_are_stores() {
    fn append(store: impl Store, (session, segment): (SessionId, SegmentId)) {
        store.append(session, segment, &entries(1)[0]).unwrap();
    }
    let ids = ids();
    let store = Arc::new(OneLog::default());
    append(&*store, ids);
    append(Arc::clone(&store), ids);
    append(Box::new(Arc::clone(&store)) as Box<dyn Store>, ids);
    append(Arc::clone(&store) as Arc<dyn Store>, ids);
    assert_eq!(store.read_entry_count(ids.0, ids.1).unwrap(), 4);
}

#[derive(serde::Deserialize)]
struct Numbered {
    n: usize,
}

#[test]
fn the_extension_creates_a_segment_and_a_trace_from_values() {
    let (session, segment) = ids();
    let store = MemoryStore::new();
    let value = |n: usize| serde_json::json!({"n": n});
    store.create_with_values(session, segment, &[value(7)]).unwrap();
    store.create_with_values(session, segment, &[value(0), value(1)]).unwrap();
    assert_eq!(store.read_all(session, segment).unwrap(), entries(2));
    let error = store.create_with_values(session, segment, &[1]).unwrap_err();
    assert!(matches!(error, StoreError::Serde(_)), "{error}");
    assert_eq!(store.read_all(session, segment).unwrap(), entries(2));

    store.append_trace_value(session, segment, &value(5)).unwrap();
    store.append_trace_value(session, segment, &value(6)).unwrap();
    let values: Vec<Numbered> = store.read_trace_values(session, segment).unwrap();
    assert_eq!(values.iter().map(|value| value.n).collect::<Vec<_>>(), [5, 6]);
    let error = store.read_trace_values::<Vec<u8>>(session, segment).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { line: 1, .. }), "{error}");
    assert!(error.to_string().contains("the trace of segment"), "{error}");
}

#[test]
fn the_extension_reads_values_ranges_and_iterators() {
    let (session, segment) = ids();
    let store = OneLog::default();
    store.append_value(session, segment, &serde_json::json!({"n": 0})).unwrap();
    store.append_all(session, segment, &entries(5)[1..]).unwrap();
    assert_eq!(store.read_range(session, segment, 1..3).unwrap(), entries(5)[1..3]);
    let all: Result<Vec<_>, _> = store.entries(session, segment, 0).collect();
    assert_eq!(all.unwrap(), entries(5));

    let values: Vec<Numbered> = store.read_values(session, segment).unwrap();
    assert_eq!(values.iter().map(|value| value.n).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    let error = store.read_values::<Vec<u8>>(session, segment).map(drop).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { line: 1, .. }), "{error:?}");

    let mut unknown = OneLog::default().trace_entries(session, segment, 0).collect::<Vec<_>>();
    assert!(matches!(unknown.pop(), Some(Err(StoreError::Unsupported { .. }))));
    assert!(unknown.is_empty(), "an iterator ends after its first error");
}

/// Returns enough entries for several pages. Each entry contains the name of the log.
fn long_log(name: &str) -> Vec<LogEntry> {
    let text = |n| format!("{{\"{name}\":{n},\"x\":\"{}\"}}", "y".repeat(1_000));
    (0..600).map(|n| LogEntry::from_json(text(n)).unwrap()).collect()
}

#[test]
fn an_iterator_never_mixes_two_logs() {
    let (session, segment) = ids();
    let store = MemoryStore::new();
    store.create_segment(session, segment, &long_log("old")).unwrap();
    let mut entries = store.entries(session, segment, 0);
    let first = entries.next().unwrap().unwrap();
    assert!(first.as_json().starts_with("{\"old\""));
    store.append_all(session, segment, &long_log("more")).unwrap();
    assert_eq!(entries.by_ref().take(300).filter(Result::is_ok).count(), 300, "a log can grow");
    store.create_segment(session, segment, &long_log("new")).unwrap();
    let mut rest: Vec<_> = entries.collect();
    let error = rest.pop().unwrap().unwrap_err();
    assert!(error.is_conflict(), "{error:?}");
    assert!(rest.iter().flatten().all(|entry| entry.as_json().starts_with("{\"old\"")));
    assert!(rest.iter().all(Result::is_ok));
}

#[test]
fn capabilities_are_a_set() {
    let set: Capabilities = [Capability::Delete, Capability::Epoch].into_iter().collect();
    assert!(set.has(Capability::Epoch) && !set.has(Capability::AtomicBatch));
    assert_eq!(set.iter().collect::<Vec<_>>(), [Capability::Delete, Capability::Epoch]);
    assert_eq!(format!("{set:?}"), "{Delete, Epoch}");
}
