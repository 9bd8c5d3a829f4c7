//! Counting, and reading the head, through a handle that has not seen the log yet, against a scan for newlines.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use session_store_core::Store;
use session_store_fs::FsStore;

use super::Bed;
use crate::Answer;
use crate::finding::{Finding, Goal};
use crate::measure::{Side, in_turn, timed};
use crate::plan::{Bench, Plan};

pub(super) const BENCH: Bench = Bench {
    name: "fs/count_cold",
    about: "read_entry_count and head through a fresh handle, against a scan for newlines",
    run: cold,
};

const ENTRIES: usize = 20_000;

fn cold(plan: &Plan) -> Answer<Vec<Finding>> {
    let bed = Bed::new(plan)?;
    let load = plan.kilobyte();
    let entries = load.batch(plan.amount(ENTRIES));
    bed.store.append_all(bed.session, bed.segment, &entries)?;
    let path = bed.log();
    let fresh = || FsStore::open(bed.root());
    let (session, segment) = (bed.session, bed.segment);
    let count: Side<'_> = Box::new(|| timed(|| Ok(fresh()?.read_entry_count(session, segment)?)));
    let head: Side<'_> = Box::new(|| timed(|| Ok(fresh()?.head(session, segment)?)));
    let floor: Side<'_> = Box::new(|| timed(|| newlines(&path)));
    let [count, head, floor] = in_turn(plan.rounds(60), [count, head, floor])?;
    let finding = |what, ours| {
        let what = format!("{what}, {} {}", entries.len(), load.name);
        Finding::speed(BENCH.name, what, 1, &[ours, floor.clone()]).with_goal(Goal::AtLeast(0.8))
    };
    Ok(vec![finding("read_entry_count", count), finding("head", head)])
}

fn newlines(path: &Path) -> Answer<usize> {
    let mut file = File::open(path)?;
    let mut block = vec![0; 256 * 1024];
    let mut count = 0;
    loop {
        match file.read(&mut block)? {
            0 => return Ok(count),
            size => count += memchr::memchr_iter(b'\n', &block[..size]).count(),
        }
    }
}
