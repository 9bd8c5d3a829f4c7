//! A copy that is said to be complete survives a power cut, where the destination can promise that.

use std::io::{self, Cursor};
use std::sync::{Arc, Mutex};

use session_store_core::{SegmentId, SessionId, Store, StoreError};
use session_store_memory::MemoryStore;
use session_store_migrate::backup::{Backup, export};
use session_store_migrate::{Migration, Phase, Progress, Selection};

use crate::lens::{Call, Lens};
use crate::{entries, migrate, store_with};

/// A destination that can sync, and what it was asked to change.
fn syncing() -> (Lens, Arc<Mutex<Vec<Call>>>) {
    let calls = Arc::<Mutex<Vec<Call>>>::default();
    let seen = Arc::clone(&calls);
    let hook = move |call: Call, _: &MemoryStore| {
        if call.is_write() || call == Call::Sync {
            seen.lock().unwrap().push(call);
        }
        Ok(())
    };
    (Lens { syncs: true, ..Lens::hooked(&MemoryStore::new(), hook) }, calls)
}

fn failing() -> Lens {
    let hook = |call: Call, _: &MemoryStore| match call {
        Call::Sync => Err(StoreError::io("sync", io::Error::other("the disk is gone"))),
        _ => Ok(()),
    };
    Lens { syncs: true, ..Lens::hooked(&MemoryStore::new(), hook) }
}

fn source() -> MemoryStore {
    store_with(SessionId::new(), SegmentId::new(), &["{}"])
}

#[test]
fn a_copy_is_synced_when_all_is_written() {
    let (destination, calls) = syncing();
    assert!(migrate(&source(), &destination).is_complete());
    assert_eq!(*calls.lock().unwrap(), [Call::AppendIf, Call::Sync]);
}

/// A source that is replaced at the last moment is followed by the proof, which writes too.
#[test]
fn what_the_proof_copies_is_synced_as_well() {
    let (destination, calls) = syncing();
    let (session, segment) = (SessionId::new(), SegmentId::new());
    let source = store_with(session, segment, &["{}"]);
    let report = Migration::new(&source, &destination).progress(|event| {
        if let Progress::Begin { phase: Phase::Compare, .. } = event {
            source.create_segment(session, segment, &entries(&[r#"{"a":1}"#])).unwrap();
        }
    });
    assert!(report.run().unwrap().is_complete());
    let calls = calls.lock().unwrap();
    assert_eq!(calls[calls.len() - 2..], [Call::AppendIf, Call::Sync]);
}

#[test]
fn a_plan_syncs_nothing() {
    let (destination, calls) = syncing();
    assert!(Migration::new(source(), &destination).dry_run().run().unwrap().is_complete());
    assert_eq!(*calls.lock().unwrap(), []);
}

#[test]
fn a_copy_that_was_not_synced_is_not_complete() {
    let report = migrate(&source(), &failing());
    assert!(!report.is_complete());
    let unsynced = report.sync_failure.unwrap().to_string();
    assert_eq!(unsynced, "the destination: cannot sync the copied entries");
}

#[test]
fn a_restored_backup_is_synced_too() {
    let mut file = Vec::new();
    let report = export(&source(), &Selection::default(), &mut file, &mut |_| {});
    assert!(report.unwrap().is_complete());
    let mut backup = Backup::open(Cursor::new(file), &mut |_| {}).unwrap();
    let (destination, calls) = syncing();
    assert!(backup.restore(&destination, &mut |_| {}).unwrap().is_complete());
    assert_eq!(*calls.lock().unwrap(), [Call::AppendIf, Call::Sync]);
    let report = backup.restore(&failing(), &mut |_| {}).unwrap();
    assert!(!report.is_complete() && report.sync_failure.is_some());
}
