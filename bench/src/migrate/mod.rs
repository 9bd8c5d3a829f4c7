//! Benchmarks `migrate` against a hand-written copy loop.
//!
//! The loop reads each log, splits it into lines, checks the lines, and inserts them. The loop does
//! not verify the copy.

mod by_hand;

use std::cell::Cell;
use std::time::{Duration, Instant};

use session_store_core::{SegmentId, SessionId, Store};
use session_store_fs::FsStore;
use session_store_migrate::{Migration, Opened, Phase, Progress};
use session_store_redis::RedisStore;
use session_store_sqlite::{BulkLoad, SqliteStore};
use test_servers::RedisServer;

use crate::measure::{Side, in_turn};
use crate::measurement::{Goal, Measurement};
use crate::plan::{Bench, Plan};
use crate::{Done, Fallible};

pub(crate) const BENCHES: [Bench; 3] = [
    Bench { name: "migrate/fs-sqlite", about: ABOUT, run: fs_to_sqlite },
    Bench { name: "migrate/sqlite-fs", about: ABOUT, run: sqlite_to_fs },
    Bench { name: "migrate/fs-redis", about: ABOUT, run: fs_to_redis },
];

const ABOUT: &str = "migrate, against a hand-written loop that reads, checks and inserts each log";

/// The number of sessions in the source.
const SESSIONS: usize = 10;
/// The number of segments in each session.
const SEGMENTS: usize = 4;
/// The number of entries in each segment. The sizes of the entries were taken from real logs, which
/// have 513 lines on average.
const ENTRIES: usize = 500;

fn fs_to_sqlite(plan: &Plan) -> Fallible<Vec<Measurement>> {
    let source = plan.folder()?;
    let store = FsStore::open_or_create(&source)?;
    fill(plan, &store)?;
    let [copying, verifying] = compared(
        plan,
        &|| {
            let into = plan.folder()?.join("store.db");
            let load = Cell::new(Some(BulkLoad::create(&into)?));
            let first = Cell::new(true);
            copied(&store, || {
                let new = load.take().ok_or("the store is opened twice only")?;
                if first.replace(false) {
                    let store = new.store().clone();
                    load.set(Some(new));
                    return Ok(store);
                }
                // The migration opens the store again to verify the copy, as the command does.
                new.finish()?;
                Ok(SqliteStore::open(&into)?)
            })
        },
        &|| {
            let into = plan.folder()?;
            let mut insert = by_hand::into_database(&into.join("store.db"))?;
            by_hand::timed(&by_hand::Files(&source), &mut insert, Some(&into))
        },
    )?;
    let copying = copying.with_goal(Goal::AtLeast(1.3));
    Ok(vec![copying, verifying.with_goal(Goal::AtLeast(0.9))])
}

fn sqlite_to_fs(plan: &Plan) -> Fallible<Vec<Measurement>> {
    let source = plan.folder()?;
    let path = source.join("store.db");
    let store = SqliteStore::open_or_create(&path)?;
    fill(plan, &store)?;
    let [copying, verifying] = compared(
        plan,
        &|| {
            let into = plan.folder()?;
            copied(&store, || Ok(FsStore::open_or_create(&into)?))
        },
        &|| {
            let into = plan.folder()?;
            let mut insert = by_hand::into_files(&into);
            by_hand::timed(&by_hand::Database::open(&path)?, &mut insert, Some(&into))
        },
    )?;
    Ok(vec![copying.with_goal(Goal::AtLeast(0.7)), verifying])
}

fn fs_to_redis(plan: &Plan) -> Fallible<Vec<Measurement>> {
    let source = plan.folder()?;
    let store = FsStore::open_or_create(&source)?;
    fill(plan, &store)?;
    let [copying, verifying] = compared(
        plan,
        &|| {
            let server = RedisServer::start_in_memory(&[]);
            copied(&store, || Ok(RedisStore::open_or_create(&server.url())?))
        },
        &|| {
            let server = RedisServer::start_in_memory(&[]);
            let mut insert = by_hand::into_server(&server)?;
            by_hand::timed(&by_hand::Files(&source), &mut insert, None)
        },
    )?;
    Ok(vec![copying.with_goal(Goal::AtLeast(0.7)), verifying])
}

fn fill(plan: &Plan, store: &dyn Store) -> Done {
    let entries = plan.corpus().batch(plan.amount(ENTRIES));
    for _ in 0..SESSIONS {
        let session = SessionId::new();
        for _ in 0..SEGMENTS {
            store.append_all(session, SegmentId::new(), &entries)?;
        }
    }
    Ok(())
}

/// The times of one migration.
struct Times {
    /// The time to copy.
    copy: Duration,
    /// The time to copy and then verify the copy.
    total: Duration,
}

fn copied<B: Store>(source: &dyn Store, destination: impl Fn() -> Opened<B>) -> Fallible<Times> {
    let start = Instant::now();
    let mut copy = Duration::ZERO;
    let migration = Migration::new(source, destination()?).reopen(|| Ok(source), &destination);
    let report = migration
        .progress(|event| {
            if matches!(event, Progress::Begin { phase: Phase::Compare, .. }) {
                copy = start.elapsed();
            }
        })
        .run()?;
    if !report.is_complete() {
        return Err("the migration is not complete".into());
    }
    Ok(Times { copy, total: start.elapsed() })
}

/// Compares the time to copy, and the time to copy and verify, with the time of the floor. The
/// floor does not verify.
fn compared(
    plan: &Plan,
    migrate: &dyn Fn() -> Fallible<Times>,
    floor: &dyn Fn() -> Fallible<Duration>,
) -> Fallible<[Measurement; 2]> {
    let mut total_seconds = Vec::new();
    let ours: Side<'_> = Box::new(|| {
        let times = migrate()?;
        total_seconds.push(times.total.as_secs_f64());
        Ok(times.copy)
    });
    let [copy_seconds, floor_seconds] = in_turn(plan.rounds(12), [ours, Box::new(floor)])?;
    // Remove the first round, which warms up. `in_turn` does not return its times either.
    total_seconds.remove(0);
    let entries = SESSIONS * SEGMENTS * plan.amount(ENTRIES);
    let measurement = |what, ours| {
        let what = format!("{what}, {entries} {}", plan.corpus().name);
        Measurement::speed(what, entries, &[ours, floor_seconds.clone()])
    };
    Ok([measurement("copying", copy_seconds), measurement("copying and verifying", total_seconds)])
}
