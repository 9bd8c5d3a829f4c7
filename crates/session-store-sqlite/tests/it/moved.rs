//! Tests of a database file, or a file beside it, that is moved, removed or replaced while a handle
//! is open. The handle must not acknowledge a change that a new handle on the same path would not
//! find.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use rstest::rstest;
use session_store_core::{SegmentId, SessionId, Store, StoreError};
use session_store_sqlite::SqliteStore;
use test_deadlines::{Process, child_job, child_test};

use crate::{entries, entry, fresh, ids};

#[test]
fn a_handle_fails_while_its_file_is_moved_and_works_once_it_is_back() {
    let (folder, path, store) = fresh();
    let (session, segment) = ids();
    store.append(session, segment, &entry(0)).unwrap();
    let elsewhere = folder.path().join("elsewhere.db");
    fs::rename(&path, &elsewhere).unwrap();
    for refused in [
        store.append(session, segment, &entry(1)),
        store.read_all(session, segment).map(drop),
        store.sync(),
    ] {
        let error = refused.unwrap_err();
        assert!(
            matches!(&error, StoreError::Io(io) if io.kind() == io::ErrorKind::NotFound),
            "{error:?}"
        );
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
    fs::rename(&elsewhere, &path).unwrap();
    store.append(session, segment, &entry(1)).unwrap();
    assert_eq!(store.read_all(session, segment).unwrap(), entries(0..2));
}

#[test]
fn a_handle_whose_file_was_replaced_by_another_database_fails() {
    let (folder, path, store) = fresh();
    let (session, segment) = ids();
    store.append(session, segment, &entry(0)).unwrap();
    for file in fs::read_dir(folder.path()).unwrap() {
        fs::remove_file(file.unwrap().path()).unwrap();
    }
    let new = SqliteStore::open_or_create(&path).unwrap();
    new.append(session, segment, &entry(7)).unwrap();
    for refused in
        [store.append(session, segment, &entry(1)), store.read_all(session, segment).map(drop)]
    {
        let error = refused.unwrap_err();
        assert!(matches!(error, StoreError::Io(_)), "{error:?}");
    }
    drop(store);
    assert_eq!(new.read_all(session, segment).unwrap(), [entry(7)]);
}

#[cfg(unix)]
#[test]
fn a_database_with_several_names_is_read_and_not_changed() {
    let (folder, path, store) = fresh();
    let (session, segment) = ids();
    store.append(session, segment, &entry(0)).unwrap();
    drop(store);
    let copy = folder.path().join("copy.db");
    fs::hard_link(&path, &copy).unwrap();
    for name in [&path, &copy] {
        let store = SqliteStore::open(name).unwrap();
        let error = store.append(session, segment, &entry(1)).unwrap_err();
        assert!(matches!(error, StoreError::Io(_)), "{error:?}");
        assert!(error.to_string().contains("several names (hard links)"), "{error}");
        assert_eq!(store.read_all(session, segment).unwrap(), [entry(0)]);
    }
    let store = SqliteStore::open(&copy).unwrap();
    fs::remove_file(&path).unwrap();
    store.append(session, segment, &entry(1)).unwrap();
    assert_eq!(store.read_all(session, segment).unwrap(), entries(0..2));
}

fn sidecars(path: &Path, endings: &[&str]) -> Vec<PathBuf> {
    endings.iter().map(|ending| format!("{}{ending}", path.display()).into()).collect()
}

/// Asserts that the handle refuses a change, a read and a sync.
#[track_caller]
fn assert_refuses(store: &SqliteStore, session: SessionId, segment: SegmentId) {
    for refused in [
        store.append(session, segment, &entry(9)),
        store.read_all(session, segment).map(drop),
        store.sync(),
    ] {
        let error = refused.unwrap_err();
        assert!(matches!(error, StoreError::Io(_)), "{error:?}");
        assert!(error.to_string().contains("was removed or replaced while"), "{error}");
    }
}

#[rstest]
fn a_handle_fails_once_a_file_beside_the_database_is_gone_and_loses_nothing(
    #[values(&["-wal"], &["-shm"], &["-wal", "-shm"])] endings: &[&str],
    #[values("removed", "moved", "replaced")] how: &str,
) {
    let (folder, path, store) = fresh();
    let (session, segment) = ids();
    store.append_all(session, segment, &entries(0..3)).unwrap();
    for file in sidecars(&path, endings) {
        let other = folder.path().join("other");
        match how {
            "removed" => fs::remove_file(file).unwrap(),
            "moved" => fs::rename(file, other).unwrap(),
            _ => {
                // Copying the shared memory in this process would drop SQLite's locks. POSIX drops
                // the locks of a process on a file when the process closes the file.
                assert!(Command::new("cp").args([&file, &other]).status().unwrap().success());
                fs::rename(other, file).unwrap();
            }
        }
    }
    assert_refuses(&store, session, segment);
    let error = SqliteStore::open(&path).map(drop).unwrap_err();
    assert!(error.to_string().contains("was removed or replaced while"), "{error}");
    assert_refuses(&store, session, segment);
    drop(store);
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.read_all(session, segment).unwrap(), entries(0..3));
    store.append(session, segment, &entry(3)).unwrap();
}

#[test]
#[ignore = "runs in a child process of the tests below"]
fn child_that_appends() {
    let job = child_job();
    let [path, session, segment] = job.split(' ').collect::<Vec<_>>().try_into().unwrap();
    let store = SqliteStore::open(path).unwrap();
    store.append(session.parse().unwrap(), segment.parse().unwrap(), &entry(7)).unwrap();
}

/// Appends an entry in another process and returns whether that process has acknowledged it.
fn append_in_another_process(path: &Path, session: SessionId, segment: SegmentId) -> bool {
    let job = format!("{} {session} {segment}", path.display());
    Process::output(&mut child_test("moved::child_that_appends", job)).status.success()
}

#[test]
fn a_handle_whose_wal_was_removed_does_not_overwrite_the_changes_of_another_process() {
    let (_folder, path, store) = fresh();
    let (session, segment) = ids();
    store.append(session, segment, &entry(0)).unwrap();
    drop(store);
    let store = SqliteStore::open(&path).unwrap();
    store.append(session, segment, &entry(1)).unwrap();
    for file in sidecars(&path, &["-wal", "-shm"]) {
        fs::remove_file(file).unwrap();
    }
    assert!(append_in_another_process(&path, session, segment));
    assert_refuses(&store, session, segment);
    drop(store);
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.read_all(session, segment).unwrap(), [entry(0), entry(7)]);
}

#[test]
fn another_process_does_not_acknowledge_changes_if_only_the_wal_was_removed() {
    let (_folder, path, store) = fresh();
    let (session, segment) = ids();
    store.append(session, segment, &entry(0)).unwrap();
    fs::remove_file(&sidecars(&path, &["-wal"])[0]).unwrap();
    assert!(!append_in_another_process(&path, session, segment));
    assert_refuses(&store, session, segment);
    drop(store);
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.read_all(session, segment).unwrap(), [entry(0)]);
}

#[test]
fn a_handle_works_while_other_files_of_its_folder_come_and_go() {
    let (folder, path, store) = fresh();
    let (session, segment) = ids();
    let other = folder.path().join("other");
    for n in 0..50 {
        fs::write(&other, "").unwrap();
        store.append(session, segment, &entry(n)).unwrap();
        fs::remove_file(&other).unwrap();
        assert_eq!(store.read_entry_count(session, segment).unwrap(), n + 1);
    }
    assert!(append_in_another_process(&path, session, segment));
    assert_eq!(store.read_entry_count(session, segment).unwrap(), 51);
}
