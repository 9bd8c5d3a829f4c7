//! Reading a whole log, at once and by pages, against reading the file and checking each line.

use std::fs;
use std::path::Path;

use serde_json::value::RawValue;

use super::Setup;
use crate::Fallible;
use crate::load::Load;
use crate::measure::timed;
use crate::measurement::{Goal, Measurement};
use crate::plan::{Bench, Plan};
use crate::reading::{ENTRIES, reading};

pub(super) const BENCH: Bench = Bench {
    name: "fs/read",
    about: "read_all and read_page, against reading the file, splitting it and checking each line",
    run: |plan| plan.each_load(|load| read(plan, load)),
};

fn read(plan: &Plan, load: &Load) -> Fallible<[Measurement; 2]> {
    let setup = Setup::new(plan)?;
    setup.log().append_all(&load.batch(plan.amount(ENTRIES)))?;
    let path = setup.log_file();
    let floor = Box::new(|| timed(|| checked_lines(&path)));
    let [all, pages] = reading(plan, BENCH.name, load, setup.log(), floor)?;
    Ok([all, pages.with_goal(Goal::AtLeast(0.7))])
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
