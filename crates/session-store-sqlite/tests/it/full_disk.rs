//! Tests of a full disk: a call fails and changes nothing, and calls succeed once there is space
//! again ([A5](session_store_core::contract#a5)).

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use session_store_core::{LogEntry, Store, StoreError};
use session_store_sqlite::SqliteStore;

use crate::{entry, ids};

/// A file system of a few hundred KiB in memory, unmounted when dropped.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn mount(folder: &'a Path) -> Self {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=512k", "tmpfs"]).arg(folder);
        assert!(mount.status().expect("mount runs").success(), "{mount:?}");
        Self(folder)
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        Command::new("umount").arg(self.0).status().expect("umount runs");
    }
}

#[test]
#[ignore = "needs the right to mount a tmpfs: cargo xtask test runs it as root"]
fn mount_a_full_disk_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let disk = SmallDisk::mount(folder.path());
    let (session, segment) = ids();
    let store = SqliteStore::open_or_create(disk.0.join("sessions.db")).unwrap();
    let ballast = disk.0.join("ballast");
    fs::write(&ballast, vec![0; 200 * 1024]).unwrap();

    let large = LogEntry::from_json(format!(r#"{{"text":"{}"}}"#, "x".repeat(20_000))).unwrap();
    let mut stored = 0;
    let error = loop {
        match store.append(session, segment, &large) {
            Ok(()) => stored += 1,
            Err(error) => break error,
        }
    };
    assert!(
        matches!(&error, StoreError::Io(io) if io.kind() == io::ErrorKind::StorageFull),
        "{error:?}"
    );
    assert_eq!(store.read_entry_count(session, segment).unwrap(), stored);
    let error = store.append_all(session, segment, &vec![large.clone(); 9]).unwrap_err();
    assert!(!error.is_indeterminate(), "{error:?}");

    fs::remove_file(&ballast).unwrap();
    store.append(session, segment, &entry(1)).unwrap();
    let mut expected = vec![large; stored];
    expected.push(entry(1));
    assert_eq!(store.read_all(session, segment).unwrap(), expected);
    drop(store);
    let store = SqliteStore::open(disk.0.join("sessions.db")).unwrap();
    assert_eq!(store.read_all(session, segment).unwrap(), expected);
    drop(store);
    fs::write(&ballast, vec![0; 512 * 1024]).unwrap_err();
    let error = SqliteStore::open(disk.0.join("sessions.db")).unwrap_err();
    assert!(error.to_string().contains("the disk may be full"), "{error}");
}
