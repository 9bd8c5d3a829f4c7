//! Tests of files that are not stores, and of stores of a newer format. Opening such a file fails
//! and does not change the file.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

use rstest::rstest;
use rusqlite::Connection;
use session_store_core::StoreError;
use session_store_sqlite::{SqliteOptions, SqliteStore};

use crate::fresh;

/// Returns every file in the folder with its content, except the `-shm` files. Those are shared
/// memory, which every connection changes.
fn content(folder: &Path) -> BTreeMap<OsString, Vec<u8>> {
    let files = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let files = files.filter(|file| !file.path().to_string_lossy().ends_with("-shm"));
    files.map(|file| (file.file_name(), fs::read(file.path()).unwrap())).collect()
}

#[track_caller]
fn assert_refused(path: &Path, create: bool) {
    let before = content(path.parent().unwrap());
    let error = SqliteOptions::new().create(create).open(path).unwrap_err();
    assert!(matches!(error, StoreError::NotAStore { .. }), "{error:?}");
    assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    assert_eq!(content(path.parent().unwrap()), before);
}

#[rstest]
fn a_file_that_is_not_a_database(
    #[values("x", "{\"n\":1}\n", "SQLite format 3\0 and then nothing")] content: &str,
    #[values(1, 5000)] times: usize,
    #[values(false, true)] create: bool,
) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("no.db");
    fs::write(&path, content.repeat(times)).unwrap();
    assert_refused(&path, create);
}

#[rstest]
fn another_programs_database(
    #[values(
        "CREATE TABLE log (number); INSERT INTO log VALUES (1)",
        "PRAGMA application_id = 1",
        "PRAGMA user_version = 1",
        "PRAGMA journal_mode = wal; CREATE TABLE t (x)"
    )]
    made_by: &str,
    #[values(false, true)] create: bool,
) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("foreign.db");
    Connection::open(&path).unwrap().execute_batch(made_by).unwrap();
    assert_refused(&path, create);
}

#[rstest]
fn another_programs_database_in_use(#[values(false, true)] create: bool) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("foreign.db");
    let other = Connection::open(&path).unwrap();
    other.execute_batch("PRAGMA journal_mode = wal; CREATE TABLE t (x)").unwrap();
    assert_refused(&path, create);
}

#[rstest]
fn another_programs_database_after_a_crash(#[values(false, true)] create: bool) {
    let folder = tempfile::tempdir().unwrap();
    let alive = folder.path().join("alive.db");
    let other = Connection::open(&alive).unwrap();
    other.execute_batch("PRAGMA journal_mode = wal; CREATE TABLE t (x)").unwrap();
    // Only the write-ahead log has the table. Opening the copy the usual way would checkpoint it.
    let crashed = folder.path().join("crashed");
    fs::create_dir(&crashed).unwrap();
    for suffix in ["", "-wal"] {
        let name = |database: &str| format!("{database}.db{suffix}");
        fs::copy(folder.path().join(name("alive")), crashed.join(name("dead"))).unwrap();
    }
    assert_refused(&crashed.join("dead.db"), create);
}

#[rstest]
fn a_newer_format(#[values(false, true)] create: bool, #[values(false, true)] in_use: bool) {
    let (folder, path, store) = fresh();
    let newer = Connection::open(&path).unwrap();
    newer.execute_batch("PRAGMA user_version = 7").unwrap();
    let newer = in_use.then_some(newer);
    drop(store);
    let before = content(folder.path());
    let error = SqliteOptions::new().create(create).open(&path).unwrap_err();
    assert!(matches!(error, StoreError::NewerFormat { found: 7, supported: 2, .. }), "{error:?}");
    assert_eq!(content(folder.path()), before);
    drop(newer);
}

#[test]
fn a_folder() {
    let folder = tempfile::tempdir().unwrap();
    for opened in [SqliteStore::open(folder.path()), SqliteStore::open_or_create(folder.path())] {
        assert!(matches!(opened, Err(StoreError::NotAStore { .. })), "{opened:?}");
    }
}
