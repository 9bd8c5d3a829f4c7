//! Tests of copies from a source that changes during the copy. The destination becomes equal to the
//! source, and the report counts the changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use session_store_core::{Pod, PodName, PodStore, Store, StoreError, StoreExt};
use session_store_memory::MemoryStore;
use session_store_migrate::{Difference, MigrateReport, Migration, Phase, Progress, Stop};

use crate::hooked_store::{Call, HookedStore};
use crate::{entries, log_of, migrate, new_key, store_with, verify};

const A: &str = r#"{"a":1}"#;
const B: &str = r#"{"b":2}"#;
const C: &str = r#"{"c":3}"#;
const D: &str = r#"{"d":4}"#;

/// Returns a source that calls `happens` before the `nth` page is read. `nth` counts from 1. Each
/// page has one entry.
fn moving(
    store: &MemoryStore,
    nth: usize,
    happens: impl Fn(&MemoryStore) -> Result<(), StoreError> + Send + Sync + 'static,
) -> HookedStore {
    let pages = AtomicUsize::new(0);
    HookedStore::with_hook(store, move |call, store| {
        let is_due = call == Call::ReadPage && pages.fetch_add(1, Ordering::SeqCst) + 1 == nth;
        if is_due { happens(store) } else { Ok(()) }
    })
}

/// Runs a migration, and calls `happens` between the copy and the proof.
fn migrate_then(
    source: &dyn Store,
    destination: &dyn Store,
    mut happens: impl FnMut(),
) -> MigrateReport {
    let migration = Migration::new(source, destination).progress(|event| {
        if let Progress::Begin { phase: Phase::Compare, .. } = event {
            happens();
        }
    });
    migration.run().unwrap()
}

#[test]
fn entries_appended_during_the_copy_are_copied() {
    let key = new_key();
    let store = store_with(key, &[A, B]);
    let source = moving(&store, 2, move |store| store.at(key).append_all(&entries(&[C, D])));
    let destination = MemoryStore::new();
    let report = migrate(&source, &destination);
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(log_of(&destination, key), [A, B, C, D]);
    let moved = report.segments[0].moved;
    assert_eq!((moved.grown, moved.rewritten, moved.since, moved.deleted), (2, 0, 0, false));
}

/// A change in one segment causes another pass. This pass also finds the changes of segments that
/// the first pass had already visited.
#[test]
fn entries_appended_to_a_copied_segment_are_copied() {
    let (first, second) = (new_key(), new_key());
    let store = store_with(first, &[A]);
    store.at(second).create(&entries(&[A])).unwrap();
    let source = moving(&store, 2, move |store| {
        store.at(first).append_all(&entries(&[B]))?;
        store.at(second).append_all(&entries(&[B]))
    });
    let destination = MemoryStore::new();
    let report = Migration::new(&source, &destination).jobs(1).run().unwrap();
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(log_of(&destination, first), [A, B]);
    assert_eq!(report.segments.iter().map(|copy| copy.moved.grown).collect::<Vec<_>>(), [1, 1]);
}

/// A new session changes no other session, so only another listing of the source finds it.
#[test]
fn a_session_created_during_the_copy_is_copied() {
    let (first, second) = (new_key(), new_key());
    let store = store_with(first, &[A]);
    let source = moving(&store, 1, move |store| store.at(second).create(&entries(&[B])));
    let destination = MemoryStore::new();
    let report = migrate(&source, &destination);
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(log_of(&destination, second), [B]);
    assert_eq!(report.segments.len(), 2);
}

/// The pod is read after the sessions were listed, and points to a newer session.
#[test]
fn a_session_that_a_copied_pod_points_to_is_copied() {
    let (first, second) = (new_key(), new_key());
    let store = store_with(first, &[A]);
    let name: PodName = "coder".parse().unwrap();
    store.put_pod(&name, &Pod::new(first.session_id, Some(first.segment_id))).unwrap();
    let reads = AtomicUsize::new(0);
    let source = HookedStore::with_hook(&store, move |call, store| {
        if call != Call::ReadPod || reads.fetch_add(1, Ordering::SeqCst) != 1 {
            return Ok(());
        }
        store.at(second).create(&entries(&[B]))?;
        store.put_pod(&name, &Pod::new(second.session_id, Some(second.segment_id)))
    });
    let destination = MemoryStore::new();
    let report = migrate(&source, &destination);
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(log_of(&destination, second), [B]);
    assert!(verify(&store, &destination).is_equal());
}

#[test]
fn a_log_rewritten_during_the_copy_is_copied() {
    let key = new_key();
    for nth in 1..=4 {
        let store = store_with(key, &[A, B, C]);
        let source = moving(&store, nth, move |store| {
            store.at(key).truncate(1)?;
            store.at(key).append_all(&entries(&[D, D]))
        });
        let destination = MemoryStore::new();
        let report = migrate(&source, &destination);
        assert!(report.is_complete(), "before page {nth}: {report:?}");
        assert_eq!(log_of(&destination, key), [A, D, D], "before page {nth}");
        let log = &report.segments[0].log;
        assert_eq!(log.already + log.appended - log.cut, 3, "before page {nth}");
    }
}

#[test]
fn a_truncated_log_is_truncated_in_the_destination() {
    let key = new_key();
    // An entry larger than a batch, so that each entry is appended alone.
    let large = format!(r#"{{"x":"{}"}}"#, "x".repeat(2 << 20));
    let store = store_with(key, &[&large, &large, B]);
    let source = moving(&store, 3, move |store| store.at(key).truncate(1));
    let destination = MemoryStore::new();
    let report = migrate(&source, &destination);
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(log_of(&destination, key), [large.as_str()]);
    let copy = &report.segments[0];
    assert_eq!((copy.log.appended, copy.log.cut, copy.moved.rewritten), (2, 1, 1));
}

/// A copy may truncate only entries that it has appended itself.
#[test]
fn existing_entries_are_never_truncated() {
    let key = new_key();
    let store = store_with(key, &[A, B, C]);
    let source = moving(&store, 3, move |store| {
        store.at(key).truncate(0)?;
        store.at(key).append_all(&entries(&[D]))
    });
    let destination = store_with(key, &[A]);
    let report = migrate(&source, &destination);
    assert!(!report.is_complete());
    let stop = report.segments[0].log.stopped.as_deref();
    let Some(Stop::Conflict(Difference::Entry { number: 1, .. })) = stop else {
        panic!("{stop:?}");
    };
    assert_eq!(log_of(&destination, key)[0], A);
}

#[test]
fn a_log_that_is_replaced_without_end_stops_the_copy() {
    let key = new_key();
    let store = store_with(key, &[A, B, C]);
    let count = AtomicUsize::new(0);
    let source = HookedStore::with_hook(&store, move |call, store| match call {
        Call::ReadPage => {
            let text = format!(r#"{{"n":{}}}"#, count.fetch_add(1, Ordering::SeqCst));
            store.at(key).create(&entries(&[&text, &text, &text]))
        }
        _ => Ok(()),
    });
    let report = migrate(&source, &MemoryStore::new());
    let stop = report.segments[0].log.stopped.as_deref();
    assert!(matches!(stop, Some(Stop::Source(StoreError::Conflict { .. }))), "{stop:?}");
    assert!(report.segments[0].moved.rewritten > 1);
    assert!(!report.is_complete());
}

#[test]
fn a_segment_deleted_during_the_copy_is_reported() {
    let key = new_key();
    let store = store_with(key, &[A, B]);
    let source = moving(&store, 2, move |store| store.at(key).delete().map(drop));
    let destination = MemoryStore::new();
    let report = migrate(&source, &destination);
    assert!(report.is_complete(), "{report:?}");
    assert!(report.segments[0].moved.deleted);
    assert_eq!(log_of(&destination, key), [A], "the copied entry stays");
    assert!(report.proof.unwrap().segments.is_empty());
}

#[test]
fn entries_appended_after_the_copy_are_counted() {
    let key = new_key();
    let source = store_with(key, &[A]);
    let destination = MemoryStore::new();
    let report = migrate_then(&source, &destination, || {
        source.at(key).append_all(&entries(&[B, C])).unwrap();
    });
    assert!(report.is_complete(), "the copied entries are still a prefix: {report:?}");
    assert_eq!(report.segments[0].moved.since, 2);
    assert_eq!(log_of(&destination, key), [A]);
}

#[test]
fn a_log_rewritten_after_the_copy_is_copied_by_the_proof() {
    let key = new_key();
    let source = store_with(key, &[A, B]);
    let destination = MemoryStore::new();
    let report = migrate_then(&source, &destination, || {
        source.at(key).create(&entries(&[C])).unwrap();
    });
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(report.segments[0].moved.rewritten, 1);
    assert_eq!(log_of(&destination, key), [C]);
}

/// The log is truncated during the comparison. It has its old content again before the proof reads
/// the head of the log.
#[test]
fn a_log_restored_during_the_proof_is_compared_again() {
    let key = new_key();
    let store = store_with(key, &[A]);
    let step = Arc::new(AtomicUsize::new(0));
    let at = Arc::clone(&step);
    let source = HookedStore::with_hook(&store, move |call, store| {
        match (call, at.load(Ordering::SeqCst)) {
            (Call::ReadPage, 1) => store.at(key).truncate(0)?,
            (Call::Head, 2) => store.at(key).append_all(&entries(&[A]))?,
            _ => return Ok(()),
        }
        at.fetch_add(1, Ordering::SeqCst);
        Ok(())
    });
    let destination = MemoryStore::new();
    let report = migrate_then(&source, &destination, || step.store(1, Ordering::SeqCst));
    assert_eq!(step.load(Ordering::SeqCst), 3);
    assert!(report.is_complete(), "{report:?}");
}

/// The new log has the same entry at the place where the copy continues, so the pages do not show
/// the change. The proof finds the change.
#[test]
fn a_log_replaced_by_a_similar_one_is_copied_by_the_proof() {
    let key = new_key();
    let store = store_with(key, &[A, B, C]);
    let source = moving(&store, 3, move |store| store.at(key).create(&entries(&[D, B, C])));
    let destination = MemoryStore::new();
    let report = migrate(&source, &destination);
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(report.segments[0].moved.rewritten, 1);
    assert_eq!(log_of(&destination, key), [D, B, C]);
}

/// The source did not change, so the destination has lost acknowledged entries. Copying the entries
/// again would hide the loss.
#[test]
fn entries_that_the_destination_loses_are_not_copied_again() {
    let key = new_key();
    let source = store_with(key, &[A, B]);
    let destination = MemoryStore::new();
    let report = migrate_then(&source, &destination, || {
        destination.at(key).truncate(1).unwrap();
    });
    assert!(!report.is_complete());
    assert!(!report.proof.unwrap().is_equal());
    assert_eq!(log_of(&destination, key), [A]);
}
