//! Benchmarks appends with the default durability, which survive a killed process, against one
//! `write(2)` on an open file.

use std::fs::File;
use std::io::Write;

use session_store_fs::FsOptions;

use super::Setup;
use crate::Fallible;
use crate::load::{self, Load};
use crate::measure::{Side, in_turn, timed};
use crate::measurement::{Goal, Measurement};
use crate::plan::{Bench, Plan};

pub(super) const ONE: Bench = Bench {
    name: "fs/append",
    about: "append, also with an exclusive handle, against one write(2)",
    run: |plan| {
        let shared = |load: &Load| appends(plan, load, 1);
        let exclusive = |load: &Load| -> Fallible<Measurement> {
            let setup = Setup::with(plan, &FsOptions::new().exclusive(true))?;
            let measurement = appends_to(&setup, plan, load, 1)?;
            Ok(Measurement { what: format!("exclusive, {}", load.name), ..measurement })
        };
        let [kilobyte, corpus] = &plan.loads;
        Ok(vec![
            shared(kilobyte)?.with_goal(Goal::AtLeast(0.5)),
            shared(corpus)?.with_goal(Goal::AtLeast(0.5)),
            exclusive(kilobyte)?.with_goal(Goal::AtLeast(0.85)),
            exclusive(corpus)?.with_goal(Goal::AtLeast(0.8)),
        ])
    },
};

pub(super) const MANY: Bench = Bench {
    name: "fs/append_all",
    about: "append_all of 64, against one write(2) of the same lines",
    run: |plan| {
        let many = |load| appends(plan, load, 64);
        plan.loads.iter().map(|load| Ok(many(load)?.with_goal(Goal::AtLeast(0.85)))).collect()
    },
};

fn appends(plan: &Plan, load: &Load, batch: usize) -> Fallible<Measurement> {
    appends_to(&Setup::new(plan)?, plan, load, batch)
}

fn appends_to(setup: &Setup, plan: &Plan, load: &Load, batch: usize) -> Fallible<Measurement> {
    let mut file =
        File::options().create(true).append(true).open(setup.folder.join("floor.jsonl"))?;
    let batches: Vec<_> = load.entries.chunks(batch).collect();
    let texts: Vec<_> = load.lines().chunks(batch).map(<[Vec<u8>]>::concat).collect();
    let ours: Side<'_> = Box::new(|| {
        timed(|| batches.iter().try_for_each(|batch| load::append(setup.log(), batch)))
    });
    let floor: Side<'_> =
        Box::new(|| timed(|| texts.iter().try_for_each(|text| Ok(file.write_all(text)?))));
    let times = in_turn(plan.rounds(80), [ours, floor])?;
    Ok(Measurement::speed(load.name, batches.len(), &times))
}
