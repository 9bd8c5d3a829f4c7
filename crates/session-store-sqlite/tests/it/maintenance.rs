//! Tests of the check ([M1](session_store_core::contract#m1), [M3](session_store_core::contract#m3))
//! and the repair ([M2](session_store_core::contract#m2), [M6](session_store_core::contract#m6)) of a
//! database.

use std::path::Path;

use rstest::rstest;
use rusqlite::Connection;
use session_store_core::{Finding, Severity, Store, StoreExt, TraceEntry};
use session_store_sqlite::SqliteStore;

use crate::{entries, entry, fresh, ids};

fn check(store: &SqliteStore) -> Vec<Finding> {
    let mut findings = Vec::new();
    store.maintenance().unwrap().check(&mut |finding| findings.push(finding)).unwrap();
    findings
}

fn repair(store: &SqliteStore) -> Vec<Finding> {
    let mut findings = Vec::new();
    store.maintenance().unwrap().repair(&mut |finding| findings.push(finding)).unwrap();
    findings
}

fn tamper(path: &Path, sql: &str) {
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

/// Asserts that the check has exactly one finding: a fault with these words.
#[track_caller]
fn assert_one_fault(store: &SqliteStore, place: &str, cause: &str) {
    let findings = check(store);
    let [finding] = &findings[..] else { panic!("{findings:?}") };
    assert_eq!(finding.severity, Severity::Fault);
    assert!(finding.place.contains(place), "{finding}");
    assert!(finding.cause.contains(cause), "{finding}");
    assert!(finding.remedy.is_some());
}

#[test]
fn a_sound_store_has_no_findings_and_a_repair_does_not_change_it() {
    let (_folder, path, store) = fresh();
    assert_eq!(check(&store), []);
    let (session, segment) = ids();
    store.append_all(session, segment, &entries(0..3)).unwrap();
    store.append_trace(session, segment, &TraceEntry::from_json("{}").unwrap()).unwrap();
    store.create_segment(session, ids().1, &[]).unwrap();
    assert_eq!(check(&store), []);
    let observer = Connection::open(&path).unwrap();
    let version =
        || -> i64 { observer.pragma_query_value(None, "data_version", |row| row.get(0)).unwrap() };
    let before = version();
    assert_eq!(repair(&store), []);
    assert_eq!(version(), before);
}

#[test]
fn a_report_can_use_the_store() {
    let (_folder, path, store) = fresh();
    let (session, segment) = ids();
    store.append_all(session, segment, &entries(0..3)).unwrap();
    tamper(&path, "DELETE FROM entry WHERE text LIKE '%:1}'");
    let mut appended = 0;
    let mut append = |_| {
        store.append(session, segment, &entry(3)).unwrap();
        appended += 1;
    };
    store.maintenance().unwrap().check(&mut append).unwrap();
    assert_eq!(appended, 1);
}

#[test]
fn missing_and_extra_rows_are_found() {
    let (_folder, path, store) = fresh();
    let (session, segment) = ids();
    store.append_all(session, segment, &entries(0..3)).unwrap();
    let place = format!("log of segment {segment} of session {session}");
    tamper(&path, "DELETE FROM entry WHERE text LIKE '%:1}'");
    assert_one_fault(&store, &place, "1 of 3 entries are missing");

    tamper(&path, r#"INSERT INTO entry VALUES (1 << 32 | 1, '{"n":1}'), (1 << 32 | 3, '{}')"#);
    assert_one_fault(&store, &place, "1 rows follow the last entry");
    assert!(store.append(session, segment, &entry(3)).is_err());

    tamper(&path, "DELETE FROM log");
    assert_one_fault(&store, "entry", "4 rows do not belong to a log");
}

#[test]
fn a_repair_rebuilds_an_index_that_disagrees_with_its_table() {
    let (_folder, path, store) = fresh();
    let (session, segment) = ids();
    store.append(session, segment, &entry(0)).unwrap();
    drop(store);
    // The index is removed from the schema, the row gets another number, and the index is added to
    // the schema again. So the index still contains the old number.
    tamper(
        &path,
        "CREATE TEMP TABLE saved AS SELECT * FROM sqlite_schema WHERE name = 'holder';
         PRAGMA writable_schema = ON;
         DELETE FROM sqlite_schema WHERE name = 'holder';
         PRAGMA writable_schema = RESET;
         UPDATE log SET number = 7;
         UPDATE entry SET id = 7 << 32;
         PRAGMA writable_schema = ON;
         INSERT INTO sqlite_schema SELECT * FROM saved;
         PRAGMA writable_schema = RESET;",
    );
    let store = SqliteStore::open(&path).unwrap();
    let findings = check(&store);
    assert!(!findings.is_empty());
    for finding in findings {
        assert_eq!(finding.severity, Severity::Fault);
        assert!(finding.to_string().contains("a repair rebuilds the indexes"), "{finding}");
    }
    let repaired = repair(&store);
    assert_eq!(repaired.len(), 1, "{repaired:?}");
    assert_eq!(check(&store), []);
    assert_eq!(repair(&store), []);
    assert_eq!(store.lookup_session_of(segment).unwrap(), Some(session));
    assert_eq!(store.read_all(session, segment).unwrap(), [entry(0)]);
}

/// Changes the table `log`, but not its indexes.
fn tamper_without_indexes(path: &Path, sql: &str) {
    tamper(
        path,
        &format!(
            "CREATE TEMP TABLE saved AS SELECT * FROM sqlite_schema WHERE type = 'index'
                 AND tbl_name = 'log';
             CREATE TEMP TABLE tables AS SELECT * FROM sqlite_schema WHERE name = 'log';
             PRAGMA writable_schema = ON;
             DELETE FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'log';
             UPDATE sqlite_schema
                 SET sql = replace(sql, ',\n        UNIQUE (session_id, segment_id, trace)', '')
                 WHERE name = 'log';
             PRAGMA writable_schema = RESET;
             {sql};
             PRAGMA writable_schema = ON;
             UPDATE sqlite_schema SET sql = (SELECT sql FROM tables) WHERE name = 'log';
             INSERT INTO sqlite_schema SELECT * FROM saved;
             PRAGMA writable_schema = RESET;"
        ),
    );
}

#[test]
fn segments_that_no_listing_finds_are_found_and_repaired() {
    let (_folder, path, store) = fresh();
    let ((session, segment), (hidden_session, hidden)) = (ids(), ids());
    store.append(session, segment, &entry(0)).unwrap();
    store.append(hidden_session, hidden, &entry(1)).unwrap();
    drop(store);
    let id = hidden_session.to_string().replace('-', "");
    let other = ids().0;
    let other_id = other.to_string().replace('-', "");
    let sql = format!("UPDATE log SET session_id = x'{other_id}' WHERE session_id = x'{id}'");
    tamper_without_indexes(&path, &sql);

    let store = SqliteStore::open(&path).unwrap();
    assert!(!store.list_sessions().unwrap().contains(&other));
    let place = format!("log of segment {hidden} of session {other}");
    let findings = check(&store);
    assert!(
        findings.iter().any(|it| it.place == place && it.cause.contains("do not find it")),
        "{findings:?}"
    );
    repair(&store);
    assert_eq!(check(&store), []);
    assert_eq!(store.read_all(other, hidden).unwrap(), [entry(1)]);
}

#[test]
fn segments_that_are_listed_and_not_stored_are_found_and_repaired() {
    let (_folder, path, store) = fresh();
    let ((session, segment), (lost_session, lost)) = (ids(), ids());
    store.append(session, segment, &entry(0)).unwrap();
    store.create_segment(lost_session, lost, &[]).unwrap();
    drop(store);
    tamper_without_indexes(&path, "DELETE FROM log WHERE entries = 0");
    let store = SqliteStore::open(&path).unwrap();
    let findings = check(&store);
    let place = format!("log of segment {lost} of session {lost_session}");
    assert!(
        findings.iter().any(|it| it.place == place && it.cause.contains("not stored")),
        "{findings:?}"
    );
    repair(&store);
    assert_eq!(check(&store), []);
    assert_eq!(store.list_sessions().unwrap(), [session]);
    assert_eq!(store.read_all(session, segment).unwrap(), [entry(0)]);
}

#[test]
fn a_repair_reports_rows_with_the_same_ids_and_keeps_them() {
    let (_folder, path, store) = fresh();
    let (session, segment) = ids();
    store.append(session, segment, &entry(0)).unwrap();
    drop(store);
    let sql = "INSERT INTO log SELECT 7, session_id, segment_id, trace, 0, epoch, 0, 0, 0, epoch
        FROM log";
    tamper_without_indexes(&path, sql);
    let store = SqliteStore::open(&path).unwrap();
    let repaired = repair(&store);
    let is_reported = |finding: &Finding| {
        finding.severity == Severity::Fault && finding.cause.contains("two rows have the same ids")
    };
    assert!(repaired.iter().any(is_reported), "{repaired:?}");
    assert_eq!(store.read_all(session, segment).unwrap(), [entry(0)]);
}

#[test]
fn rows_that_no_call_returns_are_found() {
    let (_folder, path, store) = fresh();
    let (session, segment) = ids();
    store.append(session, segment, &entry(0)).unwrap();
    let row = "INSERT INTO log SELECT 9, session_id, x'00', 0, 3, epoch, 0, 0, 3, epoch FROM log";
    tamper(&path, row);
    assert_one_fault(&store, "row 9 of the table log", "its 3 entries are ignored");
    tamper(&path, "DELETE FROM log WHERE number = 9; INSERT INTO pod VALUES ('../c', '{}')");
    assert_one_fault(&store, "table pod", "../c is not the name of a pod");
}

#[test]
fn triggers_and_traces_without_a_log_are_notes() {
    let (_folder, path, store) = fresh();
    let (session, segment) = ids();
    store.append_trace(session, segment, &TraceEntry::from_json("{}").unwrap()).unwrap();
    tamper(&path, "CREATE TRIGGER t AFTER INSERT ON entry BEGIN DELETE FROM entry; END");
    let findings = check(&store);
    let [trigger, trace] = &findings[..] else { panic!("{findings:?}") };
    assert_eq!((trigger.severity, trace.severity), (Severity::Note, Severity::Note));
    assert!(trigger.cause.contains("the trigger t on entry has no effect"), "{trigger}");
    assert_eq!(trace.place, format!("trace of segment {segment} of session {session}"));
}

#[test]
fn a_wrong_size_is_found_and_measured() {
    let (_folder, path, store) = fresh();
    let (session, segment) = ids();
    store.append_all(session, segment, &entries(0..3)).unwrap();
    tamper(&path, "UPDATE log SET bytes = 7");
    let place = format!("log of segment {segment} of session {session}");
    assert_one_fault(&store, &place, "its stored size is 7 bytes, and its entries have 24");
    assert_eq!(repair(&store).len(), 1);
    let info = store.segment_info(session, segment).unwrap().unwrap();
    assert_eq!(info.bytes, Some(24));
    assert!(info.modified.is_some());
    assert_eq!(check(&store), []);
}

#[test]
fn a_repair_measures_logs_of_unknown_size() {
    let (_folder, path, store) = fresh();
    let (session, segment) = ids();
    let log = store.segment(session, segment);
    log.append_all(&entries(0..3)).unwrap();
    tamper(&path, "UPDATE log SET epoch = randomblob(16)");
    assert_eq!(log.info().unwrap().unwrap().bytes, None);
    let findings = check(&store);
    let [note] = &findings[..] else { panic!("{findings:?}") };
    assert_eq!(note.severity, Severity::Note);
    assert!(note.cause.contains("logs of unknown size: 1"), "{note}");
    assert_eq!(repair(&store).len(), 1);
    let info = log.info().unwrap().unwrap();
    assert_eq!((info.bytes, info.modified), (Some(24), None));
    assert_eq!(check(&store), []);
}

/// Each case has a statement that damages a log of 5 entries. The other arguments are the entries
/// that remain, and the texts that a repair moves out of the log.
#[rstest]
#[case::no_object("UPDATE entry SET text = 'x' WHERE id - 4294967296 = 1", &[0, 2, 3, 4], &["x"])]
#[case::half("UPDATE entry SET text = '{\"n\":' WHERE id - 4294967296 = 0", &[1, 2, 3, 4], &["{\"n\":"])]
#[case::glued("UPDATE entry SET text = '{}{}' WHERE id - 4294967296 = 4", &[0, 1, 2, 3], &["{}{}"])]
#[case::several("UPDATE entry SET text = '[]' WHERE id - 4294967296 IN (1, 2)", &[0, 3, 4], &["[]", "[]"])]
#[case::invalid_utf8(
    "UPDATE entry SET text = CAST(x'7bff7d' AS TEXT) WHERE id - 4294967296 = 2",
    &[0, 1, 3, 4],
    &["{\u{fffd}}"]
)]
#[case::missing("DELETE FROM entry WHERE id - 4294967296 = 2", &[0, 1, 3, 4], &[])]
#[case::after_the_end("INSERT INTO entry VALUES (1 << 32 | 7, '{}')", &[0, 1, 2, 3, 4], &["{}"])]
#[case::all("UPDATE entry SET text = '' WHERE id >> 32 = 1", &[], &["", "", "", "", ""])]
fn a_repair_moves_damaged_rows_out_of_a_log(
    #[case] damage: &str,
    #[case] kept: &[usize],
    #[case] moved: &[&str],
) {
    let (_folder, path, store) = fresh();
    let (session, segment) = ids();
    let log = store.segment(session, segment);
    log.append_all(&entries(0..5)).unwrap();
    let (other_session, other) = ids();
    store.append_all(other_session, other, &entries(0..2)).unwrap();
    let before = log.head().unwrap();
    tamper(&path, damage);

    let place = format!("log of segment {segment} of session {session}");
    assert!(repair(&store).iter().any(|it| it.place == place && it.severity == Severity::Note));
    let expected: Vec<_> = kept.iter().map(|&n| entry(n)).collect();
    assert_eq!(log.read_all().unwrap(), expected);
    assert_eq!(store.read_all(other_session, other).unwrap(), entries(0..2));
    assert_eq!(quarantined(&path), moved);
    let notes = check(&store);
    assert_eq!(notes.len(), usize::from(!moved.is_empty()), "{notes:?}");
    assert!(notes.iter().all(|it| it.place == place && it.severity == Severity::Note));
    assert_eq!(repair(&store), [], "a second repair changes nothing");

    let conflict = store.append_if(session, segment, before, &[entry(9)]).unwrap_err();
    assert!(conflict.is_conflict(), "{conflict}");
    log.append(&entry(9)).unwrap();
    assert_eq!(log.read_all().unwrap(), [expected, vec![entry(9)]].concat());
    log.delete().unwrap();
    assert_eq!(quarantined(&path), [""; 0]);
    assert_eq!(check(&store), []);
}

/// Returns the quarantined texts, in their order.
fn quarantined(path: &Path) -> Vec<String> {
    let connection = Connection::open(path).unwrap();
    let Ok(mut select) = connection.prepare("SELECT text FROM quarantined_entry ORDER BY position")
    else {
        return Vec::new();
    };
    let text = |row: &rusqlite::Row<'_>| {
        Ok(String::from_utf8_lossy(row.get_ref(0)?.as_bytes().unwrap()).into_owned())
    };
    select.query_map((), text).unwrap().collect::<Result<_, _>>().unwrap()
}

#[test]
fn a_repair_moves_damaged_rows_out_of_a_trace_and_keeps_the_head_of_the_log() {
    let (_folder, path, store) = fresh();
    let (session, segment) = ids();
    store.append(session, segment, &entry(0)).unwrap();
    let trace = TraceEntry::from_json("{}").unwrap();
    store.append_trace(session, segment, &trace).unwrap();
    store.append_trace(session, segment, &trace).unwrap();
    tamper(&path, "UPDATE entry SET text = 'x' WHERE id = 2 << 32");
    let head = store.head(session, segment).unwrap();
    assert_eq!(repair(&store).len(), 1);
    assert_eq!(store.read_trace_page(session, segment, 0, 9).unwrap().entries, [trace]);
    assert_eq!(store.head(session, segment).unwrap(), head);
}
