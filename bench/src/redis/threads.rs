//! Appends by several threads through one handle, against as many bare connections.

use std::iter;
use std::sync::Mutex;

use super::Bed;
use crate::Answer;
use crate::finding::{Finding, Goal};
use crate::plan::{Bench, Plan};
use crate::scaling::{scaled, scaling};

pub(super) const BENCH: Bench = Bench {
    name: "redis/threads",
    about: "append by 1, 2, 4 and 8 threads, each to a segment of its own, and what the server allows",
    run,
};

/// What is wanted where the server allows it, and how much of what it allows elsewhere.
const WANTED: f64 = 3.0;
const OF_ALLOWED: f64 = 0.85;

fn run(plan: &Plan) -> Answer<Vec<Finding>> {
    const APPENDS: usize = 512;
    let bed = Bed::new()?;
    let ours = scaling(plan, BENCH.name, &bed.store, APPENDS)?;

    let entry = &plan.kilobyte().entries[0];
    let connections: Vec<_> = (0..8).map(|_| bed.floor().map(Mutex::new)).collect::<Answer<_>>()?;
    let append = |thread: usize| {
        let mut raw = connections[thread].lock().map_err(|_| "another thread panicked")?;
        raw.append(iter::once(entry.as_json()))
    };
    let what = "the same script on 8 bare connections by one";
    let allowed = scaled(plan, BENCH.name, what, APPENDS, &append)?;
    let goal = WANTED.min(OF_ALLOWED * allowed.figure.median);
    Ok(vec![ours.with_goal(Goal::AtLeast(goal)), allowed])
}
