//! Tests of write-ahead logs that do not fit their database: a log is older or newer than the
//! database, or belongs to another database. Also tests of the log that a crash leaves. In this
//! file, "log" is such a write-ahead log.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rusqlite::Connection;
use session_store_core::{LogEntry, SegmentId, SessionId, Severity, Store, StoreError};
use session_store_sqlite::{SqliteOptions, SqliteStore};
use tempfile::TempDir;
use test_deadlines::RaiseAtEnd;

use crate::{entries, entry, fresh, ids};

fn wal_of(path: &Path) -> PathBuf {
    format!("{}-wal", path.display()).into()
}

/// Returns the contents of the database and of its write-ahead log.
fn bytes(path: &Path) -> [Option<Vec<u8>>; 2] {
    [fs::read(path).ok(), fs::read(wal_of(path)).ok()]
}

/// Copies a database that is in use, as a crash of its process leaves it.
fn crashed(path: &Path) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("sessions.db");
    fs::copy(wal_of(path), wal_of(&copy)).unwrap();
    Connection::open(path).unwrap().execute_batch("PRAGMA wal_checkpoint(NOOP)").unwrap();
    // Another process copies the database. If this process copied it, closing the file would drop
    // SQLite's locks (POSIX).
    std::process::Command::new("cp").args([path, &copy]).status().unwrap();
    (folder, copy)
}

/// Asserts that opening a store at `path` fails, with and without the option to create it, and that
/// the files do not change.
#[track_caller]
fn assert_refused(path: &Path, cause: &str) {
    let before = bytes(path);
    for create in [false, true] {
        let error = SqliteOptions::new().create(create).open(path).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, StoreError::Backend(_)), "{error:?}");
        assert!(text.contains("sessions.db-wal does not belong to the database"), "{text}");
        assert!(text.contains(cause), "{text}");
        assert_eq!(bytes(path), before);
    }
}

fn large(letter: &str) -> LogEntry {
    LogEntry::from_json(format!(r#"{{"x":"{}"}}"#, letter.repeat(3000))).unwrap()
}

#[test]
fn a_handle_that_only_reads_leaves_the_log_of_a_crash_as_it_is() {
    let (_folder, path, store) = fresh();
    let (session, segment) = ids();
    store.append_all(session, segment, &entries(0..3)).unwrap();
    let (_other_folder, path) = crashed(&path);
    let before = bytes(&path);
    for _ in 0..2 {
        let store = SqliteStore::open(&path).unwrap();
        assert_eq!(store.read_all(session, segment).unwrap(), entries(0..3));
        store.maintenance().unwrap().check(&mut |finding| panic!("{finding}")).unwrap();
        drop(store);
        assert_eq!(bytes(&path), before);
    }

    let reader = SqliteStore::open(&path).unwrap();
    SqliteStore::open(&path).unwrap().append(session, segment, &entry(3)).unwrap();
    drop(reader);
    assert!(!wal_of(&path).exists(), "the log remains although a handle has written to it");
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.read_all(session, segment).unwrap(), entries(0..4));
}

#[test]
fn a_log_with_pages_of_another_size_is_refused() {
    let (_folder, path, store) = fresh();
    drop(store);
    let folder = tempfile::tempdir().unwrap();
    let other = Connection::open(folder.path().join("other.db")).unwrap();
    let sql = "PRAGMA page_size = 1024; PRAGMA journal_mode = wal; CREATE TABLE t (x)";
    other.execute_batch(sql).unwrap();
    fs::copy(folder.path().join("other.db-wal"), wal_of(&path)).unwrap();
    assert_refused(&path, "its pages have 1024 bytes and not 4096");
}

#[test]
fn the_log_of_another_program_is_refused() {
    let (_folder, path, store) = fresh();
    drop(store);
    let folder = tempfile::tempdir().unwrap();
    let other = Connection::open(folder.path().join("other.db")).unwrap();
    let sql = "PRAGMA journal_mode = wal; PRAGMA application_id = 7; CREATE TABLE t (x)";
    other.execute_batch(sql).unwrap();
    fs::copy(folder.path().join("other.db-wal"), wal_of(&path)).unwrap();
    assert_refused(&path, "with it, the file is a database of another program");
}

#[test]
fn the_log_of_a_larger_database_is_refused() {
    let (_folder, path, store) = fresh();
    let (session, segment) = ids();
    store.append(session, segment, &entry(0)).unwrap();
    drop(store);
    let older = fs::read(&path).unwrap();
    let store = SqliteStore::open(&path).unwrap();
    store.append_all(session, segment, &vec![large("y"); 20]).unwrap();
    drop(store);
    let store = SqliteStore::open(&path).unwrap();
    for (last, cause) in
        [(entry(1), "it is for 26 pages and the database has 6"), (large("z"), "is in neither")]
    {
        store.append(session, segment, &last).unwrap();
        let (_other_folder, copy) = crashed(&path);
        fs::write(&copy, &older).unwrap();
        assert_refused(&copy, cause);
    }
}

#[test]
fn a_log_that_is_older_than_the_format_of_the_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.db");
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/format-1.sql");
    let older = Connection::open(&path).unwrap();
    older.execute_batch(&fs::read_to_string(fixture).unwrap()).unwrap();
    older.execute_batch("PRAGMA journal_mode = wal; CREATE TABLE t (x)").unwrap();
    let wal = fs::read(wal_of(&path)).unwrap();
    drop(older);
    let (_folder, path, store) = fresh();
    drop(store);
    fs::write(wal_of(&path), wal).unwrap();
    assert_refused(&path, "");
}

#[test]
fn a_log_that_grows_while_a_store_is_opened_is_not_refused() {
    let (_folder, path, store) = fresh();
    let (session, segment) = ids();
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let _end = RaiseAtEnd(&is_done);
            for _ in 0..200 {
                SqliteStore::open(&path).unwrap();
            }
        });
        while !is_done.load(Ordering::Relaxed) {
            store.append(session, segment, &large("y")).unwrap();
        }
    });
}

#[test]
fn a_log_without_a_database_is_refused_and_stays() {
    let (_folder, path, store) = fresh();
    let (session, segment) = ids();
    store.append(session, segment, &entry(0)).unwrap();
    let (_other_folder, copy) = crashed(&path);
    fs::write(&copy, "").unwrap();
    assert_refused(&copy, "the database is empty");
    fs::remove_file(&copy).unwrap();
    let before = bytes(&copy);
    SqliteStore::open_or_create(&copy).unwrap_err();
    assert_eq!(bytes(&copy), before);
}

/// Returns an older copy of a database, with the log of the newer database beside it.
fn older_copy_with_newer_log() -> (TempDir, PathBuf, SessionId, SegmentId) {
    let (_folder, path, store) = fresh();
    let (older, newer) = (ids(), ids());
    store.append_all(older.0, older.1, &entries(0..3)).unwrap();
    drop(store);
    let backup = fs::read(&path).unwrap();
    let store = SqliteStore::open(&path).unwrap();
    store.append_all(newer.0, newer.1, &vec![entry(7); 6]).unwrap();
    drop(store);
    let store = SqliteStore::open(&path).unwrap();
    store.append(newer.0, newer.1, &entry(8)).unwrap();
    let (folder, copy) = crashed(&path);
    fs::write(&copy, backup).unwrap();
    (folder, copy, newer.0, newer.1)
}

#[test]
fn a_check_finds_what_an_undetected_stale_log_has_changed() {
    let (_folder, path, ..) = older_copy_with_newer_log();
    let before = bytes(&path);
    let store = SqliteStore::open(&path).unwrap();
    let mut faults = 0;
    let count = &mut |finding: session_store_core::Finding| {
        faults += usize::from(finding.severity == Severity::Fault);
    };
    store.maintenance().unwrap().check(count).unwrap();
    drop(store);
    assert!(faults > 0);
    assert_eq!(bytes(&path), before);
}
