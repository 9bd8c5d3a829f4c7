//! The speed of several threads that append at the same time, each to its own segment.

use session_store_core::{SegmentId, SessionId, Store};

use crate::measure::{Side, in_parallel, in_turn, median, quotients};
use crate::measurement::{Detail, Measurement, Unit};
use crate::plan::Plan;
use crate::{Done, Fallible};

/// The numbers of threads.
pub(crate) const THREADS: [usize; 4] = [1, 2, 4, 8];

/// Compares eight threads with one thread. Each round has `appends` appends in total.
pub(crate) fn scaling(plan: &Plan, store: &dyn Store, appends: usize) -> Fallible<Measurement> {
    let entry = &plan.kilobyte().entries[0];
    let session = SessionId::new();
    let segments: [_; 8] = std::array::from_fn(|_| SegmentId::new());
    let append = |thread: usize| Ok(store.append(session, segments[thread], entry)?);
    scaled(plan, "8 threads by one", appends, &append)
}

/// Compares the threads as [`scaling`] does, with any function that appends. The function receives
/// the number of its thread.
pub(crate) fn scaled(
    plan: &Plan,
    what: &str,
    appends: usize,
    append: &(dyn Fn(usize) -> Done + Sync),
) -> Fallible<Measurement> {
    let sides = THREADS.map(|threads| -> Side<'_> {
        Box::new(move || {
            in_parallel(threads, |thread| (0..appends / threads).try_for_each(|_| append(thread)))
        })
    });
    let times = in_turn(plan.rounds(20), sides)?;
    let detail = |(threads, times): (&usize, &Vec<f64>)| {
        Detail::seconds(format!("{threads}:"), median(times) / appends as f64)
    };
    let details = THREADS.iter().zip(&times).map(detail).collect();
    let figure = quotients(&times[0], &times[3]);
    Ok(Measurement { what: what.to_owned(), figure, unit: Unit::Times, goal: None, details })
}
