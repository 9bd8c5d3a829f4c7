//! Tests of lookups of the session that holds a segment. A lookup hint is a small file that records
//! the session of a segment. The tests use correct hints, wrong hints and no hints.
//!
//! The result stays the same as long as the session holds the segment
//! ([L5](session_store_core::contract#l5)).

use std::fs;
use std::os::unix::fs::symlink;

use session_store_core::{SegmentId, SessionId, Store};
use session_store_fs::FsStore;
use uuid::Uuid;

use crate::{Fixture, entry};

/// Returns ids in ascending order.
fn sessions<const N: usize>() -> [SessionId; N] {
    std::array::from_fn(|n| SessionId::from(Uuid::from_u128(n as u128 + 1)))
}

fn hold(store: &FsStore, session: SessionId, segment: SegmentId) {
    store.append(session, segment, &entry("{}")).unwrap();
}

#[test]
fn a_lookup_returns_the_same_session_while_others_are_created_and_deleted() {
    let fixture = Fixture::new();
    let (store, segment) = (fixture.open(), fixture.segment);
    let [smallest, smaller, middle, larger] = sessions();
    let lookup = || fixture.open().lookup_session_of(segment).unwrap();
    assert_eq!(lookup(), None);
    hold(&store, middle, segment);
    for other in [smaller, larger] {
        hold(&store, other, segment);
        assert_eq!(lookup(), Some(middle));
    }
    store.delete_segment(larger, segment).unwrap();
    assert_eq!(lookup(), Some(middle));
    store.delete_segment(middle, segment).unwrap();
    assert_eq!(lookup(), Some(smaller));
    hold(&store, smallest, segment);
    assert_eq!(lookup(), Some(smaller), "the first result must stay");
    store.delete_session(smaller).unwrap();
    store.delete_session(smallest).unwrap();
    assert_eq!(lookup(), None);
    assert!(
        fs::symlink_metadata(fixture.path(&format!(".session-store/hints/{segment}"))).is_err()
    );
}

#[test]
fn a_lookup_finds_the_segments_of_another_program() {
    let [smaller, larger] = sessions();
    let fixture = Fixture { session: larger, ..Fixture::new() };
    fs::create_dir(fixture.log().parent().unwrap()).unwrap();
    fs::write(fixture.log(), "{}\n").unwrap();

    let store = fixture.open();
    assert_eq!(store.lookup_session_of(fixture.segment).unwrap(), Some(larger));
    hold(&store, smaller, fixture.segment);
    assert_eq!(store.lookup_session_of(fixture.segment).unwrap(), Some(larger));
}

#[test]
fn a_wrong_hint_causes_a_search() {
    let fixture = Fixture::new();
    let (store, segment) = (fixture.open(), fixture.segment);
    let [elsewhere, other] = sessions();
    hold(&store, fixture.session, segment);
    let hint = fixture.path(&format!(".session-store/hints/{segment}"));
    for target in [format!("session:{elsewhere}"), "../../etc/passwd".into(), "nonsense".into()] {
        fs::remove_file(&hint).unwrap();
        symlink(target, &hint).unwrap();
        assert_eq!(store.lookup_session_of(segment).unwrap(), Some(fixture.session));
    }
    fs::remove_file(&hint).unwrap();
    symlink(format!("session:{elsewhere}"), &hint).unwrap();
    hold(&store, other, segment);
    assert_eq!(store.lookup_session_of(segment).unwrap(), Some(fixture.session));
}

#[test]
fn a_lookup_returns_the_same_session_during_concurrent_changes() {
    let fixture = Fixture::new();
    let segment = fixture.segment;
    let [smaller, answer, third] = sessions();
    let store = fixture.open();
    hold(&store, answer, segment);
    hold(&store, smaller, segment);
    std::thread::scope(|scope| {
        let coming = scope.spawn(|| {
            let store = fixture.open();
            for _ in 0..3_000 {
                hold(&store, third, segment);
                store.delete_segment(third, segment).unwrap();
            }
        });
        while !coming.is_finished() {
            assert_eq!(store.lookup_session_of(segment).unwrap(), Some(answer));
        }
    });
}

#[test]
fn the_target_of_a_hint_does_not_exist() {
    let fixture = Fixture::new();
    // The two ids are equal. If the target were only the session's id, the link would point to
    // itself.
    let segment = SegmentId::from(Uuid::from(fixture.session));
    hold(&fixture.open(), fixture.session, segment);
    let hint = fixture.path(&format!(".session-store/hints/{segment}"));
    let error = fs::metadata(hint).unwrap_err();
    assert_eq!(
        error.kind(),
        std::io::ErrorKind::NotFound,
        "the target must not exist, nor be the link itself"
    );
}
