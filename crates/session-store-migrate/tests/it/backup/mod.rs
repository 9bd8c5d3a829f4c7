//! Tests of backups: exports, restores, damaged files, and other programs that read backups.

mod damage;
mod damaged_logs;
mod format;
mod live;
mod restore;
mod round_trip;
mod unpacked;
mod view;

use std::io::Cursor;

use session_store_core::{Pod, PodName, SegmentId, SegmentKey, SessionId, Store, StoreExt};
use session_store_memory::MemoryStore;
use session_store_migrate::Selection;
use session_store_migrate::backup::{Backup, BackupError, ExportReport, export as run_export};

use crate::{entries, migrate, new_key, trace};

/// Entries whose text would change if a backup parsed them and serialized them again.
pub(crate) const UNUSUAL: [&str; 7] = [
    r#"{"a": 1.0,"a":2}"#,
    r#"{"n":1e999,"m":18446744073709551615}"#,
    r#"{"u":"\u0000\ud800"}"#,
    "{\"nfd\":\"e\u{301}\",\"nfc\":\"\u{e9}\",\"line\":\"\u{2028}\"}",
    r#"{"kind":"from_the_future"}"#,
    "{}",
    r#"{"deep":[[[[{"x":[]}]]]]}"#,
];

/// Names of pods. Some of these names can be the name of a folder on every file system, and the
/// others cannot.
pub(crate) const PODS: [&str; 6] =
    ["coder", "Coder", "審査 1", "~0190a7c2", "con", "re\u{301}viewer"];

/// Returns a store with logs, an empty segment, a trace and pods. One log is longer than a page.
fn populated() -> MemoryStore {
    let store = MemoryStore::new();
    let key = new_key();
    store.at(key).create(&entries(&UNUSUAL)).unwrap();
    trace(&store, key, &UNUSUAL[..2]);
    store.create_segment(key.session_id, SegmentId::new(), &[]).unwrap();
    let long: Vec<_> =
        (0..700).map(|n| format!("{{\"n\":{n},\"x\":\"{}\"}}", "y".repeat(n))).collect();
    let long: Vec<_> = long.iter().map(String::as_str).collect();
    store.create_segment(SessionId::new(), key.segment_id, &entries(&long)).unwrap();
    for name in PODS {
        let pod = Pod::from_json(format!("{{\"owner\":\"{name}\",\"active\":null}}")).unwrap();
        store.pods().unwrap().put_pod(&name.parse::<PodName>().unwrap(), &pod).unwrap();
    }
    store
}

/// Returns the key of the first segment of the first session in the listings.
fn first_key(store: &dyn Store) -> SegmentKey {
    let session_id = store.list_sessions().unwrap()[0];
    SegmentKey::new(session_id, store.list_segments(session_id).unwrap()[0])
}

fn export(source: &dyn Store, selection: &Selection) -> (Vec<u8>, ExportReport) {
    let mut file = Vec::new();
    let report = run_export(source, selection, &mut file, &mut |_| {}).unwrap();
    assert_eq!(report.bytes, file.len() as u64);
    (file, report)
}

pub(crate) fn backup_of(source: &dyn Store) -> Vec<u8> {
    let (file, report) = export(source, &Selection::default());
    assert!(report.is_complete(), "{report:?}");
    file
}

fn open(file: Vec<u8>) -> Result<Backup<Cursor<Vec<u8>>>, BackupError> {
    Backup::open(Cursor::new(file), &mut |_| {})
}

/// Restores a backup to an empty store.
fn restored(file: Vec<u8>) -> MemoryStore {
    let destination = MemoryStore::new();
    let backup = open(file).unwrap();
    let missing = backup.manifest().missing.len();
    let mut report = migrate(&backup, &destination);
    // A migration from a backup that lacks a part is not complete.
    assert_eq!((report.is_complete(), report.findings.len()), (missing == 0, missing));
    report.findings.clear();
    assert!(report.is_complete(), "{report:?}");
    destination
}
