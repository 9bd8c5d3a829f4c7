//! Tests of migrations from a backup, most of them into a store that is not empty.

use std::fs;
use std::io::Write;

use session_store_core::{Capability, Pod, Store, StoreExt, error_chain};
use session_store_memory::MemoryStore;
use session_store_migrate::backup::Backup;
use session_store_migrate::{
    Gap, MigrateError, MigrateReport, Migration, PodCopy, PodOutcome, Side, Stop, Totals,
};

use super::{backup_of, first_key, open, populated, restored};
use crate::hooked_store::HookedStore;
use crate::{entries, log_of, migrate, new_key, store_with, trace, verify};

fn restore(file: Vec<u8>, destination: &dyn Store) -> MigrateReport {
    migrate(&open(file).unwrap(), destination)
}

/// Restores a backup. Returns the number of entries and pods that were written.
fn written(file: Vec<u8>, destination: &dyn Store) -> usize {
    let report = restore(file, destination);
    assert!(report.is_complete(), "{report:?}");
    let Totals { entries_copied, trace_entries_copied, .. } = report.totals();
    let is_copied = |pod: &&PodCopy| matches!(pod.outcome, PodOutcome::Copied);
    entries_copied + trace_entries_copied + report.pods.iter().filter(is_copied).count()
}

#[test]
fn a_second_restore_writes_nothing() {
    let file = backup_of(&populated());
    let destination = restored(file.clone());
    assert_eq!(written(file, &destination), 0);
}

/// The destination is as after an interrupted restore: one log has only its first entries, and a
/// pod is missing.
#[test]
fn existing_entries_are_not_written_again() {
    let source = populated();
    let destination = restored(backup_of(&source));
    destination.at(first_key(&source)).truncate(300).unwrap();
    destination.pods().unwrap().delete_pod(&"con".parse().unwrap()).unwrap();
    assert_eq!(written(backup_of(&source), &destination), 400 + 1);
    assert!(verify(&source, &destination).is_equal());
}

#[test]
fn a_conflict_is_reported_and_not_overwritten() {
    let source = populated();
    let destination = MemoryStore::new();
    let key = first_key(&source);
    destination.at(key).create(&entries(&["{}"])).unwrap();
    let pod = Pod::from_json("{}").unwrap();
    let name = "coder".parse().unwrap();
    destination.pods().unwrap().put_pod(&name, &pod).unwrap();

    let report = restore(backup_of(&source), &destination);
    let problems: Vec<_> = report.problems().collect();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].starts_with(&format!("{key}: conflict: ")), "{problems:?}");
    assert!(problems[1].starts_with("pod coder: conflict: "), "{problems:?}");
    assert_eq!(log_of(&destination, key), ["{}"]);
    assert_eq!(destination.pods().unwrap().read_pod(&name).unwrap(), Some(pod));
}

#[test]
fn a_destination_without_conditional_appends_is_refused() {
    let mut destination = HookedStore::new(&MemoryStore::new());
    destination.lacks = Some(Capability::ConditionalAppend);
    let backup = open(backup_of(&populated())).unwrap();
    let refused = Migration::new(backup, &destination).run();
    assert!(matches!(refused, Err(MigrateError::Unconditional)), "{refused:?}");
}

#[test]
fn parts_that_the_destination_cannot_store_are_gaps() {
    let mut destination = HookedStore::new(&MemoryStore::new());
    destination.lacks = Some(Capability::ReadTraces);
    destination.lacks_pods = true;
    let report = restore(backup_of(&populated()), &destination);
    assert_eq!(report.gaps, [Gap::Traces(Side::Destination), Gap::Pods(Side::Destination)]);
    assert!(!report.is_complete());
    assert_eq!(report.totals().complete, 3);
}

/// A trace describes its own log, so it must not be stored beside another log.
#[test]
fn the_trace_of_a_log_in_conflict_is_not_restored() {
    let key = new_key();
    let source = store_with(key, &[r#"{"a":1}"#]);
    trace(&source, key, &[r#"{"t":1}"#]);
    let destination = store_with(key, &[r#"{"b":2}"#]);
    let report = restore(backup_of(&source), &destination);
    assert!(!report.is_complete());
    let there = destination.at(key).read_trace_page(0, usize::MAX).unwrap();
    assert!(there.entries.is_empty(), "{there:?}");
}

/// An open backup caches the frames that were read most recently. This backup has more frames than
/// the cache can hold, so the migration must read the damaged file.
#[test]
fn a_file_that_is_damaged_after_the_check_is_a_failure_of_the_source() {
    let text = format!("{{\"x\":\"{}\"}}", "y".repeat(4 * 1024 * 1024));
    let source = MemoryStore::new();
    (0..6).for_each(|_| source.at(new_key()).create(&entries(&[&text])).unwrap());
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&backup_of(&source)).unwrap();
    let backup = Backup::open(file.reopen().unwrap(), &mut |_| {}).unwrap();
    fs::write(file.path(), [0; 100]).unwrap();

    let report = migrate(&backup, &MemoryStore::new());
    assert!(!report.is_complete());
    let [stop] = report.segments[0].stops().collect::<Vec<_>>()[..] else { panic!("{report:?}") };
    assert!(matches!(stop, Stop::Source(_)), "{stop:?}");
    let message = error_chain(stop);
    assert!(message.contains("the backup is damaged: "), "{message}");
}
