//! Appends that survive a power cut, by threads that share the syncs of one segment, and by threads that each
//! have their own.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use session_store_core::{Durability, SegmentId, SessionId, Store};
use session_store_fs::FsOptions;

use crate::finding::{Finding, Goal};
use crate::load::line;
use crate::measure::{Side, in_turn, together};
use crate::plan::{Bench, Plan};
use crate::{Answer, Done};

pub(super) const BENCH: Bench = Bench {
    name: "fs/append_power",
    about: "append, Power, against write(2) and fdatasync(2)",
    run: |plan| Ok(vec![one_segment(plan)?, eight_segments(plan)?]),
};

const THREADS: usize = 8;

/// Appends of each thread in each round: enough that its beginning and end do not count.
const APPENDS: usize = 50;

/// Eight threads on one segment, against one thread that writes and syncs.
fn one_segment(plan: &Plan) -> Answer<Finding> {
    let what = "8 threads on one segment, by one thread";
    let segments = [SegmentId::new(); THREADS];
    compared(plan, what, &segments, 1).map(|finding| finding.with_goal(Goal::AtLeast(4.0)))
}

/// Eight threads, each on a segment of its own, against as many that each write and sync a file of their own.
fn eight_segments(plan: &Plan) -> Answer<Finding> {
    let what = "8 threads on eight segments, by as many on files";
    let segments: [_; THREADS] = std::array::from_fn(|_| SegmentId::new());
    compared(plan, what, &segments, THREADS).map(|finding| finding.with_goal(Goal::AtLeast(0.8)))
}

/// Ours by eight threads, a segment for each, and the floor by so many; in all, they append the same.
fn compared(
    plan: &Plan,
    what: &str,
    segments: &[SegmentId; THREADS],
    floor_threads: usize,
) -> Answer<Finding> {
    let folder = plan.folder()?;
    let options = FsOptions::new().create(true).durability(Durability::Power);
    let store = options.open(folder.join("store"))?;
    let session = SessionId::new();
    let entry = &plan.kilobyte().entries[0];
    let files = open(&folder, floor_threads)?;
    let line = line(entry);

    let ours: Side<'_> = Box::new(|| {
        together(THREADS, |thread| {
            repeated(APPENDS, || Ok(store.append(session, segments[thread], entry)?))
        })
    });
    let floor: Side<'_> = Box::new(|| {
        together(floor_threads, |thread| {
            repeated(APPENDS * THREADS / floor_threads, || durably(&files[thread], &line))
        })
    });
    let times = in_turn(plan.rounds(20), [ours, floor])?;
    Ok(Finding::speed(BENCH.name, what, APPENDS * THREADS, &times))
}

fn repeated(times: usize, work: impl Fn() -> Done) -> Done {
    (0..times).try_for_each(|_| work())
}

fn durably(mut file: &File, line: &[u8]) -> Done {
    file.write_all(line)?;
    file.sync_data()?;
    Ok(())
}

fn open(folder: &Path, count: usize) -> Answer<Vec<File>> {
    let open = |number| {
        let path = folder.join(format!("floor-{number}.jsonl"));
        Ok(File::options().create(true).append(true).open(path)?)
    };
    (0..count).map(open).collect()
}
