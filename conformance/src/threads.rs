//! Concurrent threads: several threads that start at the same moment, and a writer beside a reader.

use std::cell::Cell;
use std::panic;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use crate::check_result::{CheckError, CheckResult};

thread_local! {
    /// Whether the check in this thread has started other threads.
    static CONCURRENT: Cell<bool> = const { Cell::new(false) };
}

/// Records that the check in this thread starts threads or processes. The outcome of the check can
/// then depend on the schedule.
pub(crate) fn set_concurrent() {
    CONCURRENT.set(true);
}

/// Returns whether the check in this thread has started threads or processes.
pub(crate) fn is_concurrent() -> bool {
    CONCURRENT.get()
}

/// Runs `job(0)` to `job(threads - 1)` at the same moment and returns their results in that order.
pub(crate) fn race<T: Send>(
    threads: usize,
    job: impl Fn(usize) -> Result<T, CheckError> + Sync,
) -> Result<Vec<T>, CheckError> {
    set_concurrent();
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

/// The minimum number of writes and of reads in [`write_while_reading`].
const TIMES: usize = 40;

/// The number of rounds that one side may make for each round of the other side.
///
/// The number is odd, because a writer can alternate between two states. With an even number, the
/// scheduler could always run an even number of rounds between two reads, so only one state would
/// be read.
pub(crate) const PACE: usize = 7;

/// The time for which one side waits for the other side to catch up. The wait must end, because in
/// some stores a call of one side waits for a call of the other side.
const CATCH_UP: Duration = Duration::from_millis(5);

/// Runs `write(0)`, `write(1)` and so on in a second thread, and `read` in this thread, repeatedly.
/// `read` also runs once after the last write.
///
/// Each side waits if it is far ahead of the other side. The calls therefore overlap even on a
/// single core, and the log does not grow faster than a slow reader can read.
pub(crate) fn write_while_reading(
    mut write: impl FnMut(usize) -> CheckResult + Send,
    mut read: impl FnMut() -> CheckResult,
) -> CheckResult {
    set_concurrent();
    let (writes, reads) = (&AtomicUsize::new(0), &AtomicUsize::new(0));
    let (write_ended, read_ended) = (&AtomicBool::new(false), &AtomicBool::new(false));
    let is_started = &AtomicBool::new(false);
    thread::scope(|scope| {
        let writer = scope.spawn(move || {
            let _flag = SetOnDrop(write_ended);
            is_started.store(true, SeqCst);
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
        // Wait for the second thread, because on a busy machine it can start late. Most reads would
        // then be over before the first write.
        yield_while(|| !is_started.load(SeqCst));
        loop {
            catch_up_while(|| {
                let most = PACE * writes.load(SeqCst) + PACE;
                reads.load(SeqCst) > most && !write_ended.load(SeqCst)
            });
            let last = write_ended.load(SeqCst);
            // Count the read before it begins. The writer then starts its next writes during the
            // read.
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
pub(crate) fn catch_up_while(condition: impl Fn() -> bool) {
    let since = Instant::now();
    yield_while(|| condition() && since.elapsed() < CATCH_UP);
}

/// Runs other threads while the condition holds.
pub(crate) fn yield_while(condition: impl Fn() -> bool) {
    while condition() {
        thread::yield_now();
    }
}

/// A guard that sets its flag when it is dropped, so that an error or a panic of one thread ends
/// the other threads too.
pub(crate) struct SetOnDrop<'a>(pub(crate) &'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}
