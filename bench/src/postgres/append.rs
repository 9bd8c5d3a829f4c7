//! Appends of one entry and of 64 entries, against the same statement and against an `INSERT`
//! alone.

use std::cell::RefCell;

use session_store_core::LogEntry;

use super::Setup;
use crate::load::{self, Load};
use crate::measure::{Side, in_turn, timed};
use crate::measurement::{Goal, Measurement};
use crate::plan::{Bench, Plan};
use crate::{Done, Fallible};

pub(super) const ONE: Bench = Bench {
    name: "postgres/append",
    about: "append, against the same statement, and against an INSERT alone",
    run: |plan| plan.each_load(|load| append(plan, ONE.name, load, 1)),
};

pub(super) const MANY: Bench = Bench {
    name: "postgres/append_all",
    about: "append_all of 64, against the same statement, and against an INSERT alone",
    run: |plan| plan.each_load(|load| append(plan, MANY.name, load, 64)),
};

fn append(
    plan: &Plan,
    bench: &'static str,
    load: &Load,
    batch: usize,
) -> Fallible<Vec<Measurement>> {
    let setup = Setup::new()?;
    let [same, plain] = [RefCell::new(setup.floor()?), RefCell::new(setup.floor()?)];
    let batches: Vec<_> = load.entries.chunks(batch).collect();
    let each = |append: &dyn Fn(&[LogEntry]) -> Done| {
        timed(|| batches.iter().try_for_each(|batch| append(batch)))
    };
    let ours: Side<'_> = Box::new(|| each(&|batch| load::append(setup.log(), batch)));
    let stated: Side<'_> = Box::new(|| each(&|batch| same.borrow_mut().append(&texts(batch))));
    let inserted: Side<'_> = Box::new(|| each(&|batch| plain.borrow_mut().insert(&texts(batch))));
    let [ours, stated, inserted] = in_turn(plan.rounds(60), [ours, stated, inserted])?;
    let measurement = |what, floor| {
        let what = format!("{}, by {what}", load.name);
        Measurement::speed(bench, what, batches.len(), &[ours.clone(), floor])
    };
    Ok(vec![
        measurement("the same statement", stated).with_goal(Goal::AtLeast(0.85)),
        measurement("an INSERT", inserted),
    ])
}

fn texts(batch: &[LogEntry]) -> Vec<&str> {
    batch.iter().map(LogEntry::as_json).collect()
}
