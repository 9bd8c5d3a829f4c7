//! Tests of repeated listings. A handle caches the last listing. A later listing does not open the
//! folders of these sessions, unless a segment was deleted meanwhile.

use std::env::temp_dir;
use std::fs;
use std::path::PathBuf;
use std::thread;

use session_store_core::{SegmentId, SessionId, Store, TraceEntry};
use session_store_fs::FsStore;
use tempfile::TempDir;

use crate::{Fixture, entry};

#[test]
fn a_session_with_only_a_trace_is_not_listed() {
    let fixture = Fixture::new();
    let (session, segment) = (fixture.session, fixture.segment);
    let (one, other) = (fixture.open(), fixture.open());
    one.append_trace(session, SegmentId::new(), &TraceEntry::from_json("{}").unwrap()).unwrap();
    for _ in 0..2 {
        other.append(session, segment, &entry("{}")).unwrap();
        for store in [&one, &other] {
            assert_eq!(store.list_sessions().unwrap(), [session]);
        }
        one.delete_segment(session, segment).unwrap();
        for store in [&one, &other] {
            assert_eq!(store.list_sessions().unwrap(), []);
        }
    }
}

#[test]
fn new_sessions_between_known_ones_are_listed() {
    let fixture = Fixture::new();
    let store = fixture.open();
    let mut sessions: Vec<_> = std::iter::repeat_with(SessionId::new).take(9).collect();
    for half in [1, 0] {
        for &session in sessions.iter().skip(half).step_by(2) {
            store.append(session, fixture.segment, &entry("{}")).unwrap();
        }
        let empty = fixture.path(&SessionId::new().to_string());
        fs::create_dir(empty).unwrap();
        let expected =
            sessions.iter().rev().filter(|&&id| store.exists(id, fixture.segment).unwrap());
        assert_eq!(store.list_sessions().unwrap(), expected.copied().collect::<Vec<_>>());
    }
    sessions.reverse();
    assert_eq!(store.list_sessions().unwrap(), sessions);
}

#[test]
fn a_listing_does_not_open_known_folders() {
    let fixture = Fixture::new();
    let store = fixture.open();
    store.append(fixture.session, fixture.segment, &entry("{}")).unwrap();
    assert_eq!(store.list_sessions().unwrap(), [fixture.session]);
    // An open handle does not notice that another program deletes a log. So if the session is still
    // listed, the listing has not opened its folder.
    fs::remove_file(fixture.log()).unwrap();
    assert_eq!(store.list_sessions().unwrap(), [fixture.session]);
    assert_eq!(fixture.open().list_sessions().unwrap(), []);
}

#[test]
fn a_log_replaced_during_a_listing_is_listed_once() {
    // On tmpfs and btrfs, a rename moves a file to another position in its folder. A listing at the
    // same time then often misses the file, so the test prefers tmpfs.
    let folder = [PathBuf::from("/dev/shm"), temp_dir()].into_iter().find(|path| path.is_dir());
    let folder = TempDir::new_in(folder.unwrap()).unwrap();
    let session = SessionId::new();
    let (one, other) =
        (FsStore::open_or_create(&folder).unwrap(), FsStore::open_or_create(&folder).unwrap());
    let segments: Vec<_> = std::iter::repeat_with(SegmentId::new).take(200).collect();
    let replace_all =
        || segments.iter().for_each(|&id| one.create_segment(session, id, &[]).unwrap());
    replace_all();
    thread::scope(|scope| {
        let replacing = scope.spawn(|| (0..20).for_each(|_| replace_all()));
        while !replacing.is_finished() {
            assert!(segments.iter().rev().eq(&other.list_segments(session).unwrap()));
        }
    });
}
