//! Operations on logs of 10³ to 10⁶ entries. Their time must not increase with the length of the
//! log.

use std::time::Duration;

use session_store_core::{LogEntry, SegmentId, SessionId, Store};

use crate::growth::{Series, tenfold};
use crate::load::Load;
use crate::measure::{Side, in_turn, timed};
use crate::measurement::Measurement;
use crate::plan::Plan;
use crate::{Done, Fallible};

/// Four logs of 10³ to 10⁶ entries, in one session of one store.
pub(crate) struct Logs<'a> {
    store: &'a dyn Store,
    session: SessionId,
    logs: [SegmentId; 4],
    sizes: [usize; 4],
    /// The last entry. Each truncation removes this entry, and then it is appended again.
    last: LogEntry,
}

/// The number of operations in each round.
const REPEATS: usize = 50;

impl<'a> Logs<'a> {
    pub(crate) fn new(plan: &Plan, store: &'a dyn Store) -> Fallible<Self> {
        let load = Load::of_size("entries of 100 B", 100);
        let sizes = tenfold(plan.amount(1000));
        let (session, last) = (SessionId::new(), load.entries[0].clone());
        let logs = Self { store, session, logs: sizes.map(|_| SegmentId::new()), sizes, last };
        for (log, size) in logs.logs.into_iter().zip(sizes) {
            logs.fill(log, &load, size)?;
        }
        Ok(logs)
    }

    fn fill(&self, log: SegmentId, load: &Load, size: usize) -> Done {
        const AT_ONCE: usize = 10_000;
        let batch = load.batch(AT_ONCE.min(size));
        for _ in 0..size / batch.len() {
            self.store.append_all(self.session, log, &batch)?;
        }
        Ok(())
    }

    /// Measures how the time of each operation grows with the length of the log.
    pub(crate) fn growth(&self, plan: &Plan) -> Fallible<Vec<Measurement>> {
        let series = [self.truncate(plan)?, self.lookup(plan)?, self.exists(plan)?];
        Ok(series.iter().map(Series::growth).collect())
    }

    pub(crate) fn count(&self, plan: &Plan) -> Fallible<Series> {
        let count = |log| Ok(self.store.read_entry_count(self.session, log).map(drop)?);
        self.measured(plan, "read_entry_count, warm", &|log| repeated(|| count(log)))
    }

    pub(crate) fn head(&self, plan: &Plan) -> Fallible<Series> {
        let head = |log| Ok(self.store.head(self.session, log).map(drop)?);
        self.measured(plan, "head, warm", &|log| repeated(|| head(log)))
    }

    fn lookup(&self, plan: &Plan) -> Fallible<Series> {
        let lookup = |log| Ok(self.store.lookup_session_of(log).map(drop)?);
        self.measured(plan, "lookup_session_of", &|log| repeated(|| lookup(log)))
    }

    fn exists(&self, plan: &Plan) -> Fallible<Series> {
        let exists = |log| Ok(self.store.exists(self.session, log).map(drop)?);
        self.measured(plan, "exists", &|log| repeated(|| exists(log)))
    }

    fn truncate(&self, plan: &Plan) -> Fallible<Series> {
        self.measured(plan, "truncate by one", &|log| self.truncations(log))
    }

    fn measured(
        &self,
        plan: &Plan,
        what: &'static str,
        operation: &dyn Fn(SegmentId) -> Fallible<Duration>,
    ) -> Fallible<Series> {
        let sides = self.logs.map(|log| -> Side<'_> { Box::new(move || operation(log)) });
        let times = in_turn(plan.rounds(60), sides)?;
        Ok(Series { what, sizes: self.sizes, operations: REPEATS, times })
    }

    /// Truncates the log by one entry. The time does not include appending the entry again.
    fn truncations(&self, log: SegmentId) -> Fallible<Duration> {
        let entries = self.store.read_entry_count(self.session, log)?;
        let mut time = Duration::ZERO;
        for _ in 0..REPEATS {
            time += timed(|| Ok(self.store.truncate(self.session, log, entries - 1)?))?;
            self.store.append(self.session, log, &self.last)?;
        }
        Ok(time)
    }
}

/// Measures how the time of each operation, including the count, grows with the length of the log.
pub(crate) fn growth(plan: &Plan, store: &dyn Store) -> Fallible<Vec<Measurement>> {
    let logs = Logs::new(plan, store)?;
    let mut measurements = vec![logs.count(plan)?.growth()];
    measurements.extend(logs.growth(plan)?);
    Ok(measurements)
}

fn repeated(operation: impl Fn() -> Done) -> Fallible<Duration> {
    timed(|| (0..REPEATS).try_for_each(|_| operation()))
}
