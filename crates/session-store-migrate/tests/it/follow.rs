//! Tests of `Migration::follow`, which keeps a destination equal to a source that changes. A test
//! changes the source in one pause between two passes, and checks the destination in the next
//! pause.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rstest::rstest;
use session_store_core::{Pod, PodName, PodStore, Store, StoreError, StoreExt};
use session_store_memory::MemoryStore;
use session_store_migrate::{MigrateReport, Migration, OnConflict, PodOutcome, Progress};

use crate::hooked_store::{Call, HookedStore};
use crate::{entries, log_of, new_key, store_with, trace, verify};

const A: &str = r#"{"a":1}"#;
const B: &str = r#"{"b":2}"#;
const C: &str = r#"{"c":3}"#;

/// Follows the source. Calls one step in each pause, and ends after the last step.
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
fn every_change_of_the_source_is_copied() {
    let [first, second, third] = [0; 3].map(|_| new_key());
    let source = store_with(first, &[A]);
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
                source.at(first).append_all(&entries(&[B])).unwrap();
                trace(&source, first, &[r#"{"t":1}"#]);
                put(first.session_id);
            },
            &mut || {
                equal();
                source.at(second).create(&[]).unwrap();
                source.create_segment(first.session_id, third.segment_id, &entries(&[A])).unwrap();
                trace(&source, first, &[r#"{"t":2}"#]);
                put(second.session_id);
            },
            &mut || {
                equal();
                source.at(first).truncate(1).unwrap();
                source.at(second).append_all(&entries(&[C])).unwrap();
            },
            &mut || {
                equal();
                source.at(second).truncate(0).unwrap();
                source.at(second).append_all(&entries(&[B])).unwrap();
            },
            // Changes of the last pause are copied too.
            &mut || {
                equal();
                source.at(first).append_all(&entries(&[C])).unwrap();
            },
        ],
    );
    equal();
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(report.segments.len(), 3);
    assert_eq!(log_of(&destination, first), [A, C]);
    assert!(report.segments[0].moved.rewritten > 0);
    assert!(matches!(report.pods[0].outcome, PodOutcome::Copied));
}

#[test]
fn deletions_are_reported_and_not_made_in_the_destination() {
    let key = new_key();
    let source = store_with(key, &[A]);
    let name: PodName = "coder".parse().unwrap();
    source.put_pod(&name, &Pod::new(key.session_id, None)).unwrap();
    let destination = MemoryStore::new();
    let report = follow_through(
        &source,
        &destination,
        vec![&mut || {
            source.delete_session(key.session_id).unwrap();
            source.delete_pod(&name).unwrap();
        }],
    );
    assert!(report.is_complete(), "{report:?}");
    assert!(report.segments[0].moved.deleted);
    assert!(matches!(report.pods[0].outcome, PodOutcome::Deleted));
    assert_eq!(log_of(&destination, key), [A]);
    assert!(destination.read_pod(&name).unwrap().is_some());
}

#[test]
fn a_segment_that_is_deleted_and_created_again_is_copied() {
    let key = new_key();
    let source = store_with(key, &[A, B]);
    let destination = MemoryStore::new();
    let report = follow_through(
        &source,
        &destination,
        vec![&mut || assert!(source.at(key).delete().unwrap()), &mut || {
            source.at(key).create(&entries(&[C])).unwrap();
        }],
    );
    assert!(report.is_complete(), "{report:?}");
    assert!(!report.segments[0].moved.deleted);
    assert_eq!(log_of(&destination, key), [C]);
}

/// Entries that the destination had before the run are never truncated.
#[test]
fn truncating_the_source_below_the_existing_entries_is_a_conflict() {
    let key = new_key();
    let source = store_with(key, &[A, B]);
    let destination = store_with(key, &[A, B]);
    let report =
        follow_through(&source, &destination, vec![&mut || source.at(key).truncate(1).unwrap()]);
    assert!(report.segments[0].is_conflict() && !report.is_complete());
    assert_eq!(log_of(&destination, key), [A, B]);
}

#[test]
fn another_writer_of_the_destination_is_a_conflict() {
    let key = new_key();
    let source = store_with(key, &[A]);
    let destination = MemoryStore::new();
    let report = follow_through(
        &source,
        &destination,
        vec![&mut || {
            destination.at(key).append_all(&entries(&[C])).unwrap();
            source.at(key).append_all(&entries(&[B])).unwrap();
        }],
    );
    assert!(report.segments[0].is_conflict() && !report.is_complete());
    assert_eq!(log_of(&destination, key), [A, C]);
}

/// Another writer has changed the pod in the destination, so the copy does not overwrite it.
#[test]
fn a_pod_that_both_stores_have_changed_is_a_conflict() {
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
fn a_failure_of_the_listing_is_retried() {
    let key = new_key();
    let store = store_with(key, &[A]);
    let is_down = Arc::new(AtomicBool::new(false));
    let down = Arc::clone(&is_down);
    let source = HookedStore::with_hook(&store, move |_, _| match down.load(Ordering::SeqCst) {
        true => Err(StoreError::Io(std::io::ErrorKind::ConnectionRefused.into())),
        false => Ok(()),
    });
    let (destination, mut step, mut failures) = (MemoryStore::new(), 0, 0);
    let pause = || {
        is_down.store(step == 0, Ordering::SeqCst);
        store.at(key).append_all(&entries(&[B])).unwrap();
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
    assert_eq!(log_of(&destination, key), [A, B, B]);
}

#[test]
fn a_failure_of_a_segment_is_retried() {
    let key = new_key();
    let store = store_with(key, &[A]);
    let once = AtomicBool::new(true);
    let source = HookedStore::with_hook(&store, move |call, _| match call {
        Call::ReadPage if once.swap(false, Ordering::SeqCst) => {
            Err(StoreError::Io(std::io::ErrorKind::ConnectionReset.into()))
        }
        _ => Ok(()),
    });
    let destination = MemoryStore::new();
    let missing = || assert!(!destination.at(key).exists().unwrap());
    let report = follow_through(&source, &destination, vec![&mut || missing()]);
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(log_of(&destination, key), [A]);
}

#[test]
fn a_pass_over_an_unchanged_source_reads_no_pages() {
    let key = new_key();
    let store = store_with(key, &[A, B]);
    let pages = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&pages);
    let source = HookedStore::with_hook(&store, move |call, _| {
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

/// A trace cannot be truncated, so its conflict is final. The log is copied and verified without
/// the trace.
#[rstest]
fn a_log_is_copied_although_its_trace_is_in_conflict(
    #[values(OnConflict::Report, OnConflict::Skip)] on_conflict: OnConflict,
) {
    let key = new_key();
    let (source, destination) = (store_with(key, &[A]), MemoryStore::new());
    trace(&source, key, &[r#"{"t":1}"#]);
    trace(&destination, key, &[r#"{"t":2}"#]);
    let pause = || {
        source.at(key).append_all(&entries(&[B])).unwrap();
        false
    };
    let migration = Migration::new(&source, &destination).on_conflict(on_conflict);
    let report = migration.follow(pause).unwrap();
    assert_eq!(log_of(&destination, key), [A, B]);
    assert_eq!(report.is_complete(), on_conflict == OnConflict::Skip);
    assert!(report.segments[0].is_conflict());
    assert_eq!(report.proof.unwrap().equal_entries(), 2);
}

/// A pod that could not be read or put in one pass is not a conflict in the next pass.
#[rstest]
fn a_failure_of_a_pod_is_retried(#[values(Call::ReadPod, Call::PutPod)] fails: Call) {
    let name: PodName = "coder".parse().unwrap();
    let source = MemoryStore::new();
    let put = |text| source.put_pod(&name, &Pod::from_json(text).unwrap()).unwrap();
    put(r#"{"x":1}"#);
    let is_down = Arc::new(AtomicBool::new(false));
    let down = Arc::clone(&is_down);
    let store = MemoryStore::new();
    let destination = HookedStore::with_hook(&store, move |call, _| {
        match call == fails && down.load(Ordering::SeqCst) {
            true => Err(StoreError::Io(std::io::ErrorKind::ConnectionRefused.into())),
            false => Ok(()),
        }
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
fn a_pod_that_is_deleted_and_put_again_is_copied() {
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

/// A log has a head, which changes when the log is replaced. A trace has no head. The copy notices
/// the new trace only because the entry at the place of the last copied entry differs.
#[test]
fn the_traces_of_a_deleted_and_a_new_segment_are_not_mixed() {
    let key = new_key();
    let (source, destination) = (store_with(key, &[A]), MemoryStore::new());
    trace(&source, key, &[r#"{"t":1}"#]);
    let report = follow_through(
        &source,
        &destination,
        vec![&mut || {
            source.at(key).delete().unwrap();
            source.at(key).create(&entries(&[B])).unwrap();
            trace(&source, key, &[r#"{"t":2}"#, r#"{"t":3}"#]);
        }],
    );
    assert!(report.segments[0].is_conflict() && !report.is_complete(), "{report:?}");
    assert_eq!(log_of(&destination, key), [B]);
    let there = destination.at(key).read_trace_page(0, usize::MAX).unwrap();
    assert_eq!(there.entries.len(), 1);
}
