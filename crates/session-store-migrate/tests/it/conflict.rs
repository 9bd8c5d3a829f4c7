//! Tests of conflicts with each value of [`OnConflict`]. In a conflict, the destination has entries
//! that differ from the source.

use std::sync::atomic::{AtomicBool, Ordering};

use rstest::rstest;
use session_store_core::{Pod, PodName, PodStore, SegmentKey, Store, StoreExt};
use session_store_memory::MemoryStore;
use session_store_migrate::{
    Difference, MigrateReport, Migration, OnConflict, PodOutcome, Side, Stop,
};

use crate::hooked_store::{Call, HookedStore};
use crate::{entries, log_of, new_key, store_with, trace};

const A: &str = r#"{"a":1}"#;
const B: &str = r#"{"b":2}"#;
const C: &str = r#"{"c":3}"#;

/// A source with two segments, and a destination. The destination has the first segment with other
/// entries, and lacks the second segment.
struct Case {
    source: MemoryStore,
    destination: MemoryStore,
    differs: SegmentKey,
    absent: SegmentKey,
}

fn case(source: &[&str], destination: &[&str]) -> Case {
    let [differs, absent] = [0; 2].map(|_| new_key());
    let case = Case {
        source: store_with(differs, source),
        destination: store_with(differs, destination),
        differs,
        absent,
    };
    case.source.at(absent).create(&entries(&[A])).unwrap();
    case
}

fn replace(source: &dyn Store, destination: &dyn Store) -> MigrateReport {
    Migration::new(source, destination).on_conflict(OnConflict::Replace).jobs(1).run().unwrap()
}

#[rstest]
#[case::differs(&[A, B], &[A, C], Difference::Entry { number: 2, source_bytes: 7, destination_bytes: 7, byte: 3 })]
#[case::longer(&[A], &[A, B], Difference::Ends { side: Side::Source, entries: 1 })]
fn a_conflict_is_not_overwritten(
    #[case] source: &[&str],
    #[case] destination: &[&str],
    #[case] expected: Difference,
    #[values(OnConflict::Report, OnConflict::Skip)] on_conflict: OnConflict,
) {
    let case = case(source, destination);
    let migration = Migration::new(&case.source, &case.destination).on_conflict(on_conflict);
    let report = migration.run().unwrap();
    assert_eq!(report.is_complete(), on_conflict == OnConflict::Skip, "{report:?}");
    let copy = &report.segments[0];
    assert_eq!(report.is_skipped(copy), on_conflict == OnConflict::Skip);
    assert!(copy.is_conflict() && !copy.is_complete());
    let stop = copy.log.stopped.as_deref();
    assert!(matches!(stop, Some(Stop::Conflict(found)) if *found == expected), "{stop:?}");
    assert_eq!(log_of(&case.destination, case.differs), destination);
    assert_eq!(log_of(&case.destination, case.absent), [A]);
}

#[rstest]
#[case::differs(&[A, B, C], &[A, C], 1, 1)]
#[case::longer(&[A], &[A, B, C], 1, 2)]
#[case::no_equal_entry(&[A], &[B], 0, 1)]
#[case::empty_source(&[], &[B], 0, 1)]
fn a_log_is_truncated_at_the_first_difference_and_replaced(
    #[case] source: &[&str],
    #[case] destination: &[&str],
    #[case] already: usize,
    #[case] cut: usize,
) {
    let case = case(source, destination);
    let report = replace(&case.source, &case.destination);
    assert!(report.is_complete(), "{report:?}");
    let log = &report.segments[0].log;
    assert_eq!((log.already, log.cut), (already, cut));
    assert_eq!(log.already + log.appended, source.len(), "only entries that differ are truncated");
    assert_eq!(log_of(&case.destination, case.differs), source);
    let again = replace(&case.source, &case.destination);
    assert_eq!((again.entries_copied(), again.segments[0].log.cut), (0, 0));
}

/// Another writer changes the log after the comparison. The truncation then fails, and the log is
/// compared again.
#[test]
fn replacing_is_conditional_on_the_compared_head() {
    let case = case(&[A, B], &[A, C]);
    let key = case.differs;
    let once = AtomicBool::new(true);
    let destination = HookedStore::with_hook(&case.destination, move |call, store| match call {
        Call::TruncateIf if once.swap(false, Ordering::SeqCst) => {
            store.at(key).create(&entries(&[A, B]))
        }
        Call::TruncateIf => panic!("the log is equal now and must not be truncated"),
        _ => Ok(()),
    });
    let report = replace(&case.source, &destination);
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(report.segments[0].log.cut, 0);
    assert_eq!(log_of(&case.destination, key), [A, B]);
}

#[test]
fn replacing_a_log_with_another_writer_stops() {
    let case = case(&[A, B], &[A]);
    let key = case.differs;
    let destination = HookedStore::with_hook(&case.destination, move |call, store| match call {
        Call::AppendIf if store.at(key).exists()? => store.at(key).append(&entries(&[C])[0]),
        _ => Ok(()),
    });
    let report = replace(&case.source, &destination);
    assert!(matches!(report.segments[0].log.stopped.as_deref(), Some(Stop::Moved { .. })));
    assert!(report.segments[0].is_conflict() && !report.is_complete());
}

#[test]
fn a_trace_cannot_be_replaced() {
    let key = new_key();
    let (source, destination) = (store_with(key, &[A, B]), store_with(key, &[C]));
    trace(&source, key, &[r#"{"t":1}"#]);
    trace(&destination, key, &[r#"{"t":2}"#]);
    for (on_conflict, complete) in [(OnConflict::Replace, false), (OnConflict::Skip, true)] {
        let migration = Migration::new(&source, &destination).on_conflict(on_conflict);
        let report = migration.run().unwrap();
        let stop = report.segments[0].trace.as_ref().unwrap().stopped.as_deref();
        assert!(matches!(stop, Some(Stop::Conflict(_))), "{stop:?}");
        assert_eq!(report.is_complete(), complete);
        let page = destination.at(key).read_trace_page(0, 1000).unwrap();
        assert_eq!(page.entries[0].as_json(), r#"{"t":2}"#);
        assert_eq!(log_of(&destination, key), [A, B], "the first run replaced the log");
    }
}

#[rstest]
#[case(OnConflict::Report, r#"{"x":2}"#, false)]
#[case(OnConflict::Skip, r#"{"x":2}"#, true)]
#[case(OnConflict::Replace, r#"{"x":1}"#, true)]
fn a_pod_in_conflict_is_replaced_only_with_the_option(
    #[case] on_conflict: OnConflict,
    #[case] expected: &str,
    #[case] complete: bool,
) {
    let name: PodName = "coder".parse().unwrap();
    let store = |text: &str| {
        let store = MemoryStore::new();
        store.put_pod(&name, &Pod::from_json(text).unwrap()).unwrap();
        store
    };
    let (source, destination) = (store(r#"{"x":1}"#), store(r#"{"x":2}"#));
    let report = Migration::new(&source, &destination).on_conflict(on_conflict).run().unwrap();
    assert_eq!(report.is_complete(), complete, "{report:?}");
    assert_eq!(report.pods[0].is_conflict(), on_conflict != OnConflict::Replace);
    assert_eq!(
        matches!(report.pods[0].outcome, PodOutcome::Replaced(_)),
        on_conflict == OnConflict::Replace
    );
    assert_eq!(destination.read_pod(&name).unwrap().unwrap().as_json(), expected);
}

/// A trace describes its own log, so it must not be stored beside another log.
#[rstest]
fn the_trace_of_a_log_in_conflict_is_not_copied(
    #[values(OnConflict::Report, OnConflict::Skip)] on_conflict: OnConflict,
) {
    let Case { source, destination, differs, .. } = case(&[A], &[B]);
    trace(&source, differs, &[r#"{"t":1}"#]);
    let report = Migration::new(&source, &destination).on_conflict(on_conflict).run().unwrap();
    assert_eq!(report.is_complete(), on_conflict == OnConflict::Skip);
    let there = destination.at(differs).read_trace_page(0, usize::MAX).unwrap();
    assert!(there.entries.is_empty(), "{there:?}");
}
