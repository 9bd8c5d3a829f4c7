//! Appends by several threads through one handle, against the same number of plain connections.

use std::slice;
use std::sync::Mutex;

use super::Setup;
use crate::Fallible;
use crate::measurement::{Goal, Measurement};
use crate::plan::{Bench, Plan};
use crate::scaling::{scaled, scaling};

pub(super) const BENCH: Bench = Bench {
    name: "postgres/threads",
    about: "append by 1, 2, 4 and 8 threads, each to its own segment; the same statement on plain connections",
    run,
};

/// The goal is this part of the ratio that the plain connections reach.
const PART_OF_PLAIN: f64 = 0.85;

fn run(plan: &Plan) -> Fallible<Vec<Measurement>> {
    const APPENDS: usize = 512;
    let setup = Setup::new()?;
    let ours = scaling(plan, BENCH.name, &setup.store, APPENDS)?;

    let entry = plan.kilobyte().entries[0].as_json();
    let connections: Vec<_> =
        (0..8).map(|_| setup.floor().map(Mutex::new)).collect::<Fallible<_>>()?;
    let append = |thread: usize| {
        let mut raw = connections[thread].lock().map_err(|_| "another thread panicked")?;
        raw.append(slice::from_ref(&entry))
    };
    let what = "the same statement on 8 bare connections by one";
    let allowed = scaled(plan, BENCH.name, what, APPENDS, &append)?;
    let goal = PART_OF_PLAIN * allowed.figure.median;
    Ok(vec![ours.with_goal(Goal::AtLeast(goal)), allowed])
}
