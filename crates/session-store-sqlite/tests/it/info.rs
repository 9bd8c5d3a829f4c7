//! Tests of the size of a log and the time of its last change
//! ([L7](session_store_core::contract#l7)). Also tests of the listing that returns both for many
//! segments ([L8](session_store_core::contract#l8)).

use std::time::{Duration, SystemTime};

use rusqlite::Connection;
use session_store_core::{
    ListOptions, LogEntry, SegmentId, SessionId, Store, StoreExt, TraceEntry,
};
use session_store_sqlite::SqliteStore;

use crate::{entries, entry, fresh, ids};

/// Returns the size that the log must have: the bytes of each text and one newline.
fn size_of(store: &SqliteStore, session: SessionId, segment: SegmentId) -> Option<u64> {
    let log = store.read_all(session, segment).unwrap();
    Some(log.iter().map(|entry| entry.as_json().len() as u64 + 1).sum())
}

#[test]
fn the_size_is_exact_after_every_kind_of_change() {
    let (_folder, path, store) = fresh();
    let (session, segment) = ids();
    let log = store.segment(session, segment);
    assert_eq!(log.info().unwrap(), None);
    let large = LogEntry::from_json(format!(r#"{{"é":"{}"}}"#, "ü".repeat(10_000))).unwrap();
    let changes: [&dyn Fn(); 9] = [
        &|| log.append(&entry(0)).unwrap(),
        &|| log.append_all(&[entry(1), large.clone(), entry(2)]).unwrap(),
        &|| log.append_trace(&TraceEntry::from_json("{}").unwrap()).unwrap(),
        &|| log.truncate(4).unwrap(),
        &|| log.truncate(2).unwrap(),
        &|| assert!(log.append_if(log.head().unwrap(), &entries(0..9)).is_ok()),
        &|| assert!(log.truncate_if(log.head().unwrap().unwrap(), 3).is_ok()),
        &|| log.create(&[large.clone(), entry(7)]).unwrap(),
        &|| log.truncate(0).unwrap(),
    ];
    for (n, change) in changes.iter().enumerate() {
        let before = SystemTime::now() - Duration::from_millis(1);
        change();
        let info = log.info().unwrap().unwrap();
        assert_eq!(info.bytes, size_of(&store, session, segment), "after change {n}");
        assert_eq!(Some(info.head), log.head().unwrap());
        let modified = info.modified.unwrap();
        // Changes 2 and 3 (a trace, and a truncate that cuts nothing) do not change the log, so the
        // time stays.
        assert!(n == 2 || n == 3 || modified >= before, "after change {n}");
        assert!(modified <= SystemTime::now());
        let reopened = SqliteStore::open(&path).unwrap();
        assert_eq!(reopened.segment(session, segment).info().unwrap(), Some(info));
    }
    log.delete().unwrap();
    assert_eq!(log.info().unwrap(), None);
}

#[test]
fn the_size_is_known_after_a_cut_of_500_entries_and_unknown_after_a_larger_cut() {
    let (_folder, _, store) = fresh();
    let (session, segment) = ids();
    store.append_all(session, segment, &entries(0..5000)).unwrap();
    let bytes = || store.segment_info(session, segment).unwrap().unwrap().bytes;
    store.truncate(session, segment, 4500).unwrap();
    assert_eq!(bytes(), size_of(&store, session, segment));
    store.truncate(session, segment, 1234).unwrap();
    assert_eq!(bytes(), None);
    store.append(session, segment, &entry(0)).unwrap();
    assert_eq!(bytes(), None);
    store.maintenance().unwrap().repair(&mut |_| ()).unwrap();
    assert_eq!(bytes(), size_of(&store, session, segment));
    store.truncate(session, segment, 0).unwrap();
    assert_eq!(bytes(), Some(0));
}

/// In a UTF-16 database, `octet_length` counts the bytes of UTF-16 and not of UTF-8. So a cut must
/// not use it to compute the new size.
#[test]
fn the_size_in_a_utf_16_database_is_right_or_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("utf-16.db");
    let sql = "PRAGMA encoding = 'UTF-16'; CREATE TABLE t (x); DROP TABLE t";
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    let store = SqliteStore::open_or_create(&path).unwrap();
    let (session, segment) = ids();
    let bytes = || store.segment_info(session, segment).unwrap().unwrap().bytes;
    store.append_all(session, segment, &entries(0..3)).unwrap();
    assert_eq!(bytes(), Some(24));
    store.truncate(session, segment, 2).unwrap();
    assert_eq!(bytes(), None);
    store.truncate(session, segment, 0).unwrap();
    assert_eq!(bytes(), Some(0));
}

#[test]
fn a_listing_has_whole_sessions_after_a_session_and_up_to_a_limit() {
    let (_folder, _, store) = fresh();
    let mut sessions: Vec<_> = (0..5).map(|_| SessionId::new()).collect();
    sessions.push(SessionId::from_bytes([0xff; 16]));
    sessions.push(SessionId::from_bytes([0; 16]));
    for (n, &session) in sessions.iter().enumerate() {
        for _ in 0..=n {
            store.append_all(session, SegmentId::new(), &entries(0..n)).unwrap();
            store.create_segment(session, SegmentId::new(), &entries(0..n)).unwrap();
        }
    }
    let only_a_trace = SessionId::new();
    let trace = TraceEntry::from_json("{}").unwrap();
    store.append_trace(only_a_trace, SegmentId::new(), &trace).unwrap();
    sessions.sort();
    sessions.reverse();

    let all = store.list_infos(&ListOptions::new()).unwrap();
    let mut expected = Vec::new();
    for &session in &sessions {
        for segment in store.list_segments(session).unwrap() {
            let info = store.segment_info(session, segment).unwrap().unwrap();
            expected.push(((session, segment).into(), info));
        }
    }
    assert_eq!(all, expected);
    for (first, after) in [(0_usize, None), (3, Some(sessions[2])), (7, Some(sessions[6]))] {
        for limit in [0, 1, 2, 100, usize::MAX] {
            let options = ListOptions::new().limit(limit);
            let options = after.map_or(options, |after| options.after(after));
            let selected = &sessions[first..(first.saturating_add(limit)).min(7)];
            let part = expected.iter().filter(|(key, _)| selected.contains(&key.session_id));
            assert_eq!(store.list_infos(&options).unwrap(), part.copied().collect::<Vec<_>>());
        }
    }
    let after_a_missing_session = ListOptions::new().after(only_a_trace);
    let part = store.list_infos(&after_a_missing_session).unwrap();
    assert_eq!(part.len(), expected.len() - 12, "all but the session of the highest id");
}
