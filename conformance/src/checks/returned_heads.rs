//! Checks of section H of the contract: the heads that conditional writes expect and return. The
//! checks also truncate, write concurrently, and open the storage again.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use session_store_core::{Head, StoreError};

use super::head::{must_be_new, must_conflict, race_of_two};
use crate::check_result::{CheckResult, ensure, ensure_eq, ensure_err};
use crate::run::Run;
use crate::sample::{nth, numbered, numbered_traces, signed};
use crate::snapshot::Snapshot;
use crate::test_log::TestLog;
use crate::threads::{PACE, SetOnDrop, catch_up_while, race};

/// How many times each race is run.
const ROUNDS: usize = 20;

/// The difference between the delays of two rounds.
const STEP: Duration = Duration::from_micros(50);

/// The largest number of appends that a writer makes beside a conditional write. The writer then
/// stops, so that the conditional write succeeds in the end.
const MOST_APPENDS: usize = 100;

pub(crate) fn h1_no_head_comes_back(run: &Run<'_>) -> CheckResult {
    let key = TestLog::with(&run.open()?, &numbered(0..3))?.key();
    let mut seen = HashSet::new();
    for _ in 0..4 {
        let store = run.open()?;
        let log = TestLog::at(&store, key);
        // When a storage is opened again, the store may keep its heads or change them.
        seen.insert(log.known_head()?);
        log.truncate(1)?;
        log.append_all(&numbered(1..3))?;
        must_be_new(&mut seen, &log, "reopening, truncate and regrow")?;
        log.create(&numbered(0..3))?;
        must_be_new(&mut seen, &log, "reopening and replacing the log with an equal one")?;
    }
    Ok(())
}

pub(crate) fn h2_none_is_not_an_empty_segment(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let (created, emptied) = (TestLog::new(&store), TestLog::with(&store, &numbered(0..3))?);
    created.create(&[])?;
    emptied.truncate(0)?;
    let before = Snapshot::of(&store)?;
    for log in [created, emptied] {
        for entries in [numbered(0..2), Vec::new()] {
            must_conflict(log.append_if(None, &entries), None, log.head()?)?;
        }
    }
    before.must_be_unchanged_in(&store, "the storage after conflicts about empty segments")
}

pub(crate) fn h2_a_trace_is_no_segment(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    for entries in [numbered(0..2), Vec::new()] {
        let log = TestLog::new(&store);
        log.append_traces(&numbered_traces(0..2))?;
        let head = log.append_if(None, &entries)?;
        log.must_hold(&entries, "append_if with None where only a trace was")?;
        ensure_eq(&log.head()?, &Some(head), "the head that append_if returned")?;
    }
    Ok(())
}

/// Repeats `change` with the current head while another handle appends, until `change` succeeds.
/// Fails unless the returned head has the right number of entries. `expected` computes this number
/// from the number of entries before the change.
fn returns_its_own_head(
    run: &Run<'_>,
    change: fn(&TestLog<'_>, Head) -> Result<Head, StoreError>,
    expected: fn(usize) -> usize,
) -> CheckResult {
    let handles = run.open_many(2)?;
    for _ in 0..ROUNDS {
        let log = TestLog::with(&handles[0], &numbered(0..2))?;
        let (tries, done) = (AtomicUsize::new(0), AtomicBool::new(false));
        race(2, |writer| {
            let log = log.through(&handles[writer]);
            if writer == 0 {
                for n in 0..MOST_APPENDS {
                    // Wait if the writer is far ahead. Otherwise a fast writer could make all its
                    // appends before the first change.
                    catch_up_while(|| n > PACE * tries.load(SeqCst) && !done.load(SeqCst));
                    log.append(&signed(9, n, 0))?;
                    if done.load(SeqCst) {
                        break;
                    }
                }
                return Ok(());
            }
            let _flag = SetOnDrop(&done);
            loop {
                tries.fetch_add(1, SeqCst);
                let head = log.known_head()?;
                match change(&log, head) {
                    Err(StoreError::Conflict { .. }) => {}
                    returned => {
                        let expected = expected(head.entries());
                        let context = format!("the entries in the head after {head}");
                        return ensure_eq(&returned?.entries(), &expected, &context);
                    }
                }
            }
        })?;
    }
    Ok(())
}

pub(crate) fn h2_the_returned_head_is_of_the_call(run: &Run<'_>) -> CheckResult {
    returns_its_own_head(run, |log, head| log.append_if(Some(head), &numbered(7..9)), |n| n + 2)
}

pub(crate) fn h6_the_returned_head_is_of_the_call(run: &Run<'_>) -> CheckResult {
    returns_its_own_head(run, |log, head| log.truncate_if(head, 1), |_| 1)
}

pub(crate) fn h2_the_returned_head_is_not_of_a_later_log(run: &Run<'_>) -> CheckResult {
    let handles = run.open_many(2)?;
    let replaced = numbered(50..54);
    let judge = |log: &TestLog<'_>, returned| {
        let now = log.known_head()?;
        ensure!(
            returned != now,
            "append_if returned the head {now} of the log that replaced the first log"
        );
        let result = log.append_if(Some(returned), &numbered(9..10));
        must_conflict(result, Some(returned), Some(now))
    };

    // First do it without a race, so that the log is certainly replaced after the append.
    let log = TestLog::with(&handles[0], &numbered(0..2))?;
    let returned = log.append_if(log.head()?, &numbered(2..4))?;
    log.through(&handles[1]).create(&replaced)?;
    judge(&log, returned)?;

    for round in 0..2 * ROUNDS {
        let log = TestLog::with(&handles[0], &numbered(0..2))?;
        let head = log.known_head()?;
        let [_, returned] = race_of_two(round, |writer| {
            let log = log.through(&handles[writer]);
            match writer {
                0 => {
                    // The store can return a wrong head only if the append is in progress when the
                    // log is replaced. So the replacement begins a little later in each round.
                    thread::sleep(STEP * u32::try_from(round).expect("there are few rounds"));
                    // The new log is as long as the old one is after the append.
                    log.create(&replaced).map(|()| head)
                }
                _ => log.append_if(Some(head), &numbered(2..4)),
            }
        })?;
        match returned {
            Err(StoreError::Conflict { .. }) => {}
            returned => judge(&log, returned?)?,
        }
        log.must_read(&replaced, "the log that was created last")?;
    }
    Ok(())
}

pub(crate) fn h4_regrown_after_truncate_if_is_a_conflict(run: &Run<'_>) -> CheckResult {
    let (store, other) = (run.open()?, run.open()?);
    let log = TestLog::with(&store, &numbered(0..3))?;
    for len in [2, 0] {
        let old = log.known_head()?;
        let cutter = log.through(&other);
        let cut = cutter.truncate_if(old, len)?;
        let regrown = cutter.append_if(Some(cut), &numbered(len..3))?;
        ensure_eq(&regrown.entries(), &old.entries(), "the length of the regrown log")?;
        must_conflict(log.append_if(Some(old), &numbered(9..10)), Some(old), Some(regrown))?;
        must_conflict(log.truncate_if(old, 0), Some(old), Some(regrown))?;
        log.must_hold(&numbered(0..3), "the regrown log after conflicts")?;
    }
    Ok(())
}

pub(crate) fn h6_its_own_length_changes_nothing(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let (log, empty) = (TestLog::with(&store, &numbered(0..3))?, TestLog::new(&store));
    empty.create(&[])?;
    let before = Snapshot::of(&store)?;
    for (log, len) in [(log, 3), (empty, 0)] {
        let head = log.known_head()?;
        ensure_eq(&log.truncate_if(head, len)?, &head, "the head after truncate_if to the length")?;
    }
    before.must_be_unchanged_in(&store, "the storage after truncate_if to the same length")
}

pub(crate) fn h6_past_the_end_changes_nothing(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::with(&store, &numbered(0..321))?;
    let head = log.known_head()?;
    let before = Snapshot::of(&store)?;
    for n in [322, 1_000, usize::MAX] {
        let both = |message: &str| message.contains(&n.to_string()) && message.contains("321");
        ensure_err!(
            log.truncate_if(head, n),
            StoreError::Corrupt { line, message } if *line == n && both(message)
        );
    }
    before.must_be_unchanged_in(&store, "the storage after truncate_if past the end")?;
    log.append_if(Some(head), &numbered(321..322))?;
    log.must_hold(&numbered(0..322), "append_if with the head from before")
}

pub(crate) fn h6_other_data_stays(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::with(&store, &numbered(0..5))?;
    let (sibling, namesake) = (log.sibling(), log.namesake());
    for other in [sibling, namesake] {
        other.append_all(&numbered(10..14))?;
        other.append_traces(&numbered_traces(5..7))?;
    }
    log.append_traces(&numbered_traces(0..3))?;
    for len in [3, 0] {
        log.truncate_if(log.known_head()?, len)?;
        log.must_hold(&numbered(0..len), "the log after truncate_if")?;
        log.must_have_trace(&numbered_traces(0..3), "the trace after truncate_if")?;
        for other in [sibling, namesake] {
            other.must_hold(&numbered(10..14), "another log after truncate_if")?;
            other.must_have_trace(&numbered_traces(5..7), "another trace after truncate_if")?;
        }
    }
    log.append(&nth(0))?;
    log.must_hold(&numbered(0..1), "an append after truncate_if")
}
