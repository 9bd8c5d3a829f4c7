//! Checks of section S of the contract (handles and restart): storages are isolated, all handles of
//! a storage share its data, and acknowledged changes outlive the handles.

use std::mem;
use std::panic::{self, AssertUnwindSafe};
use std::thread;

use session_store_core::{Capability, PageRequest, Pod, SessionId, Store, StoreError};

use crate::check_result::{CheckError, CheckResult, ensure, ensure_eq, ensure_err};
use crate::recording::RecordingStore;
use crate::run::Run;
use crate::sample::{entry, nth, numbered, numbered_traces, signed, unusual_entries};
use crate::snapshot::Snapshot;
use crate::test_log::TestLog;
use crate::threads::race;

/// Stores some of everything: entries, traces, an empty segment, a truncated segment, and a pod.
pub(super) fn fill(store: &dyn Store) -> Result<(), StoreError> {
    let log = TestLog::with(store, &unusual_entries())?;
    log.append_traces(&numbered_traces(0..3))?;
    log.sibling().create(&[])?;
    log.namesake().append_each(&numbered(0..5))?;
    let cut = TestLog::with(store, &numbered(0..9))?;
    cut.truncate(4)?;
    if let Some(pods) = store.pods() {
        pods.put_pod(&"reviewer".parse()?, &Pod::new(log.session_id(), Some(log.segment_id())))?;
    }
    Ok(())
}

pub(crate) fn s1_fresh_storages_are_isolated(run: &Run<'_>) -> CheckResult {
    let elsewhere = run.second_storage();
    let (here, there) = (run.open()?, elsewhere.open()?);
    let nothing = Snapshot::of(&there)?;
    fill(&here)?;
    nothing.must_be_unchanged_in(&there, "the second storage after changes in the first")?;
    let something = Snapshot::of(&here)?;
    fill(&there)?;
    something.must_be_unchanged_in(&here, "the first storage after changes in the second")
}

pub(crate) fn s1_a_second_handle_sees_the_same(run: &Run<'_>) -> CheckResult {
    let (first, early) = (run.open()?, run.open()?);
    fill(&first)?;
    let held = Snapshot::of(&first)?;
    held.must_be_unchanged_in(&early, "a handle that was opened before the changes")?;
    held.must_be_unchanged_in(&run.open()?, "a handle that was opened after the changes")?;
    drop(first);
    held.must_be_unchanged_in(&early, "the other handle after the first was dropped")
}

pub(crate) fn s2_reopening_finds_everything(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    fill(&store)?;
    if let Some(pods) = store.pods() {
        let name = "deleted".parse()?;
        pods.put_pod(&name, &Pod::new(SessionId::new(), None))?;
        pods.delete_pod(&name)?;
    }
    let held = Snapshot::of(&store)?.without_heads();
    drop(store);
    for _ in 0..2 {
        let now = Snapshot::of(&run.open()?)?.without_heads();
        ensure_eq(&now, &held, "the storage after reopening")?;
    }
    Ok(())
}

pub(crate) fn s2_appends_continue(run: &Run<'_>) -> CheckResult {
    let key = TestLog::with(&run.open()?, &numbered(0..1))?.key();
    for n in 1..6 {
        let store = run.open()?;
        let log = TestLog::at(&store, key);
        log.append(&nth(n))?;
        log.must_hold(&numbered(0..n + 1), "appends after reopening")?;
    }
    Ok(())
}

pub(crate) fn s3_nothing_waits_for_the_close(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    fill(&store)?;
    let held = Snapshot::of(&store)?.without_heads();
    // A killed process never runs `drop`. In one process, a forgotten handle comes closest to a
    // killed process.
    mem::forget(store);
    let next = run.open()?;
    let found = Snapshot::of(&next)?.without_heads();
    ensure_eq(&found, &held, "the changes of a handle that was never closed")?;
    let log = TestLog::with(&next, &numbered(0..2))?;
    log.must_hold(&numbered(0..2), "appends through the next handle")
}

pub(crate) fn s4_sync_is_answered(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    store.sync()?;
    fill(&store)?;
    let held = Snapshot::of(&store)?;
    store.sync()?;
    held.must_be_unchanged_in(&store, "the storage after sync")
}

pub(crate) fn s5_a_panic_poisons_nothing(run: &Run<'_>) -> CheckResult {
    let (shared, other) = (run.open()?, run.open()?);
    let log = TestLog::with(&shared, &numbered(0..1))?;
    let panicking = |writer: usize| {
        let log = log.through(&shared);
        // `resume_unwind` panics without a message on standard error.
        let cause = panic::catch_unwind(AssertUnwindSafe(|| {
            let _guard = AppendOnDrop(log, writer);
            panic::resume_unwind(Box::new("a writer panics"));
        }));
        cause.is_err()
    };
    let panicked = thread::scope(|scope| {
        let threads: Vec<_> = (0..3).map(|writer| scope.spawn(move || panicking(writer))).collect();
        threads.into_iter().all(|thread| thread.join().unwrap_or(false))
    });
    ensure!(panicked, "the writers did not panic");
    for store in [&shared, &other] {
        let log = log.through(store);
        log.append(&entry("{}"))?;
        ensure!(log.read_entry_count()? >= 2, "an append after a panic in another thread is lost");
        fill(store)?;
    }
    Ok(())
}

pub(crate) fn s5_a_panic_in_a_closure_poisons_nothing(run: &Run<'_>) -> CheckResult {
    let (shared, other) = (run.open()?, run.open()?);
    let log = TestLog::with(&shared, &numbered(0..3))?;
    let read = |store: &dyn Store, matches: &dyn Fn(&str) -> bool| {
        let request = PageRequest::new(0, usize::MAX);
        store.read_page_matching(log.session_id(), log.segment_id(), request, matches)
    };
    // `resume_unwind` panics without a message on standard error.
    let panicking = || panic::resume_unwind(Box::new("a closure panics"));
    let panics =
        |call: &(dyn Fn() + Sync)| thread::scope(|scope| scope.spawn(call).join().is_err());
    let panicked = panics(&|| drop(read(&shared, &|_| panicking())));
    ensure!(panicked, "read_page_matching did not call its closure");
    // A store that cannot select segments does not call this closure.
    panics(&|| {
        if let Some(maintenance) = shared.maintenance() {
            drop(maintenance.repair_segments(&|_| panicking(), &mut |_| ()));
        }
    });
    for (n, store) in [&shared, &other].into_iter().enumerate() {
        let log = log.through(store);
        log.append(&nth(3 + n))?;
        log.must_hold(&numbered(0..4 + n), "an append after a panic in another thread")?;
        let (page, _) = read(store, &|_| true)?;
        ensure_eq(&page.len(), &(4 + n), "a page of matching entries after a panic")?;
        if let Some(maintenance) = store.maintenance() {
            maintenance.repair(&mut |_| ())?;
        }
        fill(store)?;
    }
    Ok(())
}

/// A guard that appends when it is dropped. The thread unwinds at that moment. If the store locks a
/// mutex for the append, the mutex becomes poisoned.
struct AppendOnDrop<'a>(TestLog<'a>, usize);

impl Drop for AppendOnDrop<'_> {
    fn drop(&mut self) {
        // This append may fail. The check is about the calls after it.
        let _ = self.0.append(&signed(self.1, 0, 0));
    }
}

/// Opens a fresh storage in several threads at the same moment. Each thread has its own opener,
/// which was prepared before. Fails unless every thread can open the storage and append.
pub(super) fn open_at_once<'h, O: Send + Sync>(
    run: &Run<'h>,
    openers: usize,
    prepare: impl Fn(&Run<'h>) -> Result<O, CheckError>,
    open: impl Fn(&Run<'h>, &O) -> Result<RecordingStore, CheckError> + Sync,
) -> CheckResult {
    for _ in 0..5 {
        let storage = run.second_storage();
        let key = TestLog::new(&run.open()?).key();
        let prepared: Result<Vec<_>, _> = (0..openers).map(|_| prepare(&storage)).collect();
        let prepared = prepared?;
        race(openers, |opener| {
            let store = open(&storage, &prepared[opener])?;
            Ok(TestLog::at(&store, key).append(&signed(opener, 0, 0))?)
        })?;
        let entries = TestLog::at(&storage.open()?, key).read_all()?;
        for opener in 0..openers {
            let found = entries.contains(&signed(opener, 0, 0));
            ensure_eq(&found, &true, &format!("the entry of opener {opener} of {openers}"))?;
        }
    }
    Ok(())
}

pub(crate) fn s6_first_opens_race(run: &Run<'_>) -> CheckResult {
    open_at_once(run, 6, |_| Ok(()), |storage, ()| storage.open())
}

pub(crate) fn s7_a_newer_format_is_refused(run: &Run<'_>) -> CheckResult {
    TestLog::with(&run.open()?, &numbered(0..1))?;
    let raised = run.storage().raise_format();
    raised.ok_or_else(|| CheckError::new("the harness cannot raise the format version"))??;
    let opened = run.storage().open().map(|store| store.capabilities().has(Capability::Delete));
    ensure_err!(opened, StoreError::NewerFormat { .. });
    Ok(())
}

pub(crate) fn s7_a_missing_place_is_an_error(run: &Run<'_>) -> CheckResult {
    // Open the storage twice: if the first call creates the storage, the second call succeeds.
    for _ in 0..2 {
        let opened = run.storage().open_missing().map(|opened| opened.map(drop));
        let refused = matches!(opened, Some(Err(StoreError::NoStore { .. })));
        ensure!(refused, "opening a missing storage did not return NoStore, but {opened:?}");
    }
    Ok(())
}
