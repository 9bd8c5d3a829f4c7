//! Appends by several threads through one handle.

use super::Bed;
use crate::Answer;
use crate::finding::Finding;
use crate::plan::{Bench, Plan};
use crate::scaling::scaling;

pub(super) const BENCH: Bench = Bench {
    name: "fs/threads",
    about: "append by 1, 2, 4 and 8 threads, each to a segment of its own",
    run,
};

fn run(plan: &Plan) -> Answer<Vec<Finding>> {
    let bed = Bed::new(plan)?;
    Ok(vec![scaling(plan, BENCH.name, &bed.store, 2048)?])
}
