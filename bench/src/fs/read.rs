//! Reading a whole log, at once and by pages, against reading the file, splitting it and checking each line.

use std::fs;
use std::path::Path;

use serde_json::value::RawValue;
use session_store_core::{Store, StoreExt};

use super::Bed;
use crate::Answer;
use crate::finding::{Finding, Goal};
use crate::load::Load;
use crate::measure::{Side, in_turn, timed};
use crate::plan::{Bench, Plan};

pub(super) const BENCH: Bench = Bench {
    name: "fs/read",
    about: "read_all and read_page, against reading the file, splitting it and checking each line",
    run: |plan| {
        let findings = plan.loads.iter().map(|load| read(plan, load));
        Ok(findings.collect::<Answer<Vec<_>>>()?.concat())
    },
};

const ENTRIES: usize = 10_000;

fn read(plan: &Plan, load: &Load) -> Answer<Vec<Finding>> {
    let bed = Bed::new(plan)?;
    let entries = load.batch(plan.amount(ENTRIES));
    bed.store.append_all(bed.session, bed.segment, &entries)?;
    let path = bed.log();

    let all: Side<'_> = Box::new(|| timed(|| Ok(bed.store.read_all(bed.session, bed.segment)?)));
    let pages: Side<'_> = Box::new(|| {
        timed(|| {
            Ok(bed.store.entries(bed.session, bed.segment, 0).collect::<Result<Vec<_>, _>>()?)
        })
    });
    let floor: Side<'_> = Box::new(|| timed(|| checked_lines(&path)));
    let [all, pages, floor] = in_turn(plan.rounds(40), [all, pages, floor])?;
    let finding = |what, ours, goal| {
        let what = format!("{what}, {} {}", entries.len(), load.name);
        let times = [ours, floor.clone()];
        Finding::speed(BENCH.name, what, entries.len(), &times).with_goal(Goal::AtLeast(goal))
    };
    Ok(vec![finding("read_all", all, 0.8), finding("pages of 256 KiB", pages, 0.7)])
}

/// The floor: the file's text, and where each line lies in it.
fn checked_lines(path: &Path) -> Answer<(String, Vec<(usize, usize)>)> {
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
