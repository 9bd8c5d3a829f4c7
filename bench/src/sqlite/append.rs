//! Appends of one entry and of 64 entries in a transaction, against the same statements on a plain
//! connection.

use session_store_core::LogEntry;

use super::Setup;
use crate::load::{self, Load};
use crate::measure::{Side, in_turn, timed};
use crate::measurement::{Goal, Measurement};
use crate::plan::{Bench, Plan};
use crate::{Done, Fallible};

pub(super) const ONE: Bench = Bench {
    name: "sqlite/append",
    about: "append, against the same statements",
    run: |plan| plan.loads.iter().map(|load| append(plan, ONE.name, load, 1, 1024)).collect(),
};

pub(super) const MANY: Bench = Bench {
    name: "sqlite/append_all",
    about: "append_all of 64, against the same statements",
    run: |plan| plan.loads.iter().map(|load| append(plan, MANY.name, load, 64, 4096)).collect(),
};

/// Measures appends. `entries` is the number of entries in a round. This number must be large
/// enough for several checkpoints of the write-ahead log in each round.
fn append(
    plan: &Plan,
    bench: &'static str,
    load: &Load,
    batch: usize,
    entries: usize,
) -> Fallible<Measurement> {
    let setup = Setup::new(plan)?;
    let raw = setup.floor()?;
    let (session, segment) = (setup.session, setup.segment);
    let entries = load.batch(plan.amount(entries));
    let batches: Vec<_> = entries.chunks(batch).collect();
    let each = |append: &dyn Fn(&[LogEntry]) -> Done| {
        timed(|| batches.iter().try_for_each(|batch| append(batch)))
    };
    let ours: Side<'_> = Box::new(|| each(&|batch| load::append(setup.log(), batch)));
    let floor: Side<'_> = Box::new(|| {
        each(&|batch| raw.append(session, segment, batch.iter().map(LogEntry::as_json)))
    });
    let times = in_turn(plan.rounds(24), [ours, floor])?;
    let measurement = Measurement::speed(bench, load.name, batches.len(), &times);
    Ok(measurement.with_goal(Goal::AtLeast(0.85)))
}
