//! Checks of the contract after the process of a writer was killed: every acknowledged change is
//! stored. The interrupted call took effect as a whole or not at all.

use std::thread;
use std::time::{Duration, Instant};

use session_store_core::{
    Capabilities, Capability, LogEntry, Pod, PodName, SegmentId, SegmentKey, SessionId, Store,
    TraceEntry,
};

use super::histories::check_history;
use super::pods::{must_be, pod};
use crate::check_result::{CheckError, CheckResult, ensure, ensure_entries, ensure_eq};
use crate::history::{Effect, History, ObservedLog};
use crate::random::Random;
use crate::recording::RecordingStore;
use crate::run::Run;
use crate::sample::{
    entry, nth, nth_trace, numbered, numbered_traces, odd_padding, signed, signed_trace,
};
use crate::test_log::TestLog;
use crate::threads::yield_while;

/// How many times the writer of one log is killed.
const KILLS: usize = 20;

/// How many times the other writers are killed.
const ROUNDS: usize = 12;

/// A time after the start of a call. The call is certainly running at this time, even on a busy
/// machine.
const LATE: Duration = Duration::from_millis(20);

/// The moment of a kill. It consists of the number of a call, counted from 0 after the storage was
/// opened, and the time after the start of this call.
type KillPoint = (usize, Duration);

/// Returns a moment for a kill in one of the first calls. There are two rounds for each of these
/// calls, with two of three delays. The first delay ends within a fast call, the second after a
/// fast call, and the third within a slow call.
fn kill_point(round: usize, random: &mut Random) -> KillPoint {
    const CALLS: usize = ROUNDS / 2;
    let delay = match (round + round / CALLS) % 3 {
        0 => Duration::from_micros(random.below(900) as u64),
        1 => Duration::from_micros(1_000 + random.below(1_000) as u64),
        _ => LATE,
    };
    (round % CALLS, delay)
}

/// Runs `write` with a handle in another process, and kills the process at `point`. `write` must
/// return when a call fails.
fn kill_while<T: Send>(
    run: &Run<'_>,
    (call, delay): KillPoint,
    write: impl FnOnce(&RecordingStore) -> T + Send,
) -> Result<T, CheckError> {
    let process = run.start_process()?;
    let store = run.open_in(&process)?;
    let opened = process.calls_started();
    thread::scope(|scope| {
        let writer = scope.spawn(|| write(&store));
        yield_while(|| process.calls_started() <= opened + call && !writer.is_finished());
        // Spin: `sleep` is too coarse to kill the process at a given moment of a short call.
        let started = Instant::now();
        while started.elapsed() < delay {
            std::hint::spin_loop();
        }
        process.kill();
        writer.join().map_err(|_| CheckError::new("the writer panicked"))
    })
}

fn must_be_unknown(effect: Effect) -> CheckResult {
    ensure!(effect == Effect::Unknown, "a call failed before the process was killed");
    Ok(())
}

fn new_key() -> SegmentKey {
    SegmentKey::new(SessionId::new(), SegmentId::new())
}

pub(crate) fn s3_a_killed_writer_loses_nothing(run: &Run<'_>) -> CheckResult {
    let mut random = run.random();
    let history = History::default();
    let key = TestLog::new(&run.open()?).key();
    let mut entries = 0;
    for round in 0..KILLS {
        let point = kill_point_of_round(round, &mut random);
        let effect = kill_while(run, point, |store| {
            let log = ObservedLog::new(TestLog::at(store, key), &history);
            write_until_killed(log, entries, round)
        })?;
        must_be_unknown(effect)?;
        let reader = run.open()?;
        let log = ObservedLog::new(TestLog::at(&reader, key), &history).read()?;
        entries = log.map_or(0, |log| log.len());
    }
    let store = run.open()?;
    let log = TestLog::at(&store, key);
    ObservedLog::new(log, &history).append(&entry("{}"));
    ObservedLog::new(log, &history).read()?;
    ensure_eq(&log.is_listed()?, &true, "whether a segment with killed writers is listed")?;
    check_history(&history)
}

/// A writer repeats a cycle of 13 calls. The cycle has a truncate and a replace at these positions.
const TRUNCATE: usize = 6;
const REPLACE: usize = 11;

/// Returns the moment of the kill in a round: the call, and the time after the start of the call.
///
/// Every second round kills the process in a truncate or a replace: these calls are rare and short,
/// so a random moment would seldom be in one of them. Every fifth round waits longer, for stores
/// with slow calls.
fn kill_point_of_round(round: usize, random: &mut Random) -> KillPoint {
    let (call, latest) = match round % 4 {
        0 => (TRUNCATE, 400),
        2 => (REPLACE, 400),
        _ => (random.below(13), 900),
    };
    let soon = Duration::from_micros(random.below(latest) as u64);
    (call, if round % 5 == 4 { LATE } else { soon })
}

/// Writes to a log of `entries` entries until a call is not acknowledged. Most calls are appends.
/// Each cycle of 13 calls has one truncate and one replace. Returns the effect of the last call.
fn write_until_killed(log: ObservedLog<'_>, mut entries: usize, round: usize) -> Effect {
    for n in 0.. {
        let effect = match n % 13 {
            TRUNCATE if entries > 0 => {
                entries -= 1;
                log.truncate(entries)
            }
            REPLACE => {
                entries = 2;
                log.replace(&[signed(round, n, 0), signed(round, n + 1, 4_093)])
            }
            _ => {
                entries += 1;
                log.append(&signed(round, n, odd_padding(n) % 40_961))
            }
        };
        if effect != Effect::Applied {
            return effect;
        }
    }
    Effect::Applied
}

pub(crate) fn a7_a_killed_batch_is_a_prefix(run: &Run<'_>) -> CheckResult {
    let mut random = run.random();
    let capabilities = run.open()?.capabilities();
    for round in 0..ROUNDS {
        let (history, key) = (History::default(), new_key());
        ObservedLog::new(TestLog::at(&run.open()?, key), &history).append(&nth(0));
        let effect = kill_while(run, kill_point(round, &mut random), |store| {
            let log = ObservedLog::new(TestLog::at(store, key), &history);
            append_batches_until_killed(log, capabilities, round)
        })?;
        must_be_unknown(effect)?;
        let store = run.open()?;
        let log = ObservedLog::new(TestLog::at(&store, key), &history);
        log.read()?;
        log.append(&entry("{}"));
        log.read()?;
        check_history(&history)?;
    }
    Ok(())
}

/// Appends batches until a call is not acknowledged. If the store declares `conditional_append`,
/// `append_if` appends every second batch. Returns the effect of the last call.
fn append_batches_until_killed(
    log: ObservedLog<'_>,
    capabilities: Capabilities,
    round: usize,
) -> Effect {
    let is_whole = capabilities.has(Capability::AtomicBatch);
    let mut effect = Effect::Applied;
    for n in 0.. {
        let batch: Vec<_> =
            (0..2 + n % 4).map(|at| signed(round, 4 * n + at, odd_padding(n + at))).collect();
        effect = if n % 2 == 1 && capabilities.has(Capability::ConditionalAppend) {
            log.append_if_unchanged(&batch, is_whole)
        } else {
            log.append_all(&batch, is_whole)
        };
        if effect != Effect::Applied {
            break;
        }
    }
    effect
}

/// A segment that a process created, or was creating when the process was killed.
struct Created {
    key: SegmentKey,
    entries: Vec<LogEntry>,
}

pub(crate) fn c1_a_killed_create_is_whole(run: &Run<'_>) -> CheckResult {
    /// How many of the acknowledged segments are read again.
    const READ_AGAIN: usize = 6;
    let mut random = run.random();
    for round in 0..ROUNDS {
        let point = kill_point(round, &mut random);
        let created = kill_while(run, point, |store| create_until_killed(store, round))?;
        let Some((interrupted, acknowledged)) = created.split_last() else { continue };
        let store = run.open()?;
        for Created { key, entries } in acknowledged.iter().rev().take(READ_AGAIN) {
            let log = TestLog::at(&store, *key);
            log.must_hold(entries, "a created segment after its writer was killed")?;
            log.must_be_found("a created segment after its writer was killed")?;
        }
        let log = TestLog::at(&store, interrupted.key);
        let mut entries = Vec::new();
        if log.exists()? {
            entries.clone_from(&interrupted.entries);
            log.must_hold(&entries, "a segment whose writer was killed while it created it")?;
            log.must_be_found("a segment whose writer was killed while it created it")?;
        } else {
            log.must_be_absent("a segment that a killed writer has not created")?;
            ensure_eq(&log.lookup()?, &None, "the session of a segment that was not created")?;
        }
        log.append(&nth(0))?;
        entries.push(nth(0));
        log.must_hold(&entries, "an append after a create whose writer was killed")?;
    }
    Ok(())
}

/// Creates segments until a call fails. The segments come from `create_segment` with entries, from
/// a first append, and from `create_segment` without entries.
fn create_until_killed(store: &RecordingStore, round: usize) -> Vec<Created> {
    let (mut all, session_id) = (Vec::new(), SessionId::new());
    loop {
        let n = all.len();
        let key = SegmentKey::new(session_id, SegmentId::new());
        let len = [3, 1, 0][n % 3];
        let entries: Vec<_> =
            (0..len).map(|at| signed(round, at, odd_padding(n + at) % 40_961)).collect();
        let log = TestLog::at(store, key);
        let result = match &*entries {
            [entry] => log.append(entry),
            entries => log.create(entries),
        };
        all.push(Created { key, entries });
        if result.is_err() {
            return all;
        }
    }
}

pub(crate) fn d1_a_killed_delete_is_whole(run: &Run<'_>) -> CheckResult {
    let mut random = run.random();
    for round in 0..ROUNDS {
        let (single, whole) = {
            let store = run.open()?;
            (with_traces(&store, 6)?, with_traces(&store, 4)?)
        };
        // Delete the segments of the first session one by one, and then the second session.
        let acknowledged = kill_while(run, kill_point(round, &mut random), |store| {
            let deleted =
                single.iter().take_while(|&&key| TestLog::at(store, key).delete().is_ok());
            let deleted = deleted.count();
            let is_last = deleted == single.len();
            deleted + usize::from(is_last && store.delete_session(whole[0].session_id).is_ok())
        })?;
        let store = run.open()?;
        for (n, &key) in single.iter().chain(&whole).enumerate() {
            let log = TestLog::at(&store, key);
            let call = n.min(single.len());
            ensure!(
                call >= acknowledged || !log.exists()?,
                "a deleted segment exists after its writer was killed"
            );
            must_be_whole_or_gone(log, call > acknowledged)?;
        }
    }
    Ok(())
}

/// Creates segments of one session, each with three entries and a trace.
fn with_traces(store: &RecordingStore, segments: usize) -> Result<Vec<SegmentKey>, CheckError> {
    let first = TestLog::new(store);
    let one = |_| {
        let log = first.sibling();
        log.append_all(&numbered(0..3))?;
        log.append_traces(&numbered_traces(0..2))?;
        Ok(log.key())
    };
    (0..segments).map(one).collect()
}

/// Fails unless the segment has its three entries, or neither a log nor a trace. If `is_untouched`,
/// no call was deleting the segment, so it must have its entries.
fn must_be_whole_or_gone(log: TestLog<'_>, is_untouched: bool) -> CheckResult {
    let has_traces = log.store().capabilities().has(Capability::ReadTraces);
    if log.exists()? {
        log.must_hold(&numbered(0..3), "a segment whose delete was interrupted")?;
        if is_untouched && has_traces {
            log.must_have_trace(&numbered_traces(0..2), "the trace of a segment that stays")?;
        }
        return log.must_be_found("a segment whose delete was interrupted");
    }
    ensure!(!is_untouched, "a segment that was not deleted is gone");
    log.must_be_absent("a deleted segment after its writer was killed")?;
    ensure_eq(&log.lookup()?, &None, "the session of a deleted segment")?;
    if has_traces {
        log.must_have_trace(&[], "the trace of a deleted segment after its writer was killed")?;
    }
    log.append(&nth(9))?;
    log.must_hold(&numbered(9..10), "an append after a delete whose writer was killed")
}

pub(crate) fn x4_a_killed_trace_writer_loses_nothing(run: &Run<'_>) -> CheckResult {
    let mut random = run.random();
    for round in 0..ROUNDS {
        let key = TestLog::with(&run.open()?, &numbered(0..3))?.key();
        let written = kill_while(run, kill_point(round, &mut random), |store| {
            trace_until_killed(TestLog::at(store, key), round)
        })?;
        let store = run.open()?;
        let log = TestLog::at(&store, key);
        let mut found = log.read_trace()?;
        let acknowledged = written.len() - 1;
        ensure!(
            found.len() >= acknowledged,
            "{acknowledged} trace entries were acknowledged, but {} are stored",
            found.len()
        );
        let most = written.len().min(found.len());
        ensure_entries(&found, &written[..most], "the trace after its writer was killed")?;
        log.append_trace(&nth_trace(0))?;
        found.push(nth_trace(0));
        log.must_have_trace(&found, "a trace that goes on after its writer was killed")?;
        log.must_hold(&numbered(0..3), "the log after the writer of its trace was killed")?;
    }
    Ok(())
}

/// Appends trace entries until a call fails. Returns all entries. The last entry can be lost.
fn trace_until_killed(log: TestLog<'_>, round: usize) -> Vec<TraceEntry> {
    let mut written = Vec::new();
    loop {
        let entry = signed_trace(round, written.len());
        let result = log.append_trace(&entry);
        written.push(entry);
        if result.is_err() {
            return written;
        }
    }
}

pub(crate) fn p1_a_killed_put_is_whole(run: &Run<'_>) -> CheckResult {
    let mut random = run.random();
    let (kept_name, kept) = ("kept".parse()?, pod(r#"{"kept":true}"#));
    run.open()?.required_pods().put_pod(&kept_name, &kept)?;
    for round in 0..ROUNDS {
        let name: PodName = format!("killed {round}").parse()?;
        let point = kill_point(round, &mut random);
        let [acknowledged, interrupted] =
            kill_while(run, point, |store| put_until_killed(store, &name))?;
        let store = run.open()?;
        let found = store.required_pods().read_pod(&name)?;
        ensure!(
            found == acknowledged || found == interrupted,
            "a pod whose writer was killed: {found:?} is neither {acknowledged:?} nor \
             {interrupted:?}"
        );
        let is_listed = store.required_pods().list_pods()?.contains(&name);
        ensure_eq(&is_listed, &found.is_some(), "whether the pod of a killed writer is listed")?;
        must_be(&store, &kept_name, Some(&kept), "another pod after a writer was killed")?;
        let next = pod(r#"{"next":true}"#);
        store.required_pods().put_pod(&name, &next)?;
        must_be(&store, &name, Some(&next), "a pod that is put after its writer was killed")?;
    }
    Ok(())
}

/// Puts and deletes the pod until a call fails. Returns the pod after the last acknowledged call,
/// and the pod after the call that failed.
fn put_until_killed(store: &RecordingStore, name: &PodName) -> [Option<Pod>; 2] {
    let mut current = None;
    for n in 0.. {
        let next = (n % 6 != 5)
            .then(|| pod(format!(r#"{{"v":{n},"p":"{}"}}"#, "x".repeat(odd_padding(n)))));
        let result = match &next {
            Some(next) => store.required_pods().put_pod(name, next),
            None => store.required_pods().delete_pod(name).map(drop),
        };
        if result.is_err() {
            return [current, next];
        }
        current = next;
    }
    [current, None]
}
