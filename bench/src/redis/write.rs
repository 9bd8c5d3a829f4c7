//! Appends, one and many to a call.

use std::cell::RefCell;

use session_store_core::{LogEntry, Store};

use super::Bed;
use crate::finding::{Finding, Goal};
use crate::load::Load;
use crate::measure::{Side, in_turn, timed};
use crate::plan::{Bench, Plan};
use crate::{Answer, Done};

pub(super) const ONE: Bench = Bench {
    name: "redis/append",
    about: "append, against the same script, and against RPUSH alone",
    run: |plan| both(plan, ONE.name, 1),
};

pub(super) const MANY: Bench = Bench {
    name: "redis/append_all",
    about: "append_all of 64, against the same script, and against RPUSH alone",
    run: |plan| both(plan, MANY.name, 64),
};

fn both(plan: &Plan, bench: &'static str, batch: usize) -> Answer<Vec<Finding>> {
    let findings = plan.loads.iter().map(|load| append(plan, bench, load, batch));
    Ok(findings.collect::<Answer<Vec<_>>>()?.concat())
}

fn append(plan: &Plan, bench: &'static str, load: &Load, batch: usize) -> Answer<Vec<Finding>> {
    let bed = Bed::new()?;
    let [script, list] = [RefCell::new(bed.floor()?), RefCell::new(bed.floor()?)];
    let (session, segment) = (bed.session, bed.segment);
    let batches: Vec<_> = load.entries.chunks(batch).collect();
    let each = |append: &dyn Fn(&[LogEntry]) -> Done| {
        timed(|| batches.iter().try_for_each(|batch| append(batch)))
    };
    let ours: Side<'_> = Box::new(|| {
        each(&|batch| match batch {
            [entry] => Ok(bed.store.append(session, segment, entry)?),
            batch => Ok(bed.store.append_all(session, segment, batch)?),
        })
    });
    let scripted: Side<'_> = Box::new(|| each(&|batch| script.borrow_mut().append(texts(batch))));
    let pushed: Side<'_> = Box::new(|| each(&|batch| list.borrow_mut().push(texts(batch))));
    let [ours, scripted, pushed] = in_turn(plan.rounds(60), [ours, scripted, pushed])?;
    let finding = |what, floor| {
        let what = format!("{}, by {what}", load.name);
        Finding::speed(bench, what, batches.len(), &[ours.clone(), floor])
    };
    Ok(vec![
        finding("the same script", scripted).with_goal(Goal::AtLeast(0.85)),
        finding("RPUSH", pushed),
    ])
}

fn texts(batch: &[LogEntry]) -> impl Iterator<Item = &str> {
    batch.iter().map(LogEntry::as_json)
}
