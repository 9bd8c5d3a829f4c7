//! Tests of opening a store. Some tests look at the created files. In others, threads open the same
//! store at the same time.

use std::fs;
use std::io;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use rstest::rstest;
use rusqlite::Connection;
use session_store_core::{Pod, PodName, PodStore, Store, StoreError};
use session_store_sqlite::{SqliteOptions, SqliteStore, is_sqlite_file};

use crate::{entry, fresh, ids};

#[test]
fn a_mistyped_path_is_an_error_and_creates_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let error = SqliteStore::open(folder.path().join("sesions.db")).unwrap_err();
    assert!(matches!(error, StoreError::NoStore { .. }), "{error:?}");
    assert!(error.to_string().contains("sesions.db"), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);

    let error = SqliteStore::open_or_create(folder.path().join("no/folder.db")).unwrap_err();
    assert!(matches!(&error, StoreError::Io(io) if io.kind() == io::ErrorKind::NotFound));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_reopened_store_has_all_its_data() {
    let (_folder, path, store) = fresh();
    let (session, segment) = ids();
    store.append(session, segment, &entry(0)).unwrap();
    let head = store.head(session, segment).unwrap();
    drop(store);

    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.head(session, segment).unwrap(), head);
    store.append(session, segment, &entry(1)).unwrap();
    assert_eq!(store.read_all(session, segment).unwrap(), [entry(0), entry(1)]);
    assert_eq!(SqliteStore::open_or_create(&path).unwrap().list_sessions().unwrap(), [session]);
}

#[rstest]
#[case::uri("file:a.db?mode=memory")]
#[case::memory(":memory:")]
#[case::spaces("a b%20c?d#e.db")]
fn a_file_name_has_no_special_meaning(#[case] name: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    SqliteStore::open_or_create(&path).unwrap();
    assert!(is_sqlite_file(&path).unwrap());
    let made = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().path());
    assert_eq!(made.collect::<Vec<_>>(), [path]);
}

#[rstest]
#[case::no_bytes(None)]
#[case::no_tables(Some("PRAGMA journal_mode = wal"))]
#[case::tables_were_dropped(Some("CREATE TABLE t (x); DROP TABLE t"))]
#[case::other_encoding(Some("PRAGMA encoding = 'UTF-16'; CREATE TABLE t (x); DROP TABLE t"))]
fn an_empty_database_is_adopted_with_the_option_create(#[case] made_by: Option<&str>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("empty.db");
    match made_by {
        Some(sql) => Connection::open(&path).unwrap().execute_batch(sql).unwrap(),
        None => fs::write(&path, "").unwrap(),
    }
    let before = fs::read(&path).unwrap();
    let error = SqliteStore::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::NoStore { .. }), "{error:?}");
    assert_eq!(fs::read(&path).unwrap(), before);

    let (session, segment) = ids();
    let store = SqliteStore::open_or_create(&path).unwrap();
    store.append(session, segment, &entry(0)).unwrap();
    let names = ["a", "\u{ff5e}", "\u{1f600}"].map(|name| name.parse::<PodName>().unwrap());
    for name in names.iter().rev() {
        store.put_pod(name, &Pod::new(session, None)).unwrap();
    }
    assert_eq!(store.list_pods().unwrap(), names, "sorted by UTF-8 bytes in every encoding");

    let crashed = folder.path().join("crashed.db");
    fs::copy(&path, &crashed).unwrap();
    fs::copy(folder.path().join("empty.db-wal"), folder.path().join("crashed.db-wal")).unwrap();
    for path in [&path, &crashed] {
        let second = SqliteStore::open(path).unwrap();
        assert_eq!(second.read_all(session, segment).unwrap(), [entry(0)]);
        SqliteStore::open_or_create(path).unwrap();
    }
    drop(store);
    assert_eq!(SqliteStore::open(&path).unwrap().read_all(session, segment).unwrap(), [entry(0)]);
    assert!(!folder.path().join("empty.db-wal").exists(), "the last connection removes the WAL");
}

#[cfg(unix)]
#[test]
fn all_files_are_private_to_their_owner() {
    use std::os::unix::fs::PermissionsExt;

    let (folder, _, store) = fresh();
    let (session, segment) = ids();
    store.append(session, segment, &entry(0)).unwrap();
    let modes = fs::read_dir(folder.path()).unwrap().map(|file| {
        let file = file.unwrap();
        (file.file_name(), file.metadata().unwrap().permissions().mode() & 0o777)
    });
    let modes: Vec<_> = modes.collect();
    assert_eq!(
        modes.len(),
        3,
        "the database, its write-ahead log and the index of that: {modes:?}"
    );
    assert!(modes.iter().all(|(_, mode)| *mode == 0o600), "{modes:?}");
}

#[test]
fn a_store_is_in_wal_mode_and_passes_the_integrity_check() {
    let (_folder, path, store) = fresh();
    let (session, segment) = ids();
    store.append(session, segment, &entry(0)).unwrap();
    let connection = Connection::open(&path).unwrap();
    let query = |sql: &str| connection.query_row(sql, (), |row| row.get::<_, String>(0)).unwrap();
    assert_eq!(query("PRAGMA journal_mode"), "wal");
    assert_eq!(query("PRAGMA integrity_check"), "ok");
}

#[test]
fn the_switch_to_wal_mode_waits_for_readers() {
    let (_folder, path, store) = fresh();
    drop(store);
    let reader = Connection::open(&path).unwrap();
    reader.execute_batch("PRAGMA journal_mode = delete; BEGIN; SELECT * FROM pod").unwrap();
    let error = SqliteOptions::new().busy_timeout(Duration::ZERO).open(&path).unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    thread::scope(|scope| {
        let waiting = scope.spawn(|| SqliteStore::open(&path).map(drop));
        for _ in 0..100 {
            assert!(is_sqlite_file(&path).unwrap());
        }
        assert!(!waiting.is_finished());
        reader.execute_batch("COMMIT").unwrap();
        waiting.join().unwrap().unwrap();
    });
}

#[test]
fn threads_that_create_the_same_store_at_the_same_moment_all_succeed() {
    const OPENERS: usize = 6;
    let folder = tempfile::tempdir().unwrap();
    let (session, segment) = ids();
    for round in 0..100 {
        let path = folder.path().join(format!("{round}.db"));
        let together = Barrier::new(OPENERS);
        thread::scope(|scope| {
            for n in 0..OPENERS {
                let (path, together) = (&path, &together);
                scope.spawn(move || {
                    together.wait();
                    let store = SqliteStore::open_or_create(path).unwrap();
                    store.append(session, segment, &entry(n)).unwrap();
                });
            }
        });
        let store = SqliteStore::open(&path).unwrap();
        assert_eq!(store.read_entry_count(session, segment).unwrap(), OPENERS, "round {round}");
    }
}

#[test]
fn only_a_database_counts_as_a_sqlite_file() {
    let (folder, path, _store) = fresh();
    assert!(is_sqlite_file(&path).unwrap());
    assert!(!is_sqlite_file(folder.path()).unwrap());
    for (name, content) in
        [("empty", ""), ("byte", "x"), ("short", "{}"), ("log", &r#"{"n":1}"#.repeat(1000))]
    {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        assert!(!is_sqlite_file(&path).unwrap(), "{name}");
    }
    let error = is_sqlite_file(&folder.path().join("nothing")).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}
