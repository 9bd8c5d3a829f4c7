//! Appends of one entry and of 64 entries, against the same script and against `RPUSH` alone.

use std::cell::RefCell;

use session_store_core::LogEntry;

use super::Setup;
use crate::load::{self, Load};
use crate::measure::{Side, in_turn, timed};
use crate::measurement::{Goal, Measurement};
use crate::plan::{Bench, Plan};
use crate::{Done, Fallible};

pub(super) const ONE: Bench = Bench {
    name: "redis/append",
    about: "append, against the same script, and against RPUSH alone",
    run: |plan| plan.each_load(|load| append(plan, ONE.name, load, 1)),
};

pub(super) const MANY: Bench = Bench {
    name: "redis/append_all",
    about: "append_all of 64, against the same script, and against RPUSH alone",
    run: |plan| plan.each_load(|load| append(plan, MANY.name, load, 64)),
};

fn append(
    plan: &Plan,
    bench: &'static str,
    load: &Load,
    batch: usize,
) -> Fallible<Vec<Measurement>> {
    let setup = Setup::new()?;
    let [script, list] = [RefCell::new(setup.floor()?), RefCell::new(setup.floor()?)];
    let batches: Vec<_> = load.entries.chunks(batch).collect();
    let each = |append: &dyn Fn(&[LogEntry]) -> Done| {
        timed(|| batches.iter().try_for_each(|batch| append(batch)))
    };
    let ours: Side<'_> = Box::new(|| each(&|batch| load::append(setup.log(), batch)));
    let scripted: Side<'_> = Box::new(|| each(&|batch| script.borrow_mut().append(texts(batch))));
    let pushed: Side<'_> = Box::new(|| each(&|batch| list.borrow_mut().push(texts(batch))));
    let [ours, scripted, pushed] = in_turn(plan.rounds(60), [ours, scripted, pushed])?;
    let measurement = |what, floor| {
        let what = format!("{}, by {what}", load.name);
        Measurement::speed(bench, what, batches.len(), &[ours.clone(), floor])
    };
    Ok(vec![
        measurement("the same script", scripted).with_goal(Goal::AtLeast(0.85)),
        measurement("RPUSH", pushed),
    ])
}

fn texts(batch: &[LogEntry]) -> impl Iterator<Item = &str> {
    batch.iter().map(LogEntry::as_json)
}
