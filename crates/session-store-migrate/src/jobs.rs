//! Doing one thing to many segments, several at a time.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::vec;

use crate::progress::{Progress, Tally, Told};

/// How many events of one job may wait to be reported.
const WAITING: usize = 16;

/// Does `work` to each item in their order, `jobs` at a time, and passes on what it reports. `done` gets
/// each outcome as it comes; it and `report` run on the caller's thread.
pub(crate) fn side_by_side<I: Send, O: Send>(
    jobs: usize,
    items: Vec<I>,
    work: impl Fn(I, &mut Tally<'_, O>) -> O + Sync,
    report: &mut dyn FnMut(Progress<'_>),
    mut done: impl FnMut(O, &mut dyn FnMut(Progress<'_>)),
) {
    let jobs = jobs.clamp(1, items.len().max(1));
    let queue = Mutex::new(items.into_iter());
    let (tell, told) = sync_channel(WAITING * jobs);
    thread::scope(|scope| {
        for _ in 0..jobs {
            let (tell, queue, work) = (tell.clone(), &queue, &work);
            scope.spawn(move || run(queue, work, &tell));
        }
        // The channel ends with the last job.
        drop(tell);
        // Taken into the scope, so that a panic in a callback ends the jobs, which else would wait for ever.
        let told = told;
        for event in told {
            match event {
                Told::Started(entries) => report(Progress::Started { entries }),
                Told::Read { entries, bytes } => report(Progress::Read { entries, bytes }),
                Told::Done(outcome) => done(outcome, report),
            }
        }
    });
}

fn run<I, O>(
    queue: &Mutex<vec::IntoIter<I>>,
    work: &(impl Fn(I, &mut Tally<'_, O>) -> O + Sync),
    tell: &SyncSender<Told<O>>,
) {
    loop {
        // Not in the loop's head, where the lock would be held while the item is worked on.
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
        let Some(item) = next else { return };
        let mut tally = Tally::new(tell);
        let outcome = work(item, &mut tally);
        tally.flush();
        if tell.send(Told::Done(outcome)).is_err() {
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
    fn every_item_is_done_once_and_reported_here() {
        let caller = thread::current().id();
        let mut outcomes = Vec::new();
        let mut read = 0;
        side_by_side(
            3,
            (0..1000).collect(),
            |item: usize, tally| {
                tally.count("{}");
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

    /// A barrier for as many as there are jobs opens only if they run at the same time.
    #[test]
    fn as_many_run_at_once_as_there_are_jobs() {
        let barrier = Barrier::new(4);
        let mut threads = HashSet::new();
        let work = |_: usize, _: &mut Tally<'_, _>| {
            barrier.wait();
            thread::current().id()
        };
        side_by_side(4, (0..4).collect(), work, &mut |_| {}, |id, _| {
            threads.insert(id);
        });
        assert_eq!(threads.len(), 4);
        side_by_side(9, Vec::new(), |(), _| (), &mut |_| {}, |(), _| {});
    }

    #[test]
    fn a_panic_of_the_callback_is_the_callers() {
        let work = |item: usize, _: &mut Tally<'_, _>| item;
        let result = catch_unwind(AssertUnwindSafe(|| {
            let done = |_, _: &mut dyn FnMut(Progress<'_>)| panic!("the callback");
            side_by_side(2, (0..10_000).collect(), work, &mut |_| {}, done);
        }));
        assert!(result.is_err());
    }
}
