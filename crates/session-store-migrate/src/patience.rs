//! How long a store may fail on one segment after the other before the rest is given up.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use session_store_core::StoreError;

/// A few broken files are no store that is gone.
const AT_LEAST: usize = 8;

pub(crate) struct Patience {
    limit: Duration,
    failing: Mutex<Option<Failing>>,
}

/// An unbroken run of failures.
struct Failing {
    since: Instant,
    segments: usize,
}

impl Patience {
    pub(crate) fn new(limit: Duration) -> Self {
        Self { limit, failing: Mutex::default() }
    }

    /// Takes note of one more segment that was tried. What only concerns its content, such as a bad line,
    /// says nothing about the store.
    pub(crate) fn note<'a>(&self, errors: impl IntoIterator<Item = &'a StoreError>) {
        let failed = errors.into_iter().any(is_the_stores);
        let mut failing = self.lock();
        if failed {
            let fresh = || Failing { since: Instant::now(), segments: 0 };
            failing.get_or_insert_with(fresh).segments += 1;
        } else {
            *failing = None;
        }
    }

    /// Whether to give up.
    pub(crate) fn is_over(&self) -> bool {
        let over = |failing: &Failing| {
            failing.segments >= AT_LEAST && failing.since.elapsed() >= self.limit
        };
        self.lock().as_ref().is_some_and(over)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Failing>> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_the_stores(error: &StoreError) -> bool {
    match error {
        StoreError::Io(_) | StoreError::Backend(_) | StoreError::Indeterminate { .. } => true,
        StoreError::Partial { source, .. } => is_the_stores(source),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn gone() -> StoreError {
        StoreError::Io(io::ErrorKind::ConnectionRefused.into())
    }

    #[test]
    fn it_ends_with_many_failures_in_a_row_that_last() {
        let patience = Patience::new(Duration::ZERO);
        (1..AT_LEAST).for_each(|_| patience.note([&gone()]));
        assert!(!patience.is_over());
        patience.note([&gone()]);
        assert!(patience.is_over());
        let patience = Patience::new(Duration::MAX);
        (0..2 * AT_LEAST).for_each(|_| patience.note([&gone()]));
        assert!(!patience.is_over());
    }

    #[test]
    fn one_success_or_one_bad_segment_begins_anew() {
        let corrupt = StoreError::Corrupt { line: 1, message: String::new() };
        for between in [None, Some(corrupt)] {
            let patience = Patience::new(Duration::ZERO);
            (1..AT_LEAST).for_each(|_| patience.note([&gone()]));
            patience.note(&between);
            patience.note([&gone()]);
            assert!(!patience.is_over());
        }
    }
}
