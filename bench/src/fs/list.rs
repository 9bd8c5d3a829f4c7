//! Listing sessions and segments, against reading one folder.

use std::fs;
use std::path::Path;

use session_store_core::{SegmentId, Store};
use session_store_fs::FsStore;

use super::Setup;
use crate::measure::{Side, in_turn, timed};
use crate::measurement::{Goal, Measurement};
use crate::plan::{Bench, Plan};
use crate::{Done, Fallible};

pub(super) const SEGMENTS: Bench = Bench {
    name: "fs/list_segments",
    about: "list_segments, against reading the session's folder",
    run: |plan| Ok(vec![segments_of(plan, 100)?, segments_of(plan, 1000)?]),
};

/// Lists `size` sessions, through a handle that has listed them before, and through a new handle.
pub(super) fn sessions_of(plan: &Plan, setup: &Setup, size: usize) -> Fallible<[Measurement; 2]> {
    let root = setup.root();
    let measured = |what, goal, list: &dyn Fn() -> Done| -> Fallible<Measurement> {
        let times = listed(plan, size, &root, list)?;
        let what = format!("list_sessions, {what}, {size} sessions");
        let measurement = Measurement::speed(what, repeats(size), &times);
        Ok(measurement.with_goal(Goal::AtLeast(goal)))
    };
    Ok([
        measured("warm", 0.5, &|| Ok(setup.store.list_sessions().map(drop)?))?,
        measured("new handle", 0.33, &|| Ok(FsStore::open(&root)?.list_sessions().map(drop)?))?,
    ])
}

fn segments_of(plan: &Plan, size: usize) -> Fallible<Measurement> {
    let setup = Setup::new(plan)?;
    let (entry, size) = (&plan.kilobyte().entries[0], plan.amount(size));
    for _ in 0..size {
        setup.store.append(setup.session, SegmentId::new(), entry)?;
    }
    let folder = setup.root().join(setup.session.to_string());
    let list = || Ok(setup.store.list_segments(setup.session).map(drop)?);
    let times = listed(plan, size, &folder, &list)?;
    let what = format!("{size} segments");
    Ok(Measurement::speed(what, repeats(size), &times).with_goal(Goal::AtLeast(0.8)))
}

/// Returns the times of our listing, and of reading the folder.
fn listed(
    plan: &Plan,
    size: usize,
    folder: &Path,
    list: &dyn Fn() -> Done,
) -> Fallible<[Vec<f64>; 2]> {
    let ours: Side<'_> = Box::new(|| timed(|| (0..repeats(size)).try_for_each(|_| list())));
    let floor: Side<'_> = Box::new(|| timed(|| (0..repeats(size)).try_for_each(|_| names(folder))));
    in_turn(plan.rounds(if size > 10_000 { 10 } else { 40 }), [ours, floor])
}

/// Returns the number of listings in a round. A short listing is repeated, so that its time is
/// larger than the resolution of the clock.
fn repeats(size: usize) -> usize {
    (5_000 / size).max(1)
}

fn names(folder: &Path) -> Done {
    fs::read_dir(folder)?.try_for_each(|item| item.map(drop))?;
    Ok(())
}
