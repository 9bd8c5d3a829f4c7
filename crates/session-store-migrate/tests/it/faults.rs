//! Tests with stores that fail at one call or at every call. Other stores execute a call, but lose
//! the reply. The report names every missing part, and the next run completes the copy.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rstest::rstest;
use session_store_core::{SegmentId, SessionId, Store, StoreError, StoreExt, TraceEntry};
use session_store_memory::MemoryStore;
use session_store_migrate::{
    Comparison, MigrateReport, Migration, Opened, SegmentCopy, Side, Stop, extend, extend_trace,
};

use crate::hooked_store::{Call, Hook, HookedStore};
use crate::{entries, log_of, migrate, new_key, store_with, trace, verify};

/// A large number of jobs. It makes each batch small, because the batches of all jobs share one
/// budget.
const MANY_JOBS: usize = 64;

fn refused() -> StoreError {
    StoreError::Io(io::ErrorKind::ConnectionRefused.into())
}

fn lost_reply() -> StoreError {
    StoreError::Indeterminate { operation: "append".to_owned(), source: "no reply".into() }
}

/// Returns a store with two segments, each with a trace. With [`MANY_JOBS`], the larger segment is
/// copied in several batches.
fn populated() -> MemoryStore {
    let large = format!(r#"{{"x":"{}"}}"#, "x".repeat(50_000));
    let store = MemoryStore::new();
    for texts in [&[large.as_str(); 7][..], &[r#"{"a":1}"#, r#"{"b":2}"#]] {
        let key = new_key();
        store.at(key).create(&entries(texts)).unwrap();
        trace(&store, key, &[r#"{"t":1}"#, r#"{"t":2}"#]);
    }
    store
}

/// Returns a hook that fails at one call. The hook counts the calls for which `is_due` is true,
/// from 0, and fails at number `nth`.
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

/// The second run copies every missing entry, and no entry twice.
#[rstest]
fn after_a_failure_of_any_call_the_next_run_completes_the_copy(
    #[values(Side::Source, Side::Destination)] side: Side,
) {
    let store = populated();
    let mut nth = 0;
    loop {
        let (calls, copy) = (Arc::new(AtomicUsize::new(0)), MemoryStore::new());
        let mut stores = [HookedStore::new(&store), HookedStore::new(&copy)];
        stores[side as usize].before = failing_at(nth, &calls, |_| true, refused);
        let [source, destination] = &stores;
        let first = Migration::new(source, destination).jobs(MANY_JOBS).run();
        let has_failed = calls.load(Ordering::SeqCst) > nth;
        let is_complete = first.is_ok_and(|report| report.is_complete());
        assert!(has_failed || is_complete, "the run is not complete, but no call has failed");
        assert!(migrate(&store, &copy).is_complete(), "after a failure at call {nth}");
        assert!(verify(&store, &copy).is_equal(), "after a failure at call {nth}");
        if !has_failed {
            break;
        }
        nth += 1;
    }
    assert!(nth > 20, "only {nth} calls were made");
}

/// A write whose reply is lost is stored. The run finds the write and does not repeat it.
#[test]
fn a_run_completes_if_any_reply_is_lost() {
    let store = populated();
    let mut nth = 0;
    loop {
        let (calls, copy) = (Arc::new(AtomicUsize::new(0)), MemoryStore::new());
        let mut destination = HookedStore::new(&copy);
        destination.after = failing_at(nth, &calls, Call::is_write, lost_reply);
        let report = Migration::new(&store, &destination).jobs(MANY_JOBS).run().unwrap();
        assert!(report.is_complete(), "reply {nth} was lost: {report:?}");
        assert!(verify(&store, &copy).is_equal(), "reply {nth} was lost");
        if calls.load(Ordering::SeqCst) <= nth {
            break;
        }
        nth += 1;
    }
    assert!(nth >= 8, "only {nth} writes were made");
}

/// A write whose request is lost is not stored, but its error is the same as for a lost reply. The
/// run repeats the write.
#[test]
fn a_run_completes_if_any_request_is_lost() {
    let store = populated();
    for nth in 0..8 {
        let (calls, copy) = (Arc::new(AtomicUsize::new(0)), MemoryStore::new());
        let mut destination = HookedStore::new(&copy);
        destination.before = failing_at(nth, &calls, Call::is_write, lost_reply);
        let report = Migration::new(&store, &destination).jobs(MANY_JOBS).run().unwrap();
        assert!(report.is_complete(), "request {nth} was lost: {report:?}");
    }
}

/// The entries at the place of a lost append can belong to another writer.
#[test]
fn another_writers_entry_is_not_mistaken_for_the_lost_one() {
    let key = new_key();
    let (source, copy) = (store_with(key, &[r#"{"a":1}"#]), MemoryStore::new());
    let once = AtomicBool::new(true);
    let destination = HookedStore::with_hook(&copy, move |call, store| match call {
        Call::AppendIf if once.swap(false, Ordering::SeqCst) => {
            store.at(key).append_all(&entries(&[r#"{"b":2}"#]))?;
            Err(lost_reply())
        }
        _ => Ok(()),
    });
    let report = migrate(&source, &destination);
    assert!(matches!(report.segments[0].log.stopped.as_deref(), Some(Stop::Moved { .. })));
    assert_eq!(log_of(&copy, key), [r#"{"b":2}"#]);
}

/// The run makes two passes over two segments. In each pass and for each segment, the run sends at
/// most four requests for the log and one request for the trace.
#[test]
fn requests_without_a_reply_are_limited() {
    let store = populated();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let destination = HookedStore::with_hook(&MemoryStore::new(), move |call, _| match call {
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
    assert_eq!(calls.load(Ordering::SeqCst), 2 * 2 * (4 + 1));
}

/// Returns a store with twenty segments.
fn twenty_segments() -> MemoryStore {
    let store = MemoryStore::new();
    for _ in 0..20 {
        store.create_segment(SessionId::new(), SegmentId::new(), &entries(&["{}"])).unwrap();
    }
    store
}

/// Returns the number of segments that were not tried.
fn aborted(report: &MigrateReport) -> usize {
    let is_aborted =
        |copy: &&SegmentCopy| matches!(copy.log.stopped.as_deref(), Some(Stop::Aborted));
    report.segments.iter().filter(is_aborted).count()
}

/// Copies twenty segments while one store fails at every call of one kind. The run aborts as early
/// as possible.
fn copy_with_a_failing_store(side: Side, call: Call) -> MigrateReport {
    let store = twenty_segments();
    let mut stores = [HookedStore::new(&store), HookedStore::new(&MemoryStore::new())];
    stores[side as usize].before = Box::new(move |called, _| match called {
        called if called == call => Err(refused()),
        _ => Ok(()),
    });
    let migration = Migration::new(&stores[0], &stores[1]).abort_after(Duration::ZERO).jobs(1);
    migration.run().unwrap()
}

#[rstest]
#[case(Side::Destination, Call::AppendIf)]
#[case(Side::Destination, Call::Head)]
#[case(Side::Source, Call::ReadPage)]
fn a_copy_aborts_if_a_store_is_down(#[case] side: Side, #[case] call: Call) {
    let report = copy_with_a_failing_store(side, call);
    let aborted = aborted(&report);
    assert!(!report.is_complete());
    assert_eq!(report.segments.len(), 20, "the report names all segments");
    assert!(report.segments.iter().all(|copy| !copy.is_complete()));
    assert!((1..20).contains(&aborted), "{aborted}");
}

/// A pass ends when it skips its remaining segments. `follow` continues after such a pass.
#[test]
fn follow_tries_skipped_segments_again() {
    let source = twenty_segments();
    let is_down = Arc::new(AtomicBool::new(true));
    let (seen, appends) = (Arc::clone(&is_down), Arc::new(AtomicUsize::new(0)));
    let tried = Arc::clone(&appends);
    let destination = HookedStore::with_hook(&MemoryStore::new(), move |call, _| match call {
        Call::AppendIf if seen.load(Ordering::SeqCst) => {
            tried.fetch_add(1, Ordering::SeqCst);
            Err(refused())
        }
        _ => Ok(()),
    });
    let migration = Migration::new(&source, &destination).abort_after(Duration::ZERO).jobs(1);
    let report = migration.follow(|| {
        assert!((1..20).contains(&appends.load(Ordering::SeqCst)), "the first pass skips segments");
        is_down.store(false, Ordering::SeqCst);
        false
    });
    let report = report.unwrap();
    assert!(report.is_complete() && aborted(&report) == 0, "{report:?}");
    assert!(verify(&source, &destination).is_equal());
}

#[test]
fn a_comparison_aborts_if_a_store_is_down() {
    let store = twenty_segments();
    let other = HookedStore::with_hook(&store, |call, _| match call {
        Call::ReadPage => Err(refused()),
        _ => Ok(()),
    });
    let report = Migration::new(&store, &other).abort_after(Duration::ZERO).verify().unwrap();
    let count = |is: fn(&Comparison) -> bool| {
        report.segments.iter().filter(|segment| is(&segment.log)).count()
    };
    let failed = count(|log| matches!(log, Comparison::Failed(_)));
    let aborted = count(|log| matches!(log, Comparison::Aborted));
    assert!(aborted > 0 && failed + aborted == 20, "{failed} failed, {aborted} aborted");
}

/// The report of the copy is returned although there is no proof.
#[rstest]
fn a_store_that_cannot_be_opened_again_is_a_failure(
    #[values(Side::Source, Side::Destination)] side: Side,
) {
    let key = new_key();
    let source = store_with(key, &["{}"]);
    let destination = MemoryStore::new();
    let open = |which: Side, store: &MemoryStore| -> Opened<MemoryStore> {
        if which == side { Err(refused().into()) } else { Ok(store.clone()) }
    };
    let migration = Migration::new(&source, &destination)
        .reopen(|| open(Side::Source, &source), || open(Side::Destination, &destination));
    let report = migration.run().unwrap();
    assert_eq!(report.entries_copied(), 1);
    assert!(report.proof.is_none() && !report.reopened && !report.is_complete());
    assert_eq!(report.failures.len(), 1);
    assert_eq!(report.failures[0].side, side);
    assert_eq!(report.failures[0].to_string(), format!("{side}: cannot open the store again"));
}

/// The handles of the copy are closed before the stores are opened again.
#[test]
fn the_proof_uses_the_handles_that_were_opened_for_it() {
    let key = new_key();
    let source = store_with(key, &["{}"]);
    let destination = MemoryStore::new();
    let open_handles = Arc::new(());
    let handle = |store: &MemoryStore| {
        let counted = Arc::clone(&open_handles);
        HookedStore::with_hook(store, move |_, _| {
            let _ = &counted;
            Ok(())
        })
    };
    let reopen = |store: &MemoryStore| {
        assert_eq!(Arc::strong_count(&open_handles), 1, "a handle of the copy is still open");
        Ok(store.clone())
    };
    let migration = Migration::new(handle(&source), handle(&destination));
    let migration = migration.reopen(|| reopen(&source), || reopen(&destination));
    let report = migration.run().unwrap();
    assert!(report.is_complete() && report.reopened);
    let report = migrate(&source, &destination);
    assert!(report.proof.is_some() && !report.reopened);
}

/// Returns a store that executes the first call of the kind `loses`, but loses its reply. Every
/// later call of the kind `fails` is refused.
fn losing_a_reply(loses: Call, fails: Call) -> HookedStore {
    let lost = Arc::new(AtomicBool::new(false));
    let is_lost = Arc::clone(&lost);
    let mut store = HookedStore::with_hook(&MemoryStore::new(), move |call, _| {
        if call == fails && is_lost.load(Ordering::SeqCst) { Err(refused()) } else { Ok(()) }
    });
    store.after = Box::new(move |call, _| match call {
        call if call == loses && !lost.swap(true, Ordering::SeqCst) => Err(lost_reply()),
        _ => Ok(()),
    });
    store
}

/// The error must be `Indeterminate`. Any other error would mean that nothing was stored, but here
/// the first attempt was stored.
///
/// See [A5](session_store_core::contract#a5).
#[rstest]
#[case::of_the_resend(Call::AppendIf)]
#[case::of_the_read(Call::ReadPage)]
fn an_error_after_a_lost_reply_leaves_the_outcome_unknown(#[case] fails: Call) {
    let key = new_key();
    let store = losing_a_reply(Call::AppendIf, fails);
    let source = entries(&["{}"]).into_iter().map(Ok::<_, StoreError>);
    let extension = extend(&store, key, source);
    let stop = extension.stopped.as_deref();
    let is_unknown = matches!(stop, Some(Stop::Destination(error)) if error.is_indeterminate());
    assert!(is_unknown, "{stop:?}");
    assert_eq!(log_of(&store.store, key), ["{}"]);
}

#[test]
fn an_error_after_a_lost_reply_of_a_trace_leaves_the_outcome_unknown() {
    let key = new_key();
    let store = losing_a_reply(Call::AppendTrace, Call::ReadTrace);
    let source = [Ok::<_, StoreError>(TraceEntry::from_json("{}").unwrap())];
    let extension = extend_trace(&store, key, source);
    let stop = extension.stopped.as_deref();
    let is_unknown = matches!(stop, Some(Stop::Destination(error)) if error.is_indeterminate());
    assert!(is_unknown, "{stop:?}");
    assert_eq!(store.store.at(key).read_trace_page(0, 0).unwrap().entries.len(), 1);
}

/// The first request can still arrive, so sending the entry again could store the entry twice.
///
/// See [A6](session_store_core::contract#a6).
#[test]
fn a_trace_entry_with_an_unknown_outcome_is_not_sent_again() {
    let key = new_key();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let store = HookedStore::with_hook(&MemoryStore::new(), move |call, _| match call {
        Call::AppendTrace => {
            counted.fetch_add(1, Ordering::SeqCst);
            Err(lost_reply())
        }
        _ => Ok(()),
    });
    let source = [Ok::<_, StoreError>(TraceEntry::from_json("{}").unwrap())];
    let extension = extend_trace(&store, key, source);
    let stop = extension.stopped.as_deref();
    let is_unknown = matches!(stop, Some(Stop::Destination(error)) if error.is_indeterminate());
    assert!(is_unknown, "{stop:?}");
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}
