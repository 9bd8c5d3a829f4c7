//! Appends that survive a power cut: threads that share the commits of one database.

use session_store_core::{Durability, LogEntry, SegmentId};
use session_store_sqlite::SqliteOptions;

use super::Setup;
use super::raw::Raw;
use crate::Fallible;
use crate::load;
use crate::measure::{Side, in_parallel, in_turn, timed};
use crate::measurement::{Goal, Measurement};
use crate::plan::{Bench, Plan};

pub(super) const BENCH: Bench = Bench {
    name: "sqlite/append_power",
    about: "append with durability Power, against the same statements of one thread",
    run: |plan| Ok(vec![compared(plan, 1)?, compared(plan, 8)?.with_goal(Goal::AtLeast(3.0))]),
};

/// The number of appends of both sides in a round.
const APPENDS: usize = 400;

/// Compares threads that append, each to its own segment, with one thread that runs the same
/// statements with `synchronous = FULL`.
fn compared(plan: &Plan, threads: usize) -> Fallible<Measurement> {
    let setup = Setup::with(plan, &SqliteOptions::new().durability(Durability::Power))?;
    let raw = Raw::create(&setup.folder.join("floor.db"), Durability::Power)?;
    let segments: Vec<_> = (0..threads).map(|_| SegmentId::new()).collect();
    let (session, appends) = (setup.session, plan.amount(APPENDS));
    let entry = &plan.kilobyte().entries[..1];
    let ours: Side<'_> = Box::new(|| {
        in_parallel(threads, |thread| {
            let log = setup.log_of(segments[thread]);
            (0..appends / threads).try_for_each(|_| load::append(log, entry))
        })
    });
    let floor: Side<'_> = Box::new(|| {
        let texts = || entry.iter().map(LogEntry::as_json);
        timed(|| (0..appends).try_for_each(|_| raw.append(session, setup.segment, texts())))
    });
    let times = in_turn(plan.rounds(20), [ours, floor])?;
    let what = match threads {
        1 => "1 thread by one".to_owned(),
        threads => format!("{threads} threads by one"),
    };
    Ok(Measurement::speed(what, appends, &times))
}
