//! Appends that survive a power cut: threads that share the syncs of one segment, and threads with
//! a segment each.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use session_store_core::{Durability, SegmentId, SessionId, Store};
use session_store_fs::FsOptions;

use crate::load::line;
use crate::measure::{Side, in_parallel, in_turn};
use crate::measurement::{Goal, Measurement};
use crate::plan::{Bench, Plan};
use crate::{Done, Fallible};

pub(super) const BENCH: Bench = Bench {
    name: "fs/append_power",
    about: "append with durability Power, against write(2) and fdatasync(2)",
    run: |plan| Ok(vec![one_segment(plan)?, eight_segments(plan)?]),
};

const THREADS: usize = 8;

/// The number of appends of each thread in a round. The number is so large that the start and the
/// end of the threads do not matter.
const APPENDS: usize = 50;

/// Compares eight threads on one segment with one thread that writes and syncs.
fn one_segment(plan: &Plan) -> Fallible<Measurement> {
    let what = "8 threads on one segment, against one thread on one file";
    let segments = [SegmentId::new(); THREADS];
    compared(plan, what, &segments, 1).map(|measurement| measurement.with_goal(Goal::AtLeast(4.0)))
}

/// Compares eight threads on eight segments with eight threads that write and sync a file each.
fn eight_segments(plan: &Plan) -> Fallible<Measurement> {
    let what = "8 threads on eight segments, against 8 threads on eight files";
    let segments: [_; THREADS] = std::array::from_fn(|_| SegmentId::new());
    compared(plan, what, &segments, THREADS)
        .map(|measurement| measurement.with_goal(Goal::AtLeast(0.8)))
}

/// Compares eight threads that append to the store with `floor_threads` threads that append to
/// files.
///
/// `segments` has the segment of each of the eight threads. Both sides append the same number of
/// entries in total.
fn compared(
    plan: &Plan,
    what: &str,
    segments: &[SegmentId; THREADS],
    floor_threads: usize,
) -> Fallible<Measurement> {
    let folder = plan.folder()?;
    let options = FsOptions::new().create(true).durability(Durability::Power);
    let store = options.open(folder.join("store"))?;
    let session = SessionId::new();
    let entry = &plan.kilobyte().entries[0];
    let files = open(&folder, floor_threads)?;
    let line = line(entry);

    let ours: Side<'_> = Box::new(|| {
        in_parallel(THREADS, |thread| {
            repeated(APPENDS, || Ok(store.append(session, segments[thread], entry)?))
        })
    });
    let floor: Side<'_> = Box::new(|| {
        in_parallel(floor_threads, |thread| {
            repeated(APPENDS * THREADS / floor_threads, || durably(&files[thread], &line))
        })
    });
    let times = in_turn(plan.rounds(20), [ours, floor])?;
    Ok(Measurement::speed(what, APPENDS * THREADS, &times))
}

fn repeated(times: usize, work: impl Fn() -> Done) -> Done {
    (0..times).try_for_each(|_| work())
}

fn durably(mut file: &File, line: &[u8]) -> Done {
    file.write_all(line)?;
    file.sync_data()?;
    Ok(())
}

fn open(folder: &Path, count: usize) -> Fallible<Vec<File>> {
    let open = |number| {
        let path = folder.join(format!("floor-{number}.jsonl"));
        Ok(File::options().create(true).append(true).open(path)?)
    };
    (0..count).map(open).collect()
}
