//! How much memory a run takes: what each job may hold, and that only one at a time holds more.

use std::cell::Cell;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// What the pages of all jobs come to, those of one side.
const PAGES: usize = 4 * 1024 * 1024;
/// What the batches of all jobs come to.
const BATCHES: usize = 8 * 1024 * 1024;
/// A larger page is hardly read faster, and a larger batch hardly written faster.
const MAX_PAGE: usize = 256 * 1024;
const MAX_BATCH: usize = 1024 * 1024;
/// A page may hold one entry of this size without ado.
const MAX_COMMON: usize = 1024 * 1024;

/// After so many pages of common size in a row, jobs read side by side. How large a page is, is known only
/// when it is in memory; until then each reads alone.
const CALM: usize = 32;

/// Lets jobs read. Entries larger than a job's share are read and held by one job at a time, while the
/// others wait to read on.
pub(crate) struct Gate {
    jobs: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The jobs that hold a large page.
    large: usize,
    /// The jobs that are reading a page.
    reading: usize,
    /// The pages of common size since the last large one.
    calm: usize,
}

impl Gate {
    pub(crate) fn new(jobs: usize) -> Self {
        Self { jobs: jobs.max(1), state: Mutex::default(), changed: Condvar::new() }
    }

    /// How many bytes a job asks for at a time.
    pub(crate) fn page_bytes(&self) -> usize {
        (PAGES / self.jobs).min(MAX_PAGE)
    }

    /// How many bytes a job writes at a time.
    pub(crate) fn batch_bytes(&self) -> usize {
        (BATCHES / self.jobs).min(MAX_BATCH)
    }

    fn is_large(&self, bytes: usize) -> bool {
        bytes > (PAGES / self.jobs).min(MAX_COMMON)
    }

    // A panic of another job poisons nothing: no change below can panic half-way.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One job's way through the gate.
pub(crate) struct Lane<'a> {
    gate: &'a Gate,
    /// How many large pages this job holds.
    held: Cell<usize>,
}

impl<'a> Lane<'a> {
    pub(crate) fn new(gate: &'a Gate) -> Self {
        Self { gate, held: Cell::new(0) }
    }

    pub(crate) fn gate(&self) -> &'a Gate {
        self.gate
    }

    /// Reads a page when it is this job's turn; `size` tells what it holds. The pass of a large page must
    /// live as long as what is in it.
    pub(crate) fn read<P>(
        &self,
        read: impl FnOnce() -> P,
        size: impl FnOnce(&P) -> usize,
    ) -> (P, Option<Pass<'_>>) {
        self.enter();
        let mut turn = Turn { lane: self, large: false };
        let page = read();
        turn.large = self.gate.is_large(size(&page));
        let pass = turn.large.then(|| Pass(self));
        drop(turn);
        (page, pass)
    }

    /// Whoever holds a large page needs its counterpart to be done with it, and so never waits.
    fn enter(&self) {
        let mut state = self.gate.lock();
        while self.held.get() == 0 && (state.large > 0 || (state.reading > 0 && state.calm < CALM))
        {
            state = self.gate.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.reading += 1;
    }
}

/// A read from its beginning to its end, which a panic ends too.
struct Turn<'a> {
    lane: &'a Lane<'a>,
    large: bool,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let Lane { gate, held } = self.lane;
        let mut state = gate.lock();
        state.reading -= 1;
        if self.large {
            state.calm = 0;
            state.large += usize::from(held.get() == 0);
            held.set(held.get() + 1);
        } else {
            state.calm += 1;
        }
        drop(state);
        gate.changed.notify_all();
    }
}

/// Held with a large page.
pub(crate) struct Pass<'a>(&'a Lane<'a>);

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let held = &self.0.held;
        held.set(held.get() - 1);
        if held.get() == 0 {
            self.0.gate.lock().large -= 1;
            self.0.gate.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    const LARGE: usize = MAX_COMMON + 1;

    /// What `jobs` threads that each read these pages one after the other hold at most, in bytes of large
    /// pages, and how many read at the same time.
    fn most(jobs: usize, pages: &[usize]) -> (usize, usize) {
        let gate = Gate::new(jobs);
        let (held, most_held) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let (reading, most_reading) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let job = || {
            let lane = Lane::new(&gate);
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
                let (page, pass) = lane.read(read, |bytes| *bytes);
                thread::yield_now();
                if page == LARGE {
                    held.fetch_sub(1, Ordering::SeqCst);
                }
                drop(pass);
            }
        };
        thread::scope(|scope| (0..jobs).for_each(|_| drop(scope.spawn(job))));
        (most_held.into_inner(), most_reading.into_inner())
    }

    #[test]
    fn large_pages_are_held_by_one_job_at_a_time() {
        assert_eq!(most(8, &[LARGE; 50]), (1, 1));
        assert_eq!(most(8, &[LARGE, 1].repeat(20)), (1, 1));
    }

    #[test]
    fn common_pages_are_read_side_by_side_in_the_end() {
        let gate = Gate::new(2);
        let lanes = [Lane::new(&gate), Lane::new(&gate)];
        for _ in 0..CALM {
            lanes[0].read(|| 1, |bytes| *bytes);
        }
        // The second reads while the first does, which would wait for ever before.
        lanes[0].read(|| lanes[1].read(|| 1, |bytes| *bytes).0, |bytes| *bytes);
    }

    #[test]
    fn who_holds_a_large_page_reads_on() {
        let gate = Gate::new(2);
        let lane = Lane::new(&gate);
        let (_, first) = lane.read(|| LARGE, |bytes| *bytes);
        let (_, second) = lane.read(|| LARGE, |bytes| *bytes);
        assert!(first.is_some() && second.is_some());
        drop((first, second));
        assert!(Lane::new(&gate).read(|| 1, |bytes| *bytes).1.is_none());
    }

    #[test]
    fn more_jobs_hold_no_more() {
        for jobs in [1, 4, 7, 64] {
            let gate = Gate::new(jobs);
            assert!(gate.page_bytes() * jobs <= PAGES && gate.batch_bytes() * jobs <= BATCHES);
            assert!(!gate.is_large(gate.page_bytes()));
        }
    }
}
