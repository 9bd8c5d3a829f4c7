//! Appends by several threads through one handle, against the same number of plain connections.

use std::iter;
use std::sync::Mutex;

use super::Setup;
use crate::Fallible;
use crate::measurement::{Goal, Measurement};
use crate::plan::{Bench, Plan};
use crate::scaling::{scaled, scaling};

pub(super) const BENCH: Bench = Bench {
    name: "redis/threads",
    about: "append by 1, 2, 4 and 8 threads, each to its own segment; the same script on plain connections",
    run,
};

/// The goal for the speed of eight threads divided by the speed of one thread, if plain connections
/// reach more.
const GOAL: f64 = 3.0;
/// Otherwise, the goal is this part of the ratio that the plain connections reach.
const PART_OF_PLAIN: f64 = 0.85;

fn run(plan: &Plan) -> Fallible<Vec<Measurement>> {
    const APPENDS: usize = 512;
    let setup = Setup::new()?;
    let ours = scaling(plan, BENCH.name, &setup.store, APPENDS)?;

    let entry = &plan.kilobyte().entries[0];
    let connections: Vec<_> =
        (0..8).map(|_| setup.floor().map(Mutex::new)).collect::<Fallible<_>>()?;
    let append = |thread: usize| {
        let mut raw = connections[thread].lock().map_err(|_| "another thread panicked")?;
        raw.append(iter::once(entry.as_json()))
    };
    let what = "the same script on 8 bare connections by one";
    let allowed = scaled(plan, BENCH.name, what, APPENDS, &append)?;
    let goal = GOAL.min(PART_OF_PLAIN * allowed.figure.median);
    Ok(vec![ours.with_goal(Goal::AtLeast(goal)), allowed])
}
