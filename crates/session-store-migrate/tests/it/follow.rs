//! A destination that is kept in step with its source. Each pause is a step of the story: what
//! happens in it is in the destination at the next one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rstest::rstest;
use session_store_core::{Pod, PodName, PodStore, SegmentId, SessionId, Store, StoreError};
use session_store_memory::MemoryStore;
use session_store_migrate::{MigrateReport, Migration, OnConflict, PodOutcome, Progress};

use crate::lens::{Call, Lens};
use crate::{entries, log_of, store_with, trace, verify};

const A: &str = r#"{"a":1}"#;
const B: &str = r#"{"b":2}"#;
const C: &str = r#"{"c":3}"#;

/// Follows for as many pauses as there are steps, and one pass after each.
fn follow_through(
    source: &dyn Store,
    destination: &dyn Store,
    mut steps: Vec<&mut dyn FnMut()>,
) -> MigrateReport {
    let mut next = 0;
    let pause = || {
        steps[next]();
        next += 1;
        next < steps.len()
    };
    Migration::new(source, destination).follow(pause).unwrap()
}

#[test]
fn whatever_happens_at_the_source() {
    let [first, second, third] = [0; 3].map(|_| (SessionId::new(), SegmentId::new()));
    let source = store_with(first.0, first.1, &[A]);
    let destination = MemoryStore::new();
    let name: PodName = "coder".parse().unwrap();
    let put = |session| source.put_pod(&name, &Pod::new(session, None)).unwrap();
    let equal = || assert!(verify(&source, &destination).is_equal());
    let report = follow_through(
        &source,
        &destination,
        vec![
            &mut || {
                equal();
                source.append_all(first.0, first.1, &entries(&[B])).unwrap();
                trace(&source, first.0, first.1, &[r#"{"t":1}"#]);
                put(first.0);
            },
            &mut || {
                equal();
                source.create_segment(second.0, second.1, &[]).unwrap();
                source.create_segment(first.0, third.1, &entries(&[A])).unwrap();
                trace(&source, first.0, first.1, &[r#"{"t":2}"#]);
                put(second.0);
            },
            &mut || {
                equal();
                source.truncate(first.0, first.1, 1).unwrap();
                source.append_all(second.0, second.1, &entries(&[C])).unwrap();
            },
            &mut || {
                equal();
                source.truncate(second.0, second.1, 0).unwrap();
                source.append_all(second.0, second.1, &entries(&[B])).unwrap();
            },
            // What came in the last pause is copied too.
            &mut || {
                equal();
                source.append_all(first.0, first.1, &entries(&[C])).unwrap();
            },
        ],
    );
    equal();
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(report.segments.len(), 3);
    assert_eq!(log_of(&destination, first.0, first.1), [A, C]);
    assert!(report.segments[0].moved.rewritten > 0);
    assert!(matches!(report.pods[0].outcome, PodOutcome::Copied));
}

#[test]
fn what_is_deleted_at_the_source_stays_and_is_told() {
    let key = (SessionId::new(), SegmentId::new());
    let source = store_with(key.0, key.1, &[A]);
    let name: PodName = "coder".parse().unwrap();
    source.put_pod(&name, &Pod::new(key.0, None)).unwrap();
    let destination = MemoryStore::new();
    let report = follow_through(
        &source,
        &destination,
        vec![&mut || {
            source.delete_session(key.0).unwrap();
            source.delete_pod(&name).unwrap();
        }],
    );
    assert!(report.is_complete(), "{report:?}");
    assert!(report.segments[0].moved.deleted);
    assert!(matches!(report.pods[0].outcome, PodOutcome::Deleted));
    assert_eq!(log_of(&destination, key.0, key.1), [A]);
    assert!(destination.read_pod(&name).unwrap().is_some());
}

#[test]
fn what_is_deleted_and_made_again_is_followed() {
    let key = (SessionId::new(), SegmentId::new());
    let source = store_with(key.0, key.1, &[A, B]);
    let destination = MemoryStore::new();
    let report = follow_through(
        &source,
        &destination,
        vec![&mut || assert!(source.delete_segment(key.0, key.1).unwrap()), &mut || {
            source.create_segment(key.0, key.1, &entries(&[C])).unwrap();
        }],
    );
    assert!(report.is_complete(), "{report:?}");
    assert!(!report.segments[0].moved.deleted);
    assert_eq!(log_of(&destination, key.0, key.1), [C]);
}

/// What was in the destination before is not cut, whatever the source does later.
#[test]
fn a_source_that_is_cut_below_what_was_there_is_a_conflict() {
    let key = (SessionId::new(), SegmentId::new());
    let source = store_with(key.0, key.1, &[A, B]);
    let destination = store_with(key.0, key.1, &[A, B]);
    let report = follow_through(
        &source,
        &destination,
        vec![&mut || source.truncate(key.0, key.1, 1).unwrap()],
    );
    assert!(report.segments[0].is_conflict() && !report.is_complete());
    assert_eq!(log_of(&destination, key.0, key.1), [A, B]);
}

#[test]
fn who_writes_to_the_destination_is_a_conflict() {
    let key = (SessionId::new(), SegmentId::new());
    let source = store_with(key.0, key.1, &[A]);
    let destination = MemoryStore::new();
    let report = follow_through(
        &source,
        &destination,
        vec![&mut || {
            destination.append_all(key.0, key.1, &entries(&[C])).unwrap();
            source.append_all(key.0, key.1, &entries(&[B])).unwrap();
        }],
    );
    assert!(report.segments[0].is_conflict() && !report.is_complete());
    assert_eq!(log_of(&destination, key.0, key.1), [A, C]);
}

/// A pod of the destination that somebody else has changed since is not overwritten.
#[test]
fn a_pod_that_both_have_changed_is_a_conflict() {
    let name: PodName = "coder".parse().unwrap();
    let (source, destination) = (MemoryStore::new(), MemoryStore::new());
    let pod = |text: &str| Pod::from_json(text).unwrap();
    source.put_pod(&name, &pod(r#"{"x":1}"#)).unwrap();
    let report = follow_through(
        &source,
        &destination,
        vec![&mut || {
            source.put_pod(&name, &pod(r#"{"x":2}"#)).unwrap();
            destination.put_pod(&name, &pod(r#"{"x":3}"#)).unwrap();
        }],
    );
    assert!(report.pods[0].is_conflict() && !report.is_complete());
    assert_eq!(destination.read_pod(&name).unwrap().unwrap().as_json(), r#"{"x":3}"#);
}

#[test]
fn failures_pass() {
    let key = (SessionId::new(), SegmentId::new());
    let store = store_with(key.0, key.1, &[A]);
    let is_down = Arc::new(AtomicBool::new(false));
    let down = Arc::clone(&is_down);
    let source = Lens::hooked(&store, move |_, _| match down.load(Ordering::SeqCst) {
        true => Err(StoreError::Io(std::io::ErrorKind::ConnectionRefused.into())),
        false => Ok(()),
    });
    let (destination, mut step, mut failures) = (MemoryStore::new(), 0, 0);
    let pause = || {
        is_down.store(step == 0, Ordering::SeqCst);
        store.append_all(key.0, key.1, &entries(&[B])).unwrap();
        step += 1;
        step < 2
    };
    let count = |event: Progress<'_>| {
        if let Progress::Failed(failure) = event {
            assert!(failure.to_string().contains("list the sessions"), "{failure}");
            failures += 1;
        }
    };
    let report = Migration::new(&source, &destination).progress(count).follow(pause).unwrap();
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(failures, 1);
    assert_eq!(log_of(&destination, key.0, key.1), [A, B, B]);
}

/// A segment that failed is tried again in the next pass.
#[test]
fn the_failure_of_a_segment_passes() {
    let key = (SessionId::new(), SegmentId::new());
    let store = store_with(key.0, key.1, &[A]);
    let once = AtomicBool::new(true);
    let source = Lens::hooked(&store, move |call, _| match call {
        Call::ReadPage if once.swap(false, Ordering::SeqCst) => {
            Err(StoreError::Io(std::io::ErrorKind::ConnectionReset.into()))
        }
        _ => Ok(()),
    });
    let destination = MemoryStore::new();
    let missing = || assert!(!destination.exists(key.0, key.1).unwrap());
    let report = follow_through(&source, &destination, vec![&mut || missing()]);
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(log_of(&destination, key.0, key.1), [A]);
}

/// A pass over what stands still reads no page of a log.
#[test]
fn looking_is_cheap() {
    let key = (SessionId::new(), SegmentId::new());
    let store = store_with(key.0, key.1, &[A, B]);
    let pages = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&pages);
    let source = Lens::hooked(&store, move |call, _| {
        counted.fetch_add(usize::from(call == Call::ReadPage), Ordering::SeqCst);
        Ok(())
    });
    let destination = MemoryStore::new();
    let copied = std::cell::Cell::new(0);
    let check = || assert_eq!(pages.load(Ordering::SeqCst), copied.get());
    let report = follow_through(
        &source,
        &destination,
        vec![&mut || copied.set(pages.load(Ordering::SeqCst)), &mut || check(), &mut || check()],
    );
    assert!(report.is_complete());
}

/// A trace cannot be cut, so such a conflict lasts; the log goes on without it, and is proved.
#[rstest]
fn a_log_whose_trace_is_in_conflict(
    #[values(OnConflict::Report, OnConflict::Skip)] on_conflict: OnConflict,
) {
    let key = (SessionId::new(), SegmentId::new());
    let (source, destination) = (store_with(key.0, key.1, &[A]), MemoryStore::new());
    trace(&source, key.0, key.1, &[r#"{"t":1}"#]);
    trace(&destination, key.0, key.1, &[r#"{"t":2}"#]);
    let pause = || {
        source.append_all(key.0, key.1, &entries(&[B])).unwrap();
        false
    };
    let migration = Migration::new(&source, &destination).on_conflict(on_conflict);
    let report = migration.follow(pause).unwrap();
    assert_eq!(log_of(&destination, key.0, key.1), [A, B]);
    assert_eq!(report.is_complete(), on_conflict == OnConflict::Skip);
    assert!(report.segments[0].is_conflict());
    assert_eq!(report.proof.unwrap().equal_entries(), 2);
}

/// What could not be put or read for a while is no conflict when it can be again.
#[rstest]
fn a_pod_that_failed_for_a_while(#[values(Call::ReadPod, Call::PutPod)] fails: Call) {
    let name: PodName = "coder".parse().unwrap();
    let source = MemoryStore::new();
    let put = |text| source.put_pod(&name, &Pod::from_json(text).unwrap()).unwrap();
    put(r#"{"x":1}"#);
    let is_down = Arc::new(AtomicBool::new(false));
    let down = Arc::clone(&is_down);
    let store = MemoryStore::new();
    let destination =
        Lens::hooked(&store, move |call, _| match call == fails && down.load(Ordering::SeqCst) {
            true => Err(StoreError::Io(std::io::ErrorKind::ConnectionRefused.into())),
            false => Ok(()),
        });
    let report = follow_through(
        &source,
        &destination,
        vec![
            &mut || {
                put(r#"{"x":2}"#);
                is_down.store(true, Ordering::SeqCst);
            },
            &mut || is_down.store(false, Ordering::SeqCst),
        ],
    );
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(store.read_pod(&name).unwrap().unwrap().as_json(), r#"{"x":2}"#);
}

#[test]
fn a_pod_that_is_deleted_and_put_again_is_followed() {
    let name: PodName = "coder".parse().unwrap();
    let (source, destination) = (MemoryStore::new(), MemoryStore::new());
    let put = |text| source.put_pod(&name, &Pod::from_json(text).unwrap()).unwrap();
    put(r#"{"x":1}"#);
    let report = follow_through(
        &source,
        &destination,
        vec![&mut || assert!(source.delete_pod(&name).unwrap()), &mut || put(r#"{"x":2}"#)],
    );
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(destination.read_pod(&name).unwrap().unwrap().as_json(), r#"{"x":2}"#);
}

/// Of a trace only its entries tell that it is another one; what follows in it would make a
/// mixture.
#[test]
fn the_trace_of_a_segment_that_was_made_again_is_not_mixed_with_the_old_one() {
    let key = (SessionId::new(), SegmentId::new());
    let (source, destination) = (store_with(key.0, key.1, &[A]), MemoryStore::new());
    trace(&source, key.0, key.1, &[r#"{"t":1}"#]);
    let report = follow_through(
        &source,
        &destination,
        vec![&mut || {
            source.delete_segment(key.0, key.1).unwrap();
            source.create_segment(key.0, key.1, &entries(&[B])).unwrap();
            trace(&source, key.0, key.1, &[r#"{"t":2}"#, r#"{"t":3}"#]);
        }],
    );
    assert!(report.segments[0].is_conflict() && !report.is_complete(), "{report:?}");
    assert_eq!(log_of(&destination, key.0, key.1), [B]);
    let there = destination.read_trace_page(key.0, key.1, 0, usize::MAX).unwrap();
    assert_eq!(there.entries.len(), 1);
}
