//! Listing sessions and segments, against reading the one folder.

use std::fs;
use std::path::Path;

use session_store_core::{SegmentId, Store};

use super::Bed;
use crate::finding::{Finding, Goal};
use crate::measure::{Side, in_turn, timed};
use crate::plan::{Bench, Plan};
use crate::{Answer, Done};

pub(super) const SEGMENTS: Bench = Bench {
    name: "fs/list_segments",
    about: "list_segments, against reading the session's folder",
    run: |plan| Ok(vec![segments_of(plan, 100)?, segments_of(plan, 1000)?]),
};

/// So many sessions, through a handle that has listed them before.
pub(super) fn sessions_of(
    plan: &Plan,
    bench: &'static str,
    bed: &Bed,
    size: usize,
) -> Answer<Finding> {
    let times = listed(plan, size, &bed.root(), &|| Ok(bed.store.list_sessions().map(drop)?))?;
    let what = format!("list_sessions, warm, {size} sessions");
    Ok(Finding::speed(bench, what, repeats(size), &times).with_goal(Goal::AtLeast(0.5)))
}

fn segments_of(plan: &Plan, size: usize) -> Answer<Finding> {
    let bed = Bed::new(plan)?;
    let (entry, size) = (&plan.kilobyte().entries[0], plan.amount(size));
    for _ in 0..size {
        bed.store.append(bed.session, SegmentId::new(), entry)?;
    }
    let folder = bed.root().join(bed.session.to_string());
    let list = || Ok(bed.store.list_segments(bed.session).map(drop)?);
    let times = listed(plan, size, &folder, &list)?;
    let what = format!("{size} segments");
    Ok(Finding::speed(SEGMENTS.name, what, repeats(size), &times).with_goal(Goal::AtLeast(0.8)))
}

/// The times of listing so much by us, and of reading the folder.
fn listed(
    plan: &Plan,
    size: usize,
    folder: &Path,
    list: &dyn Fn() -> Done,
) -> Answer<[Vec<f64>; 2]> {
    let ours: Side<'_> = Box::new(|| timed(|| (0..repeats(size)).try_for_each(|_| list())));
    let floor: Side<'_> = Box::new(|| timed(|| (0..repeats(size)).try_for_each(|_| names(folder))));
    in_turn(plan.rounds(if size > 10_000 { 10 } else { 40 }), [ours, floor])
}

/// How often in a round: what is small is over before the clock has moved much.
fn repeats(size: usize) -> usize {
    (5_000 / size).max(1)
}

fn names(folder: &Path) -> Done {
    fs::read_dir(folder)?.try_for_each(|item| item.map(drop))?;
    Ok(())
}
