//! Tests of stores of format version 1. Such a store is readable, and the first write upgrades it.
//! Older programs that have opened the store before the upgrade can still write to it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::thread;

use rusqlite::Connection;
use session_store_core::{
    ListOptions, LogEntry, Pod, PodStore, SegmentId, SegmentInfo, SessionId, Store, StoreExt,
    TraceEntry,
};
use session_store_sqlite::SqliteStore;
use tempfile::TempDir;

use crate::{entry, ids};

/// The larger session of the fixture and its segments: a segment with three entries and a trace,
/// and an empty segment.
const SESSION: &str = "018f0000-0000-7000-8000-00000000000a";
const SEGMENT: &str = "018f0000-0000-7000-8000-000000000101";
const EMPTY_SEGMENT: &str = "018f0000-0000-7000-8000-000000000102";

/// The other session and its segment, which has one entry.
const OTHER_SESSION: &str = "018f0000-0000-7000-8000-00000000000b";
const OTHER_SEGMENT: &str = "018f0000-0000-7000-8000-000000000103";

fn session(id: &str) -> SessionId {
    id.parse().unwrap()
}

fn segment(id: &str) -> SegmentId {
    id.parse().unwrap()
}

/// Creates a database of version 1 from the fixture.
fn version_1() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.db");
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/format-1.sql");
    let sql = fs::read_to_string(fixture).unwrap();
    Connection::open(&path).unwrap().execute_batch(&sql).unwrap();
    (folder, path)
}

fn version_of(path: &Path) -> i32 {
    let connection = Connection::open(path).unwrap();
    connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}

/// Asserts that the store has the data of the fixture.
#[track_caller]
fn assert_has_the_data(store: &SqliteStore) {
    let log = store.read_all(session(SESSION), segment(SEGMENT)).unwrap();
    let texts: Vec<_> = log.iter().map(LogEntry::as_json).collect();
    assert_eq!(texts, [r#"{"n":0}"#, r#"{"n":1,"text":"é"}"#, r#"{"n":2}"#]);
    assert_eq!(store.list_sessions().unwrap(), [session(OTHER_SESSION), session(SESSION)]);
    assert_eq!(
        store.list_segments(session(SESSION)).unwrap(),
        [segment(EMPTY_SEGMENT), segment(SEGMENT)]
    );
    let trace = store.read_trace_page(session(SESSION), segment(SEGMENT), 0, 100).unwrap();
    assert_eq!(trace.entries, [TraceEntry::from_json(r#"{"t":0}"#).unwrap()]);
    let other = store.read_all(session(OTHER_SESSION), segment(OTHER_SEGMENT)).unwrap();
    assert_eq!(other, [entry(10)]);
    let pod = store.read_pod(&"agent".parse().unwrap()).unwrap().unwrap();
    assert!(pod.as_json().ends_with(r#""x":1.0}"#));
}

fn info(store: &SqliteStore, session_id: SessionId, segment_id: SegmentId) -> SegmentInfo {
    let info = store.segment_info(session_id, segment_id).unwrap().unwrap();
    assert_eq!(Some(info.head), store.head(session_id, segment_id).unwrap());
    let listed = store.list_infos(&ListOptions::new()).unwrap();
    let key = (session_id, segment_id).into();
    assert_eq!(listed.iter().find(|(listed, _)| *listed == key), Some(&(key, info)));
    info
}

#[test]
fn a_store_of_version_1_is_readable_and_reading_does_not_change_it() {
    let (_folder, path) = version_1();
    let store = SqliteStore::open(&path).unwrap();
    assert_has_the_data(&store);
    let listed = store.list_infos(&ListOptions::new()).unwrap();
    let counts: Vec<_> = listed.iter().map(|(_, info)| info.head.entries()).collect();
    assert_eq!(counts, [1, 0, 3]);
    assert!(listed.iter().all(|(_, info)| info.bytes.is_none() && info.modified.is_none()));
    let first = ListOptions::new().limit(1);
    assert_eq!(store.list_infos(&first).unwrap(), listed[..1]);
    info(&store, session(SESSION), segment(SEGMENT));
    drop(store);
    assert_eq!(version_of(&path), 1);
}

#[test]
fn the_first_write_upgrades_a_store_of_version_1() {
    let (_folder, path) = version_1();
    let store = SqliteStore::open(&path).unwrap();
    let reader = SqliteStore::open(&path).unwrap();
    assert_has_the_data(&reader);
    let (new_session, new_segment) = ids();
    let old = store.segment(session(OTHER_SESSION), segment(OTHER_SEGMENT));
    store.append(new_session, new_segment, &entry(7)).unwrap();
    assert_eq!(version_of(&path), 2);

    for store in [&store, &reader, &SqliteStore::open(&path).unwrap()] {
        let new = info(store, new_session, new_segment);
        assert_eq!(new.bytes, Some(8));
        assert!(new.modified.is_some());
        store.delete_session(new_session).unwrap();
        assert_has_the_data(store);
        store.append(new_session, new_segment, &entry(7)).unwrap();
    }
    assert_eq!(old.info().unwrap().unwrap().bytes, None);
    old.append(&entry(11)).unwrap();
    let appended = old.info().unwrap().unwrap();
    assert_eq!(appended.bytes, None, "the size before the append is unknown");
    assert!(appended.modified.is_some());
    old.truncate(0).unwrap();
    assert_eq!(old.info().unwrap().unwrap().bytes, Some(0));
    old.append(&entry(11)).unwrap();
    assert_eq!(old.info().unwrap().unwrap().bytes, Some(9));

    let connection = Connection::open(&path).unwrap();
    let check: String =
        connection.pragma_query_value(None, "integrity_check", |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
}

#[test]
fn handles_that_upgrade_a_store_at_the_same_moment_all_succeed() {
    const WRITERS: usize = 6;
    for _ in 0..20 {
        let (_folder, path) = version_1();
        let stores = [(); WRITERS].map(|()| SqliteStore::open(&path).unwrap());
        let together = Barrier::new(WRITERS);
        let (new_session, new_segment) = ids();
        thread::scope(|scope| {
            for store in &stores {
                scope.spawn(|| {
                    together.wait();
                    store.append(new_session, new_segment, &entry(0)).unwrap();
                    assert_eq!(store.list_infos(&ListOptions::new()).unwrap().len(), 4);
                });
            }
        });
        assert_eq!(version_of(&path), 2);
        let new = info(&stores[0], new_session, new_segment);
        assert_eq!((new.head.entries(), new.bytes), (WRITERS, Some(WRITERS as u64 * 8)));
    }
}

#[test]
fn the_put_of_a_pod_upgrades_a_store_of_version_1() {
    let (_folder, path) = version_1();
    let store = SqliteStore::open(&path).unwrap();
    store.put_pod(&"new".parse().unwrap(), &Pod::from_json("{}").unwrap()).unwrap();
    assert_eq!(version_of(&path), 2);
    assert_has_the_data(&store);
}

/// A handle of a program that knows only version 1. It runs the statements of such a program.
struct OlderHandle(Connection);

impl OlderHandle {
    fn append(&self, session_id: SessionId, segment_id: SegmentId, text: &str) {
        let change = "INSERT INTO entry (id, text)
                SELECT number << 32 | entries, ?3 FROM log
                WHERE session_id = ?1 AND segment_id = ?2 AND trace = 0";
        let key = (session_id.as_bytes(), segment_id.as_bytes());
        assert_eq!(self.0.execute(change, (key.0, key.1, text)).unwrap(), 1);
        let change = "UPDATE log SET entries = entries + 1, epoch = epoch
                WHERE session_id = ?1 AND segment_id = ?2 AND trace = 0";
        assert_eq!(self.0.execute(change, key).unwrap(), 1);
    }

    fn truncate(&self, session_id: SessionId, segment_id: SegmentId, entries: u32) {
        let change = "DELETE FROM entry WHERE id >> 32 = (SELECT number FROM log
                    WHERE session_id = ?1 AND segment_id = ?2 AND trace = 0)
                AND id & 0xffffffff >= ?3";
        let key = (session_id.as_bytes(), segment_id.as_bytes());
        self.0.execute(change, (key.0, key.1, entries)).unwrap();
        let change = "UPDATE log SET entries = ?3, epoch = randomblob(16)
                WHERE session_id = ?1 AND segment_id = ?2 AND trace = 0";
        assert_eq!(self.0.execute(change, (key.0, key.1, entries)).unwrap(), 1);
    }
}

#[test]
fn a_size_is_not_trusted_after_an_older_handle_has_changed_the_log() {
    let (_folder, path) = version_1();
    let older = OlderHandle(Connection::open(&path).unwrap());
    let store = SqliteStore::open(&path).unwrap();
    let (session_id, segment_id) = ids();
    let segment = store.segment(session_id, segment_id);
    let bytes = || info(&store, session_id, segment_id).bytes;

    segment.append_all(&[entry(0), entry(1)]).unwrap();
    assert_eq!(bytes(), Some(16));
    older.append(session_id, segment_id, r#"{"n":20}"#);
    let changed = info(&store, session_id, segment_id);
    assert_eq!((changed.bytes, changed.modified), (None, None));
    segment.append(&entry(3)).unwrap();
    assert_eq!(bytes(), None, "the size before the append is unknown");

    segment.truncate(0).unwrap();
    segment.append_all(&[entry(0), entry(1)]).unwrap();
    assert_eq!(bytes(), Some(16));
    older.truncate(session_id, segment_id, 1);
    assert_eq!(bytes(), None);
    older.append(session_id, segment_id, r#"{"n":123456}"#);
    assert_eq!(bytes(), None, "the number of entries is the stored one again");
    assert_eq!(segment.read_all().unwrap().len(), 2);
    segment.truncate(1).unwrap();
    assert_eq!(bytes(), None);
    segment.create(&[entry(5)]).unwrap();
    assert_eq!(bytes(), Some(8));
}
