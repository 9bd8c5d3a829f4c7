//! Killed repairs. Another program has damaged some lines of logs and traces. Several processes
//! repair the storage one after the other, and each process is killed during the repair. The last
//! repair is not killed.

mod storage;

use std::thread;
use std::time::Duration;

use session_store::{LogEntry, SessionId, Store, StoreError};
use session_store_conformance::{Random, RemoteStore};

use self::storage::Storage;
use crate::audit;
use crate::budget::Budget;
use crate::process;
use crate::report::{Tally, Violation};
use crate::subject::{Subject, open_or_create};
use crate::target::{Change, Kind, Target};

/// The number of damaged logs and traces in one storage, and the number of entries in each log or
/// trace.
const TARGETS: usize = 8;
const ENTRIES: usize = 40;

/// The number of killed repairs of one storage.
const KILLS: usize = 5;

/// The shortest delay of a kill after the start of a repair. The longest delay is 512 times as
/// long.
const SHORTEST: Duration = Duration::from_micros(300);

/// Kills repairs until the budget is used up.
pub(crate) fn run(subject: &Subject, budget: &mut Budget) -> Result<Tally, Violation> {
    let mut total = Tally::default();
    while budget.has_more(total.faults) {
        let storage = storage::start(subject).map_err(|error| failed("start a store", &error))?;
        match repair(&*storage, budget.random()) {
            Ok(tally) => total.add(&tally),
            Err(violation) => {
                return Err(match storage.keep() {
                    Some(path) => violation.with_data(&path),
                    None => violation,
                });
            }
        }
    }
    Ok(total)
}

/// A log or a trace with damaged lines.
struct Damaged {
    target: Target,
    /// The entries that are not damaged.
    good: Vec<LogEntry>,
}

fn repair(storage: &dyn Storage, mut random: Random) -> Result<Tally, Violation> {
    let address = storage.address();
    let (damaged, bad) = prepare(storage, &mut random)?;
    let mut tally = Tally::default();
    for _ in 0..KILLS {
        let is_repaired = kill(&address, SHORTEST * (1 << random.below(10)))?;
        tally.faults += 1;
        if is_repaired {
            tally.acknowledged += 1;
        } else {
            *tally.interrupted.entry(Change::Repair).or_default() += 1;
        }
        let store = open_or_create(&address).map_err(|error| failed("open", &error))?;
        damaged.iter().try_for_each(|damaged| damaged.check(&*store, is_repaired))?;
    }
    let store = open_or_create(&address).map_err(|error| failed("open", &error))?;
    repair_with(&*store).map_err(|error| failed("the last repair", &error))?;
    damaged.iter().try_for_each(|damaged| damaged.check(&*store, true))?;
    audit::check(&*store)?;
    for Damaged { target, .. } in &damaged {
        let entry = [entry(ENTRIES)];
        let appended = target.change(&*store, Change::Append, &entry);
        appended.map_err(|error| failed("the append after the repair", &error))?;
    }
    // An exclusive handle prevents the read.
    drop(store);
    let kept = storage.quarantined().map_err(|error| failed("read a copy", &*error))?;
    for bad in &bad {
        if !kept.iter().any(|kept| kept.contains(bad)) {
            return Err(Violation::new(format!("the repair has deleted the text {bad:?}")));
        }
    }
    Ok(tally)
}

impl Damaged {
    /// Checks that no good entry is missing. Only a repaired log must be readable.
    fn check(&self, store: &dyn Store, is_repaired: bool) -> Result<(), Violation> {
        match self.target.read(store) {
            Ok(found) if found.as_deref() == Some(&self.good) => Ok(()),
            Err(StoreError::Corrupt { .. }) if !is_repaired => Ok(()),
            Ok(found) => {
                let text = format!("{} entries of {} are left", found.map_or(0, |it| it.len()), {
                    self.good.len()
                });
                Err(Violation::new(text))
            }
            Err(error) => Err(failed("read", &error)),
        }
    }
}

/// Writes logs and traces, and then damages some entries of each log and trace. Also returns the
/// texts that have replaced these entries.
fn prepare(
    storage: &dyn Storage,
    random: &mut Random,
) -> Result<(Vec<Damaged>, Vec<String>), Violation> {
    let store = open_or_create(&storage.address()).map_err(|error| failed("open", &error))?;
    let session = SessionId::new();
    let (mut damaged, mut texts) = (Vec::new(), Vec::new());
    for number in 0..TARGETS {
        let kind = if number % 4 == 3 { Kind::Trace } else { Kind::Log };
        let target = Target::new(kind, session);
        let entries: Vec<_> = (0..ENTRIES).map(|n| entry(number * 1_000 + n)).collect();
        target
            .change(&*store, Change::Append, &entries)
            .map_err(|error| failed("append", &error))?;
        let (good, lost): (Vec<_>, Vec<_>) = entries.into_iter().partition(|_| random.below(4) > 0);
        let text =
            |entry: LogEntry| (entry.as_json().to_owned(), format!("bad: {}", entry.as_json()));
        texts.extend(lost.into_iter().map(text));
        damaged.push(Damaged { target, good });
    }
    drop(store);
    storage.damage(&texts).map_err(|error| failed("damage", &*error))?;
    let bad = texts.into_iter().map(|(_, bad)| bad).collect();
    Ok((damaged, bad))
}

/// Returns an entry with a text of its own, which no other entry contains.
fn entry(n: usize) -> LogEntry {
    let text = format!(r#"{{"n":{n},"filling":"{}"}}"#, "x".repeat(n * 997 % 3_001));
    LogEntry::from_json(text).expect("the text is an object")
}

/// Starts a repair in a process, and kills the process after the delay. Returns whether the repair
/// had ended before the kill.
fn kill(address: &str, delay: Duration) -> Result<bool, Violation> {
    let process: RemoteStore = process::start(address)?;
    let started = process.calls_started();
    let result = thread::scope(|scope| {
        let repair = scope.spawn(|| repair_with(&process));
        while process.calls_started() == started && !repair.is_finished() {
            thread::yield_now();
        }
        thread::sleep(delay);
        process.kill();
        repair.join().expect("a repair does not panic")
    });
    match result {
        Err(error) if !error.is_indeterminate() => Err(failed("repair", &error)),
        result => Ok(result.is_ok()),
    }
}

fn repair_with(store: &dyn Store) -> Result<(), StoreError> {
    store.maintenance().map_or(Ok(()), |maintenance| maintenance.repair(&mut |_| ()))
}

fn failed(call: &str, error: &(dyn std::error::Error + 'static)) -> Violation {
    Violation::failed(call, error)
}
