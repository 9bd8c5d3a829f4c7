//! The time to read a whole log, at once and by pages, compared with a floor that reads the same
//! entries.

use session_store_core::{SegmentRef, Store};

use crate::Fallible;
use crate::load::Load;
use crate::measure::{Side, in_turn, timed};
use crate::measurement::{Goal, Measurement};
use crate::plan::Plan;

/// The number of entries of a log that is read.
pub(crate) const ENTRIES: usize = 10_000;

/// Measures `read_all`, and pages of the default size. The log has entries of `load`.
pub(crate) fn reading(
    plan: &Plan,
    load: &Load,
    log: SegmentRef<'_, dyn Store + '_>,
    floor: Side<'_>,
) -> Fallible<[Measurement; 2]> {
    let entries = log.read_entry_count()?;
    let all: Side<'_> = Box::new(|| timed(|| Ok(log.read_all()?)));
    let pages: Side<'_> =
        Box::new(|| timed(|| Ok(log.entries(0).collect::<Result<Vec<_>, _>>()?)));
    let [all, pages, floor] = in_turn(plan.rounds(40), [all, pages, floor])?;
    let measurement = |what, ours| {
        let what = format!("{what}, {entries} {}", load.name);
        Measurement::speed(what, entries, &[ours, floor.clone()])
    };
    let all = measurement("read_all", all).with_goal(Goal::AtLeast(0.8));
    Ok([all, measurement("pages of 256 KiB", pages)])
}
