//! Tests of copies with several jobs. The result is the same as with one job.

use std::sync::{Arc, Mutex};
use std::thread;

use proptest::collection::vec;
use proptest::prelude::*;
use session_store_core::{SegmentId, SegmentKey, SessionId, Store, StoreExt};
use session_store_memory::MemoryStore;
use session_store_migrate::{
    Comparison, Extension, Migration, OnConflict, Progress, SegmentCopy, Stop,
};
use sha2::{Digest as _, Sha256};

use crate::hooked_store::{Call, HookedStore};
use crate::{entries, log_of, migrate, new_key, verify};

/// Generates no log, or a log of small numbers, so that two logs often have a common prefix.
fn log() -> impl Strategy<Value = Option<Vec<u8>>> {
    proptest::option::of(vec(0_u8..3, 0..6))
}

fn store_of<'a>(
    logs: impl IntoIterator<Item = (&'a SegmentKey, &'a Option<Vec<u8>>)>,
) -> MemoryStore {
    let store = MemoryStore::new();
    for (key, log) in logs {
        let Some(log) = log else { continue };
        let texts: Vec<_> = log.iter().map(|number| format!("{{\"n\":{number}}}")).collect();
        let texts: Vec<_> = texts.iter().map(String::as_str).collect();
        store.at(*key).create(&entries(&texts)).unwrap();
    }
    store
}

fn is_prefix(earlier: Option<&Vec<u8>>, log: &[u8]) -> bool {
    earlier.is_none_or(|earlier| log.starts_with(earlier))
}

proptest! {
    #[test]
    fn any_source_is_copied_into_any_destination(
        logs in vec((log(), log()), 1..12),
        jobs in 1_usize..9,
        replace in any::<bool>(),
    ) {
        let keys: Vec<_> = logs.iter().map(|_| new_key()).collect();
        let source = store_of(keys.iter().zip(logs.iter().map(|(source, _)| source)));
        let destination = store_of(keys.iter().zip(logs.iter().map(|(_, there)| there)));
        let on_conflict = if replace { OnConflict::Replace } else { OnConflict::Report };
        let migration = Migration::new(&source, &destination).jobs(jobs).on_conflict(on_conflict);
        let report = migration.run().unwrap();
        for (&key, (log, there)) in keys.iter().zip(&logs) {
            let copy = report.segments.iter().find(|copy| copy.key == key);
            prop_assert_eq!(copy.is_some(), log.is_some());
            let (Some(copy), Some(log)) = (copy, log) else { continue };
            let arrives = replace || is_prefix(there.as_ref(), log);
            prop_assert_eq!(copy.is_complete(), arrives);
            let stored = destination.at(key).read_entry_count().unwrap();
            let expected = if arrives { log.len() } else { there.as_ref().map_or(0, Vec::len) };
            prop_assert_eq!(stored, expected);
            if arrives {
                let Extension { already, appended, cut, .. } = copy.log;
                prop_assert_eq!(already + appended, log.len());
                prop_assert_eq!(cut, there.as_ref().map_or(0, Vec::len) - already);
                prop_assert_eq!(log_of(&source, key), log_of(&destination, key));
            } else {
                prop_assert!(matches!(copy.log.stopped.as_deref(), Some(Stop::Conflict(_))));
            }
        }
        prop_assert_eq!(report.is_complete(), report.segments.iter().all(SegmentCopy::is_complete));
        prop_assert!(report.segments.is_sorted_by_key(|copy| copy.key));
    }
}

fn many() -> MemoryStore {
    let store = MemoryStore::new();
    for n in 0..200 {
        let text = format!("{{\"n\":{n}}}");
        store.create_segment(SessionId::new(), SegmentId::new(), &entries(&[&text])).unwrap();
    }
    store
}

#[test]
fn the_callers_thread_receives_all_events() {
    let (caller, source, destination) = (thread::current().id(), many(), MemoryStore::new());
    let (mut started, mut done) = (0, 0);
    let check = |event: Progress<'_>| {
        assert_eq!(thread::current().id(), caller);
        match event {
            Progress::Started { entries } => started += entries,
            Progress::Copied(_) | Progress::Compared(_) => done += 1,
            _ => {}
        }
    };
    let report = Migration::new(&source, &destination).progress(check).run().unwrap();
    assert!(report.is_complete());
    assert_eq!((started, done), (400, 400));
}

/// The test uses one job, so the order of the appends is the order in which the segments are
/// copied.
#[test]
fn segments_are_copied_in_ascending_order() {
    let (store, order) = (many(), Arc::new(Mutex::new(Vec::new())));
    let seen = Arc::clone(&order);
    let destination = HookedStore::with_hook(&MemoryStore::new(), move |call, store| {
        if call == Call::AppendIf {
            seen.lock().unwrap().push(store.list_sessions()?.first().copied());
        }
        Ok(())
    });
    let report = Migration::new(&store, &destination).jobs(1).run().unwrap();
    assert!(report.is_complete());
    let order = order.lock().unwrap();
    assert_eq!(order.len(), 200);
    assert!(order.is_sorted());
}

/// The entries are larger than a job's share of the memory budget.
#[test]
fn large_entries_are_copied_with_any_number_of_jobs() {
    let store = MemoryStore::new();
    for n in 0..6 {
        let large = format!("{{\"n\":{n},\"x\":\"{}\"}}", "x".repeat(300_000));
        let texts = ["{}", &large, "{}", &large];
        store.create_segment(SessionId::new(), SegmentId::new(), &entries(&texts)).unwrap();
    }
    for jobs in [1, 3, 32] {
        let destination = MemoryStore::new();
        let report = Migration::new(&store, &destination).jobs(jobs).run().unwrap();
        assert!(report.is_complete());
        assert!(verify(&store, &destination).is_equal());
    }
}

/// `session-store show` prints the hashed lines, so a user can compute the same hash.
#[test]
fn the_report_has_the_hash_of_the_lines() {
    let key = new_key();
    let source = crate::store_with(key, &[r#"{"a":1.0}"#, "{}"]);
    crate::trace(&source, key, &[r#"{"t":1}"#]);
    let report = migrate(&source, &MemoryStore::new());
    let proof = &report.proof.as_ref().unwrap().segments[0];
    let hash = |comparison: &Comparison| match comparison {
        Comparison::Equal { hash, .. } => *hash.as_bytes(),
        other => panic!("{other:?}"),
    };
    assert_eq!(hash(&proof.log)[..], Sha256::digest("{\"a\":1.0}\n{}\n")[..]);
    assert_eq!(hash(proof.trace.as_ref().unwrap())[..], Sha256::digest("{\"t\":1}\n")[..]);
}
