//! Ends a run early if a store fails on every segment, for example because the store's server is
//! down.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use session_store_core::StoreError;

/// The minimum number of consecutive failures after which a run can end early. After fewer
/// failures, the store may still work: perhaps only a few of its files are unreadable.
const MIN_FAILURES: usize = 8;

/// Counts consecutive failures. The run skips the remaining segments after at least
/// [`MIN_FAILURES`] failures that have lasted longer than a time limit.
pub(crate) struct CircuitBreaker {
    limit: Duration,
    failing: Mutex<Option<Failing>>,
}

/// A series of consecutive failures.
struct Failing {
    since: Instant,
    segments: usize,
}

impl CircuitBreaker {
    pub(crate) fn new(limit: Duration) -> Self {
        Self { limit, failing: Mutex::default() }
    }

    /// Records one more segment with its errors. A segment without an error is a success.
    ///
    /// An error about the content of a segment, such as a bad line, counts as a success, because it
    /// shows that the store responds.
    pub(crate) fn record<'a>(&self, errors: impl IntoIterator<Item = &'a StoreError>) {
        let failed = errors.into_iter().any(is_store_failure);
        let mut failing = self.lock();
        if failed {
            let first = || Failing { since: Instant::now(), segments: 0 };
            failing.get_or_insert_with(first).segments += 1;
        } else {
            *failing = None;
        }
    }

    /// Returns whether the run must skip the remaining segments.
    pub(crate) fn is_open(&self) -> bool {
        let is_open = |failing: &Failing| {
            failing.segments >= MIN_FAILURES && failing.since.elapsed() >= self.limit
        };
        self.lock().as_ref().is_some_and(is_open)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Failing>> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_store_failure(error: &StoreError) -> bool {
    match error {
        StoreError::Io(_) | StoreError::Backend(_) | StoreError::Indeterminate { .. } => true,
        StoreError::Partial { source, .. } => is_store_failure(source),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn refused() -> StoreError {
        StoreError::Io(io::ErrorKind::ConnectionRefused.into())
    }

    #[test]
    fn the_breaker_opens_after_enough_failures_over_a_long_enough_time() {
        let breaker = CircuitBreaker::new(Duration::ZERO);
        (1..MIN_FAILURES).for_each(|_| breaker.record([&refused()]));
        assert!(!breaker.is_open());
        breaker.record([&refused()]);
        assert!(breaker.is_open());
        let breaker = CircuitBreaker::new(Duration::MAX);
        (0..2 * MIN_FAILURES).for_each(|_| breaker.record([&refused()]));
        assert!(!breaker.is_open());
    }

    #[test]
    fn a_success_or_a_corrupt_segment_resets_the_breaker() {
        let corrupt = StoreError::Corrupt { line: 1, message: String::new() };
        for between in [None, Some(corrupt)] {
            let breaker = CircuitBreaker::new(Duration::ZERO);
            (1..MIN_FAILURES).for_each(|_| breaker.record([&refused()]));
            breaker.record(&between);
            breaker.record([&refused()]);
            assert!(!breaker.is_open());
        }
    }
}
