//! Appends, one and many to a transaction.

use session_store_core::{LogEntry, Store};

use super::Bed;
use crate::finding::{Finding, Goal};
use crate::load::Load;
use crate::measure::{Side, in_turn, timed};
use crate::plan::{Bench, Plan};
use crate::{Answer, Done};

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

/// So many entries a round that each has several checkpoints of the write-ahead log.
fn append(
    plan: &Plan,
    bench: &'static str,
    load: &Load,
    batch: usize,
    entries: usize,
) -> Answer<Finding> {
    let bed = Bed::new(plan)?;
    let raw = bed.floor()?;
    let (session, segment) = (bed.session, bed.segment);
    let entries = load.batch(plan.amount(entries));
    let batches: Vec<_> = entries.chunks(batch).collect();
    let each = |append: &dyn Fn(&[LogEntry]) -> Done| {
        timed(|| batches.iter().try_for_each(|batch| append(batch)))
    };
    let ours: Side<'_> = Box::new(|| {
        each(&|batch| match batch {
            [entry] => Ok(bed.store.append(session, segment, entry)?),
            batch => Ok(bed.store.append_all(session, segment, batch)?),
        })
    });
    let floor: Side<'_> = Box::new(|| {
        each(&|batch| raw.append(session, segment, batch.iter().map(LogEntry::as_json)))
    });
    let times = in_turn(plan.rounds(24), [ours, floor])?;
    let finding = Finding::speed(bench, load.name, batches.len(), &times);
    Ok(finding.with_goal(Goal::AtLeast(0.85)))
}
