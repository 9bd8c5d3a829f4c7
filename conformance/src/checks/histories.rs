//! Checks of histories: several threads or processes write, truncate and read one log at the same
//! time. The results must be linearizable. This means that the calls can be put into an order with
//! two properties. The order agrees with the times of the calls. If the calls ran one after the
//! other in this order, they would return the same results.

use std::sync::LazyLock;
use std::thread;

use session_store_core::LogEntry;

use crate::check_result::{CheckError, CheckResult, ensure};
use crate::history::{Effect, History, ObservedLog};
use crate::linearizability::linearize;
use crate::recording::RecordingStore;
use crate::run::Run;
use crate::sample::{numbered, odd_padding, signed};
use crate::test_log::TestLog;
use crate::threads::race;

const ROUNDS: usize = 3;
const STEPS: usize = 12;

/// The threads, two for each of three handles.
const THREADS: usize = 6;

/// The entries that each thread appends. The entries are built before the race, so that the calls
/// of the race overlap.
static ENTRIES: LazyLock<Vec<Vec<LogEntry>>> = LazyLock::new(|| {
    let entry = |thread, n| signed(thread, n, odd_padding(n + thread) % 40_961);
    (0..THREADS).map(|thread| (0..STEPS).map(|n| entry(thread, n)).collect()).collect()
});

/// A change other than an append, for step number `n` of one thread.
pub(super) type Cut = fn(&ObservedLog<'_>, usize) -> Effect;

pub(super) const TRUNCATE_OR_REPLACE: Cut = |log, n| match n % 3 {
    0 => log.truncate(n % 5),
    1 => log.replace(&numbered(100 + n..100 + n + n % 4)),
    _ => log.truncate(0),
};

const DELETE: Cut = |log, _| log.delete();

/// Lets one thread read, one thread run `cut` if there is one, and all other threads append. Fails
/// unless the results of all calls are linearizable.
pub(super) fn must_be_linearizable(handles: &[RecordingStore], cut: Option<Cut>) -> CheckResult {
    for _ in 0..ROUNDS {
        let history = History::default();
        let log = TestLog::new(&handles[0]);
        run_alone(&ObservedLog::new(log, &history), cut)?;
        // If the results are wrong without concurrency, fail before the race, because the report is
        // then shorter.
        check_history(&history)?;
        race(THREADS, |thread| {
            let log = ObservedLog::new(log.through(&handles[thread % handles.len()]), &history);
            (0..STEPS).try_for_each(|n| step(&log, thread, n, cut))
        })?;
        read_and_count(&ObservedLog::new(log, &history))?;
        check_history(&history)?;
    }
    Ok(())
}

/// Runs the first calls of the history in one thread, so that an error without a race is found in
/// every run.
fn run_alone(log: &ObservedLog<'_>, cut: Option<Cut>) -> CheckResult {
    read_and_count(log)?;
    log.append(&signed(90, 0, 0));
    read_and_count(log)?;
    let cuts = cut.map_or(0, |_| 8);
    for (n, cut) in cut.iter().cycle().enumerate().take(cuts) {
        cut(log, n);
        read_and_count(log)?;
        log.append(&signed(91, n, 0));
        read_and_count(log)?;
    }
    Ok(())
}

fn read_and_count(log: &ObservedLog<'_>) -> CheckResult {
    log.read()?;
    log.count()?;
    Ok(())
}

fn step(log: &ObservedLog<'_>, thread: usize, n: usize, cut: Option<Cut>) -> CheckResult {
    thread::yield_now();
    match (thread, cut) {
        // The time of a read grows with the log, so most steps only count the entries.
        (0, _) if n.is_multiple_of(3) => read_and_count(log)?,
        (0, _) => _ = log.count()?,
        // A truncate past the end is refused and changes nothing, so its result does not matter.
        (1, Some(cut)) => _ = cut(log, n),
        _ => {
            let effect = log.append(&ENTRIES[thread][n]);
            ensure!(
                effect != Effect::Refused,
                "an append failed although only other writers used the log"
            );
        }
    }
    Ok(())
}

pub(super) fn check_history(history: &History) -> CheckResult {
    linearize(&history.events()).map_err(|error| CheckError::new(error.to_string()))
}

pub(crate) fn a4_one_history_of_appends(run: &Run<'_>) -> CheckResult {
    must_be_linearizable(&run.open_many(3)?, None)
}

pub(crate) fn t5_one_history_of_cuts(run: &Run<'_>) -> CheckResult {
    must_be_linearizable(&run.open_many(3)?, Some(TRUNCATE_OR_REPLACE))
}

pub(crate) fn t5_one_history_of_deletes(run: &Run<'_>) -> CheckResult {
    must_be_linearizable(&run.open_many(3)?, Some(DELETE))
}
