//! Which session a segment id belongs to (L5), with hints, without them, and with wrong ones.

use std::fs;
use std::os::unix::fs::symlink;

use session_store_core::{SegmentId, SessionId, Store};
use session_store_fs::FsStore;
use uuid::Uuid;

use crate::{Fixture, entry};

/// Ids in ascending order.
fn sessions<const N: usize>() -> [SessionId; N] {
    std::array::from_fn(|n| SessionId::from(Uuid::from_u128(n as u128 + 1)))
}

fn hold(store: &FsStore, session: SessionId, segment: SegmentId) {
    store.append(session, segment, &entry("{}")).unwrap();
}

#[test]
fn the_answer_stays_while_other_sessions_come_and_go() {
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
    assert_eq!(lookup(), Some(smaller), "the one that answered stays");
    store.delete_session(smaller).unwrap();
    store.delete_session(smallest).unwrap();
    assert_eq!(lookup(), None);
    assert!(
        fs::symlink_metadata(fixture.path(&format!(".session-store/hints/{segment}"))).is_err()
    );
}

#[test]
fn another_programs_segments_are_found_and_stay_found() {
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
fn a_wrong_hint_is_only_a_hint() {
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
fn the_answer_stays_while_a_third_session_comes_and_goes() {
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
fn a_hint_leads_nowhere() {
    let fixture = Fixture::new();
    let segment = SegmentId::from(Uuid::from(fixture.session));
    hold(&fixture.open(), fixture.session, segment);
    let hint = fixture.path(&format!(".session-store/hints/{segment}"));
    let error = fs::metadata(hint).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "no loop, and nothing that is there");
}
