//! A, C, H, T, S across processes: those that write at the same time, one that is killed, and one that finds
//! no room.

use std::thread;
use std::time::{Duration, Instant};

use session_store_core::Store;

use super::head::one_winner;
use super::histories::{TRUNCATE_OR_REPLACE, must_be_explained, one_history};
use crate::failure::{Failure, Verdict, ensure, same};
use crate::history::{History, Observed, Told};
use crate::log::Log;
use crate::random::Random;
use crate::run::Run;
use crate::sample::{entry, numbered, odd_padding, signed};
use crate::threads::{race, wait_while};

const PROCESSES: usize = 3;

/// How often a writer is killed.
const KILLS: usize = 20;

/// How long after its beginning a call is surely under way, on a busy machine too.
const LATE: Duration = Duration::from_millis(20);

pub(crate) fn a3_other_processes_see_it(run: &Run<'_>) -> Verdict {
    let (here, there) = (run.open()?, run.open_processes(1)?);
    let (ours, theirs) = (Log::new(&here), Log::new(&there[0]));
    for (log, reader) in [(ours, &there[0] as &dyn Store), (theirs, &here)] {
        let seen = log.through(reader);
        same(&seen.exists()?, &false, "before the first append")?;
        log.append(&numbered(0..1)[0])?;
        seen.must_hold(&numbered(0..1), "another process sees an acknowledged append")?;
        log.append_all(&numbered(1..7))?;
        seen.must_hold(&numbered(0..7), "another process sees an acknowledged batch")?;
        log.truncate(2)?;
        seen.must_hold(&numbered(0..2), "another process sees a truncate")?;
        log.create(&numbered(9..12))?;
        seen.must_hold(&numbered(9..12), "another process sees a replaced log")?;
        same(&seen.lookup()?, &Some(log.session_id), "another process finds the session")?;
    }
    Ok(())
}

pub(crate) fn a4_one_history_of_processes(run: &Run<'_>) -> Verdict {
    one_history(&run.open_processes(PROCESSES)?, None)
}

pub(crate) fn t5_one_history_of_cutting_processes(run: &Run<'_>) -> Verdict {
    one_history(&run.open_processes(PROCESSES)?, Some(TRUNCATE_OR_REPLACE))
}

pub(crate) fn c5_other_processes_are_counted(run: &Run<'_>) -> Verdict {
    let (ours, theirs) = (run.open()?, run.open_processes(1)?);
    let log = Log::new(&ours);
    log.append(&entry("{}"))?;
    for n in 1..20 {
        same(&log.count()?, &n, "the count before another process's append")?;
        log.through(&theirs[0]).append(&entry("{}"))?;
        same(&log.count()?, &(n + 1), "the count right after it")?;
        same(&log.known_head()?.entries(), &(n + 1), "the head right after it")?;
    }
    Ok(())
}

pub(crate) fn h2_one_process_wins(run: &Run<'_>) -> Verdict {
    let processes = run.open_processes(PROCESSES)?;
    one_winner(&processes, |log| log.append_all(&numbered(0..2)))?;
    one_winner(&processes, |_| Ok(()))
}

pub(crate) fn s6_processes_open_at_once(run: &Run<'_>) -> Verdict {
    for _ in 0..3 {
        let storage = run.elsewhere();
        let started: Result<Vec<_>, _> = (0..PROCESSES).map(|_| storage.start_process()).collect();
        let (started, log) = (started?, Log::new(&run.open()?).ids());
        race(PROCESSES, |opener| {
            let store = storage.open_in(&started[opener])?;
            Ok(Log::known(&store, log).append(&signed(opener, 0, 0))?)
        })?;
        let store = storage.open()?;
        let entries = Log::known(&store, log).entries()?;
        for opener in 0..PROCESSES {
            let found = entries.contains(&signed(opener, 0, 0));
            same(&found, &true, &format!("process {opener} of {PROCESSES} stored its entry"))?;
        }
    }
    Ok(())
}

pub(crate) fn s3_a_killed_writer_loses_nothing(run: &Run<'_>) -> Verdict {
    let mut random = run.random();
    let history = History::default();
    let ids = Log::new(&run.open()?).ids();
    let mut entries = 0;
    for round in 0..KILLS {
        let process = run.start_process()?;
        let doomed = run.open_in(&process)?;
        let opened = process.calls_begun();
        let (call, moment) = strike(round, &mut random);
        let told = thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let log = Observed::new(Log::known(&doomed, ids), &history);
                write_until_killed(log, entries, round)
            });
            wait_while(|| process.calls_begun() <= opened + call && !writer.is_finished());
            // Where in a call the signal strikes is the point, so this waits without a call of its own.
            let now = Instant::now();
            while now.elapsed() < moment {
                std::hint::spin_loop();
            }
            process.kill();
            writer.join().map_err(|_| Failure::new("the writer panicked"))
        })?;
        ensure!(told == Told::Unknown, "a call was refused although nothing was in its way");
        let survivor = run.open()?;
        let left = Observed::new(Log::known(&survivor, ids), &history).read()?;
        entries = left.map_or(0, |left| left.len());
    }
    let store = run.open()?;
    let log = Log::known(&store, ids);
    Observed::new(log, &history).append(&entry("{}"));
    Observed::new(log, &history).read()?;
    same(&log.listed()?, &true, "a segment whose writers were killed is listed")?;
    must_be_explained(&history)
}

/// The calls of a doomed writer that cut, of each 13.
const TRUNCATE: usize = 6;
const REPLACE: usize = 11;

/// Into which call of a round the signal strikes, and how far: into a cut every other time, which is rare
/// and short, and must be whole all the same. Now and then it comes late, for calls that take long.
fn strike(round: usize, random: &mut Random) -> (usize, Duration) {
    let (call, latest) = match round % 4 {
        0 => (TRUNCATE, 400),
        2 => (REPLACE, 400),
        _ => (random.below(13), 900),
    };
    let at_once = Duration::from_micros(random.below(latest) as u64);
    (call, if round % 5 == 4 { LATE } else { at_once })
}

/// Appends to a log of so many entries for the most part, and cuts and replaces now and then; returns what
/// the last call was told.
fn write_until_killed(log: Observed<'_>, mut entries: usize, round: usize) -> Told {
    for n in 0.. {
        let told = match n % 13 {
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
        if told != Told::Done {
            return told;
        }
    }
    Told::Done
}

pub(crate) fn a5_a_full_disk_changes_nothing(run: &Run<'_>) -> Verdict {
    const ROOM_KIB: usize = 512;
    let roomy = run.open()?;
    let process = run.start_confined_process(ROOM_KIB)?;
    let confined = run.open_in(&process)?;
    let (history, log) = (History::default(), Log::new(&confined));
    let writer = Observed::new(log, &history);
    let mut refused = 0;
    for n in 0..400 {
        // Large ones find no room first; then small ones come until nothing fits.
        let padding = if refused < 3 { odd_padding(n) % 20_011 } else { n % 300 };
        refused += usize::from(writer.append(&signed(0, n, padding)) != Told::Done);
        if refused == 6 {
            break;
        }
    }
    writer.read()?;
    let freed = Observed::new(log.through(&roomy), &history);
    for n in 400..403 {
        let told = freed.append(&signed(0, n, odd_padding(n) % 20_011));
        ensure!(told == Told::Done, "an append failed although there is room again");
        freed.read()?;
    }
    freed.count()?;
    must_be_explained(&history)?;
    if refused == 0 {
        let place = format!("a process whose files end at {ROOM_KIB} KiB stored more than that");
        return Err(Failure::cannot_run(place));
    }
    Ok(())
}
