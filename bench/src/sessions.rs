//! Operations on one session in stores of 10² to 10⁵ sessions. Their time must not increase with
//! the number of sessions.

use std::time::Duration;

use session_store_core::{LogEntry, SegmentId, SessionId, Store};

use crate::growth::{Series, tenfold};
use crate::measure::{Side, in_turn, timed};
use crate::measurement::Measurement;
use crate::plan::Plan;
use crate::{Done, Fallible};

/// The number of operations in each round.
const REPEATS: usize = 50;

/// A store together with its folder or server.
pub(crate) trait HasStore {
    fn store(&self) -> &dyn Store;

    /// Opens another handle of the store.
    fn another_handle(&self) -> Fallible<Box<dyn Store>>;
}

/// Four stores of 10² to 10⁵ sessions.
pub(crate) struct StoresBySize<B>(pub(crate) [StoreWithSessions<B>; 4]);

/// A store of `size` sessions with one segment each.
pub(crate) struct StoreWithSessions<B> {
    pub(crate) size: usize,
    pub(crate) setup: B,
    /// A sample of the sessions of the store, evenly spaced.
    some: Vec<(SessionId, SegmentId)>,
}

impl<B: HasStore> StoresBySize<B> {
    /// Fills four stores that `fresh` returns.
    pub(crate) fn new(plan: &Plan, fresh: impl Fn() -> Fallible<B>) -> Fallible<Self> {
        let entry = &plan.kilobyte().entries[0];
        let store = |size| fresh().and_then(|setup| StoreWithSessions::new(setup, size, entry));
        let [a, b, c, d] = tenfold(plan.amount(100)).map(store);
        Ok(Self([a?, b?, c?, d?]))
    }

    /// Measures how the time of each operation grows with the number of sessions.
    pub(crate) fn growth(&self, plan: &Plan) -> Fallible<Vec<Measurement>> {
        let series = [self.truncate(plan)?, self.lookup(plan)?, self.exists(plan)?];
        Ok(series.iter().map(Series::growth).collect())
    }

    fn lookup(&self, plan: &Plan) -> Fallible<Series> {
        self.measured(plan, "lookup_session_of", &|store| {
            store.each(|_, segment| Ok(store.setup.store().lookup_session_of(segment).map(drop)?))
        })
    }

    fn exists(&self, plan: &Plan) -> Fallible<Series> {
        self.measured(plan, "exists", &|store| {
            store.each(|session, segment| {
                Ok(store.setup.store().exists(session, segment).map(drop)?)
            })
        })
    }

    fn truncate(&self, plan: &Plan) -> Fallible<Series> {
        let entry = &plan.kilobyte().entries[0];
        self.measured(plan, "truncate by one", &|store| store.truncations(entry))
    }

    pub(crate) fn measured(
        &self,
        plan: &Plan,
        what: &'static str,
        operation: &dyn Fn(&StoreWithSessions<B>) -> Fallible<Duration>,
    ) -> Fallible<Series> {
        let side = |store| -> Side<'_> { Box::new(move || operation(store)) };
        let times = in_turn(plan.rounds(40), self.0.each_ref().map(side))?;
        let sizes = self.0.each_ref().map(|store| store.size);
        Ok(Series { what, sizes, operations: REPEATS, times })
    }
}

impl<B: HasStore> StoreWithSessions<B> {
    fn new(setup: B, size: usize, entry: &LogEntry) -> Fallible<Self> {
        let all: Vec<_> = (0..size).map(|_| (SessionId::new(), SegmentId::new())).collect();
        for &(session, segment) in &all {
            setup.store().append_all(session, segment, &[entry.clone(), entry.clone()])?;
        }
        let some = all.into_iter().step_by((size / REPEATS).max(1)).take(REPEATS).collect();
        Ok(Self { size, setup, some })
    }

    /// Calls the operation [`REPEATS`] times, each time for the next session of the sample.
    pub(crate) fn each(
        &self,
        operation: impl Fn(SessionId, SegmentId) -> Done,
    ) -> Fallible<Duration> {
        let all = self.some.iter().cycle().take(REPEATS);
        timed(|| all.copied().try_for_each(|(session, segment)| operation(session, segment)))
    }

    /// Truncates segments of the sample by one entry. The time does not include appending the entry
    /// again.
    fn truncations(&self, last: &LogEntry) -> Fallible<Duration> {
        let mut time = Duration::ZERO;
        let store = self.setup.store();
        for &(session, segment) in self.some.iter().cycle().take(REPEATS) {
            time += timed(|| Ok(store.truncate(session, segment, 1)?))?;
            store.append(session, segment, last)?;
        }
        Ok(time)
    }
}
