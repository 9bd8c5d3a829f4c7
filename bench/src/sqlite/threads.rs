//! Appends by several threads through one handle.

use crate::Answer;
use crate::finding::{Finding, Goal};
use crate::plan::{Bench, Plan};
use crate::scaling::scaling;

use super::Bed;

pub(super) const BENCH: Bench = Bench {
    name: "sqlite/threads",
    about: "append by 1, 2, 4 and 8 threads, each to a segment of its own",
    run,
};

fn run(plan: &Plan) -> Answer<Vec<Finding>> {
    let bed = Bed::new(plan)?;
    let finding = scaling(plan, BENCH.name, &bed.store, 1024)?;
    Ok(vec![finding.with_goal(Goal::AtLeast(1.0))])
}
