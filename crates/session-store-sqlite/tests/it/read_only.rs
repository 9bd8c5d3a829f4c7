//! Files that may not be written when a handle opens them, and may be later (A5).

use std::fs::{self, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rstest::rstest;
use session_store_core::{Store, StoreError};
use session_store_sqlite::SqliteStore;

use crate::{entries, entry, fresh, ids};

/// Files that nobody may write, until this is dropped. Root needs a file system that knows `chattr +i`.
struct Frozen(Vec<PathBuf>);

impl Frozen {
    fn new(files: Vec<PathBuf>) -> Option<Self> {
        let frozen = Self(files);
        for file in &frozen.0 {
            fs::set_permissions(file, Permissions::from_mode(0o400)).unwrap();
            let may_write = || OpenOptions::new().append(true).open(file).is_ok();
            if may_write() && !chattr("+i", file) | may_write() {
                eprintln!("skipped: root may write {}, and chattr does not help", file.display());
                return None;
            }
        }
        Some(frozen)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        for file in &self.0 {
            chattr("-i", file);
            fs::set_permissions(file, Permissions::from_mode(0o600)).unwrap();
        }
    }
}

fn chattr(change: &str, file: &Path) -> bool {
    let done = Command::new("chattr").arg(change).arg(file).output();
    done.is_ok_and(|output| output.status.success())
}

/// What the crash of a writer leaves, in a folder of its own.
fn crashed(path: &Path) -> PathBuf {
    let folder = path.with_file_name("crashed");
    fs::create_dir(&folder).unwrap();
    for file in beside(path) {
        fs::copy(&file, folder.join(file.file_name().unwrap())).unwrap();
    }
    folder.join(path.file_name().unwrap())
}

/// The database, its write-ahead log, and the index of that.
fn beside(path: &Path) -> Vec<PathBuf> {
    ["", "-wal", "-shm"].map(|suffix| format!("{}{suffix}", path.display()).into()).into()
}

#[rstest]
#[case::the_database(1)]
#[case::all_three_as_on_a_read_only_file_system(3)]
fn a_handle_writes_as_soon_as_it_may(#[case] files: usize) {
    let (_folder, path, store) = fresh();
    let (session, segment) = ids();
    store.append_all(session, segment, &entries(0..2)).unwrap();
    let path = crashed(&path);
    let Some(frozen) = Frozen::new(beside(&path)[..files].to_vec()) else { return };

    let store = SqliteStore::open(&path).unwrap();
    let reading = store.read_all(session, segment).unwrap();
    assert_eq!(reading, entries(0..2));
    for _ in 0..2 {
        let error = store.append(session, segment, &entry(2)).unwrap_err();
        assert!(
            matches!(&error, StoreError::Io(io) if io.kind() == io::ErrorKind::PermissionDenied),
            "{error:?}"
        );
        assert_eq!(store.read_all(session, segment).unwrap(), reading);
    }

    drop(frozen);
    store.append(session, segment, &entry(2)).unwrap();
    store.append(session, segment, &entry(3)).unwrap();
    assert_eq!(store.read_all(session, segment).unwrap(), entries(0..4));
    let other = SqliteStore::open(&path).unwrap();
    assert_eq!(other.read_all(session, segment).unwrap(), entries(0..4));
}
