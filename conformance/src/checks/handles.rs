//! S: storages are isolated, handles share, and what was acknowledged outlives them.

use std::mem;
use std::panic::{self, AssertUnwindSafe};
use std::thread;

use session_store_core::{Capability, Pod, Store, StoreError};

use crate::failure::{Failure, Verdict, ensure, ensure_err, same};
use crate::log::Log;
use crate::run::Run;
use crate::sample::{entry, numbered, numbered_traces, oddities, signed};
use crate::snapshot::Snapshot;
use crate::threads::race;

/// Some of everything that the store keeps.
fn fill(store: &dyn Store) -> Result<(), StoreError> {
    let log = Log::with(store, &oddities())?;
    log.trace_each(&numbered_traces(0..3))?;
    log.sibling().create(&[])?;
    log.namesake().append_each(&numbered(0..5))?;
    let cut = Log::with(store, &numbered(0..9))?;
    cut.truncate(4)?;
    if let Some(pods) = store.pods() {
        pods.put_pod(&"reviewer".parse()?, &Pod::new(log.session_id, Some(log.segment_id)))?;
    }
    Ok(())
}

pub(crate) fn s1_fresh_storages_are_isolated(run: &Run<'_>) -> Verdict {
    let elsewhere = run.elsewhere();
    let (here, there) = (run.open()?, elsewhere.open()?);
    let nothing = Snapshot::of(&there)?;
    fill(&here)?;
    nothing.must_be_what(&there, "what is stored here does not show there")?;
    let something = Snapshot::of(&here)?;
    fill(&there)?;
    something.must_be_what(&here, "what is stored there does not show here")
}

pub(crate) fn s1_a_second_handle_sees_the_same(run: &Run<'_>) -> Verdict {
    let (first, early) = (run.open()?, run.open()?);
    fill(&first)?;
    let held = Snapshot::of(&first)?;
    held.must_be_what(&early, "a handle that was there before")?;
    held.must_be_what(&run.open()?, "a handle that is opened now")?;
    drop(first);
    held.must_be_what(&early, "when the first handle is gone")
}

pub(crate) fn s2_reopening_finds_everything(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    fill(&store)?;
    let held = Snapshot::of(&store)?.without_heads();
    drop(store);
    for _ in 0..2 {
        let now = Snapshot::of(&run.open()?)?.without_heads();
        same(&now, &held, "opened again after every handle was dropped")?;
    }
    Ok(())
}

pub(crate) fn s2_appends_continue(run: &Run<'_>) -> Verdict {
    let ids = Log::with(&run.open()?, &numbered(0..1))?.ids();
    for n in 1..6 {
        let store = run.open()?;
        let log = Log::known(&store, ids);
        log.append(&numbered(n..n + 1)[0])?;
        log.must_hold(&numbered(0..n + 1), "appends continue after reopening")?;
    }
    Ok(())
}

pub(crate) fn s3_nothing_waits_for_the_close(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    fill(&store)?;
    let held = Snapshot::of(&store)?.without_heads();
    // A killed process closes nothing; a handle that is never dropped is the nearest thing in one process.
    mem::forget(store);
    let next = run.open()?;
    same(
        &Snapshot::of(&next)?.without_heads(),
        &held,
        "what a handle that never closed had stored",
    )?;
    let log = Log::with(&next, &numbered(0..2))?;
    log.must_hold(&numbered(0..2), "storing goes on")
}

pub(crate) fn s4_sync_is_answered(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    store.sync()?;
    fill(&store)?;
    let held = Snapshot::of(&store)?;
    store.sync()?;
    held.must_be_what(&store, "sync changes nothing")
}

pub(crate) fn s5_a_panic_poisons_nothing(run: &Run<'_>) -> Verdict {
    let (shared, other) = (run.open()?, run.open()?);
    let log = Log::with(&shared, &numbered(0..1))?;
    let doomed = |writer: usize| {
        let log = log.through(&shared);
        // `resume_unwind` is a panic without the message on standard error.
        let cause = panic::catch_unwind(AssertUnwindSafe(|| {
            let _at_the_end = AppendWhenDropped(log, writer);
            panic::resume_unwind(Box::new("a writer panics"));
        }));
        cause.is_err()
    };
    let panicked = thread::scope(|scope| {
        let threads: Vec<_> = (0..3).map(|writer| scope.spawn(move || doomed(writer))).collect();
        threads.into_iter().all(|thread| thread.join().unwrap_or(false))
    });
    ensure!(panicked, "the writers were to panic");
    for store in [&shared, &other] {
        let log = log.through(store);
        log.append(&entry("{}"))?;
        ensure!(log.count()? >= 2, "a handle is of use after another thread's panic");
        fill(store)?;
    }
    Ok(())
}

/// Calls the store while its thread unwinds, when a lock that it takes would be poisoned.
struct AppendWhenDropped<'a>(Log<'a>, usize);

impl Drop for AppendWhenDropped<'_> {
    fn drop(&mut self) {
        // Whether this append succeeds is not the question.
        let _ = self.0.append(&signed(self.1, 0, 0));
    }
}

pub(crate) fn s6_first_opens_race(run: &Run<'_>) -> Verdict {
    const OPENERS: usize = 6;
    for _ in 0..5 {
        let storage = run.elsewhere();
        let log = Log::new(&run.open()?).ids();
        race(OPENERS, |opener| {
            let store = storage.open()?;
            Ok(Log::known(&store, log).append(&signed(opener, 0, 0))?)
        })?;
        let store = storage.open()?;
        let entries = Log::known(&store, log).entries()?;
        for opener in 0..OPENERS {
            let found = entries.contains(&signed(opener, 0, 0));
            same(&found, &true, &format!("opener {opener} of {OPENERS} stored its entry"))?;
        }
    }
    Ok(())
}

pub(crate) fn s7_a_newer_format_is_refused(run: &Run<'_>) -> Verdict {
    Log::with(&run.open()?, &numbered(0..1))?;
    let raised = run.storage().raise_format();
    raised.ok_or_else(|| Failure::new("the harness cannot raise the format's version"))??;
    let opened = run.storage().open().map(|store| store.capabilities().has(Capability::Delete));
    ensure_err!(opened, StoreError::NewerFormat { .. });
    Ok(())
}

pub(crate) fn s7_a_missing_place_is_an_error(run: &Run<'_>) -> Verdict {
    // Asked twice: an open that creates what it did not find would succeed the second time.
    for _ in 0..2 {
        let opened = run.storage().open_missing().map(|opened| opened.map(drop));
        let refused = matches!(opened, Some(Err(_)));
        ensure!(refused, "a place where nothing is was opened: {opened:?}");
    }
    Ok(())
}
