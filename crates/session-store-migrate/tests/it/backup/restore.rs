//! Tests of restores, most of them into a store that is not empty.

use session_store_core::{Capability, Pod, Store, StoreExt};
use session_store_memory::MemoryStore;
use session_store_migrate::backup::{BackupError, Found};
use session_store_migrate::{Gap, MigrateError, Side, Stop};

use super::{backup_of, first_key, open, populated, restored};
use crate::hooked_store::HookedStore;
use crate::{entries, log_of, new_key, store_with, trace, verify};

/// Restores a backup. Returns the number of entries and pods that were written.
fn written(destination: &dyn Store, file: Vec<u8>) -> usize {
    let report = open(file).unwrap().restore(destination, &mut |_| {}).unwrap();
    assert!(report.is_complete(), "{report:?}");
    report.parts.iter().map(|part| part.extension.appended).sum()
}

#[test]
fn a_second_restore_writes_nothing() {
    let file = backup_of(&populated());
    let destination = restored(file.clone());
    assert_eq!(written(&destination, file), 0);
}

/// After an interrupted restore, some segments are complete, one has only its first entries, and
/// others are missing.
#[test]
fn existing_entries_are_not_written_again() {
    let source = populated();
    let destination = restored(backup_of(&source));
    destination.at(first_key(&source)).truncate(300).unwrap();
    destination.pods().unwrap().delete_pod(&"con".parse().unwrap()).unwrap();
    assert_eq!(written(&destination, backup_of(&source)), 400 + 1);
    assert!(verify(&source, &destination).is_equal());
}

#[test]
fn a_conflict_is_reported_and_not_overwritten() {
    let source = populated();
    let destination = MemoryStore::new();
    let key = first_key(&source);
    destination.at(key).create(&entries(&["{}"])).unwrap();
    let pod = Pod::from_json("{}").unwrap();
    destination.pods().unwrap().put_pod(&"coder".parse().unwrap(), &pod).unwrap();

    let backup = open(backup_of(&source)).unwrap();
    let report = backup.restore(&destination, &mut |_| {}).unwrap();
    let stopped: Vec<_> =
        report.parts.iter().filter(|part| part.extension.stopped.is_some()).collect();
    assert_eq!(stopped.len(), 2, "{stopped:?}");
    assert!(
        stopped
            .iter()
            .all(|part| matches!(part.extension.stopped.as_deref(), Some(Stop::Conflict(_))))
    );
    assert_eq!(log_of(&destination, key), ["{}"]);
    let unverified = backup.verify(&destination, &mut |_| {});
    assert_eq!(unverified.len(), 2, "{unverified:?}");
    assert!(unverified.iter().all(|part| matches!(part.found, Found::Other(_))));
}

#[test]
fn the_proof_finds_a_deleted_session() {
    let source = populated();
    let backup = open(backup_of(&source)).unwrap();
    let destination = MemoryStore::new();
    assert!(backup.restore(&destination, &mut |_| {}).unwrap().is_complete());
    let session = source.list_sessions().unwrap()[0];
    destination.delete_session(session).unwrap();
    let unverified = backup.verify(&destination, &mut |_| {});
    assert!(
        matches!(unverified[..], [ref only] if matches!(only.found, Found::Nothing)),
        "{unverified:?}"
    );
}

#[test]
fn a_destination_without_conditional_appends_is_refused() {
    let mut destination = HookedStore::new(&MemoryStore::new());
    destination.lacks = Some(Capability::ConditionalAppend);
    let refused = open(backup_of(&populated())).unwrap().restore(&destination, &mut |_| {});
    assert!(matches!(refused, Err(BackupError::Store(MigrateError::Unconditional))), "{refused:?}");
}

#[test]
fn parts_that_the_destination_cannot_store_are_gaps() {
    let mut destination = HookedStore::new(&MemoryStore::new());
    destination.lacks = Some(Capability::ReadTraces);
    destination.lacks_pods = true;
    let backup = open(backup_of(&populated())).unwrap();
    let report = backup.restore(&destination, &mut |_| {}).unwrap();
    assert_eq!(report.gaps, [Gap::Traces(Side::Destination), Gap::Pods(Side::Destination)]);
    assert!(!report.is_complete());
    assert_eq!(report.parts.len(), 3);
}

/// A trace describes its own log, so it must not be stored beside another log.
#[test]
fn the_trace_of_a_log_in_conflict_is_not_restored() {
    let key = new_key();
    let source = store_with(key, &[r#"{"a":1}"#]);
    trace(&source, key, &[r#"{"t":1}"#]);
    let destination = store_with(key, &[r#"{"b":2}"#]);
    let backup = open(backup_of(&source)).unwrap();
    let report = backup.restore(&destination, &mut |_| {}).unwrap();
    assert!(!report.is_complete());
    let there = destination.at(key).read_trace_page(0, usize::MAX).unwrap();
    assert!(there.entries.is_empty(), "{there:?}");
    assert_eq!(backup.verify(&destination, &mut |_| {}).len(), 2);
}
