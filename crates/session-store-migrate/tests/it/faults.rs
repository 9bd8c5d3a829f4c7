//! Stores that fail: at any call, for good, or only in their replies. What is left can be resumed, and what is
//! missing is named.

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rstest::rstest;
use session_store_core::{SegmentId, SessionId, Store, StoreError};
use session_store_memory::MemoryStore;
use session_store_migrate::{
    Comparison, MigrateError, MigrateOptions, MigrateReport, Side, Stop, VerifyOptions,
    migrate as run_migrate, verify as run_verify,
};

use crate::lens::{Call, Hook, Lens};
use crate::{entries, log_of, migrate, migrate_with, store_with, trace, verify};

/// So many jobs that a batch is small.
fn many_jobs() -> MigrateOptions {
    let mut options = MigrateOptions::default();
    options.jobs = NonZeroUsize::new(64).unwrap();
    options
}

fn gone() -> StoreError {
    StoreError::Io(io::ErrorKind::ConnectionRefused.into())
}

fn lost_reply() -> StoreError {
    StoreError::Indeterminate { operation: "append".to_owned(), source: "no reply".into() }
}

/// Two segments, the larger one of several batches where there are many jobs, with a trace each.
fn populated() -> MemoryStore {
    let large = format!(r#"{{"x":"{}"}}"#, "x".repeat(50_000));
    let store = MemoryStore::new();
    for texts in [&[large.as_str(); 7][..], &[r#"{"a":1}"#, r#"{"b":2}"#]] {
        let (session, segment) = (SessionId::new(), SegmentId::new());
        store.create_segment(session, segment, &entries(texts)).unwrap();
        trace(&store, session, segment, &[r#"{"t":1}"#, r#"{"t":2}"#]);
    }
    store
}

/// Fails at the `nth` call, counted from 0, and counts all.
fn failing_at(
    nth: usize,
    calls: &Arc<AtomicUsize>,
    is_due: fn(Call) -> bool,
    error: fn() -> StoreError,
) -> Hook {
    let calls = Arc::clone(calls);
    Box::new(move |call, _| match call {
        call if is_due(call) && calls.fetch_add(1, Ordering::SeqCst) == nth => Err(error()),
        _ => Ok(()),
    })
}

/// A run and its resumption, for every call at which it can fail: nothing missing, nothing twice.
#[rstest]
fn every_call_can_fail_and_the_next_run_goes_on(
    #[values(Side::Source, Side::Destination)] side: Side,
) {
    let store = populated();
    let mut nth = 0;
    loop {
        let (calls, copy) = (Arc::new(AtomicUsize::new(0)), MemoryStore::new());
        let mut lenses = [Lens::clear(&store), Lens::clear(&copy)];
        lenses[side as usize].before = failing_at(nth, &calls, |_| true, gone);
        let [source, destination] = &lenses;
        let first = run_migrate(|| Ok(source), || Ok(destination), &many_jobs(), &mut |_| {});
        let has_failed = calls.load(Ordering::SeqCst) > nth;
        let is_complete = first.is_ok_and(|report| report.is_complete());
        assert!(has_failed || is_complete, "nothing failed, and call {nth} was reached");
        assert!(migrate(&store, &copy).is_complete(), "after a failure at call {nth}");
        assert!(verify(&store, &copy).is_equal(), "after a failure at call {nth}");
        if !has_failed {
            break;
        }
        nth += 1;
    }
    assert!(nth > 20, "only {nth} calls were made");
}

/// A write whose reply is lost has happened. It is looked for, and not made twice, in the same run.
#[test]
fn every_reply_can_be_lost() {
    let store = populated();
    let mut nth = 0;
    loop {
        let (calls, copy) = (Arc::new(AtomicUsize::new(0)), MemoryStore::new());
        let mut destination = Lens::clear(&copy);
        destination.after = failing_at(nth, &calls, Call::is_write, lost_reply);
        let report = migrate_with(&store, &destination, |options| *options = many_jobs());
        assert!(report.is_complete(), "reply {nth} was lost: {report:?}");
        assert!(verify(&store, &copy).is_equal(), "reply {nth} was lost");
        if calls.load(Ordering::SeqCst) <= nth {
            break;
        }
        nth += 1;
    }
    assert!(nth >= 8, "only {nth} writes were made");
}

/// One that did not happen, and whose answer does not say so, is made again.
#[test]
fn every_request_can_be_lost() {
    let store = populated();
    for nth in 0..8 {
        let (calls, copy) = (Arc::new(AtomicUsize::new(0)), MemoryStore::new());
        let mut destination = Lens::clear(&copy);
        destination.before = failing_at(nth, &calls, Call::is_write, lost_reply);
        let report = migrate_with(&store, &destination, |options| *options = many_jobs());
        assert!(report.is_complete(), "request {nth} was lost: {report:?}");
    }
}

/// What stands where a lost append belongs, as many entries as it has, may be another's.
#[test]
fn another_writers_entry_is_not_taken_for_a_lost_one() {
    let key = (SessionId::new(), SegmentId::new());
    let (source, copy) = (store_with(key.0, key.1, &[r#"{"a":1}"#]), MemoryStore::new());
    let once = AtomicBool::new(true);
    let destination = Lens::hooked(&copy, move |call, store| match call {
        Call::AppendIf if once.swap(false, Ordering::SeqCst) => {
            store.append_all(key.0, key.1, &entries(&[r#"{"b":2}"#]))?;
            Err(lost_reply())
        }
        _ => Ok(()),
    });
    let report = migrate(&source, &destination);
    assert!(matches!(report.segments[0].log.stopped.as_deref(), Some(Stop::Moved { .. })));
    assert_eq!(log_of(&copy, key.0, key.1), [r#"{"b":2}"#]);
}

/// A server that never answers is not asked for ever: twice, four times for each of four segments.
#[test]
fn a_reply_that_never_comes_is_a_failure() {
    let store = populated();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let destination = Lens::hooked(&MemoryStore::new(), move |call, _| match call {
        call if call.is_write() => {
            counted.fetch_add(1, Ordering::SeqCst);
            Err(lost_reply())
        }
        _ => Ok(()),
    });
    let report = migrate(&store, &destination);
    assert!(report.segments.iter().all(|copy| matches!(
        copy.log.stopped.as_deref(),
        Some(Stop::Destination(StoreError::Indeterminate { .. }))
    )));
    assert_eq!(calls.load(Ordering::SeqCst), 2 * 4 * 4);
}

/// Twenty segments, and a patience that is over as soon as it may be.
fn impatient(side: Side, call: Call) -> (MigrateReport, usize) {
    let store = MemoryStore::new();
    for _ in 0..20 {
        store.create_segment(SessionId::new(), SegmentId::new(), &entries(&["{}"])).unwrap();
    }
    let mut lenses = [Lens::clear(&store), Lens::clear(&MemoryStore::new())];
    lenses[side as usize].before = Box::new(move |called, _| match called {
        called if called == call => Err(gone()),
        _ => Ok(()),
    });
    let report = migrate_with(&lenses[0], &lenses[1], |options| {
        options.patience = Duration::ZERO;
        options.jobs = NonZeroUsize::MIN;
    });
    let given_up = |copy: &&session_store_migrate::SegmentCopy| {
        matches!(copy.log.stopped.as_deref(), Some(Stop::GivenUp))
    };
    let given_up = report.segments.iter().filter(given_up).count();
    (report, given_up)
}

#[rstest]
#[case(Side::Destination, Call::AppendIf)]
#[case(Side::Destination, Call::Head)]
#[case(Side::Source, Call::ReadPage)]
fn a_store_that_is_gone_is_not_tried_on_every_segment(#[case] side: Side, #[case] call: Call) {
    let (report, given_up) = impatient(side, call);
    assert!(!report.is_complete());
    assert_eq!(report.segments.len(), 20, "all are named");
    assert!(report.segments.iter().all(|copy| !copy.is_complete()));
    assert!((1..20).contains(&given_up), "{given_up}");
}

#[test]
fn comparing_a_store_that_is_gone_ends_too() {
    let store = MemoryStore::new();
    for _ in 0..20 {
        store.create_segment(SessionId::new(), SegmentId::new(), &entries(&["{}"])).unwrap();
    }
    let other = Lens::hooked(&store, |call, _| match call {
        Call::ReadPage => Err(gone()),
        _ => Ok(()),
    });
    let mut options = VerifyOptions::default();
    options.patience = Duration::ZERO;
    let report = run_verify(&store, &other, &options, &mut |_| {}).unwrap();
    let count = |is: fn(&Comparison) -> bool| {
        report.segments.iter().filter(|segment| is(&segment.log)).count()
    };
    let failed = count(|log| matches!(log, Comparison::Failed(_)));
    let given_up = count(|log| matches!(log, Comparison::GivenUp));
    assert!(given_up > 0 && failed + given_up == 20, "{failed} failed, {given_up} given up");
}

#[test]
fn a_source_that_cannot_be_opened_leaves_the_destination_unmade() {
    let options = MigrateOptions::default();
    let result = run_migrate(
        || Err::<MemoryStore, _>(gone().into()),
        || -> session_store_migrate::Opened<MemoryStore> { panic!("it was opened") },
        &options,
        &mut |_| {},
    );
    assert!(matches!(result.unwrap_err(), MigrateError::Open(_)));
}

/// What was copied is still told.
#[rstest]
fn a_store_that_cannot_be_opened_again_is_a_trouble(
    #[values(Side::Source, Side::Destination)] side: Side,
) {
    let key = (SessionId::new(), SegmentId::new());
    let source = store_with(key.0, key.1, &["{}"]);
    let destination = MemoryStore::new();
    let opened = [AtomicUsize::new(0), AtomicUsize::new(0)];
    let open = |which: Side, store: &MemoryStore| {
        let before = opened[which as usize].fetch_add(1, Ordering::SeqCst);
        if which == side && before == 1 { Err(gone().into()) } else { Ok(store.clone()) }
    };
    let report = run_migrate(
        || open(Side::Source, &source),
        || open(Side::Destination, &destination),
        &MigrateOptions::default(),
        &mut |_| {},
    )
    .unwrap();
    assert_eq!(report.entries_copied(), 1);
    assert!(report.proof.is_none() && !report.is_complete());
    assert_eq!(report.troubles.len(), 1);
    assert_eq!(report.troubles[0].side, side);
    assert_eq!(report.troubles[0].to_string(), format!("{side}: cannot open it again"));
}

/// Each store is opened once to copy and once, when that is over, to prove.
#[test]
fn the_proof_has_handles_of_its_own() {
    let key = (SessionId::new(), SegmentId::new());
    let source = store_with(key.0, key.1, &["{}"]);
    let destination = MemoryStore::new();
    let opened = AtomicUsize::new(0);
    let count = |store: &MemoryStore| {
        opened.fetch_add(1, Ordering::SeqCst);
        Ok(store.clone())
    };
    let options = MigrateOptions::default();
    run_migrate(|| count(&source), || count(&destination), &options, &mut |_| {}).unwrap();
    assert_eq!(opened.into_inner(), 4);
}
