//! Reading a whole log, at once and by pages, against reading the file and checking each line.

use std::fs;
use std::path::Path;

use serde_json::value::RawValue;
use session_store_core::{Store, StoreExt};

use super::Setup;
use crate::Fallible;
use crate::load::Load;
use crate::measure::{Side, in_turn, timed};
use crate::measurement::{Goal, Measurement};
use crate::plan::{Bench, Plan};

pub(super) const BENCH: Bench = Bench {
    name: "fs/read",
    about: "read_all and read_page, against reading the file, splitting it and checking each line",
    run: |plan| {
        let measurements = plan.loads.iter().map(|load| read(plan, load));
        Ok(measurements.collect::<Fallible<Vec<_>>>()?.concat())
    },
};

const ENTRIES: usize = 10_000;

fn read(plan: &Plan, load: &Load) -> Fallible<Vec<Measurement>> {
    let setup = Setup::new(plan)?;
    let entries = load.batch(plan.amount(ENTRIES));
    setup.store.append_all(setup.session, setup.segment, &entries)?;
    let path = setup.log();

    let all: Side<'_> =
        Box::new(|| timed(|| Ok(setup.store.read_all(setup.session, setup.segment)?)));
    let pages: Side<'_> = Box::new(|| {
        timed(|| {
            Ok(setup
                .store
                .entries(setup.session, setup.segment, 0)
                .collect::<Result<Vec<_>, _>>()?)
        })
    });
    let floor: Side<'_> = Box::new(|| timed(|| checked_lines(&path)));
    let [all, pages, floor] = in_turn(plan.rounds(40), [all, pages, floor])?;
    let measurement = |what, ours, goal| {
        let what = format!("{what}, {} {}", entries.len(), load.name);
        let times = [ours, floor.clone()];
        Measurement::speed(BENCH.name, what, entries.len(), &times).with_goal(Goal::AtLeast(goal))
    };
    Ok(vec![measurement("read_all", all, 0.8), measurement("pages of 256 KiB", pages, 0.7)])
}

/// The floor: returns the text of the file, and the range of each line.
fn checked_lines(path: &Path) -> Fallible<(String, Vec<(usize, usize)>)> {
    let text = String::from_utf8(fs::read(path)?)?;
    let mut lines = Vec::new();
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', text.as_bytes()) {
        serde_json::from_str::<&RawValue>(&text[start..end])?;
        lines.push((start, end));
        start = end + 1;
    }
    Ok((text, lines))
}
