//! Database files that cannot be written when a handle opens them, and can be written later
//! ([A5](session_store_core::contract#a5)).

use std::fs::{self, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread;

use rstest::rstest;
use rustix::process::geteuid;
use rustix::thread::{Uid, set_thread_uid};
use session_store_core::{Store, StoreError};
use session_store_sqlite::SqliteStore;

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
