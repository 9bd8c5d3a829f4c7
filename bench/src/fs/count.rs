//! Counting and reading the head through a new handle, against a scan for newlines.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use session_store_core::Store;
use session_store_fs::FsStore;

use super::Setup;
use crate::Fallible;
use crate::measure::{Side, in_turn, timed};
use crate::measurement::{Goal, Measurement};
use crate::plan::{Bench, Plan};

pub(super) const BENCH: Bench = Bench {
    name: "fs/count_cold",
    about: "read_entry_count and head through a fresh handle, against a scan for newlines",
    run: cold,
};

const ENTRIES: usize = 20_000;

fn cold(plan: &Plan) -> Fallible<Vec<Measurement>> {
    let setup = Setup::new(plan)?;
    let load = plan.kilobyte();
    let entries = load.batch(plan.amount(ENTRIES));
    setup.store.append_all(setup.session, setup.segment, &entries)?;
    let path = setup.log_file();
    let fresh = || FsStore::open(setup.root());
    let (session, segment) = (setup.session, setup.segment);
    let count: Side<'_> = Box::new(|| timed(|| Ok(fresh()?.read_entry_count(session, segment)?)));
    let head: Side<'_> = Box::new(|| timed(|| Ok(fresh()?.head(session, segment)?)));
    let floor: Side<'_> = Box::new(|| timed(|| newlines(&path)));
    let [count, head, floor] = in_turn(plan.rounds(60), [count, head, floor])?;
    let measurement = |what, ours| {
        let what = format!("{what}, {} {}", entries.len(), load.name);
        Measurement::speed(what, 1, &[ours, floor.clone()]).with_goal(Goal::AtLeast(0.8))
    };
    Ok(vec![measurement("read_entry_count", count), measurement("head", head)])
}

fn newlines(path: &Path) -> Fallible<usize> {
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
