//! Full disks: a file takes all free space while several processes write. After some calls were
//! refused, the space is free again, and the same handles must continue.

use std::path::Path;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::{Duration, Instant};

use test_servers::Ballast;
use test_servers::power_cut::{Disk, FileSystem};

use crate::audit::{Survives, audit};
use crate::budget::Budget;
use crate::process;
use crate::report::{Tally, Violation};
use crate::round::{Progress, Round};
use crate::subject::{Subject, open_or_create};
use crate::writer::{Rules, Writer};

const WRITERS: usize = 3;

/// The number of times that one file system is filled. With more rounds, the storage itself could
/// fill the small disk.
const FILLS: usize = 4;

/// The number of changes of each writer that must be acknowledged before the disk is filled, and
/// again after the disk has room.
const ACKNOWLEDGED: usize = 5;

/// The number of refused calls of each writer for which the disk stays full.
const REFUSED: usize = 3;

/// The longest time for which the disk is full. The wait for refused calls needs this limit,
/// because the calls of a writer that frees space may all succeed.
const LONGEST_FULL: Duration = Duration::from_secs(5);

/// The longest wait for changes that must be acknowledged.
const DEADLINE: Duration = Duration::from_secs(60);

/// Fills disks until the budget is used up.
pub(crate) fn run(
    subject: &Subject,
    file_system: FileSystem,
    budget: &mut Budget,
) -> Result<Tally, Violation> {
    let mut total = Tally::default();
    while budget.has_more(total.faults) {
        let disk = Disk::new(file_system);
        let mut ballast = Ballast::new(&disk);
        let storage = disk.root().join("storage");
        let writers = subject.writers(WRITERS);
        let mut round = Round::first(budget.next_round(), writers, subject.has_pods());
        for _ in 0..FILLS {
            if !budget.has_more(total.faults) {
                break;
            }
            let (tally, next) = fill(subject, &mut ballast, &storage, round, budget)?;
            total.add(&tally);
            round = next;
        }
    }
    Ok(total)
}

/// Runs a round during which the disk is full for some time. Returns the next round.
fn fill(
    subject: &Subject,
    ballast: &mut Ballast,
    storage: &Path,
    round: Round,
    budget: &mut Budget,
) -> Result<(Tally, Round), Violation> {
    let rules = Rules {
        ends_when_unknown: true,
        can_be_refused: true,
        in_parts: subject.stores_in_parts(),
        syncs: false,
        has_large_logs: false,
        only_reads: false,
    };
    let processes = process::start_all(subject, storage, subject.writers(WRITERS))?;
    let has_continued = thread::scope(|scope| {
        for (number, process) in processes.iter().enumerate() {
            let writer = Writer::new(process, &round, number, rules, budget.random());
            scope.spawn(move || writer.run(usize::MAX));
        }
        wait_for_changes(&round);
        let refused = |writer: &Progress| writer.refused.load(SeqCst) >= REFUSED;
        wait(&round, LONGEST_FULL, refused, || ballast.fill());
        ballast.empty();
        round.has_room_again.store(true, SeqCst);
        let has_continued = wait_for_changes(&round);
        round.over.store(true, SeqCst);
        has_continued
    });
    drop(processes);
    round.count(|tally| tally.faults += 1);
    let free = ballast.free_bytes();
    let context = |violation: Violation| violation.with_context(&format!("{free} free bytes"));
    let tally = round.result().map_err(context)?;
    if !has_continued {
        let text = "a handle stores nothing after the disk has room again";
        return Err(context(Violation::new(text)));
    }
    let store = open_or_create(&subject.address(storage))
        .map_err(|error| Violation::failed("open", &error))?;
    let contents = audit(&*store, &round, Survives::All)?;
    Ok((tally, round.next(contents)))
}

/// Waits until each writer has made some more changes. Returns whether every writer has made them
/// before the deadline.
fn wait_for_changes(round: &Round) -> bool {
    let acknowledged = |writer: &Progress| writer.acknowledged.load(SeqCst);
    let before: Vec<_> = round.progress.iter().map(acknowledged).collect();
    let mut wanted = round.progress.iter().zip(before);
    wanted.all(|(writer, before)| {
        let has_continued = |writer: &Progress| acknowledged(writer) >= before + ACKNOWLEDGED;
        wait_for(writer, DEADLINE, has_continued, &mut || ())
    })
}

/// Waits for one writer after the other, for at most `longest` in total. Calls `meanwhile`
/// repeatedly during the wait.
fn wait(
    round: &Round,
    longest: Duration,
    is_done: impl Fn(&Progress) -> bool,
    mut meanwhile: impl FnMut(),
) {
    let begun = Instant::now();
    for writer in &round.progress {
        wait_for(writer, longest.saturating_sub(begun.elapsed()), &is_done, &mut meanwhile);
    }
}

/// Waits for a writer, unless the writer has ended. Returns false if the wait has reached its
/// limit.
fn wait_for(
    writer: &Progress,
    longest: Duration,
    is_done: impl Fn(&Progress) -> bool,
    meanwhile: &mut impl FnMut(),
) -> bool {
    let begun = Instant::now();
    while !is_done(writer) && !writer.ended.load(SeqCst) {
        if begun.elapsed() > longest {
            return false;
        }
        meanwhile();
        thread::sleep(Duration::from_millis(1));
    }
    true
}
