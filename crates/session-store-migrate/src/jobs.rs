//! Runs one task for each of many items, on several threads.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::vec;

use crate::meter::Meter;
use crate::progress::Progress;

/// The number of events of one job that may wait for the caller's thread.
const WAITING: usize = 16;

/// A message from a job to the caller's thread.
enum Event<O> {
    Progress(Progress<'static>),
    Done(O),
}

/// Calls `work` for each item, on `jobs` threads. The calls start in the order of the items.
///
/// `report` receives the progress, and `done` receives each result as soon as its task has ended.
/// Both callbacks run on the caller's thread.
pub(crate) fn run_parallel<I: Send, O: Send>(
    jobs: usize,
    items: Vec<I>,
    work: impl Fn(I, &mut Meter<'_>) -> O + Sync,
    report: &mut dyn FnMut(Progress<'_>),
    mut done: impl FnMut(O, &mut dyn FnMut(Progress<'_>)),
) {
    let jobs = jobs.clamp(1, items.len().max(1));
    let queue = Mutex::new(items.into_iter());
    let (sender, receiver) = sync_channel(WAITING * jobs);
    thread::scope(|scope| {
        for _ in 0..jobs {
            let (sender, queue, work) = (sender.clone(), &queue, &work);
            scope.spawn(move || run(queue, work, &sender));
        }
        // After this drop only the jobs hold senders, so the loop below ends when the last job
        // ends.
        drop(sender);
        // The loop owns the receiver. If a callback panics, the receiver is dropped before the
        // scope waits for the jobs. Then the sends of the jobs fail, and the jobs end. Otherwise
        // the jobs would block on the full channel, and the scope would wait for them without end.
        for event in receiver {
            match event {
                Event::Progress(event) => report(event),
                Event::Done(outcome) => done(outcome, report),
            }
        }
    });
}

fn run<I, O>(
    queue: &Mutex<vec::IntoIter<I>>,
    work: &(impl Fn(I, &mut Meter<'_>) -> O + Sync),
    sender: &SyncSender<Event<O>>,
) {
    loop {
        // Take the item in a separate statement, so that the lock is released before `work` is
        // called.
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
        let Some(item) = next else { return };
        // A send fails only after the caller's thread has panicked.
        let mut report = |event| drop(sender.send(Event::Progress(event)));
        let mut meter = Meter::new(&mut report);
        let outcome = work(item, &mut meter);
        meter.flush();
        if sender.send(Event::Done(outcome)).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn every_item_is_processed_once_and_reported_on_the_callers_thread() {
        let caller = thread::current().id();
        let mut outcomes = Vec::new();
        let mut read = 0;
        run_parallel(
            3,
            (0..1000).collect(),
            |item: usize, meter| {
                meter.count(2);
                item
            },
            &mut |event| {
                assert_eq!(thread::current().id(), caller);
                if let Progress::Read { entries, .. } = event {
                    read += entries;
                }
            },
            |outcome, _| outcomes.push(outcome),
        );
        outcomes.sort_unstable();
        assert_eq!((outcomes, read), ((0..1000).collect(), 1000));
    }

    /// All four jobs must reach the barrier, so the test ends only if they run at the same time.
    #[test]
    fn all_jobs_run_at_the_same_time() {
        let barrier = Barrier::new(4);
        let mut threads = HashSet::new();
        let work = |_: usize, _: &mut Meter<'_>| {
            barrier.wait();
            thread::current().id()
        };
        run_parallel(4, (0..4).collect(), work, &mut |_| {}, |id, _| {
            threads.insert(id);
        });
        assert_eq!(threads.len(), 4);
        run_parallel(9, Vec::new(), |(), _| (), &mut |_| {}, |(), _| {});
    }

    #[test]
    fn a_panic_of_a_callback_reaches_the_caller() {
        let work = |item: usize, _: &mut Meter<'_>| item;
        let result = catch_unwind(AssertUnwindSafe(|| {
            let done = |_, _: &mut dyn FnMut(Progress<'_>)| panic!("the callback");
            run_parallel(2, (0..10_000).collect(), work, &mut |_| {}, done);
        }));
        assert!(result.is_err());
    }
}
