//! Tests of rows that are not entries, because another program has changed them. An error names the
//! line of such a row, and all other data remains readable.

use std::fs::{self, File};

use rstest::rstest;
use rusqlite::Connection;
use session_store_core::{ListOptions, PodName, PodStore, Store, StoreError, TraceEntry};
use session_store_sqlite::{SqliteStore, is_malformed};

use crate::{entries, entry, fresh, ids};

/// Removes the types of the columns, so that the tests can store values of any type.
const LOOSEN: &str = "PRAGMA writable_schema = ON;
    UPDATE sqlite_schema SET sql = replace(replace(sql, 'STRICT', ''), ') ,', ')');
    UPDATE sqlite_schema SET sql = replace(sql, 'TEXT NOT NULL', 'BLOB');
    PRAGMA writable_schema = RESET;";

#[track_caller]
fn assert_corrupt<T: std::fmt::Debug>(
    result: Result<T, StoreError>,
    expected_line: usize,
    expected_text: &str,
) {
    let Err(StoreError::Corrupt { line, message }) = result else { panic!("{result:?}") };
    assert_eq!(line, expected_line, "{message}");
    assert!(message.contains(expected_text), "{message}");
}

#[rstest]
#[case::garbage("UPDATE entry SET text = 'garbage' WHERE text LIKE '%:2}'", "expected value")]
#[case::array("UPDATE entry SET text = '[1]' WHERE text LIKE '%:2}'", "a JSON object")]
#[case::nothing("UPDATE entry SET text = '' WHERE text LIKE '%:2}'", "EOF")]
#[case::torn("UPDATE entry SET text = '{\"n\":2' WHERE text LIKE '%:2}'", "EOF")]
#[case::two_objects("UPDATE entry SET text = text || text WHERE text LIKE '%:2}'", "trailing")]
#[case::bytes("UPDATE entry SET text = CAST(x'7bff7d' AS TEXT) WHERE text LIKE '%:2}'", "UTF-8")]
#[case::blob("UPDATE entry SET text = x'7b7d' WHERE text LIKE '%:2}'", "not a text")]
#[case::null("UPDATE entry SET text = NULL WHERE text LIKE '%:2}'", "not a text")]
#[case::number("UPDATE entry SET text = 5 WHERE text LIKE '%:2}'", "not a text")]
#[case::missing("DELETE FROM entry WHERE text LIKE '%:2}'", "missing")]
fn a_bad_entry_is_reported_by_line(#[case] tampering: &str, #[case] found: &str) {
    let (_folder, path, store) = fresh();
    let ((session, segment), (other_session, other)) = (ids(), ids());
    store.append_all(session, segment, &entries(0..4)).unwrap();
    store.append(other_session, other, &entry(9)).unwrap();
    drop(store);
    Connection::open(&path).unwrap().execute_batch(LOOSEN).unwrap();
    Connection::open(&path).unwrap().execute_batch(tampering).unwrap();

    let store = SqliteStore::open(&path).unwrap();
    assert_corrupt(store.read_all(session, segment), 3, found);
    assert_corrupt(store.read_all(session, segment), 3, &segment.to_string());
    assert_corrupt(store.read_page(session, segment, 1, 100), 3, found);
    let before = store.read_page(session, segment, 0, 14).unwrap();
    assert_eq!(before.entries, entries(0..2), "a page that ends before the bad entry");
    let after = store.read_page(session, segment, 3, 100).unwrap();
    assert_eq!(after.entries, entries(3..4), "a page that starts after the bad entry");

    assert_eq!(store.read_all(other_session, other).unwrap(), [entry(9)]);
    assert_eq!(store.list_segments(session).unwrap(), [segment]);
    store.append(session, segment, &entry(4)).unwrap();
    assert_eq!(store.read_entry_count(session, segment).unwrap(), 5);
    store.truncate(session, segment, 2).unwrap();
    assert_eq!(store.read_all(session, segment).unwrap(), entries(0..2));
}

#[test]
fn the_first_bad_entry_is_reported() {
    let (_folder, path, store) = fresh();
    let (session, segment) = ids();
    store.append_all(session, segment, &entries(0..4)).unwrap();
    let tampering = "UPDATE entry SET text = 'x' WHERE text LIKE '%:1}';
        DELETE FROM entry WHERE text LIKE '%:3}'";
    Connection::open(&path).unwrap().execute_batch(tampering).unwrap();
    assert_corrupt(store.read_all(session, segment), 2, "expected value");
}

#[test]
fn white_space_around_an_entry_is_not_part_of_it() {
    let (_folder, path, store) = fresh();
    let (session, segment) = ids();
    store.append(session, segment, &entry(0)).unwrap();
    let tampering = "UPDATE entry SET text = char(9) || text || char(13, 10)";
    Connection::open(&path).unwrap().execute_batch(tampering).unwrap();
    assert_eq!(store.read_all(session, segment).unwrap(), [entry(0)]);
}

#[test]
fn a_bad_trace_entry_is_reported_by_line_and_does_not_affect_the_log() {
    let (_folder, path, store) = fresh();
    let (session, segment) = ids();
    store.append(session, segment, &entry(0)).unwrap();
    store.append_trace(session, segment, &TraceEntry::from_json("{}").unwrap()).unwrap();
    let tampering = "UPDATE entry SET text = 'x' WHERE text = '{}'";
    Connection::open(&path).unwrap().execute_batch(tampering).unwrap();
    let page = store.read_trace_page(session, segment, 0, 100);
    assert_corrupt(page, 1, &format!("the trace of segment {segment}"));
    assert_eq!(store.read_all(session, segment).unwrap(), [entry(0)]);
}

#[test]
fn a_bad_pod_is_reported_by_name_and_a_row_with_an_invalid_name_is_ignored() {
    let (_folder, path, store) = fresh();
    let tampering = "INSERT INTO pod VALUES ('a', 'x'), ('b', CAST(x'ff' AS TEXT)), ('../c', '{}')";
    Connection::open(&path).unwrap().execute_batch(tampering).unwrap();
    let names = ["a", "b"].map(|name| name.parse::<PodName>().unwrap());
    assert_eq!(store.list_pods().unwrap(), names);
    assert_corrupt(store.read_pod(&names[0]), 1, "pod a");
    assert_corrupt(store.read_pod(&names[1]), 1, "utf-8");
}

#[test]
fn rows_with_malformed_ids_are_not_listed() {
    let (_folder, path, store) = fresh();
    let (session, segment) = ids();
    store.append(session, segment, &entry(0)).unwrap();
    let tampering = "INSERT INTO log SELECT 0, x'00', segment_id, 0, 0, epoch, 0, 0, 0, epoch
            FROM log;
        INSERT INTO log SELECT 9, session_id, x'00', 0, 0, epoch, 0, 0, 0, epoch FROM log
            WHERE number = 1";
    Connection::open(&path).unwrap().execute_batch(tampering).unwrap();
    assert_eq!(store.list_sessions().unwrap(), [session]);
    assert_eq!(store.list_segments(session).unwrap(), [segment]);
    assert_eq!(store.list_infos(&ListOptions::new()).unwrap().len(), 1);
    assert_eq!(store.lookup_session_of(segment).unwrap(), Some(session));
}

#[test]
fn a_damaged_database_that_cannot_be_opened_leaves_no_file_behind() {
    let (folder, path, store) = fresh();
    let (session, segment) = ids();
    store.append_all(session, segment, &entries(0..1000)).unwrap();
    drop(store);
    // The database has fewer pages than its first page says.
    File::options().write(true).open(&path).unwrap().set_len(8192).unwrap();
    let before = fs::read(&path).unwrap();
    let error = SqliteStore::open(&path).unwrap_err();
    assert!(is_malformed(&error), "{error:?}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    assert_eq!(fs::read(&path).unwrap(), before);
}
