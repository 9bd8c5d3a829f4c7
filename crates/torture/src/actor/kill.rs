//! The killer: ends processes by SIGKILL in the middle of their calls.

use std::path::Path;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use super::moment::Moment;
use crate::audit::{Survives, audit};
use crate::budget::Budget;
use crate::process;
use crate::report::{Tally, Violation};
use crate::round::Round;
use crate::subject::{Subject, open_or_create};
use crate::writer::{Rules, Writer};

const WRITERS: usize = 3;

/// The number of rounds on one storage. The kills of a round can leave torn tails. The changes of
/// the next round repair the torn tails, so this repair is tested too.
const ROUNDS: usize = 20;

/// Most kills are at most this time after the start of a call, because a call without a sync seldom
/// takes longer.
const USUAL_DELAY: Duration = Duration::from_micros(500);

/// Kills until the budget is used up.
pub(crate) fn run(subject: &Subject, budget: &mut Budget) -> Result<Tally, Violation> {
    let mut total = Tally::default();
    while budget.has_more(total.faults) {
        let folder =
            TempDir::new().map_err(|error| Violation::failed("create a folder", &error))?;
        let storage = folder.path().join("storage");
        let mut round = Round::first(budget.next_round(), WRITERS, subject.has_pods());
        for _ in 0..ROUNDS {
            if !budget.has_more(total.faults) {
                break;
            }
            match kill_all(subject, &storage, round, budget) {
                Ok((tally, next)) => {
                    total.add(&tally);
                    total.checkpoints += subject.checkpoints(&storage);
                    round = next;
                }
                Err(violation) => return Err(violation.with_data(&folder.keep())),
            }
        }
    }
    Ok(total)
}

/// Runs a round whose processes are all killed. Returns the next round.
fn kill_all(
    subject: &Subject,
    storage: &Path,
    round: Round,
    budget: &mut Budget,
) -> Result<(Tally, Round), Violation> {
    let rules = Rules {
        ends_when_unknown: true,
        can_be_refused: false,
        in_parts: subject.stores_in_parts(),
        syncs: false,
        has_large_logs: true,
        only_reads: false,
    };
    let processes = process::start_all(subject, storage, WRITERS)?;
    thread::scope(|scope| {
        // A process makes the calls of several writers if it is the only one.
        let process_of = |number| &processes[number % processes.len()];
        for number in 0..WRITERS {
            let process = process_of(number);
            let only_reads = subject.only_reads(number);
            let rules = Rules { only_reads, ..rules };
            let writer = Writer::new(process, &round, number, rules, budget.random());
            scope.spawn(move || writer.run(usize::MAX));
            let moment = Moment::random(&mut budget.random(), USUAL_DELAY);
            // A process that only reads has no changes to interrupt. So this process is killed in
            // the middle of a call of the writer.
            let watched = if only_reads { 0 } else { number };
            let (progress, writer) = (&round.progress[watched], process_of(watched));
            scope.spawn(move || {
                moment.wait(progress, writer);
                process.kill();
            });
        }
    });
    drop(processes);
    round.count(|tally| tally.faults += subject.writers(WRITERS));
    let tally = round.result()?;
    // After every second round, a shared handle opens the storage that an exclusive one has left.
    let is_exclusive = subject.is_exclusive && round.number.is_multiple_of(2);
    let store = open_or_create(&Subject { is_exclusive, ..*subject }.address(storage))
        .map_err(|error| Violation::failed("open", &error))?;
    let contents = audit(&*store, &round, Survives::All)?;
    Ok((tally, round.next(contents)))
}
