//! Tests of dry runs, which write nothing and report the changes that a run would make.

use session_store_core::{Pod, PodName, PodStore, Store, StoreExt};
use session_store_memory::MemoryStore;
use session_store_migrate::{MigrateReport, Migration, OnConflict, PodOutcome, Stop};

use crate::hooked_store::HookedStore;
use crate::{entries, log_of, new_key, store_with, trace};

const A: &str = r#"{"a":1}"#;
const B: &str = r#"{"b":2}"#;
const C: &str = r#"{"c":3}"#;

/// Returns the report of a dry run. Panics if the run writes.
fn plan(source: &MemoryStore, destination: &MemoryStore, on_conflict: OnConflict) -> MigrateReport {
    let watched = HookedStore::with_hook(destination, |call, _| {
        assert!(!call.is_write(), "{call:?}");
        Ok(())
    });
    let before = destination.list_sessions().unwrap();
    let report = Migration::new(source, &watched).on_conflict(on_conflict).dry_run().unwrap();
    assert_eq!(destination.list_sessions().unwrap(), before);
    assert!(report.proof.is_none());
    report
}

#[test]
fn the_report_has_the_changes_that_a_run_would_make() {
    let [absent, shorter, equal, empty] = [0; 4].map(|_| new_key());
    let (source, destination) = (MemoryStore::new(), MemoryStore::new());
    for key in [absent, shorter, equal] {
        source.at(key).create(&entries(&[A, B])).unwrap();
    }
    source.at(empty).create(&[]).unwrap();
    trace(&source, absent, &[r#"{"t":1}"#]);
    destination.at(shorter).create(&entries(&[A])).unwrap();
    destination.at(equal).create(&entries(&[A, B])).unwrap();
    let name: PodName = "coder".parse().unwrap();
    source.put_pod(&name, &Pod::new(absent.session_id, None)).unwrap();

    let report = plan(&source, &destination, OnConflict::Report);
    let logs: Vec<_> = report.segments.iter().map(|copy| &copy.log).collect();
    let planned: Vec<_> = logs.iter().map(|log| (log.already, log.appended, log.cut)).collect();
    assert_eq!(planned, [(0, 2, 0), (1, 1, 0), (2, 0, 0), (0, 0, 0)]);
    assert_eq!(report.segments[0].trace.as_ref().unwrap().appended, 1);
    assert!(matches!(report.pods[0].outcome, PodOutcome::Copied));
    assert!(destination.pods().unwrap().list_pods().unwrap().is_empty());
    assert!(report.is_complete(), "nothing prevents the copy");
    assert_eq!(log_of(&destination, shorter), [A]);
}

#[test]
fn the_report_has_the_conflicts_of_a_run() {
    let key = new_key();
    let (source, destination) = (store_with(key, &[A, B]), store_with(key, &[A, C, C]));
    let report = plan(&source, &destination, OnConflict::Report);
    assert!(matches!(report.segments[0].log.stopped.as_deref(), Some(Stop::Conflict(_))));
    assert!(!report.is_complete());

    let report = plan(&source, &destination, OnConflict::Replace);
    let log = &report.segments[0].log;
    assert_eq!((log.already, log.cut, log.appended), (1, 2, 1));
    assert!(report.is_complete());
}
