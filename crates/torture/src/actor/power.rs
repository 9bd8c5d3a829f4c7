//! Power cuts. The cut happens while several processes are in a call, and all data that was not
//! synced is lost.

use std::path::Path;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::Duration;

use session_store::Durability;
use session_store_conformance::RemoteStore;
use test_servers::power_cut::{Disk, FileSystem};

use super::moment::Moment;
use crate::audit::{Survives, audit};
use crate::budget::Budget;
use crate::process;
use crate::report::{Tally, Violation};
use crate::round::Round;
use crate::subject::{Subject, open_or_create};
use crate::writer::{Rules, Writer};

/// Four writers, so that most cuts are in the middle of several calls.
const WRITERS: usize = 4;

/// The number of power cuts of one file system.
const CUTS: usize = 10;

/// The maximum number of calls of a writer in one round. Without a limit, the calls could fill the
/// small disk.
const CALLS: usize = 200;

/// Most power cuts are at most this time after the start of a call, because a call with a sync
/// seldom takes longer.
const USUAL_DELAY: Duration = Duration::from_millis(3);

/// The promise that a run checks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expectation {
    /// The changes that must survive a power cut.
    pub(crate) survives: Survives,
    /// Whether each change counts as acknowledged only after a `sync`.
    pub(crate) syncs: bool,
}

impl Expectation {
    /// Returns the promise of a store with this durability.
    pub(crate) fn of(durability: Durability) -> Self {
        let survives = match durability {
            Durability::Power => Survives::Acknowledged,
            Durability::Process => Survives::SomeMoment,
        };
        Self { survives, syncs: false }
    }
}

/// Cuts the power until the budget is used up.
pub(crate) fn run(
    subject: &Subject,
    file_system: FileSystem,
    expectation: Expectation,
    budget: &mut Budget,
) -> Result<Tally, Violation> {
    let mut total = Tally::default();
    while budget.has_more(total.faults) {
        let disk = Disk::new(file_system);
        let storage = disk.root().join("storage");
        let mut round = Round::first(budget.next_round(), WRITERS, subject.has_pods());
        for _ in 0..CUTS {
            if !budget.has_more(total.faults) {
                break;
            }
            let (tally, next) = cut(subject, &disk, &storage, round, expectation, budget)?;
            total.add(&tally);
            total.checkpoints += subject.checkpoints(&storage);
            round = next;
        }
    }
    Ok(total)
}

/// Runs a round until a power cut. Returns the next round.
fn cut(
    subject: &Subject,
    disk: &Disk,
    storage: &Path,
    round: Round,
    expectation: Expectation,
    budget: &mut Budget,
) -> Result<(Tally, Round), Violation> {
    let rules = Rules {
        ends_when_unknown: true,
        can_be_refused: false,
        in_parts: subject.stores_in_parts(),
        syncs: expectation.syncs,
        has_large_logs: true,
        only_reads: false,
    };
    let processes = process::start_all(subject, storage, WRITERS)?;
    let switch = disk.power_switch();
    thread::scope(|scope| {
        // A process makes the calls of several writers if it is the only one.
        let process_of = |number| &processes[number % processes.len()];
        for number in 0..WRITERS {
            let process = process_of(number);
            let rules = Rules { only_reads: subject.only_reads(number), ..rules };
            let writer = Writer::new(process, &round, number, rules, budget.random());
            scope.spawn(move || writer.run(CALLS));
        }
        let mut random = budget.random();
        let number = random.below(subject.writers(WRITERS));
        let moment = Moment::random(&mut random, USUAL_DELAY);
        moment.wait(&round.progress[number], process_of(number));
        // A call that returns after this moment counts as a call of unknown outcome, even if it
        // succeeds. The reason is a difference to a real power cut: a sync that runs while the file
        // system is shut down can succeed without saving any data. A real power cut would have
        // ended the caller of the sync.
        round.power_is_off.store(true, SeqCst);
        switch.cut();
        processes.iter().for_each(RemoteStore::kill);
    });
    drop(processes);
    disk.remount();
    round.count(|tally| tally.faults += 1);
    let tally = round.result()?;
    let store = open_or_create(&subject.address(storage))
        .map_err(|error| Violation::failed("open", &error))?;
    let contents = audit(&*store, &round, expectation.survives)?;
    // Make the contents durable, because the next round expects that its first contents survive
    // every power cut.
    store.sync().map_err(|error| Violation::failed("sync", &error))?;
    Ok((tally, round.next(contents)))
}
