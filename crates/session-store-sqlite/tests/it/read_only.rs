//! Tests of database files that are read-only when a handle opens them, and become writable later
//! ([A5](session_store_core::contract#a5)).

use std::fs::{self, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread;

use rstest::rstest;
use rusqlite::Connection;
use rustix::process::geteuid;
use rustix::thread::{Uid, set_thread_uid};
use session_store_core::{Store, StoreError};
use session_store_sqlite::{SqliteOptions, SqliteStore, is_sqlite_file};

use crate::{entries, entry, fresh, ids};

/// The user `nobody`.
const UNPRIVILEGED: u32 = 65_534;

/// Runs the test in a thread without root's privilege to write any file.
///
/// On Linux a thread can change its own user with a system call. The other threads keep theirs.
fn unprivileged(test: impl FnOnce() + Send) {
    let body = || {
        if geteuid().is_root() {
            set_thread_uid(Uid::from_raw(UNPRIVILEGED)).unwrap();
        }
        test();
    };
    let result = thread::scope(|scope| scope.spawn(body).join());
    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

/// Files that cannot be written until this is dropped.
struct Frozen(Vec<PathBuf>);

impl Frozen {
    fn new(files: Vec<PathBuf>) -> Self {
        let frozen = Self(files);
        for file in &frozen.0 {
            set_mode(file, 0o400);
            let error = OpenOptions::new().append(true).open(file).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied, "{}", file.display());
        }
        frozen
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        for file in &self.0 {
            set_mode(file, 0o600);
        }
    }
}

fn set_mode(file: &Path, mode: u32) {
    fs::set_permissions(file, Permissions::from_mode(mode)).unwrap();
}

/// Copies the files of an open database into another folder, as a crash of the writer leaves them.
fn copy_as_crashed(path: &Path) -> PathBuf {
    let folder = path.with_file_name("crashed");
    fs::create_dir(&folder).unwrap();
    for file in files_of(path) {
        fs::copy(&file, folder.join(file.file_name().unwrap())).unwrap();
    }
    folder.join(path.file_name().unwrap())
}

/// A folder and its files that cannot be written until this is dropped.
struct FrozenFolder {
    folder: PathBuf,
    _files: Frozen,
}

impl FrozenFolder {
    fn new(path: &Path) -> Self {
        let folder = path.parent().unwrap().to_owned();
        let files =
            Frozen::new(fs::read_dir(&folder).unwrap().map(|it| it.unwrap().path()).collect());
        set_mode(&folder, 0o500);
        fs::write(folder.join("new"), "").unwrap_err();
        Self { folder, _files: files }
    }
}

impl Drop for FrozenFolder {
    fn drop(&mut self) {
        set_mode(&self.folder, 0o700);
    }
}

#[track_caller]
fn assert_denied<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    let StoreError::Io(error) = result.unwrap_err() else {
        panic!("the error is not an I/O error")
    };
    assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
    assert!(error.to_string().contains("Permission denied"), "{error}");
}

#[test]
fn a_store_in_a_read_only_folder_can_be_read_and_follows_its_changes() {
    unprivileged(|| {
        let (folder, path, store) = fresh();
        let (session, segment) = ids();
        store.append(session, segment, &entry(0)).unwrap();
        drop(store);

        let frozen = FrozenFolder::new(&path);
        let before = fs::read(&path).unwrap();
        let store = SqliteStore::open(&path).unwrap();
        assert_eq!(store.read_all(session, segment).unwrap(), [entry(0)]);
        assert_eq!(store.list_sessions().unwrap(), [session]);
        store.maintenance().unwrap().check(&mut |finding| panic!("{finding}")).unwrap();
        assert_denied(store.append(session, segment, &entry(1)));
        assert_eq!(fs::read(&path).unwrap(), before);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);

        drop(frozen);
        SqliteStore::open(&path).unwrap().append(session, segment, &entry(1)).unwrap();
        let frozen = FrozenFolder::new(&path);
        assert_eq!(store.read_all(session, segment).unwrap(), entries(0..2));
        drop(frozen);
        store.append(session, segment, &entry(2)).unwrap();
        assert_eq!(store.read_all(session, segment).unwrap(), entries(0..3));
    });
}

#[rstest]
#[case::the_folder(true)]
#[case::the_database(false)]
fn an_exclusive_handle_needs_write_permission(#[case] is_folder: bool) {
    unprivileged(|| {
        let (_folder, path, store) = fresh();
        drop(store);
        let options = SqliteOptions::new().exclusive(true);
        let frozen = is_folder.then(|| FrozenFolder::new(&path));
        let frozen_file = (!is_folder).then(|| Frozen::new(vec![path.clone()]));
        let error = options.open(&path).unwrap_err();
        assert!(error.to_string().contains("cannot open exclusively"), "{error}");
        let StoreError::Io(error) = error else { panic!("{error:?}") };
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied, "{error}");
        SqliteStore::open(&path).unwrap().list_sessions().unwrap();
        drop((frozen, frozen_file));
        options.open(&path).unwrap();
    });
}

#[test]
fn another_database_in_a_read_only_folder_is_refused() {
    unprivileged(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("foreign.db");
        let sql = "PRAGMA journal_mode = wal; CREATE TABLE t (x)";
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        let _frozen = FrozenFolder::new(&path);
        let error = SqliteStore::open(&path).unwrap_err();
        assert!(matches!(error, StoreError::NotAStore { .. }), "{error:?}");
    });
}

#[test]
fn changes_that_only_the_write_ahead_log_has_are_not_left_out_in_a_read_only_folder() {
    unprivileged(|| {
        let (_folder, path, store) = fresh();
        let (session, segment) = ids();
        store.append(session, segment, &entry(0)).unwrap();
        let crashed = copy_as_crashed(&path);
        fs::remove_file(&files_of(&crashed)[2]).unwrap();
        let _frozen = FrozenFolder::new(&crashed);
        assert_denied(SqliteStore::open(&crashed));
    });
}

#[test]
fn a_file_that_cannot_be_read_is_a_permission_error() {
    unprivileged(|| {
        let (_folder, path, store) = fresh();
        drop(store);
        set_mode(&path, 0o000);
        assert_denied(SqliteStore::open(&path));
        let error = is_sqlite_file(&path).unwrap_err();
        assert_eq!(error.to_string(), "Permission denied (os error 13)");
    });
}

/// Returns the database, its write-ahead log, and the index of that log.
fn files_of(path: &Path) -> Vec<PathBuf> {
    ["", "-wal", "-shm"].map(|suffix| format!("{}{suffix}", path.display()).into()).into()
}

#[rstest]
#[case::the_database(1)]
#[case::all_three_as_on_a_read_only_file_system(3)]
fn a_handle_can_write_as_soon_as_the_files_can_be_written(#[case] files: usize) {
    unprivileged(|| {
        let (_folder, path, store) = fresh();
        let (session, segment) = ids();
        store.append_all(session, segment, &entries(0..2)).unwrap();
        let path = copy_as_crashed(&path);
        let frozen = Frozen::new(files_of(&path)[..files].to_vec());

        let store = SqliteStore::open(&path).unwrap();
        let before = store.read_all(session, segment).unwrap();
        assert_eq!(before, entries(0..2));
        for _ in 0..2 {
            let error = store.append(session, segment, &entry(2)).unwrap_err();
            let StoreError::Io(error) = error else { panic!("{error:?}") };
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
            assert_eq!(store.read_all(session, segment).unwrap(), before);
        }

        drop(frozen);
        store.append(session, segment, &entry(2)).unwrap();
        store.append(session, segment, &entry(3)).unwrap();
        assert_eq!(store.read_all(session, segment).unwrap(), entries(0..4));
        let other = SqliteStore::open(&path).unwrap();
        assert_eq!(other.read_all(session, segment).unwrap(), entries(0..4));
    });
}
