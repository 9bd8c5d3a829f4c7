//! Tests of the memory backend: the conformance kit, and tests of sizes, times, listings and pods.

mod conformance;

use std::time::SystemTime;

use session_store_core::{
    ListOptions, LogEntry, Pod, PodName, PodStore, SegmentId, SessionId, Store, StoreError,
    StoreExt, TraceEntry,
};
use session_store_memory::MemoryStore;

fn entry(n: usize) -> LogEntry {
    LogEntry::from_json(format!(r#"{{"é":{n}}}"#)).unwrap()
}

#[test]
fn the_size_is_exact_after_every_kind_of_change() {
    let store = MemoryStore::new();
    let log = store.segment(SessionId::new(), SegmentId::new());
    assert_eq!(log.info().unwrap(), None);
    let changes: [&dyn Fn() -> Result<(), StoreError>; 7] = [
        &|| log.append(&entry(0)),
        &|| log.append_all(&[entry(1), entry(22), entry(333)]),
        &|| log.append_if(log.head()?, &[entry(4444)]).map(|_| ()),
        &|| log.truncate(5),
        &|| log.truncate(2),
        &|| log.create(&[entry(1), entry(22)]),
        &|| log.truncate(0),
    ];
    for (n, change) in changes.iter().enumerate() {
        let before = SystemTime::now();
        change().unwrap();
        let info = log.info().unwrap().unwrap();
        let sizes = log.read_all().unwrap().into_iter().map(|entry| entry.as_json().len() + 1);
        assert_eq!(info.bytes, Some(sizes.sum::<usize>() as u64), "after change {n}");
        assert_eq!(Some(info.head), log.head().unwrap());
        // Change 3 truncates the log to the number of its entries, so it changes nothing and does
        // not set the time.
        assert_eq!(n != 3, info.modified.unwrap() >= before, "after change {n}");
    }
}

#[test]
fn a_trace_and_an_empty_append_do_not_change_the_segment_info() {
    let store = MemoryStore::new();
    let log = store.segment(SessionId::new(), SegmentId::new());
    log.append(&entry(0)).unwrap();
    let before = log.info().unwrap();
    log.append_trace(&TraceEntry::from_json("{}").unwrap()).unwrap();
    log.append_if(log.head().unwrap(), &[]).unwrap();
    assert_eq!(log.info().unwrap(), before);
}

#[test]
fn a_listing_has_whole_sessions_after_a_session_and_up_to_a_limit() {
    let store = MemoryStore::new();
    let mut sessions = [[0xff; 16], [7; 16], [0; 16]].map(SessionId::from_bytes);
    sessions.sort();
    sessions.reverse();
    for session in sessions {
        for byte in [0xff, 3, 0] {
            store.append(session, SegmentId::from_bytes([byte; 16]), &entry(3)).unwrap();
        }
    }
    let list = |options: ListOptions| {
        let infos = store.list_infos(&options).unwrap();
        assert!(infos.is_sorted_by(|(key, _), (next, _)| key > next));
        for (key, info) in &infos {
            assert_eq!(store.at(*key).info().unwrap(), Some(*info));
        }
        infos.into_iter().map(|(key, _)| key.session_id).collect::<Vec<_>>()
    };
    let [a, b, c] = sessions;
    assert_eq!(list(ListOptions::new()), [a, a, a, b, b, b, c, c, c]);
    assert_eq!(list(ListOptions::new().limit(1)), [a, a, a]);
    assert_eq!(list(ListOptions::new().after(a).limit(1)), [b, b, b]);
    assert_eq!(list(ListOptions::new().after(c)), []);
    assert_eq!(store.list_segments(b).unwrap().len(), 3);
}

#[test]
fn a_conditional_put_compares_the_stored_pod_byte_for_byte() {
    let store = MemoryStore::new();
    let name: PodName = "agent".parse().unwrap();
    let pod = |text: &str| Pod::from_json(text).unwrap();
    let conflict = |result| matches!(result, Err(StoreError::PodConflict { .. }));
    assert!(conflict(store.put_pod_if(&name, Some(&pod("{}")), &pod("{}"))));
    store.put_pod_if(&name, None, &pod(r#"{"n":1}"#)).unwrap();
    assert!(conflict(store.put_pod_if(&name, None, &pod("{}"))));
    assert!(conflict(store.put_pod_if(&name, Some(&pod(r#"{"n": 1}"#)), &pod("{}"))));
    store.put_pod_if(&name, Some(&pod(r#"{"n":1}"#)), &pod(r#"{"n":2}"#)).unwrap();
    assert_eq!(store.read_pod(&name).unwrap(), Some(pod(r#"{"n":2}"#)));
}
