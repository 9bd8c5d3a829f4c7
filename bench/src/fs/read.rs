//! Reading a whole log, at once and by pages, against reading the file and splitting it into lines.

use std::fs;
use std::path::Path;

use serde_json::value::RawValue;
use session_store_core::StoreExt;
use session_store_fs::FsStore;

use super::Setup;
use crate::Fallible;
use crate::load::Load;
use crate::measure::{Side, in_turn, timed};
use crate::measurement::{Goal, Measurement};
use crate::plan::{Bench, Plan};
use crate::reading::ENTRIES;

pub(super) const BENCH: Bench = Bench {
    name: "fs/read",
    about: "read_all and read_page, against reading the file, splitting it and checking each line",
    run: |plan| plan.each_load(|load| read(plan, load)),
};

/// The number of batches in which the log is appended. A new handle starts its scan at the
/// checkpoint that one of the last batches has stored.
const BATCHES: usize = 100;

fn read(plan: &Plan, load: &Load) -> Fallible<[Measurement; 3]> {
    let setup = Setup::new(plan)?;
    let entries = load.batch(plan.amount(ENTRIES));
    entries
        .chunks(entries.len().div_ceil(BATCHES))
        .try_for_each(|batch| setup.log().append_all(batch))?;
    let (root, path) = (setup.root(), setup.log_file());
    let log = setup.log();
    let first: Side<'_> = Box::new(|| {
        let store = FsStore::open(&root)?;
        let log = store.segment(setup.session, setup.segment);
        timed(|| Ok(log.read_all()?))
    });
    let again: Side<'_> = Box::new(|| timed(|| Ok(log.read_all()?)));
    let pages: Side<'_> =
        Box::new(|| timed(|| Ok(log.entries(0).collect::<Result<Vec<_>, _>>()?)));
    let checked: Side<'_> = Box::new(|| timed(|| lines(&path, true)));
    let split: Side<'_> = Box::new(|| timed(|| lines(&path, false)));
    let sides = [first, pages, checked, again, split];
    let [first, pages, checked, again, split] = in_turn(plan.rounds(40), sides)?;
    let measurement = |what, ours, floor, goal| {
        let what = format!("{what}, {} {}", entries.len(), load.name);
        Measurement::speed(what, entries.len(), &[ours, floor]).with_goal(Goal::AtLeast(goal))
    };
    Ok([
        measurement("read_all, new handle", first, checked.clone(), 0.95),
        measurement("pages of 256 KiB", pages, checked, 0.7),
        measurement("read_all, again, by read and split", again, split, 0.75),
    ])
}

/// The bytes of a file, and the range of each line.
type Lines = (Vec<u8>, Vec<(usize, usize)>);

/// The floor: returns the lines of a file. Checks each line if `check` is set.
fn lines(path: &Path, check: bool) -> Fallible<Lines> {
    let bytes = fs::read(path)?;
    let mut lines = Vec::new();
    let mut start = 0;
    let text = if check { str::from_utf8(&bytes)? } else { "" };
    for end in memchr::memchr_iter(b'\n', &bytes) {
        if check {
            serde_json::from_str::<&RawValue>(&text[start..end])?;
        }
        lines.push((start, end));
        start = end + 1;
    }
    Ok((bytes, lines))
}
