//! Tests of logs, traces, heads, lookups and pods: the clauses of the contract that an
//! implementation in SQL can easily violate.

use session_store_core::{
    Capability, Head, LogEntry, Pod, PodName, PodStore, SegmentId, SessionId, Store, StoreError,
    StoreExt, TraceEntry,
};
use session_store_sqlite::SqliteStore;
use uuid::Uuid;

use crate::{entries, entry, fresh, ids};

#[test]
fn entries_come_back_byte_for_byte() {
    let (_folder, path, store) = fresh();
    let (session, segment) = ids();
    let texts = [
        "{}",
        r#"{"a":1.0,"b":1e999,"c":9007199254740993,"d":-0.0,"a":null}"#,
        r#"{"nul":"\u0000","lone":"\ud800","nfc":"é","nfd":"é"}"#,
        "{\"line\":\"\u{2028}\", \"bom\":\"\u{feff}\", \"last\":\"\u{10ffff}\"}",
    ];
    let nested = format!("{}{}", "{\"a\":".repeat(200), "{}").to_string() + &"}".repeat(200);
    let log: Vec<_> = texts
        .iter()
        .copied()
        .chain([&*nested])
        .map(|text| LogEntry::from_json(text).unwrap())
        .collect();
    store.append_all(session, segment, &log).unwrap();
    drop(store);
    let store = SqliteStore::open(&path).unwrap();
    let read = store.read_all(session, segment).unwrap();
    assert_eq!(read.iter().map(LogEntry::as_json).take(4).collect::<Vec<_>>(), texts);
    assert_eq!(read, log);
}

#[test]
fn large_and_many_entries_come_back_by_pages_and_whole() {
    let (_folder, _, store) = fresh();
    let (session, segment) = ids();
    let of_size =
        |n: usize| LogEntry::from_json(format!(r#"{{"x":"{}"}}"#, "y".repeat(n))).unwrap();
    let mut log: Vec<_> = (0..1500).map(|n| of_size(n * 7 % 3000)).collect();
    log.insert(700, of_size(3_000_000));
    store.append_all(session, segment, &log).unwrap();
    assert_eq!(store.read_all(session, segment).unwrap(), log);
    let paged: Result<Vec<_>, _> = store.entries(session, segment, 0).collect();
    assert_eq!(paged.unwrap(), log);

    let sizes: Vec<_> = log.iter().map(|entry| entry.as_json().len()).collect();
    let two = store.read_page(session, segment, 10, sizes[10] + sizes[11]).unwrap();
    assert_eq!(two.entries, log[10..12]);
    let one = store.read_page(session, segment, 10, sizes[10] + sizes[11] - 1).unwrap();
    assert_eq!(one.entries, log[10..11]);
    let at_least_one = store.read_page(session, segment, 700, 0).unwrap();
    assert_eq!(at_least_one.entries, log[700..701]);
    let past = store.read_page(session, segment, log.len(), 100).unwrap();
    assert_eq!((past.entries.len(), past.head.entries()), (0, log.len()));
}

#[test]
fn an_entry_of_64_mib_is_stored() {
    let (_folder, _, store) = fresh();
    let (session, segment) = ids();
    let huge = LogEntry::from_json(format!(r#"{{"x":"{}"}}"#, "y".repeat(64 << 20))).unwrap();
    store.append(session, segment, &huge).unwrap();
    assert!(store.read_all(session, segment).unwrap() == [huge]);
}

#[test]
fn lists_are_in_descending_order_of_bytes() {
    let (_folder, _, store) = fresh();
    let session = SessionId::new();
    let mut segments: Vec<_> = (0..1200).map(|_| SegmentId::from(Uuid::new_v4())).collect();
    for &segment in &segments {
        store.create_segment(session, segment, &[]).unwrap();
    }
    segments.sort();
    segments.reverse();
    assert_eq!(store.list_segments(session).unwrap(), segments);
    let mut sessions: Vec<_> =
        [0, 0x7f, 0x80, 0xff].map(|byte| Uuid::from_bytes([byte; 16]).into()).into();
    for &session in &sessions {
        store.append(session, segments[0], &entry(0)).unwrap();
        store.append(session, segments[1], &entry(0)).unwrap();
    }
    sessions.push(session);
    sessions.sort();
    sessions.reverse();
    assert_eq!(store.list_sessions().unwrap(), sessions);
    assert!(store.list_segments(SessionId::new()).unwrap().is_empty());
}

#[test]
fn lookup_returns_the_session_that_has_held_the_segment_the_longest() {
    let (_folder, path, store) = fresh();
    let segment = SegmentId::new();
    let [a, b, c] = std::array::from_fn(|_| SessionId::new());
    assert_eq!(store.lookup_session_of(segment).unwrap(), None);
    store.append_trace(c, segment, &TraceEntry::from_json("{}").unwrap()).unwrap();
    assert_eq!(store.lookup_session_of(segment).unwrap(), None, "a trace does not hold a segment");
    store.append(b, segment, &entry(0)).unwrap();
    store.append(c, segment, &entry(0)).unwrap();
    store.append(a, segment, &entry(0)).unwrap();
    store.create_segment(b, segment, &[]).unwrap();
    assert_eq!(store.lookup_session_of(segment).unwrap(), Some(b));
    drop(store);

    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.lookup_session_of(segment).unwrap(), Some(b));
    store.delete_segment(b, segment).unwrap();
    assert_eq!(store.lookup_session_of(segment).unwrap(), Some(c));
    store.append(b, segment, &entry(0)).unwrap();
    assert_eq!(
        store.lookup_session_of(segment).unwrap(),
        Some(c),
        "b holds the segment again, after c and a"
    );
    store.delete_session(c).unwrap();
    assert_eq!(store.lookup_session_of(segment).unwrap(), Some(a));
    store.delete_session(a).unwrap();
    store.delete_session(b).unwrap();
    assert_eq!(store.lookup_session_of(segment).unwrap(), None);
}

#[test]
fn a_change_of_one_log_does_not_affect_its_neighbors() {
    let (_folder, _, store) = fresh();
    let segment = SegmentId::new();
    let [a, b, c] = std::array::from_fn(|_| SessionId::new());
    for session in [a, b, c] {
        store.append_all(session, segment, &entries(0..3)).unwrap();
        store.append_trace(session, segment, &TraceEntry::from_json("{}").unwrap()).unwrap();
    }
    store.truncate(b, segment, 1).unwrap();
    store.create_segment(b, segment, &entries(5..6)).unwrap();
    store.truncate(b, segment, 0).unwrap();
    store.delete_segment(b, segment).unwrap();
    for session in [a, c] {
        assert_eq!(store.read_all(session, segment).unwrap(), entries(0..3));
        assert_eq!(store.read_trace_page(session, segment, 0, 9).unwrap().entries.len(), 1);
    }
    assert!(store.read_all(b, segment).unwrap_err().is_not_found());
    assert!(store.read_trace_page(b, segment, 0, 9).unwrap().entries.is_empty());
}

#[test]
fn truncate_keeps_the_first_entries_and_refuses_to_extend_the_log() {
    let (_folder, path, store) = fresh();
    let (session, segment) = ids();
    assert!(store.truncate(session, segment, 0).unwrap_err().is_not_found());
    assert!(!store.exists(session, segment).unwrap());
    store.append_all(session, segment, &entries(0..3)).unwrap();
    let head = store.head(session, segment).unwrap();
    for len in [4, 1 << 32, usize::MAX] {
        let error = store.truncate(session, segment, len).unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { line, .. } if line == len), "{error:?}");
    }
    store.truncate(session, segment, 3).unwrap();
    assert_eq!(store.head(session, segment).unwrap(), head, "n = len changes nothing");
    store.truncate(session, segment, 1).unwrap();
    store.append(session, segment, &entry(7)).unwrap();
    drop(store);
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.read_all(session, segment).unwrap(), [entry(0), entry(7)]);
    store.truncate(session, segment, 0).unwrap();
    assert_eq!(store.read_all(session, segment).unwrap(), []);
    assert_eq!(store.list_segments(session).unwrap(), [segment]);
}

#[test]
fn every_cut_and_every_new_log_gives_a_head_that_was_never_used() {
    let (_folder, _, store) = fresh();
    let (session, segment) = ids();
    let mut heads = vec![store.append_if(session, segment, None, &entries(0..2)).unwrap()];
    let mut next = |change: &dyn Fn() -> Result<(), StoreError>| {
        change().unwrap();
        let left = store.head(session, segment).unwrap().map_or(0, |head| head.entries());
        store.append_all(session, segment, &entries(left..2)).unwrap();
        let head = store.head(session, segment).unwrap().unwrap();
        assert!(!heads.contains(&head));
        for &stale in &heads {
            assert!(store.append_if(session, segment, Some(stale), &[]).unwrap_err().is_conflict());
            assert!(store.truncate_if(session, segment, stale, 0).unwrap_err().is_conflict());
        }
        heads.push(head);
    };
    next(&|| store.truncate(session, segment, 1));
    next(&|| store.truncate(session, segment, 0));
    next(&|| store.create_segment(session, segment, &entries(0..2)));
    next(&|| store.create_segment(session, segment, &[]));
    next(&|| store.create_segment(session, segment, &[]));
    next(&|| store.delete_segment(session, segment).map(drop));
    next(&|| {
        let head = store.head(session, segment)?.unwrap();
        store.truncate_if(session, segment, head, 1).map(drop)
    });
}

#[test]
fn conditional_writes_compare_the_whole_head() {
    let (_folder, _, store) = fresh();
    let (session, segment) = ids();
    let absent = store.truncate_if(session, segment, Head::new(0, 0), 0).unwrap_err();
    assert!(matches!(absent, StoreError::Conflict { actual: None, .. }), "{absent:?}");
    let empty = store.append_if(session, segment, None, &[]).unwrap();
    assert!(store.exists(session, segment).unwrap());
    assert!(store.append_if(session, segment, None, &[]).unwrap_err().is_conflict());
    assert_eq!(store.append_if(session, segment, Some(empty), &[]).unwrap(), empty);
    let head = store.append_if(session, segment, Some(empty), &entries(0..3)).unwrap();
    assert_eq!(store.head(session, segment).unwrap(), Some(head));
    assert!(
        store.append_if(session, segment, Some(empty), &entries(3..4)).unwrap_err().is_conflict()
    );
    assert_eq!(store.truncate_if(session, segment, head, 3).unwrap(), head);
    assert!(matches!(
        store.truncate_if(session, segment, head, 4),
        Err(StoreError::Corrupt { line: 4, .. })
    ));
    let cut = store.truncate_if(session, segment, head, 2).unwrap();
    assert_eq!((cut.entries(), store.head(session, segment).unwrap()), (2, Some(cut)));
}

#[test]
fn a_trace_does_not_create_its_segment_and_is_deleted_with_it() {
    let (_folder, _, store) = fresh();
    let (session, segment) = ids();
    let trace = [r#"{"t":0}"#, r#"{"t":1}"#].map(|text| TraceEntry::from_json(text).unwrap());
    assert!(store.read_trace_page(session, segment, 0, 9).unwrap().entries.is_empty());
    for entry in &trace {
        store.append_trace(session, segment, entry).unwrap();
    }
    assert!(!store.exists(session, segment).unwrap());
    assert!(store.list_sessions().unwrap().is_empty());
    assert_eq!(store.head(session, segment).unwrap(), None);
    store.create_segment(session, segment, &entries(0..1)).unwrap();
    store.truncate(session, segment, 0).unwrap();
    assert_eq!(store.read_trace_page(session, segment, 0, 100).unwrap().entries, trace);
    assert_eq!(store.read_trace_page(session, segment, 1, 0).unwrap().entries, trace[1..]);
    assert!(store.delete_segment(session, segment).unwrap());
    assert!(!store.delete_segment(session, segment).unwrap());

    store.append_trace(session, segment, &trace[0]).unwrap();
    assert!(store.delete_session(session).unwrap(), "the session has a trace, but no log");
    assert!(!store.delete_session(session).unwrap());
    assert!(store.read_trace_page(session, segment, 0, 9).unwrap().entries.is_empty());
}

#[test]
fn pods_are_stored_byte_for_byte_and_listed_by_the_bytes_of_their_names() {
    let (_folder, path, store) = fresh();
    let mut names = ["b", "B", "é", "e\u{301}", "\u{ff5e}", "\u{1f600}", "b%_"]
        .map(|name| name.parse::<PodName>().unwrap());
    for name in &names {
        let json = format!(r#"{{"name": "{name}", "x":1.0, "x":2}}"#);
        store.put_pod(name, &Pod::from_json(&*json).unwrap()).unwrap();
    }
    store.put_pod(&names[1], &Pod::from_json("{}").unwrap()).unwrap();
    drop(store);
    let store = SqliteStore::open(&path).unwrap();
    let read = |name| store.read_pod(name).unwrap().map(|pod| pod.as_json().to_owned());
    assert_eq!(read(&names[0]).unwrap(), r#"{"name": "b", "x":1.0, "x":2}"#);
    assert_eq!(read(&names[1]).unwrap(), "{}");
    assert!(store.delete_pod(&names[0]).unwrap());
    assert!(!store.delete_pod(&names[0]).unwrap());
    assert_eq!(read(&names[0]), None);
    assert!(store.list_sessions().unwrap().is_empty());
    names.sort();
    let kept: Vec<_> = names.into_iter().filter(|name| name.as_str() != "b").collect();
    assert_eq!(store.list_pods().unwrap(), kept);
}

#[test]
fn a_conditional_put_compares_the_stored_pod_byte_for_byte() {
    let (_folder, path, store) = fresh();
    let name: PodName = "agent".parse().unwrap();
    let pod = |text: &str| Pod::from_json(text).unwrap();
    let conflict =
        |result| matches!(result, Err(StoreError::PodConflict { name: at }) if at == name.as_str());
    assert!(conflict(store.put_pod_if(&name, Some(&pod("{}")), &pod(r#"{"n":0}"#))));
    assert_eq!(store.read_pod(&name).unwrap(), None);
    store.put_pod_if(&name, None, &pod(r#"{"n":1}"#)).unwrap();
    assert!(conflict(store.put_pod_if(&name, None, &pod(r#"{"n":2}"#))));
    assert!(conflict(store.put_pod_if(&name, Some(&pod(r#"{"n": 1}"#)), &pod("{}"))));
    let other = SqliteStore::open(&path).unwrap();
    other.put_pod_if(&name, Some(&pod(r#"{"n":1}"#)), &pod(r#"{"n":3}"#)).unwrap();
    assert!(conflict(store.put_pod_if(&name, Some(&pod(r#"{"n":1}"#)), &pod("{}"))));
    assert_eq!(store.read_pod(&name).unwrap(), Some(pod(r#"{"n":3}"#)));
}

#[test]
fn the_store_declares_every_capability() {
    let (_folder, path, store) = fresh();
    for capability in Capability::ALL {
        assert!(store.capabilities().has(*capability), "{capability}");
    }
    assert_eq!(format!("{store:?}"), format!("SqliteStore {{ path: {path:?}, .. }}"));
}
