//! Tests that a copy is synced before it is reported as complete. So a copy that was reported as
//! complete survives a power cut.

use std::io;
use std::sync::{Arc, Mutex};

use session_store_core::{StoreError, StoreExt};
use session_store_memory::MemoryStore;
use session_store_migrate::{Migration, Phase, Progress};

use crate::hooked_store::{Call, HookedStore};
use crate::{entries, migrate, new_key, store_with};

/// Returns a destination that can sync, and the list of its writes and syncs.
fn syncing() -> (HookedStore, Arc<Mutex<Vec<Call>>>) {
    let calls = Arc::<Mutex<Vec<Call>>>::default();
    let seen = Arc::clone(&calls);
    let hook = move |call: Call, _: &MemoryStore| {
        if call.is_write() || call == Call::Sync {
            seen.lock().unwrap().push(call);
        }
        Ok(())
    };
    (HookedStore { syncs: true, ..HookedStore::with_hook(&MemoryStore::new(), hook) }, calls)
}

/// Returns a destination whose syncs fail.
fn failing() -> HookedStore {
    let hook = |call: Call, _: &MemoryStore| match call {
        Call::Sync => Err(StoreError::io("sync", io::Error::other("the disk is gone"))),
        _ => Ok(()),
    };
    HookedStore { syncs: true, ..HookedStore::with_hook(&MemoryStore::new(), hook) }
}

fn source() -> MemoryStore {
    store_with(new_key(), &["{}"])
}

#[test]
fn a_copy_is_synced_after_the_last_write() {
    let (destination, calls) = syncing();
    assert!(migrate(&source(), &destination).is_complete());
    assert_eq!(*calls.lock().unwrap(), [Call::AppendIf, Call::Sync]);
}

/// The proof also writes to the destination if the source is replaced after the copy.
#[test]
fn entries_that_the_proof_copies_are_synced() {
    let (destination, calls) = syncing();
    let key = new_key();
    let source = store_with(key, &["{}"]);
    let report = Migration::new(&source, &destination).progress(|event| {
        if let Progress::Begin { phase: Phase::Compare, .. } = event {
            source.at(key).create(&entries(&[r#"{"a":1}"#])).unwrap();
        }
    });
    assert!(report.run().unwrap().is_complete());
    let calls = calls.lock().unwrap();
    assert_eq!(calls[calls.len() - 2..], [Call::AppendIf, Call::Sync]);
}

#[test]
fn a_dry_run_syncs_nothing() {
    let (destination, calls) = syncing();
    assert!(Migration::new(source(), &destination).dry_run().unwrap().is_complete());
    assert_eq!(*calls.lock().unwrap(), []);
}

#[test]
fn a_copy_that_cannot_be_synced_is_not_complete() {
    let report = migrate(&source(), &failing());
    assert!(!report.is_complete());
    let unsynced = report.sync_failure.unwrap().to_string();
    assert_eq!(unsynced, "the destination: cannot sync the copied entries");
}
