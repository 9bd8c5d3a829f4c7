//! Appends by several threads through one handle.

use crate::Fallible;
use crate::measurement::{Goal, Measurement};
use crate::plan::{Bench, Plan};
use crate::scaling::scaling;

use super::Setup;

pub(super) const BENCH: Bench = Bench {
    name: "sqlite/threads",
    about: "append by 1, 2, 4 and 8 threads, each to its own segment",
    run,
};

fn run(plan: &Plan) -> Fallible<Vec<Measurement>> {
    let setup = Setup::new(plan)?;
    let measurement = scaling(plan, &setup.store, 1024)?;
    Ok(vec![measurement.with_goal(Goal::AtLeast(1.0))])
}
