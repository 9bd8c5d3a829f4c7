//! A destination that is kept in step with its source. Each pause is a step of the story: what happens in it is
//! in the destination at the next one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use session_store_core::{Pod, PodName, PodStore, SegmentId, SessionId, Store, StoreError};
use session_store_memory::MemoryStore;
use session_store_migrate::{MigrateOptions, MigrateReport, PodOutcome, Progress, follow};

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
    let mut pause = || {
        steps[next]();
        next += 1;
        next < steps.len()
    };
    let options = MigrateOptions::default();
    follow(|| Ok(source), || Ok(destination), &options, &mut pause, &mut |_| {}).unwrap()
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
    let (destination, mut step, mut troubles) = (MemoryStore::new(), 0, 0);
    let mut pause = || {
        is_down.store(step == 0, Ordering::SeqCst);
        store.append_all(key.0, key.1, &entries(&[B])).unwrap();
        step += 1;
        step < 2
    };
    let options = MigrateOptions::default();
    let mut count = |event: Progress<'_>| {
        if let Progress::Troubled(failure) = event {
            assert!(failure.to_string().contains("list the sessions"), "{failure}");
            troubles += 1;
        }
    };
    let report =
        follow(|| Ok(&source), || Ok(&destination), &options, &mut pause, &mut count).unwrap();
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(troubles, 1);
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
