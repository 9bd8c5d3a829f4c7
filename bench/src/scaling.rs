//! What several threads reach together, each with a segment of its own.

use session_store_core::{SegmentId, SessionId, Store};

use crate::finding::{Detail, Finding, Unit};
use crate::measure::{Side, in_turn, median, quotients, together};
use crate::plan::Plan;
use crate::{Answer, Done};

/// So many threads.
pub(crate) const THREADS: [usize; 4] = [1, 2, 4, 8];

/// How often eight threads append to a store in the time that one takes. A round is so many appends in all.
pub(crate) fn scaling(
    plan: &Plan,
    bench: &'static str,
    store: &dyn Store,
    appends: usize,
) -> Answer<Finding> {
    let entry = &plan.kilobyte().entries[0];
    let session = SessionId::new();
    let segments: [_; 8] = std::array::from_fn(|_| SegmentId::new());
    let append = |thread: usize| Ok(store.append(session, segments[thread], entry)?);
    scaled(plan, bench, "8 threads by one", appends, &append)
}

/// As [`scaling`], of any way to append.
pub(crate) fn scaled(
    plan: &Plan,
    bench: &'static str,
    what: &str,
    appends: usize,
    append: &(dyn Fn(usize) -> Done + Sync),
) -> Answer<Finding> {
    let sides = THREADS.map(|threads| -> Side<'_> {
        Box::new(move || {
            together(threads, |thread| (0..appends / threads).try_for_each(|_| append(thread)))
        })
    });
    let times = in_turn(plan.rounds(20), sides)?;
    let detail = |(threads, times): (&usize, &Vec<f64>)| {
        Detail::seconds(format!("{threads}:"), median(times) / appends as f64)
    };
    let details = THREADS.iter().zip(&times).map(detail).collect();
    let figure = quotients(&times[0], &times[3]);
    Ok(Finding { bench, what: what.to_owned(), figure, unit: Unit::Times, goal: None, details })
}
