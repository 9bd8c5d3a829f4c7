//! The allocations of each operation, which must not increase with the length of the log.

use session_store_core::{LogEntry, SegmentId, SessionId, Store};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region};

use crate::fs::Setup as Fs;
use crate::measure::Spread;
use crate::measurement::{Detail, Goal, Measurement, Unit};
use crate::plan::{Bench, Plan};
use crate::redis::Setup as Redis;
use crate::server::OnServer;
use crate::sessions::HasStore;
use crate::sqlite::Setup as Sqlite;
use crate::{Done, Fallible};

pub(crate) const BENCHES: [Bench; 3] = [
    Bench { name: "fs/allocations", about: ABOUT, run: |plan| all(plan, Fs::new(plan)?.store()) },
    Bench {
        name: "sqlite/allocations",
        about: ABOUT,
        run: |plan| all(plan, Sqlite::new(plan)?.store()),
    },
    Bench { name: "redis/allocations", about: ABOUT, run: |plan| all(plan, Redis::new()?.store()) },
];

const ABOUT: &str =
    "allocations of each operation on a log of 10⁴ entries, divided by those on 10³ entries";

/// Allocations of this process. The memory of SQLite and of a server is not counted.
pub(crate) struct Counted {
    /// The number of new blocks and of enlarged blocks.
    pub(crate) allocations: f64,
    pub(crate) bytes: f64,
}

/// Does the work and counts its allocations.
pub(crate) fn counted<T>(work: impl FnOnce() -> T) -> (T, Counted) {
    let region = Region::new(&INSTRUMENTED_SYSTEM);
    let done = work();
    let change = region.change();
    let allocations = (change.allocations + change.reallocations) as f64;
    (done, Counted { allocations, bytes: change.bytes_allocated as f64 })
}

/// The log that the operations read and extend.
struct Log<'a> {
    store: &'a dyn Store,
    session: SessionId,
    segment: SegmentId,
    batch: Vec<LogEntry>,
}

type Operation = fn(&Log<'_>) -> Done;

const OPERATIONS: [(&str, Operation); 7] = [
    ("append", |log| Ok(log.store.append(log.session, log.segment, &log.batch[0])?)),
    ("append_all of 64", |log| Ok(log.store.append_all(log.session, log.segment, &log.batch)?)),
    ("read_page of 64 KB", |log| {
        Ok(log.store.read_page(log.session, log.segment, 500, 64_000).map(drop)?)
    }),
    ("read_entry_count", |log| {
        Ok(log.store.read_entry_count(log.session, log.segment).map(drop)?)
    }),
    ("head", |log| Ok(log.store.head(log.session, log.segment).map(drop)?)),
    ("exists", |log| Ok(log.store.exists(log.session, log.segment).map(drop)?)),
    ("lookup_session_of", |log| Ok(log.store.lookup_session_of(log.segment).map(drop)?)),
];

fn all(plan: &Plan, store: &dyn Store) -> Fallible<Vec<Measurement>> {
    let (session, segment) = (SessionId::new(), SegmentId::new());
    let log = Log { store, session, segment, batch: plan.kilobyte().batch(64) };
    let [short, long] = [1000, 10_000].map(|entries| {
        grow(&log, plan.amount(entries).max(600))?;
        OPERATIONS
            .into_iter()
            .map(|(_, operation)| each(&log, operation))
            .collect::<Fallible<Vec<_>>>()
    });
    let pairs = short?.into_iter().zip(long?);
    Ok(OPERATIONS.iter().zip(pairs).map(|((what, _), pair)| steady(what, &pair)).collect())
}

/// Appends until the log has this number of entries.
fn grow(log: &Log<'_>, entries: usize) -> Done {
    log.store.append(log.session, log.segment, &log.batch[0])?;
    while log.store.read_entry_count(log.session, log.segment)? < entries {
        log.store.append_all(log.session, log.segment, &log.batch)?;
    }
    Ok(())
}

/// Returns the mean allocations of 20 calls. Makes one call before them that is not counted,
/// because it can fill caches.
fn each(log: &Log<'_>, operation: Operation) -> Fallible<Counted> {
    const TIMES: usize = 20;
    operation(log)?;
    let (done, all) = counted(|| (0..TIMES).try_for_each(|_| operation(log)));
    done?;
    let each = |figure: f64| figure / TIMES as f64;
    Ok(Counted { allocations: each(all.allocations), bytes: each(all.bytes) })
}

fn steady(what: &str, (short, long): &(Counted, Counted)) -> Measurement {
    // If the operation allocates nothing on the short log, a ratio is not defined. The figure is
    // then 1 plus the allocations on the long log.
    let share = if short.allocations == 0.0 {
        1.0 + long.allocations
    } else {
        long.allocations / short.allocations
    };
    Measurement {
        what: what.to_owned(),
        figure: Spread::exactly(share),
        unit: Unit::Times,
        goal: Some(Goal::AtMost(1.1)),
        details: vec![
            Detail::count("allocations", long.allocations),
            Detail::bytes("of", long.bytes),
        ],
    }
}
