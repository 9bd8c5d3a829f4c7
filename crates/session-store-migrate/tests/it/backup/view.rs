//! Tests of a backup as a store: every method that reads returns the same as the source, and no
//! method writes.

use std::io::Cursor;

use session_store_core::{
    Checkpoint, Entry, LogEntry, Pages, Pod, SegmentId, SegmentKey, SessionId, Store, StoreError,
    StoreExt, TraceEntry,
};
use session_store_memory::MemoryStore;
use session_store_migrate::backup::Backup;
use session_store_migrate::{MigrateError, Migration};

use super::{PODS, backup_of, first_key, populated};
use crate::{entries, new_key, trace, verify};

fn view(file: Vec<u8>) -> Backup<Cursor<Vec<u8>>> {
    Backup::view(Cursor::new(file)).unwrap()
}

fn keys(store: &dyn Store) -> Vec<SegmentKey> {
    let mut keys = Vec::new();
    for session_id in store.list_sessions().unwrap() {
        let segments = store.list_segments(session_id).unwrap();
        keys.extend(segments.into_iter().map(|segment_id| SegmentKey::new(session_id, segment_id)));
    }
    keys
}

/// Reads a log or a trace by pages of this size, from an entry on.
fn read<E: Entry>(store: &dyn Store, key: SegmentKey, start: usize, page: usize) -> Vec<String> {
    let pages = Pages::<E>::resume(Checkpoint::after(start)).page_bytes(page);
    store.at(key).iterate(pages).map(|entry| entry.unwrap().as_json().to_owned()).collect()
}

#[test]
fn every_method_that_reads_returns_the_same_as_the_source() {
    let source = populated();
    let backup = view(backup_of(&source));
    assert_eq!(keys(&backup), keys(&source));
    for key in keys(&source) {
        let (read_from, expected) = (backup.at(key), source.at(key));
        assert!(read_from.exists().unwrap());
        assert_eq!(read_from.read_all().unwrap(), expected.read_all().unwrap());
        assert_eq!(read_from.read_entry_count().unwrap(), expected.read_entry_count().unwrap());
        let info = read_from.info().unwrap().unwrap();
        let expected = expected.info().unwrap().unwrap();
        assert_eq!(info.head.entries(), expected.head.entries());
        let size: usize =
            read::<LogEntry>(&source, key, 0, 0).iter().map(|text| text.len() + 1).sum();
        assert_eq!(info.bytes, Some(size as u64));
        let session_id = backup.lookup_session_of(key.segment_id).unwrap().unwrap();
        assert!(backup.exists(session_id, key.segment_id).unwrap());
    }
    let pods = (source.pods().unwrap(), backup.pods().unwrap());
    assert_eq!(pods.1.list_pods().unwrap(), pods.0.list_pods().unwrap());
    for name in PODS.map(|name| name.parse().unwrap()) {
        assert_eq!(pods.1.read_pod(&name).unwrap(), pods.0.read_pod(&name).unwrap());
    }
    assert!(verify(&source, &backup).is_equal());
}

#[test]
fn pages_of_every_size_and_start_equal_the_log() {
    let source = populated();
    let backup = view(backup_of(&source));
    for key in keys(&source) {
        for page in [0, 1, 300, 5_000, usize::MAX] {
            for start in [0, 1, 5, 350, 699, 700, 9_999] {
                let expected = read::<LogEntry>(&source, key, start, page);
                assert_eq!(read::<LogEntry>(&backup, key, start, page), expected);
                let expected = read::<TraceEntry>(&source, key, start, page);
                assert_eq!(read::<TraceEntry>(&backup, key, start, page), expected);
            }
        }
    }
}

#[test]
fn an_unknown_segment_is_not_found() {
    let backup = view(backup_of(&populated()));
    let (session_id, segment_id) = (SessionId::new(), SegmentId::new());
    assert!(!backup.exists(session_id, segment_id).unwrap());
    assert!(backup.read_all(session_id, segment_id).unwrap_err().is_not_found());
    assert!(backup.read_entry_count(session_id, segment_id).unwrap_err().is_not_found());
    assert_eq!(backup.head(session_id, segment_id).unwrap(), None);
    assert_eq!(backup.lookup_session_of(segment_id).unwrap(), None);
    assert!(backup.list_segments(session_id).unwrap().is_empty());
    let trace = backup.read_trace_page(session_id, segment_id, 0, 100).unwrap();
    assert!(trace.entries.is_empty());
    assert_eq!(backup.pods().unwrap().read_pod(&"nobody".parse().unwrap()).unwrap(), None);
}

#[test]
fn no_method_writes_and_the_error_names_restore() {
    let backup = view(backup_of(&populated()));
    let SegmentKey { session_id, segment_id } = first_key(&backup);
    let (name, pod) = ("coder".parse().unwrap(), Pod::from_json("{}").unwrap());
    let entry = &entries(&["{}"])[0];
    let trace = TraceEntry::from_json("{}").unwrap();
    let pods = backup.pods().unwrap();
    let refused: Vec<StoreError> = [
        backup.append(session_id, segment_id, entry),
        backup.append_trace(session_id, segment_id, &trace),
        backup.create_segment(session_id, segment_id, &[]),
        backup.truncate(session_id, segment_id, 0),
        pods.put_pod(&name, &pod),
        pods.delete_pod(&name).map(drop),
        backup.maintenance().unwrap().repair(&mut |_| {}),
    ]
    .into_iter()
    .map(Result::unwrap_err)
    .collect();
    assert!(refused.iter().all(|error| error.to_string().contains("session-store restore")));
    let unsupported = backup.delete_segment(session_id, segment_id);
    assert!(matches!(unsupported, Err(StoreError::Unsupported { .. })), "{unsupported:?}");
}

#[test]
fn a_selected_session_is_restored_with_its_pods() {
    let source = populated();
    let key = new_key();
    source.at(key).create(&entries(&[r#"{"a":1}"#])).unwrap();
    trace(&source, key, &["{}"]);
    let pod = format!("{{\"active\":{{\"session_id\":\"{}\"}}}}", key.session_id);
    let name = "mine".parse().unwrap();
    source.pods().unwrap().put_pod(&name, &Pod::from_json(pod).unwrap()).unwrap();

    let backup = view(backup_of(&source));
    let destination = MemoryStore::new();
    let report = Migration::new(&backup, &destination).sessions([key.session_id]).run().unwrap();
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(keys(&destination), [key]);
    assert_eq!(destination.pods().unwrap().list_pods().unwrap(), [name]);
    assert_eq!(read::<TraceEntry>(&destination, key, 0, 0), ["{}"]);

    let refused = Migration::new(&backup, &destination).sessions([SessionId::new()]).run();
    assert!(matches!(refused, Err(MigrateError::NoSuchSession(_))), "{refused:?}");
}

/// The logs are larger than a frame, and lines cross the ends of frames.
#[test]
fn logs_of_several_frames_are_read() {
    let source = MemoryStore::new();
    for _ in 0..3 {
        let texts: Vec<_> = (0..60)
            .map(|n| format!("{{\"n\":{n},\"x\":\"{}\"}}", "y".repeat(70_000 + n)))
            .collect();
        let texts: Vec<_> = texts.iter().map(String::as_str).collect();
        source.at(new_key()).create(&entries(&texts)).unwrap();
    }
    let backup = view(backup_of(&source));
    assert!(verify(&source, &backup).is_equal());
    backup.check(&mut |_| {}).unwrap();
}
