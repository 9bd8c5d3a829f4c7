//! Appends of one entry and of 64 entries in a transaction, against the same statements on a plain
//! connection. Appends of one entry also with an exclusive handle, and against a bare INSERT.

use session_store_core::{Durability, LogEntry};
use session_store_sqlite::SqliteOptions;

use super::Setup;
use super::raw::Raw;
use crate::load::{self, Load};
use crate::measure::{Side, in_turn, timed};
use crate::measurement::{Goal, Measurement};
use crate::plan::{Bench, Plan};
use crate::{Done, Fallible};

pub(super) const ONE: Bench = Bench {
    name: "sqlite/append",
    about: "append, also with an exclusive handle, against the same statements and a bare INSERT",
    run: |plan| {
        let shared = |load| statements(plan, &SqliteOptions::new(), load, 1);
        let exclusive = |load: &Load| -> Fallible<Measurement> {
            let options = SqliteOptions::new().exclusive(true);
            let measurement = statements(plan, &options, load, 1)?;
            Ok(Measurement { what: format!("exclusive, {}", load.name), ..measurement })
        };
        let goal = Goal::AtLeast(0.85);
        let [kilobyte, corpus] = &plan.loads;
        Ok(vec![
            shared(kilobyte)?.with_goal(goal),
            shared(corpus)?.with_goal(goal),
            exclusive(kilobyte)?.with_goal(Goal::AtLeast(1.15)),
            exclusive(corpus)?,
            bare_insert(plan, kilobyte)?,
        ])
    },
};

pub(super) const MANY: Bench = Bench {
    name: "sqlite/append_all",
    about: "append_all of 64, against the same statements",
    run: |plan| {
        let many = |load| statements(plan, &SqliteOptions::new(), load, 64);
        plan.loads.iter().map(|load| Ok(many(load)?.with_goal(Goal::AtLeast(0.85)))).collect()
    },
};

/// Measures appends against the statements of a shared handle.
fn statements(
    plan: &Plan,
    options: &SqliteOptions,
    load: &Load,
    batch: usize,
) -> Fallible<Measurement> {
    let setup = Setup::with(plan, options)?;
    let raw = setup.floor()?;
    let (session, segment) = (setup.session, setup.segment);
    appends(&setup, plan, load, batch, &|batch| {
        raw.append(session, segment, batch.iter().map(LogEntry::as_json))
    })
}

/// Measures appends against one INSERT of the same text in a table without ids, which commits
/// itself. This shows the cost of the rest of an append: the row of the log, with its head.
fn bare_insert(plan: &Plan, load: &Load) -> Fallible<Measurement> {
    let setup = Setup::new(plan)?;
    let raw = Raw::open(&setup.folder.join("bare.db"), Durability::Process)?;
    raw.create_bare_table()?;
    let measurement = appends(&setup, plan, load, 1, &|batch| {
        batch.iter().try_for_each(|entry| raw.insert_bare(entry.as_json()))
    })?;
    Ok(Measurement { what: format!("by a bare INSERT, {}", load.name), ..measurement })
}

/// Measures appends against `floor`, which appends a batch.
fn appends(
    setup: &Setup,
    plan: &Plan,
    load: &Load,
    batch: usize,
    floor: &dyn Fn(&[LogEntry]) -> Done,
) -> Fallible<Measurement> {
    // A round has enough entries for several checkpoints of the write-ahead log.
    let entries = load.batch(plan.amount(if batch == 1 { 1024 } else { 4096 }));
    let batches: Vec<_> = entries.chunks(batch).collect();
    let each = |append: &dyn Fn(&[LogEntry]) -> Done| {
        timed(|| batches.iter().try_for_each(|batch| append(batch)))
    };
    let ours: Side<'_> = Box::new(|| each(&|batch| load::append(setup.log(), batch)));
    let floor: Side<'_> = Box::new(|| each(floor));
    let times = in_turn(plan.rounds(24), [ours, floor])?;
    Ok(Measurement::speed(load.name, batches.len(), &times))
}
