//! Forced races: threads that start together, and a watcher beside a worker.

use std::panic;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use crate::failure::{Failure, Verdict};

/// Runs `job(0)` to `job(threads - 1)` at the same moment, and returns what they return, in that order.
pub(crate) fn race<T: Send>(
    threads: usize,
    job: impl Fn(usize) -> Result<T, Failure> + Sync,
) -> Result<Vec<T>, Failure> {
    let (ready, job) = (&AtomicUsize::new(0), &job);
    thread::scope(|scope| {
        let started = |index| {
            scope.spawn(move || {
                ready.fetch_add(1, SeqCst);
                // A thread that sleeps wakes up when a short call of the others is long over.
                wait_while(|| ready.load(SeqCst) < threads);
                job(index)
            })
        };
        let running: Vec<_> = (0..threads).map(started).collect();
        running
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|cause| panic::resume_unwind(cause)))
            .collect()
    })
}

/// How often each side of [`during`] acts at least.
const TIMES: usize = 40;

/// How often each side of [`during`] may act for each time that the other does: an odd number, so that a
/// worker who does two things by turns is not always seen after the same one.
const PACE: usize = 7;

/// How long one side lets itself be held up, then it acts all the same: in some stores the other waits for it.
const HELD_UP: Duration = Duration::from_millis(5);

/// Runs `work(0)`, `work(1)` and so on in a thread of its own and `watch` here, each again and again, and
/// `watch` once more after the last work. Neither gets far ahead, so that they meet on one core too, and a
/// slow watcher has not ever more to look at.
pub(crate) fn during(
    mut work: impl FnMut(usize) -> Verdict + Send,
    mut watch: impl FnMut() -> Verdict,
) -> Verdict {
    let (rounds, looks) = (&AtomicUsize::new(0), &AtomicUsize::new(0));
    let (worked, failed) = (&AtomicBool::new(false), &AtomicBool::new(false));
    thread::scope(|scope| {
        let worker = scope.spawn(move || {
            let _raised = RaiseAtEnd(worked);
            for round in 0.. {
                hold_up_while(|| round > PACE * looks.load(SeqCst) && !failed.load(SeqCst));
                let enough = round >= TIMES && looks.load(SeqCst) >= TIMES;
                if enough || failed.load(SeqCst) {
                    break;
                }
                work(round)?;
                rounds.store(round + 1, SeqCst);
            }
            Ok(())
        });
        let _stopped = RaiseAtEnd(failed);
        loop {
            hold_up_while(|| {
                looks.load(SeqCst) > PACE * rounds.load(SeqCst) + PACE && !worked.load(SeqCst)
            });
            let last = worked.load(SeqCst);
            // Counted before it begins, so that the worker goes on while the watcher looks.
            looks.fetch_add(1, SeqCst);
            watch()?;
            thread::yield_now();
            if last {
                return worker.join().unwrap_or_else(|cause| panic::resume_unwind(cause));
            }
        }
    })
}

/// As [`wait_while`], but not for ever.
fn hold_up_while(ahead: impl Fn() -> bool) {
    let since = Instant::now();
    wait_while(|| ahead() && since.elapsed() < HELD_UP);
}

/// Lets other threads run while the condition holds.
pub(crate) fn wait_while(ahead: impl Fn() -> bool) {
    while ahead() {
        thread::yield_now();
    }
}

/// Raises its flag when dropped, so that a failure or a panic of one side ends the other too.
pub(crate) struct RaiseAtEnd<'a>(pub(crate) &'a AtomicBool);

impl Drop for RaiseAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}
