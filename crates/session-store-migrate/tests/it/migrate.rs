//! Tests of `Migration::run`: copies of whole stores.

use session_store_core::{
    Capability, SegmentId, SegmentKey, SessionId, Store, StoreError, StoreExt,
};
use session_store_memory::MemoryStore;
use session_store_migrate::{
    Gap, MigrateError, MigrateReport, Migration, Phase, Progress, Side, Stop, VerifyReport,
};

use crate::hooked_store::HookedStore;
use crate::{entries, log_of, migrate, new_key, store_with, trace, verify};

fn proof(report: &MigrateReport) -> &VerifyReport {
    report.proof.as_ref().unwrap()
}

/// Returns a store with three sessions of two segments each. The first segment of a session has a
/// trace, and the second one is empty.
fn populated() -> (MemoryStore, Vec<SegmentKey>) {
    let store = MemoryStore::new();
    let mut keys = Vec::new();
    for _ in 0..3 {
        let first = new_key();
        let second = SegmentKey::new(first.session_id, SegmentId::new());
        let texts = [r#"{"a":1.0,"a":2}"#, r#"{"kind":"from_the_future"}"#];
        store.at(first).create(&entries(&texts)).unwrap();
        store.at(second).create(&[]).unwrap();
        trace(&store, first, &[r#"{"t":1}"#, r#"{"t":2}"#]);
        keys.extend([first, second]);
    }
    (store, keys)
}

#[test]
fn everything_is_copied_and_verified() {
    let (source, keys) = populated();
    let destination = MemoryStore::new();
    let report = migrate(&source, &destination);
    assert!(report.is_complete(), "{report:?}");
    let copied: Vec<_> = report.segments.iter().map(|segment| segment.key).collect();
    assert_eq!(copied, keys);
    assert_eq!(report.entries_copied(), 6);
    assert_eq!(proof(&report).equal_entries(), 6);
    assert_eq!(proof(&report).equal_trace_entries(), 6);
    for key in keys {
        assert_eq!(log_of(&destination, key), log_of(&source, key));
    }
    assert!(verify(&source, &destination).is_equal());
}

#[test]
fn a_second_run_changes_nothing() {
    let (source, keys) = populated();
    let destination = MemoryStore::new();
    assert!(migrate(&source, &destination).is_complete());
    let head = destination.at(keys[0]).head().unwrap();
    let report = migrate(&source, &destination);
    assert!(report.is_complete());
    assert_eq!(report.entries_copied(), 0);
    assert_eq!(destination.at(keys[0]).head().unwrap(), head);
    let traces = report.segments.iter().filter_map(|segment| segment.trace.as_ref());
    assert_eq!(traces.map(|trace| (trace.already, trace.appended)).max(), Some((2, 0)));
}

#[test]
fn a_second_run_appends_new_entries() {
    let (source, keys) = populated();
    let destination = MemoryStore::new();
    assert!(migrate(&source, &destination).is_complete());
    source.at(keys[1]).append(&entries(&[r#"{"later":1}"#])[0]).unwrap();
    trace(&source, keys[0], &[r#"{"t":3}"#]);
    let report = migrate(&source, &destination);
    assert!(report.is_complete());
    assert_eq!(report.entries_copied(), 1);
    assert!(verify(&source, &destination).is_equal());
}

#[test]
fn a_conflict_does_not_stop_other_segments() {
    let (source, keys) = populated();
    let destination = store_with(keys[0], &[r#"{"other":true}"#]);
    let report = migrate(&source, &destination);
    assert!(!report.is_complete());
    let stopped = |segment: &&session_store_migrate::SegmentCopy| segment.log.stopped.is_some();
    let conflicts: Vec<_> = report.segments.iter().filter(stopped).collect();
    assert_eq!(conflicts.len(), 1);
    assert_eq!(conflicts[0].key.segment_id, keys[0].segment_id);
    assert!(matches!(conflicts[0].log.stopped.as_deref(), Some(Stop::Conflict(_))));
    assert_eq!(log_of(&destination, keys[0]), [r#"{"other":true}"#]);
    assert_eq!(report.entries_copied(), 4);
}

#[test]
fn a_trace_that_differs_is_a_conflict() {
    let (source, keys) = populated();
    let destination = MemoryStore::new();
    trace(&destination, keys[0], &[r#"{"t":0}"#]);
    let report = migrate(&source, &destination);
    assert!(!report.is_complete());
    let first = report.segments[0].trace.as_ref().unwrap();
    assert!(matches!(first.stopped.as_deref(), Some(Stop::Conflict(_))));
    assert!(report.segments[0].log.stopped.is_none());
    let page = destination.at(keys[0]).read_trace_page(0, 1000).unwrap();
    assert_eq!(page.entries.len(), 1);
}

#[test]
fn the_prefix_of_a_corrupt_segment_is_copied() {
    let (store, keys) = populated();
    let destination = MemoryStore::new();
    let mut source = HookedStore::new(&store);
    source.bad_entry = 1;
    let report = migrate(&source, &destination);
    assert!(!report.is_complete());
    let stopped = report.segments[0].log.stopped.as_deref();
    let Some(Stop::Source(StoreError::Corrupt { line: 2, .. })) = stopped else {
        panic!("{:?}", report.segments[0]);
    };
    assert_eq!(log_of(&destination, keys[0]), [r#"{"a":1.0,"a":2}"#]);
    assert!(report.segments[1].log.stopped.is_none(), "the empty segment has no bad line");
    assert_eq!(proof(&report).segments.len(), 3, "segments that were not copied are not compared");
}

#[test]
fn the_proof_finds_a_wrong_entry_count() {
    let (source, _) = populated();
    let mut destination = HookedStore::new(&MemoryStore::new());
    destination.overcounts = 1;
    let report = migrate(&source, &destination);
    assert!(report.segments.iter().all(session_store_migrate::SegmentCopy::is_complete));
    assert!(!proof(&report).is_equal());
    assert!(!report.is_complete());
}

#[test]
fn other_segments_of_the_destination_are_not_changed() {
    let (source, _) = populated();
    let key = new_key();
    let destination = store_with(key, &[r#"{"mine":1}"#]);
    assert!(migrate(&source, &destination).is_complete());
    assert_eq!(log_of(&destination, key), [r#"{"mine":1}"#]);
}

#[test]
fn a_destination_without_conditional_append_is_refused() {
    let (source, _) = populated();
    let store = MemoryStore::new();
    let mut destination = HookedStore::new(&store);
    destination.lacks = Some(Capability::ConditionalAppend);
    let error = Migration::new(&source, &destination).run().unwrap_err();
    assert!(matches!(error, MigrateError::Unconditional));
    assert!(error.to_string().contains("conditional_append"), "{error}");
    assert!(store.list_sessions().unwrap().is_empty());
}

#[test]
fn unreadable_traces_are_a_gap_unless_left_out() {
    let (source, _) = populated();
    for side in Side::BOTH {
        let mut stores = [HookedStore::new(&source), HookedStore::new(&MemoryStore::new())];
        stores[side as usize].lacks = Some(Capability::ReadTraces);
        let report = migrate(&stores[0], &stores[1]);
        assert_eq!(report.gaps, [Gap::Traces(side)]);
        assert!(!report.is_complete());
        assert_eq!(report.entries_copied(), 6, "the logs are copied all the same");

        let report = Migration::new(&stores[0], &stores[1]).without_traces().run().unwrap();
        assert!(report.is_complete());
    }
}

#[test]
fn a_selection_copies_its_sessions_only() {
    let (source, keys) = populated();
    let destination = MemoryStore::new();
    let report =
        Migration::new(&source, &destination).sessions([keys[2].session_id]).run().unwrap();
    assert!(report.is_complete());
    assert_eq!(destination.list_sessions().unwrap(), [keys[2].session_id]);

    let unknown = SessionId::new();
    let error = Migration::new(&source, &destination).sessions([unknown]).run().unwrap_err();
    assert!(matches!(error, MigrateError::NoSuchSession(id) if id == unknown), "{error}");
}

#[test]
fn the_progress_events_have_all_entries() {
    let (source, _) = populated();
    let (mut phases, mut read, mut done) = (Vec::new(), 0, 0);
    let count = |event: Progress<'_>| match event {
        Progress::Begin { phase, parts } => phases.push((phase, parts)),
        Progress::Read { entries, .. } => read += entries,
        Progress::Copied(_) | Progress::Compared(_) => done += 1,
        _ => {}
    };
    let destination = MemoryStore::new();
    let report = Migration::new(&source, &destination).progress(count).run().unwrap();
    assert!(report.is_complete());
    assert_eq!(phases, [(Phase::Copy, 6), (Phase::CatchUp, 6), (Phase::Compare, 6)]);
    assert_eq!((read, done), (24, 12));
}
