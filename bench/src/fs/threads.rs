//! Appends by several threads through one handle.

use super::Setup;
use crate::Fallible;
use crate::measurement::Measurement;
use crate::plan::{Bench, Plan};
use crate::scaling::scaling;

pub(super) const BENCH: Bench = Bench {
    name: "fs/threads",
    about: "append by 1, 2, 4 and 8 threads, each to its own segment",
    run,
};

fn run(plan: &Plan) -> Fallible<Vec<Measurement>> {
    let setup = Setup::new(plan)?;
    Ok(vec![scaling(plan, &setup.store, 2048)?])
}
