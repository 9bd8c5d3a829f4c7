//! Tests of a bulk load: the file gets its final name only when it is a complete database that
//! every handle can open.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use session_store_core::{LogEntry, Store, StoreError};
use session_store_sqlite::{BulkLoad, SqliteStore};
use tempfile::TempDir;

use crate::{entry, ids};

fn place() -> (TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let [path, partial] = ["a.db", "a.db.partial"].map(|name| folder.path().join(name));
    (folder, path, partial)
}

fn names(folder: &TempDir) -> Vec<String> {
    let name = |file: std::io::Result<fs::DirEntry>| file.unwrap().file_name();
    folder.path().read_dir().unwrap().map(|f| name(f).into_string().unwrap()).collect()
}

fn kind(error: StoreError) -> ErrorKind {
    let StoreError::Io(error) = error else { panic!("{error:?}") };
    error.kind()
}

#[test]
fn a_finished_load_is_a_normal_store() {
    let (folder, path, partial) = place();
    let (session, segment) = ids();
    let load = BulkLoad::create(&path).unwrap();
    let log: Vec<_> = (0..500).map(entry).collect();
    load.store().append_all(session, segment, &log).unwrap();
    let too_late = load.store().append_if(session, segment, None, &log).unwrap_err();
    assert!(matches!(too_late, StoreError::Conflict { .. }), "{too_late:?}");
    load.store().truncate(session, segment, 400).unwrap();
    assert_eq!(load.store().read_all(session, segment).unwrap(), log[..400]);
    load.store().sync().unwrap();
    assert_eq!(names(&folder), ["a.db.partial"]);
    assert_eq!(partial.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let handle = load.store().clone();
    load.finish().unwrap();
    assert_eq!(names(&folder), ["a.db"]);
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    // Bytes 18 and 19 are 2 in WAL mode.
    assert_eq!(fs::read(&path).unwrap()[18..20], [2, 2]);
    handle.append(session, segment, &entry(1)).unwrap_err();
    handle.read_all(session, segment).unwrap_err();
    handle.sync().unwrap_err();

    let store = SqliteStore::open(&path).unwrap();
    let mut findings = Vec::new();
    store.maintenance().unwrap().check(&mut |finding| findings.push(finding)).unwrap();
    assert!(findings.is_empty(), "{findings:?}");
    store.append(session, segment, &entry(1)).unwrap();
    assert_eq!(store.read_entry_count(session, segment).unwrap(), 401);
}

#[test]
fn a_dropped_load_leaves_nothing() {
    let (folder, path, _) = place();
    drop(BulkLoad::create(&path).unwrap());
    assert!(names(&folder).is_empty(), "{:?}", names(&folder));
}

#[test]
fn an_existing_file_is_not_overwritten() {
    let (folder, path, partial) = place();
    let load = BulkLoad::create(&path).unwrap();
    fs::write(&path, "other").unwrap();
    assert_eq!(kind(load.finish().unwrap_err()), ErrorKind::AlreadyExists);
    assert_eq!(kind(BulkLoad::create(&path).unwrap_err()), ErrorKind::AlreadyExists);
    assert_eq!(fs::read(&path).unwrap(), b"other");
    assert_eq!(names(&folder), ["a.db"]);
    fs::remove_file(&path).unwrap();
    fs::write(&partial, "the file of a user").unwrap();
    assert_eq!(kind(BulkLoad::create(&path).unwrap_err()), ErrorKind::AlreadyExists);
    assert_eq!(fs::read(&partial).unwrap(), b"the file of a user");
    assert_eq!(names(&folder), ["a.db.partial"]);
}

#[test]
fn a_second_load_fails_and_the_first_continues() {
    let (_folder, path, _) = place();
    let load = BulkLoad::create(&path).unwrap();
    assert_eq!(kind(BulkLoad::create(&path).unwrap_err()), ErrorKind::ResourceBusy);
    load.finish().unwrap();
    SqliteStore::open(&path).unwrap();
}

#[test]
fn the_file_of_a_killed_load_is_replaced() {
    let (folder, path, partial) = place();
    let (session, segment) = ids();
    let load = BulkLoad::create(&path).unwrap();
    load.store().append(session, segment, &entry(1)).unwrap();
    let killed = fs::read(&partial).unwrap();
    drop(load);
    fs::write(&partial, killed).unwrap();
    for ending in ["-wal", "-journal"] {
        fs::write(format!("{}{ending}", partial.display()), "stale").unwrap();
    }
    let load = BulkLoad::create(&path).unwrap();
    assert!(load.has_replaced());
    assert!(load.store().list_sessions().unwrap().is_empty());
    load.finish().unwrap();
    assert_eq!(names(&folder), ["a.db"]);
}

#[test]
fn an_entry_larger_than_the_cache_is_stored() {
    let (_folder, path, _) = place();
    let (session, segment) = ids();
    let load = BulkLoad::create(&path).unwrap();
    let large = LogEntry::from_json(format!("{{\"x\":\"{}\"}}", "y".repeat(70 << 20))).unwrap();
    load.store().append_all(session, segment, &[entry(1), large.clone()]).unwrap();
    load.finish().unwrap();
    assert_eq!(SqliteStore::open(&path).unwrap().read_all(session, segment).unwrap()[1], large);
}
