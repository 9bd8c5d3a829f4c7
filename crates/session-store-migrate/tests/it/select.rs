//! Tests of `Migration::since`, which selects sessions by the time in their ids.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use session_store_core::{Pod, PodName, PodStore, SegmentId, SegmentKey, SessionId, Store};
use session_store_memory::MemoryStore;
use session_store_migrate::Migration;
use uuid::{NoContext, Timestamp, Uuid};

use crate::{entries, store_with};

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn id(seconds: u64) -> Uuid {
    Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, 0))
}

/// Copies the sessions since a time, and returns the copied sessions.
fn since(source: &MemoryStore, seconds: u64) -> Vec<SessionId> {
    let destination = MemoryStore::new();
    let report = Migration::new(source, &destination).since(at(seconds)).run().unwrap();
    assert!(report.is_complete());
    destination.list_sessions().unwrap()
}

#[test]
fn the_time_of_a_session_is_the_latest_time_in_its_ids() {
    let (old, grown) = (SessionId::from(id(1000)), SessionId::from(id(1000)));
    let new = SessionId::from(id(2000));
    let source = MemoryStore::new();
    for (session, segment) in [(old, 1000), (grown, 1000), (grown, 2000), (new, 1500)] {
        source.create_segment(session, SegmentId::from(id(segment)), &entries(&[])).unwrap();
    }
    assert_eq!(since(&source, 1000).len(), 3);
    let mut expected = [new, grown];
    expected.sort_by(|a, b| b.cmp(a));
    assert_eq!(since(&source, 1001), expected);
    assert_eq!(since(&source, 2000), expected);
    assert!(since(&source, 2001).is_empty());
}

#[test]
fn all_segments_of_a_selected_session_are_copied() {
    let session = SessionId::from(id(1000));
    let source = MemoryStore::new();
    for segment in [1000, 2000] {
        source.create_segment(session, SegmentId::from(id(segment)), &entries(&[])).unwrap();
    }
    let destination = MemoryStore::new();
    let report = Migration::new(&source, &destination).since(at(2000)).run().unwrap();
    assert!(report.is_complete());
    assert_eq!(destination.list_segments(session).unwrap().len(), 2);
}

#[test]
fn an_id_without_a_time_is_always_selected() {
    // A UUID of version 4 contains no time.
    const V4: u128 = 0x0ccf_1a04_1b4c_43b6_8aa5_79e4_1db4_3a68;
    let (old, untimed) = (id(1000), Uuid::from_u128(V4));
    for (session, segment) in [(untimed, old), (old, untimed)] {
        let source = store_with(SegmentKey::new(session.into(), segment.into()), &[]);
        assert_eq!(since(&source, 2000).len(), 1);
    }
}

#[test]
fn pods_are_selected_with_their_sessions() {
    let (old, new) = (SessionId::from(id(1000)), SessionId::from(id(2000)));
    let source = MemoryStore::new();
    let names: [PodName; 2] = ["new", "old"].map(|name| name.parse().unwrap());
    for (session, name) in [new, old].into_iter().zip(&names) {
        source.create_segment(session, SegmentId::from(id(1000)), &entries(&[])).unwrap();
        source.put_pod(name, &Pod::new(session, None)).unwrap();
    }
    let destination = MemoryStore::new();
    let report = Migration::new(&source, &destination).since(at(2000)).run().unwrap();
    assert!(report.is_complete());
    assert_eq!(destination.list_pods().unwrap(), names[..1]);
}

/// A selected session that exists but is too old is left out. It does not count as unknown.
#[test]
fn a_session_selected_by_id_can_be_too_old() {
    let old = SessionId::from(id(1000));
    let source = store_with(SegmentKey::new(old, id(1000).into()), &[]);
    let destination = MemoryStore::new();
    let migration = Migration::new(&source, &destination).sessions([old]).since(at(2000));
    let report = migration.run().unwrap();
    assert!(report.is_complete() && report.segments.is_empty());
}

/// An id contains only the millisecond of its creation. The session may have been created at any
/// time in this millisecond.
#[test]
fn a_time_within_a_millisecond_selects_the_whole_millisecond() {
    let source = MemoryStore::new();
    source.create_segment(id(1000).into(), id(1000).into(), &entries(&[])).unwrap();
    let destination = MemoryStore::new();
    for (later, sessions) in [(1_000_000, 0), (999_999, 1)] {
        let since = at(1000) + Duration::from_nanos(later);
        let report = Migration::new(&source, &destination).since(since).run().unwrap();
        assert!(report.is_complete());
        assert_eq!(destination.list_sessions().unwrap().len(), sessions, "{later} ns later");
    }
}
