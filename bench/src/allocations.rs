//! How often an operation asks for memory, and for how much: the same in a long log as in a short one.

use session_store_core::{LogEntry, SegmentId, SessionId, Store};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region};

use crate::crowd::HasStore;
use crate::finding::{Detail, Finding, Goal, Unit};
use crate::fs::Bed as Fs;
use crate::measure::Spread;
use crate::plan::{Bench, Plan};
use crate::redis::Bed as Redis;
use crate::sqlite::Bed as Sqlite;
use crate::{Answer, Done};

pub(crate) const BENCHES: [Bench; 3] = [
    Bench {
        name: "fs/allocations",
        about: ABOUT,
        run: |plan| all(plan, "fs/allocations", Fs::new(plan)?.store()),
    },
    Bench {
        name: "sqlite/allocations",
        about: ABOUT,
        run: |plan| all(plan, "sqlite/allocations", Sqlite::new(plan)?.store()),
    },
    Bench {
        name: "redis/allocations",
        about: ABOUT,
        run: |plan| all(plan, "redis/allocations", Redis::new()?.store()),
    },
];

const ABOUT: &str = "allocations of an operation after 10⁴ entries, by those after 10³";

/// What some work asked the allocator for, in this process: SQLite's own memory and a server's do not count.
pub(crate) struct Counted {
    /// New blocks, and old ones made larger.
    pub(crate) allocations: f64,
    pub(crate) bytes: f64,
}

/// Does the work, and counts.
pub(crate) fn counted<T>(work: impl FnOnce() -> T) -> (T, Counted) {
    let region = Region::new(&INSTRUMENTED_SYSTEM);
    let done = work();
    let change = region.change();
    let allocations = (change.allocations + change.reallocations) as f64;
    (done, Counted { allocations, bytes: change.bytes_allocated as f64 })
}

/// One log, and what is done with it.
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

fn all(plan: &Plan, bench: &'static str, store: &dyn Store) -> Answer<Vec<Finding>> {
    let (session, segment) = (SessionId::new(), SegmentId::new());
    let log = Log { store, session, segment, batch: plan.kilobyte().batch(64) };
    let [short, long] = [1000, 10_000].map(|entries| {
        grow(&log, plan.amount(entries).max(600))?;
        OPERATIONS
            .into_iter()
            .map(|(_, operation)| each(&log, operation))
            .collect::<Answer<Vec<_>>>()
    });
    let pairs = short?.into_iter().zip(long?);
    Ok(OPERATIONS.iter().zip(pairs).map(|((what, _), pair)| steady(bench, what, &pair)).collect())
}

/// Appends until the log is so long.
fn grow(log: &Log<'_>, entries: usize) -> Done {
    log.store.append(log.session, log.segment, &log.batch[0])?;
    while log.store.read_entry_count(log.session, log.segment)? < entries {
        log.store.append_all(log.session, log.segment, &log.batch)?;
    }
    Ok(())
}

/// The mean of some, after one that may have to prepare something.
fn each(log: &Log<'_>, operation: Operation) -> Answer<Counted> {
    const TIMES: usize = 20;
    operation(log)?;
    let (done, all) = counted(|| (0..TIMES).try_for_each(|_| operation(log)));
    done?;
    let each = |figure: f64| figure / TIMES as f64;
    Ok(Counted { allocations: each(all.allocations), bytes: each(all.bytes) })
}

fn steady(bench: &'static str, what: &str, (short, long): &(Counted, Counted)) -> Finding {
    // None at all is as steady as can be.
    let share = if short.allocations == 0.0 {
        1.0 + long.allocations
    } else {
        long.allocations / short.allocations
    };
    Finding {
        bench,
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
