//! Tests of exclusive handles: which other handles they exclude, and what a killed process leaves
//! ([S11](session_store_core::contract#s11)).

use std::fs;
use std::io::{self, BufRead, BufReader, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rstest::rstest;
use rusqlite::Connection;
use session_store_core::{Capability, Durability, Maintenance, Store, StoreError};
use session_store_sqlite::{SqliteOptions, SqliteStore};
use test_deadlines::{Process, child_job, child_test};

use crate::{entries, entry, fresh, ids};

fn open(path: &Path) -> Result<SqliteStore, StoreError> {
    SqliteOptions::new().create(true).exclusive(true).open(path)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    format!("{}{ending}", path.display()).into()
}

/// Checks that opening a handle was refused at once, because of the exclusive handle of a process.
#[track_caller]
fn assert_refused(path: &Path, result: Result<SqliteStore, StoreError>, process: u32) {
    assert_busy(path, result, &format!("exclusively (process {process}, "));
}

#[track_caller]
fn assert_busy(path: &Path, result: Result<SqliteStore, StoreError>, cause: &str) {
    let error = result.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    let text = error.to_string();
    let parts = [path.to_str().unwrap(), cause, "close"];
    assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    let StoreError::Io(error) = error else { panic!("{error:?}") };
    assert_eq!(error.kind(), ErrorKind::ResourceBusy);
}

#[rstest]
fn every_other_handle_is_refused(
    #[values(Durability::Process, Durability::Power)] durability: Durability,
) {
    let (_folder, path, store) = fresh();
    let (session, segment) = ids();
    store.append(session, segment, &entry(0)).unwrap();
    assert!(store.capabilities().has(Capability::MultiProcess));
    drop(store);
    let this = std::process::id();
    let owner = SqliteOptions::new().exclusive(true).durability(durability).open(&path).unwrap();
    assert!(!owner.capabilities().has(Capability::MultiProcess));
    for n in 1..3 {
        assert_refused(&path, SqliteStore::open(&path), this);
        assert_refused(&path, open(&path), this);
        owner.append(session, segment, &entry(n)).unwrap();
        assert_eq!(owner.read_all(session, segment).unwrap(), entries(0..n + 1));
    }
    owner.sync().unwrap();
    owner.check(&mut |finding| panic!("{finding}")).unwrap();
    owner.repair(&mut |finding| panic!("{finding}")).unwrap();
    assert!(!beside(&path, "-shm").exists());

    let clone = owner.clone();
    drop(owner);
    assert_refused(&path, SqliteStore::open(&path), this);
    drop(clone);
    assert!(!beside(&path, "-wal").exists());
    let store = SqliteStore::open(&path).unwrap();
    store.append(session, segment, &entry(3)).unwrap();
    assert_eq!(store.read_all(session, segment).unwrap(), entries(0..4));
}

#[test]
fn an_open_handle_refuses_an_exclusive_one() {
    let (_folder, path, store) = fresh();
    for _ in 0..2 {
        assert_busy(&path, open(&path), "another handle is still open");
        store.append(ids().0, ids().1, &entry(0)).unwrap();
    }
    let reader = SqliteStore::open(&path).unwrap();
    drop(store);
    assert_busy(&path, open(&path), "another handle is still open");
    drop(reader);
    let owner = open(&path).unwrap();
    assert_eq!(owner.list_sessions().unwrap().len(), 2);
}

/// Older versions of this crate and other programs do not know the lock file.
#[test]
fn programs_that_do_not_know_the_lock_file_are_excluded_by_sqlite() {
    let (_folder, path, store) = fresh();
    drop(store);
    let other = Connection::open(&path).unwrap();
    let count = || other.query_row("SELECT count(*) FROM log", (), |row| row.get::<_, i64>(0));
    assert_eq!(count().unwrap(), 0);
    assert_busy(&path, open(&path), "another handle is still open");
    drop(other);
    let owner = open(&path).unwrap();
    owner.append(ids().0, ids().1, &entry(0)).unwrap();
    let other = Connection::open(&path).unwrap();
    other.busy_timeout(std::time::Duration::ZERO).unwrap();
    let count = || other.query_row("SELECT count(*) FROM log", (), |row| row.get::<_, i64>(0));
    assert_eq!(count().unwrap_err().sqlite_error_code(), Some(rusqlite::ErrorCode::DatabaseBusy));
    drop(owner);
    assert_eq!(count().unwrap(), 1);
}

/// A handle of each mode opens the database that a killed process has left. A killed shared handle
/// leaves its `-shm` file. An exclusive handle then writes without this file, so that the next
/// shared handle must not use its old content.
#[rstest]
fn a_killed_process_leaves_no_lock_and_all_its_changes(
    #[values(false, true)] was_exclusive: bool,
    #[values(false, true)] is_exclusive: bool,
) {
    let (_folder, path, store) = fresh();
    drop(store);
    let (session, segment) = ids();
    let options = SqliteOptions::new().exclusive(is_exclusive);
    for round in 0..3 {
        let job = format!("{} {session} {segment} {was_exclusive} {round}", path.display());
        let mut command = child_test("exclusive::child_that_keeps_a_handle", job);
        let mut child = Process::start(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().ends_with("appended")));
        if was_exclusive {
            assert_refused(&path, SqliteStore::open(&path), child.id());
            assert_refused(&path, open(&path), child.id());
        } else {
            assert_busy(&path, open(&path), "another handle is still open");
        }
        child.kill();
        assert!(beside(&path, "-wal").metadata().unwrap().len() > 0);
        let last = 21 * (round + 1) - 1;
        let store = options.open(&path).unwrap();
        assert_eq!(store.read_all(session, segment).unwrap(), entries(0..last));
        store.append(session, segment, &entry(last)).unwrap();
        store.check(&mut |finding| panic!("{finding}")).unwrap();
    }
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.read_all(session, segment).unwrap(), entries(0..63));
}

#[test]
#[ignore = "run by a_killed_process_leaves_no_lock_and_all_its_changes"]
fn child_that_keeps_a_handle() {
    let job = child_job();
    let [path, session, segment, is_exclusive, round] =
        job.split(' ').collect::<Vec<_>>().try_into().unwrap();
    let (session, segment) = (session.parse().unwrap(), segment.parse().unwrap());
    let first = 21 * round.parse::<usize>().unwrap();
    let options = SqliteOptions::new().exclusive(is_exclusive.parse().unwrap());
    let store = options.open(path).unwrap();
    for entry in entries(first..first + 20) {
        store.append(session, segment, &entry).unwrap();
    }
    println!("appended");
    io::stdin().read_line(&mut String::new()).unwrap();
}

#[test]
fn an_exclusive_open_without_create_creates_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mistyped.db");
    let error = SqliteOptions::new().exclusive(true).open(path).unwrap_err();
    assert!(matches!(error, StoreError::NoStore { .. }), "{error:?}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_removed_write_ahead_log_is_noticed_and_a_removed_lock_file_is_harmless() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.db");
    let (session, segment) = ids();
    let owner = open(&path).unwrap();
    fs::remove_file(beside(&path, "-lock")).unwrap();
    owner.append_all(session, segment, &entries(0..3)).unwrap();
    assert_busy(&path, open(&path), "another handle is still open");

    fs::remove_file(beside(&path, "-wal")).unwrap();
    for refused in
        [owner.append(session, segment, &entry(9)), owner.read_all(session, segment).map(drop)]
    {
        let error = refused.unwrap_err();
        assert!(error.to_string().contains("was removed or replaced while"), "{error}");
    }
    drop(owner);
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.read_all(session, segment).unwrap(), entries(0..3));
}

#[test]
fn a_file_of_another_program_with_the_name_of_the_lock_is_not_changed() {
    let (_folder, path, store) = fresh();
    drop(store);
    let lock = beside(&path, "-lock");
    fs::write(&lock, "of another program").unwrap();
    let owner = open(&path).unwrap();
    assert_busy(&path, SqliteStore::open(&path), "exclusively; close");
    drop(owner);
    assert_eq!(fs::read(&lock).unwrap(), b"of another program");
}

#[cfg(unix)]
#[test]
fn a_link_with_the_name_of_the_lock_is_not_followed() {
    let (folder, path, store) = fresh();
    let target = folder.path().join("target");
    std::os::unix::fs::symlink(&target, beside(&path, "-lock")).unwrap();
    SqliteStore::open(&path).unwrap();
    drop(store);
    let error = open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Io(_)), "{error:?}");
    assert!(!target.exists());
}
