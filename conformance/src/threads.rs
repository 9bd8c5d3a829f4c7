//! Concurrent threads: several that start at the same moment, and a writer beside a reader.

use std::panic;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use crate::check_result::{CheckError, CheckResult};

/// Runs `job(0)` to `job(threads - 1)` at the same moment and returns their results in that order.
pub(crate) fn race<T: Send>(
    threads: usize,
    job: impl Fn(usize) -> Result<T, CheckError> + Sync,
) -> Result<Vec<T>, CheckError> {
    let (ready, job) = (&AtomicUsize::new(0), &job);
    thread::scope(|scope| {
        let started = |index| {
            scope.spawn(move || {
                ready.fetch_add(1, SeqCst);
                // Spin instead of blocking on a barrier. Waking a blocked thread takes longer than
                // a short call, so the calls of the threads would not overlap.
                yield_while(|| ready.load(SeqCst) < threads);
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

/// How many times the writer writes and the reader reads in [`write_while_reading`] at least.
const TIMES: usize = 40;

/// How many rounds one side may be ahead for each round of the other side.
///
/// The number is odd. A writer that alternates between two states is then read in both of them,
/// even if the scheduler always runs as many rounds as allowed.
const PACE: usize = 7;

/// How long one side waits for the other side to catch up. Some stores let a call of one side wait
/// for a call of the other, so the wait must end.
const CATCH_UP: Duration = Duration::from_millis(5);

/// Runs `write(0)`, `write(1)` and so on in a second thread, and `read` in this thread, repeatedly.
/// `read` also runs once after the last write.
///
/// No side gets far ahead of the other. The calls therefore overlap on a single core too, and the
/// log does not grow faster than a slow reader can read it.
pub(crate) fn write_while_reading(
    mut write: impl FnMut(usize) -> CheckResult + Send,
    mut read: impl FnMut() -> CheckResult,
) -> CheckResult {
    let (writes, reads) = (&AtomicUsize::new(0), &AtomicUsize::new(0));
    let (write_ended, read_ended) = (&AtomicBool::new(false), &AtomicBool::new(false));
    thread::scope(|scope| {
        let writer = scope.spawn(move || {
            let _flag = SetOnDrop(write_ended);
            for round in 0.. {
                catch_up_while(|| round > PACE * reads.load(SeqCst) && !read_ended.load(SeqCst));
                let enough = round >= TIMES && reads.load(SeqCst) >= TIMES;
                if enough || read_ended.load(SeqCst) {
                    break;
                }
                write(round)?;
                writes.store(round + 1, SeqCst);
            }
            Ok(())
        });
        let _flag = SetOnDrop(read_ended);
        loop {
            catch_up_while(|| {
                let most = PACE * writes.load(SeqCst) + PACE;
                reads.load(SeqCst) > most && !write_ended.load(SeqCst)
            });
            let last = write_ended.load(SeqCst);
            // Count the read before it begins, so that the writer writes while the reader reads.
            reads.fetch_add(1, SeqCst);
            read()?;
            thread::yield_now();
            if last {
                return writer.join().unwrap_or_else(|cause| panic::resume_unwind(cause));
            }
        }
    })
}

/// Runs other threads while the condition holds, for at most [`CATCH_UP`].
fn catch_up_while(condition: impl Fn() -> bool) {
    let since = Instant::now();
    yield_while(|| condition() && since.elapsed() < CATCH_UP);
}

/// Runs other threads while the condition holds.
pub(crate) fn yield_while(condition: impl Fn() -> bool) {
    while condition() {
        thread::yield_now();
    }
}

/// A guard that sets its flag when it is dropped. An error or a panic of one thread then ends the
/// other threads too.
pub(crate) struct SetOnDrop<'a>(pub(crate) &'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}
