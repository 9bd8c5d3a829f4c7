//! The memory budget of a run, shared by its jobs.

use std::cell::Cell;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The total size of the pages that all jobs together may hold of one store.
const PAGES: usize = 4 * 1024 * 1024;
/// The total size of the batches that all jobs hold.
const BATCHES: usize = 8 * 1024 * 1024;
/// The largest page to request. Larger pages are not read noticeably faster.
const MAX_PAGE: usize = 256 * 1024;
/// The largest batch to append. Larger batches are not written noticeably faster.
const MAX_BATCH: usize = 1024 * 1024;
/// A page larger than this counts as large, even if a job's share is larger.
const MAX_SMALL: usize = 1024 * 1024;

/// The number of consecutive small pages after which the jobs may read in parallel.
///
/// The size of a page is known only after it is in memory. So only one job at a time reads a page
/// until this number of pages was small, which suggests that the next pages are small too. Until
/// then, at most one unexpectedly large page is in memory.
const SMALL_IN_A_ROW: usize = 32;

/// A fixed amount of memory for pages and batches, divided by the number of jobs.
///
/// Only one job at a time holds a page that is larger than the job's share. Meanwhile the other
/// jobs wait before the read of their next page.
pub(crate) struct MemoryBudget {
    jobs: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The number of jobs that hold a large page.
    large: usize,
    /// The number of jobs that are reading a page.
    reading: usize,
    /// The number of small pages read since the last large page.
    small_in_a_row: usize,
}

impl MemoryBudget {
    pub(crate) fn new(jobs: usize) -> Self {
        Self { jobs: jobs.max(1), state: Mutex::default(), changed: Condvar::new() }
    }

    /// Returns the size of the pages that a job requests, in bytes.
    pub(crate) fn page_bytes(&self) -> usize {
        (PAGES / self.jobs).min(MAX_PAGE)
    }

    /// Returns the size of the batches that a job appends, in bytes.
    pub(crate) fn batch_bytes(&self) -> usize {
        (BATCHES / self.jobs).min(MAX_BATCH)
    }

    fn is_large(&self, bytes: usize) -> bool {
        bytes > (PAGES / self.jobs).min(MAX_SMALL)
    }

    // The state is correct even if the lock is poisoned, because no code can panic between two
    // changes of the state.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One job's share of the budget.
pub(crate) struct Share<'a> {
    budget: &'a MemoryBudget,
    /// The number of large pages that this job holds.
    held: Cell<usize>,
}

impl<'a> Share<'a> {
    pub(crate) fn new(budget: &'a MemoryBudget) -> Self {
        Self { budget, held: Cell::new(0) }
    }

    pub(crate) fn budget(&self) -> &'a MemoryBudget {
        self.budget
    }

    /// Reads a page as soon as the budget permits the read. `size` returns the page's size in
    /// bytes.
    ///
    /// A large page comes with a permit. The caller must keep the permit as long as it keeps the
    /// page's entries.
    pub(crate) fn read<P>(
        &self,
        read: impl FnOnce() -> P,
        size: impl FnOnce(&P) -> usize,
    ) -> (P, Option<Permit<'_>>) {
        self.wait();
        let mut reading = Reading { share: self, large: false };
        let page = read();
        reading.large = self.budget.is_large(size(&page));
        let permit = reading.large.then(|| Permit(self));
        drop(reading);
        (page, permit)
    }

    /// Waits until the budget allows this job to read.
    ///
    /// A job that already holds a large page does not wait. The job compares this page with a page
    /// of the other store, and releases the large page only after it has read the other page. If
    /// the job waited for the release of all large pages, the job would wait for itself.
    fn wait(&self) {
        let mut state = self.budget.lock();
        while self.held.get() == 0
            && (state.large > 0 || (state.reading > 0 && state.small_in_a_row < SMALL_IN_A_ROW))
        {
            state = self.budget.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.reading += 1;
    }
}

/// The read of one page. Dropping this value ends the read, also after a panic.
struct Reading<'a> {
    share: &'a Share<'a>,
    large: bool,
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        let Share { budget, held } = self.share;
        let mut state = budget.lock();
        state.reading -= 1;
        if self.large {
            state.small_in_a_row = 0;
            state.large += usize::from(held.get() == 0);
            held.set(held.get() + 1);
        } else {
            state.small_in_a_row += 1;
        }
        // Notify after the lock is released, or each woken job would block on it at once.
        drop(state);
        budget.changed.notify_all();
    }
}

/// Permission to hold one large page.
pub(crate) struct Permit<'a>(&'a Share<'a>);

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let Share { budget, held } = self.0;
        held.set(held.get() - 1);
        if held.get() == 0 {
            budget.lock().large -= 1;
            budget.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    const LARGE: usize = MAX_SMALL + 1;

    /// Lets each of `jobs` threads read these pages one after the other. Returns two maxima: the
    /// large pages held at the same time, and the pages being read at the same time.
    fn most(jobs: usize, pages: &[usize]) -> (usize, usize) {
        let budget = MemoryBudget::new(jobs);
        let (held, most_held) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let (reading, most_reading) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let job = || {
            let share = Share::new(&budget);
            for &bytes in pages {
                let read = || {
                    most_reading
                        .fetch_max(reading.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    if bytes == LARGE {
                        most_held
                            .fetch_max(held.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    }
                    thread::yield_now();
                    reading.fetch_sub(1, Ordering::SeqCst);
                    bytes
                };
                let (page, permit) = share.read(read, |bytes| *bytes);
                thread::yield_now();
                if page == LARGE {
                    held.fetch_sub(1, Ordering::SeqCst);
                }
                drop(permit);
            }
        };
        thread::scope(|scope| (0..jobs).for_each(|_| drop(scope.spawn(job))));
        (most_held.into_inner(), most_reading.into_inner())
    }

    #[test]
    fn one_job_at_a_time_holds_large_pages() {
        assert_eq!(most(8, &[LARGE; 50]), (1, 1));
        assert_eq!(most(8, &[LARGE, 1].repeat(20)), (1, 1));
    }

    #[test]
    fn small_pages_are_read_in_parallel_after_enough_of_them() {
        let budget = MemoryBudget::new(2);
        let shares = [Share::new(&budget), Share::new(&budget)];
        for _ in 0..SMALL_IN_A_ROW {
            shares[0].read(|| 1, |bytes| *bytes);
        }
        // The second job reads during the read of the first job. If fewer pages had been small, the
        // second job would wait without end.
        shares[0].read(|| shares[1].read(|| 1, |bytes| *bytes).0, |bytes| *bytes);
    }

    #[test]
    fn a_job_with_a_large_page_can_read_another_one() {
        let budget = MemoryBudget::new(2);
        let share = Share::new(&budget);
        let (_, first) = share.read(|| LARGE, |bytes| *bytes);
        let (_, second) = share.read(|| LARGE, |bytes| *bytes);
        assert!(first.is_some() && second.is_some());
        drop((first, second));
        assert!(Share::new(&budget).read(|| 1, |bytes| *bytes).1.is_none());
    }

    #[test]
    fn the_budget_does_not_depend_on_the_number_of_jobs() {
        for jobs in [1, 4, 7, 64] {
            let budget = MemoryBudget::new(jobs);
            assert!(budget.page_bytes() * jobs <= PAGES && budget.batch_bytes() * jobs <= BATCHES);
            assert!(!budget.is_large(budget.page_bytes()));
        }
    }
}
