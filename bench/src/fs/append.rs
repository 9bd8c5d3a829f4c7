//! Appends that survive the process, against one `write(2)` each on an open file.

use std::fs::File;
use std::io::Write;

use session_store_core::Store;

use super::Bed;
use crate::Answer;
use crate::finding::{Finding, Goal};
use crate::load::Load;
use crate::measure::{Side, in_turn, timed};
use crate::plan::{Bench, Plan};

pub(super) const ONE: Bench = Bench {
    name: "fs/append",
    about: "append, against one write(2)",
    run: |plan| plan.loads.iter().map(|load| one(plan, load)).collect(),
};

pub(super) const MANY: Bench = Bench {
    name: "fs/append_all",
    about: "append_all of 64, against one write(2) of the same lines",
    run: |plan| plan.loads.iter().map(|load| many(plan, load)).collect(),
};

const BATCH: usize = 64;

fn one(plan: &Plan, load: &Load) -> Answer<Finding> {
    let bed = Bed::new(plan)?;
    let mut file = open(&bed)?;
    let lines = load.lines();
    let ours: Side<'_> = Box::new(|| {
        timed(|| {
            for entry in &load.entries {
                bed.store.append(bed.session, bed.segment, entry)?;
            }
            Ok(())
        })
    });
    let floor: Side<'_> = Box::new(|| {
        timed(|| {
            for line in &lines {
                file.write_all(line)?;
            }
            Ok(())
        })
    });
    let times = in_turn(plan.rounds(80), [ours, floor])?;
    Ok(Finding::speed(ONE.name, load.name, load.entries.len(), &times)
        .with_goal(Goal::AtLeast(0.5)))
}

fn many(plan: &Plan, load: &Load) -> Answer<Finding> {
    let bed = Bed::new(plan)?;
    let mut file = open(&bed)?;
    let batches: Vec<_> = load.entries.chunks(BATCH).collect();
    let texts: Vec<_> = load.lines().chunks(BATCH).map(<[Vec<u8>]>::concat).collect();
    let ours: Side<'_> = Box::new(|| {
        timed(|| {
            for batch in &batches {
                bed.store.append_all(bed.session, bed.segment, batch)?;
            }
            Ok(())
        })
    });
    let floor: Side<'_> = Box::new(|| {
        timed(|| {
            for text in &texts {
                file.write_all(text)?;
            }
            Ok(())
        })
    });
    let times = in_turn(plan.rounds(80), [ours, floor])?;
    Ok(Finding::speed(MANY.name, load.name, batches.len(), &times).with_goal(Goal::AtLeast(0.85)))
}

fn open(bed: &Bed) -> Answer<File> {
    let path = bed.folder.join("floor.jsonl");
    Ok(File::options().create(true).append(true).open(path)?)
}
