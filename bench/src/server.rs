//! The benchmarks of the backends whose stores are on a server.

use std::cell::RefCell;
use std::slice;
use std::sync::Mutex;

use session_store_core::{LogEntry, SegmentRef, Store};

use crate::load;
use crate::measure::{Side, in_turn, timed};
use crate::measurement::{Goal, Measurement};
use crate::plan::{Bench, Plan};
use crate::reading::{ENTRIES, reading};
use crate::scaling::{THREADS, scaled, scaling};
use crate::size::{self, HasSize, sizes};
use crate::{Done, Fallible};

/// A new server, a new store on it, and a segment.
pub(crate) trait OnServer: HasSize + Sized + 'static {
    type Floor: Floor;

    /// Starts a server, and opens a new store on it.
    fn new() -> Fallible<Self>;

    /// Returns the log of the segment.
    fn log(&self) -> SegmentRef<'_, dyn Store>;

    /// Opens a plain connection to the server.
    fn floor(&self) -> Fallible<Self::Floor>;

    /// Prepares the server before reads are measured.
    fn before_reads(&self) -> Done {
        Ok(())
    }
}

/// A plain connection to a server, and a log of its own.
pub(crate) trait Floor: Send {
    /// The command that [`append`](Self::append) sends.
    const SAME: &'static str;
    /// The command that [`append_plainly`](Self::append_plainly) sends.
    const PLAIN: &'static str;
    /// The upper limit of the goal for threads. The figure is the speed of eight threads divided by
    /// the speed of one thread, and its goal depends on the same ratio of plain connections.
    const MAX_THREADS_GOAL: f64 = f64::INFINITY;

    /// Appends with the command of the backend, in one round trip.
    fn append(&mut self, texts: &[&str]) -> Done;

    /// Appends with the plainest command, which keeps no heads. If this command is repeated after a
    /// lost reply, the texts are stored twice. The command of the backend would store them once.
    fn append_plainly(&mut self, texts: &[&str]) -> Done;

    /// Reads the whole log and checks each text.
    fn read(&mut self) -> Fallible<Vec<String>>;
}

/// Returns the benchmarks of a backend on a server, with these names.
pub(crate) const fn benches<S: OnServer>(
    [append, append_all, read, threads, size]: [&'static str; 5],
) -> [Bench; 5] {
    [
        Bench {
            name: append,
            about: "append, against its command alone, and against the plainest command",
            run: |plan| self::append::<S>(plan, 1),
        },
        Bench {
            name: append_all,
            about: "append_all of 64, against its command alone, and against the plainest command",
            run: |plan| self::append::<S>(plan, 64),
        },
        Bench {
            name: read,
            about: "read_all and read_page, against one command with a check of each text",
            run: self::read::<S>,
        },
        Bench {
            name: threads,
            about: "append by 1, 2, 4 and 8 threads, each to its own segment; its command on plain connections",
            run: self::threads::<S>,
        },
        Bench {
            name: size,
            about: size::ABOUT,
            run: |plan| sizes(plan, &|| Ok(Box::new(S::new()?))),
        },
    ]
}

/// Measures appends of `batch` entries each, against the same command on a plain connection and
/// against the plainest command.
fn append<S: OnServer>(plan: &Plan, batch: usize) -> Fallible<Vec<Measurement>> {
    plan.each_load(|load| {
        let setup = S::new()?;
        let [same, plain] = [RefCell::new(setup.floor()?), RefCell::new(setup.floor()?)];
        let batches: Vec<_> = load.entries.chunks(batch).collect();
        let each = |append: &dyn Fn(&[LogEntry]) -> Done| {
            timed(|| batches.iter().try_for_each(|batch| append(batch)))
        };
        let sides: [Side<'_>; 3] = [
            Box::new(|| each(&|batch| load::append(setup.log(), batch))),
            Box::new(|| each(&|batch| same.borrow_mut().append(&texts(batch)))),
            Box::new(|| each(&|batch| plain.borrow_mut().append_plainly(&texts(batch)))),
        ];
        let [ours, same, plain] = in_turn(plan.rounds(60), sides)?;
        let measurement = |command, floor| {
            let what = format!("{}, by {command}", load.name);
            Measurement::speed(what, batches.len(), &[ours.clone(), floor])
        };
        Ok([
            measurement(S::Floor::SAME, same).with_goal(Goal::AtLeast(0.85)),
            measurement(S::Floor::PLAIN, plain),
        ])
    })
}

/// Measures reading a whole log, at once and by pages, against one command and a check of each
/// text.
fn read<S: OnServer>(plan: &Plan) -> Fallible<Vec<Measurement>> {
    plan.each_load(|load| {
        let setup = S::new()?;
        let mut floor = setup.floor()?;
        let entries = load.batch(plan.amount(ENTRIES));
        setup.log().append_all(&entries)?;
        entries.chunks(1_000).try_for_each(|batch| floor.append(&texts(batch)))?;
        setup.before_reads()?;
        reading(plan, load, setup.log(), Box::new(|| timed(|| floor.read())))
    })
}

/// Measures appends by several threads through one handle, against as many plain connections.
fn threads<S: OnServer>(plan: &Plan) -> Fallible<Vec<Measurement>> {
    const APPENDS: usize = 512;
    /// The goal for the store is this part of the ratio of plain connections: the speed of eight
    /// divided by the speed of one.
    const PART_OF_PLAIN: f64 = 0.85;
    let setup = S::new()?;
    let ours = scaling(plan, setup.store(), APPENDS)?;

    let entry = plan.kilobyte().entries[0].as_json();
    let floors: Vec<_> =
        (0..THREADS[3]).map(|_| setup.floor().map(Mutex::new)).collect::<Fallible<_>>()?;
    let append = |thread: usize| {
        let mut floor = floors[thread].lock().map_err(|_| "another thread panicked")?;
        floor.append(slice::from_ref(&entry))
    };
    let what = format!("8 threads by one, {} on plain connections", S::Floor::SAME);
    let allowed = scaled(plan, &what, APPENDS, &append)?;
    let goal = S::Floor::MAX_THREADS_GOAL.min(PART_OF_PLAIN * allowed.figure.median);
    Ok(vec![ours.with_goal(Goal::AtLeast(goal)), allowed])
}

fn texts(entries: &[LogEntry]) -> Vec<&str> {
    entries.iter().map(LogEntry::as_json).collect()
}
