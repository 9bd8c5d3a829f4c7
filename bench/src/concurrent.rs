//! A writer and a reader of one log at the same time. The speed of each is compared with its speed
//! alone.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use session_store_core::{SegmentId, SessionId, Store};
use session_store_fs::FsOptions;
use session_store_memory::MemoryStore;

use crate::fs::Setup as Fs;
use crate::measure::{Side, in_turn, median, quotients};
use crate::measurement::{Detail, Measurement, Unit};
use crate::plan::{Bench, Plan};
use crate::postgres::Setup as Postgres;
use crate::redis::Setup as Redis;
use crate::server::OnServer;
use crate::sessions::HasStore;
use crate::sqlite::Setup as Sqlite;
use crate::{Done, Fallible};

pub(crate) const BENCHES: [Bench; 5] = [
    Bench {
        name: "fs/concurrent",
        about: ABOUT,
        run: |plan| {
            let exclusive = Fs::with(plan, &FsOptions::new().exclusive(true))?;
            let mut measurements = compared(plan, "", &Fs::new(plan)?)?;
            measurements.extend(compared(plan, "exclusive, ", &exclusive)?);
            Ok(measurements)
        },
    },
    Bench {
        name: "sqlite/concurrent",
        about: ABOUT,
        run: |plan| compared(plan, "", &Sqlite::new(plan)?),
    },
    Bench {
        name: "postgres/concurrent",
        about: ABOUT,
        run: |plan| compared(plan, "", &Postgres::new()?),
    },
    Bench {
        name: "redis/concurrent",
        about: ABOUT,
        run: |plan| compared(plan, "", &Redis::new()?),
    },
    Bench {
        name: "memory/concurrent",
        about: ABOUT,
        run: |plan| compared(plan, "", &MemoryStore::new()),
    },
];

const ABOUT: &str = "append beside a reader of the same log, and the reads, against each alone";

/// The number of entries of the log before the first round.
const ENTRIES: usize = 10_000;

/// The number of entries that a read returns.
const TAIL: usize = 100;

/// The time of each side of a round.
const PERIOD: Duration = Duration::from_millis(20);

type Operation<'a> = &'a (dyn Fn() -> Done + Sync);

/// Compares appends of 1 KB beside a reader with appends alone, and reads of the last entries
/// beside a writer with reads alone. The reader has a handle of its own.
fn compared(plan: &Plan, mode: &str, setup: &dyn HasStore) -> Fallible<Vec<Measurement>> {
    let (writer, reader) = (setup.store(), setup.another_handle()?);
    let (session, segment) = (SessionId::new(), SegmentId::new());
    let entries = plan.kilobyte().batch(plan.amount(ENTRIES).max(TAIL));
    writer.append_all(session, segment, &entries)?;
    let tail_bytes = TAIL * entries[0].as_json().len();

    let append: Operation<'_> = &|| Ok(writer.append(session, segment, &entries[0])?);
    let read: Operation<'_> = &|| {
        let start = reader.read_entry_count(session, segment)? - TAIL;
        let page = reader.read_page(session, segment, start, tail_bytes)?;
        if page.entries.len() == TAIL { Ok(()) } else { Err("a read is not complete".into()) }
    };
    let sides: [Side<'_>; 4] = [
        Box::new(|| alone(append)),
        Box::new(|| beside(append, read)),
        Box::new(|| alone(read)),
        Box::new(|| beside(read, append)),
    ];
    let [append, append_beside, read, read_beside] = in_turn(plan.rounds(20), sides)?;
    let measurement = |what, alone: &[f64], beside: &[f64]| Measurement {
        what: format!("{mode}{what}"),
        figure: quotients(alone, beside),
        unit: Unit::Times,
        goal: None,
        details: vec![
            Detail::seconds("beside", median(beside)),
            Detail::seconds("alone", median(alone)),
        ],
    };
    Ok(vec![
        measurement("append beside a reader, by append alone", &append, &append_beside),
        measurement("read of 100 entries beside a writer, by read alone", &read, &read_beside),
    ])
}

/// Repeats the operation for a [`PERIOD`]. Returns the time of one operation.
fn alone(operation: Operation<'_>) -> Fallible<Duration> {
    let begin = Instant::now();
    let mut operations = 0;
    loop {
        operation()?;
        operations += 1;
        let time = begin.elapsed();
        if time >= PERIOD {
            return Ok(time / operations);
        }
    }
}

/// Measures the operation as [`alone`] does, while another thread repeats the operation `other`.
fn beside(operation: Operation<'_>, other: Operation<'_>) -> Fallible<Duration> {
    let start = Barrier::new(2);
    let is_ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let other = scope.spawn(|| {
            start.wait();
            while !is_ended.load(Ordering::Relaxed) {
                other()?;
            }
            Fallible::Ok(())
        });
        start.wait();
        let time = alone(operation);
        is_ended.store(true, Ordering::Relaxed);
        other.join().expect("no thread panics")?;
        time
    })
}
