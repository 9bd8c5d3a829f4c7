//! Checks of the contract across processes: processes that write at the same time, a process that
//! is killed, and a process that cannot write more.

use std::thread;
use std::time::{Duration, Instant};

use session_store_core::{Capability, Store, StoreError};

use super::append::{appends_are_visible, changes_are_visible};
use super::create::counts_appends_of_another;
use super::handles::open_at_once;
use super::head::one_winner;
use super::histories::{TRUNCATE_OR_REPLACE, check_history, must_be_linearizable};
use crate::check_result::{CheckError, CheckResult, ensure, ensure_eq};
use crate::history::{Effect, History, ObservedLog};
use crate::random::Random;
use crate::run::Run;
use crate::sample::{entry, nth, numbered, odd_padding, signed, trace};
use crate::test_log::TestLog;
use crate::threads::yield_while;

const PROCESSES: usize = 3;

/// How many times a writer is killed.
const KILLS: usize = 20;

/// A time after the start of a call at which the call is running for certain, on a busy machine
/// too.
const LATE: Duration = Duration::from_millis(20);

pub(crate) fn a3_other_processes_see_it(run: &Run<'_>) -> CheckResult {
    let (here, there) = (run.open()?, run.open_in(&run.start_process()?)?);
    for (writer, reader) in [(&here, &there), (&there, &here)] {
        appends_are_visible(writer, reader)?;
        changes_are_visible(writer, reader)?;
    }
    Ok(())
}

pub(crate) fn a4_one_history_of_processes(run: &Run<'_>) -> CheckResult {
    must_be_linearizable(&run.open_processes(PROCESSES)?, None)
}

pub(crate) fn t5_one_history_of_cutting_processes(run: &Run<'_>) -> CheckResult {
    must_be_linearizable(&run.open_processes(PROCESSES)?, Some(TRUNCATE_OR_REPLACE))
}

pub(crate) fn c5_other_processes_are_counted(run: &Run<'_>) -> CheckResult {
    counts_appends_of_another(&run.open()?, &run.open_processes(1)?[0])
}

pub(crate) fn h2_one_process_wins(run: &Run<'_>) -> CheckResult {
    let processes = run.open_processes(PROCESSES)?;
    one_winner(&processes, |log| log.append_all(&numbered(0..2)))?;
    one_winner(&processes, |_| Ok(()))
}

pub(crate) fn s6_processes_open_at_once(run: &Run<'_>) -> CheckResult {
    open_at_once(run, PROCESSES, Run::start_process, Run::open_in)
}

pub(crate) fn s3_a_killed_writer_loses_nothing(run: &Run<'_>) -> CheckResult {
    let mut random = run.random();
    let history = History::default();
    let key = TestLog::new(&run.open()?).key();
    let mut entries = 0;
    for round in 0..KILLS {
        let process = run.start_process()?;
        let killed = run.open_in(&process)?;
        let opened = process.calls_started();
        let (call, delay) = kill_point(round, &mut random);
        let effect = thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let log = ObservedLog::new(TestLog::at(&killed, key), &history);
                write_until_killed(log, entries, round)
            });
            yield_while(|| process.calls_started() <= opened + call && !writer.is_finished());
            // Spin: `sleep` is too coarse to kill the process at a given moment of a short call.
            let started = Instant::now();
            while started.elapsed() < delay {
                std::hint::spin_loop();
            }
            process.kill();
            writer.join().map_err(|_| CheckError::new("the writer panicked"))
        })?;
        ensure!(effect == Effect::Unknown, "a call failed before the process was killed");
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

/// The calls of a writer repeat after 13. Two of them are a truncate and a replace, at these
/// positions.
const TRUNCATE: usize = 6;
const REPLACE: usize = 11;

/// Returns the call of a round in which the process is killed, and the time after the start of that
/// call.
///
/// Every second round kills the process in a truncate or a replace: these are rare and short, so a
/// random moment would seldom hit one. Every fifth round waits longer, for stores with slow calls.
fn kill_point(round: usize, random: &mut Random) -> (usize, Duration) {
    let (call, latest) = match round % 4 {
        0 => (TRUNCATE, 400),
        2 => (REPLACE, 400),
        _ => (random.below(13), 900),
    };
    let soon = Duration::from_micros(random.below(latest) as u64);
    (call, if round % 5 == 4 { LATE } else { soon })
}

/// Writes to a log of `entries` entries until a call is not acknowledged: mostly appends, with a
/// truncate and a replace in each 13 calls. Returns the effect of the last call.
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

pub(crate) fn a5_a_full_disk_changes_nothing(run: &Run<'_>) -> CheckResult {
    const LIMIT_KIB: usize = 512;
    let (store, process) = (run.open()?, run.start_process_with_file_limit(LIMIT_KIB)?);
    let has_many_processes = store.capabilities().has(Capability::MultiProcess);
    // A store for one process is open in one process at a time.
    let unlimited = has_many_processes.then_some(store);
    let limited = run.open_in(&process)?;
    let (history, log) = (History::default(), TestLog::new(&limited));
    let key = log.key();
    let writer = ObservedLog::new(log, &history);
    let mut refused = 0;
    for n in 0..400 {
        // Large entries fail first. Then append small ones, until these fail too.
        let padding = if refused < 3 { odd_padding(n) % 20_011 } else { n % 300 };
        refused += usize::from(writer.append(&signed(0, n, padding)) != Effect::Applied);
        if refused == 6 {
            break;
        }
    }
    writer.read()?;
    let unlimited = match unlimited {
        Some(store) => store,
        None => {
            drop(limited);
            process.kill();
            run.open()?
        }
    };
    let after = ObservedLog::new(TestLog::at(&unlimited, key), &history);
    for n in 400..403 {
        let effect = after.append(&signed(0, n, odd_padding(n) % 20_011));
        ensure!(effect == Effect::Applied, "an append failed although the disk has room");
        after.read()?;
    }
    after.count()?;
    check_history(&history)?;
    if refused == 0 {
        let reason = format!("the store does not keep to a file limit of {LIMIT_KIB} KiB");
        return Err(CheckError::cannot_run(reason));
    }
    Ok(())
}

/// A change that needs more room than there is.
type FailingChange<'a> = dyn Fn() -> Result<(), StoreError> + 'a;

pub(crate) fn a5_a_handle_goes_on_after_a_full_disk(run: &Run<'_>) -> CheckResult {
    const LIMIT_KIB: usize = 512;
    let process = run.start_process_with_file_limit(LIMIT_KIB)?;
    let store = run.open_in(&process)?;
    let log = TestLog::with(&store, &numbered(0..3))?;
    // No file of that process can hold this entry.
    let large = signed(0, 0, 2 * LIMIT_KIB * 1024);
    let batch = [numbered(7..8), vec![large.clone()]].concat();
    let changes: [(&str, &FailingChange<'_>); 5] = [
        ("append", &|| log.append(&large)),
        ("append_all", &|| log.append_all(&batch)),
        ("create_segment", &|| log.create(&batch)),
        ("append_trace", &|| log.append_trace(&trace(large.as_json()))),
        ("create_segment of another segment", &|| log.sibling().create(&batch)),
    ];
    let mut expected = numbered(0..3);
    for (n, (name, change)) in (3..).zip(changes) {
        match change() {
            Ok(()) => {
                let reason = format!("{name} does not keep to a file limit of {LIMIT_KIB} KiB");
                return Err(CheckError::cannot_run(reason));
            }
            // The other process reports a partial batch as another error. Its first entry stays.
            Err(_) if name == "append_all" => {
                let stored = log.read_entry_count()? - expected.len();
                ensure!(stored <= 1, "a batch that failed stored {stored} entries");
                expected.extend(numbered(7..7 + stored));
            }
            Err(_) => {}
        }
        log.must_read(&expected, &format!("the log after {name} failed"))?;
        log.append(&nth(n))?;
        expected.push(nth(n));
        log.must_hold(&expected, &format!("an append of the same handle after {name} failed"))?;
    }
    Ok(())
}
