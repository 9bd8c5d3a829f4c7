//! One store after another, each with ten times as many sessions: what is done with one session must not take
//! longer.

use std::time::Duration;

use session_store_core::{LogEntry, SegmentId, SessionId, Store};

use crate::growth::{Series, tenfold};
use crate::measure::{Side, in_turn, timed};
use crate::plan::Plan;
use crate::{Answer, Done};

/// Operations in each round.
const REPEATS: usize = 50;

/// A store, and what it needs to be there.
pub(crate) trait HasStore {
    fn store(&self) -> &dyn Store;
}

/// Stores of 10² to 10⁵ sessions.
pub(crate) struct Crowds<B>(pub(crate) [Crowd<B>; 4]);

/// A store of so many sessions with a segment each.
pub(crate) struct Crowd<B> {
    pub(crate) size: usize,
    pub(crate) bed: B,
    /// Some of its sessions, from all over it.
    some: Vec<(SessionId, SegmentId)>,
}

impl<B: HasStore> Crowds<B> {
    /// Each store is made by `fresh`.
    pub(crate) fn new(plan: &Plan, fresh: impl Fn() -> Answer<B>) -> Answer<Self> {
        let entry = &plan.kilobyte().entries[0];
        let crowd = |size| fresh().and_then(|bed| Crowd::new(bed, size, entry));
        let [a, b, c, d] = tenfold(plan.amount(100)).map(crowd);
        Ok(Self([a?, b?, c?, d?]))
    }

    pub(crate) fn lookup(&self, plan: &Plan) -> Answer<Series> {
        self.measured(plan, "lookup_session_of", &|crowd| {
            crowd.each(|_, segment| Ok(crowd.bed.store().lookup_session_of(segment).map(drop)?))
        })
    }

    pub(crate) fn exists(&self, plan: &Plan) -> Answer<Series> {
        self.measured(plan, "exists", &|crowd| {
            crowd.each(|session, segment| {
                Ok(crowd.bed.store().exists(session, segment).map(drop)?)
            })
        })
    }

    pub(crate) fn truncate(&self, plan: &Plan) -> Answer<Series> {
        let entry = &plan.kilobyte().entries[0];
        self.measured(plan, "truncate by one", &|crowd| crowd.truncations(entry))
    }

    pub(crate) fn measured(
        &self,
        plan: &Plan,
        what: &'static str,
        operation: &dyn Fn(&Crowd<B>) -> Answer<Duration>,
    ) -> Answer<Series> {
        let side = |crowd| -> Side<'_> { Box::new(move || operation(crowd)) };
        let times = in_turn(plan.rounds(40), self.0.each_ref().map(side))?;
        let sizes = self.0.each_ref().map(|crowd| crowd.size);
        Ok(Series { what, sizes, operations: REPEATS, times })
    }
}

impl<B: HasStore> Crowd<B> {
    fn new(bed: B, size: usize, entry: &LogEntry) -> Answer<Self> {
        let all: Vec<_> = (0..size).map(|_| (SessionId::new(), SegmentId::new())).collect();
        for &(session, segment) in &all {
            bed.store().append_all(session, segment, &[entry.clone(), entry.clone()])?;
        }
        let some = all.into_iter().step_by((size / REPEATS).max(1)).take(REPEATS).collect();
        Ok(Self { size, bed, some })
    }

    /// Does it to some of the sessions, so many in all.
    pub(crate) fn each(
        &self,
        operation: impl Fn(SessionId, SegmentId) -> Done,
    ) -> Answer<Duration> {
        let all = self.some.iter().cycle().take(REPEATS);
        timed(|| all.copied().try_for_each(|(session, segment)| operation(session, segment)))
    }

    /// Cuts the last entry of some, and puts it back off the clock.
    fn truncations(&self, last: &LogEntry) -> Answer<Duration> {
        let mut time = Duration::ZERO;
        let store = self.bed.store();
        for &(session, segment) in self.some.iter().cycle().take(REPEATS) {
            time += timed(|| Ok(store.truncate(session, segment, 1)?))?;
            store.append(session, segment, last)?;
        }
        Ok(time)
    }
}
