//! Follows the calls of all threads on a storage, so that a broken store can wait in its weak moment until
//! another thread has made one: a race is forced, never lucky.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

/// How long a store waits for others that do not come: long enough for a thread that wants to.
const PATIENCE: Duration = Duration::from_millis(20);

#[derive(Default)]
pub(crate) struct Calls {
    moments: Mutex<Moments>,
    changed: Condvar,
}

#[derive(Default)]
struct Moments {
    now: u64,
    /// When the last call of each thread that has ended began.
    last: HashMap<ThreadId, u64>,
}

impl Moments {
    fn next(&mut self) -> u64 {
        self.now += 1;
        self.now
    }

    /// When the latest of the other threads' calls that have ended began.
    fn of_others(&self) -> Option<u64> {
        let own = thread::current().id();
        self.last.iter().filter(|(thread, _)| **thread != own).map(|(_, &begun)| begun).max()
    }
}

impl Calls {
    fn moments(&self) -> MutexGuard<'_, Moments> {
        self.moments.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a call that others may wait for.
    pub(crate) fn make<T>(&self, call: impl FnOnce() -> T) -> T {
        let begun = self.moments().next();
        let answer = call();
        self.moments().last.insert(thread::current().id(), begun);
        self.changed.notify_all();
        answer
    }

    /// Waits for a whole call of another thread, in a storage that more than one thread uses.
    pub(crate) fn await_another(&self) {
        let mut moments = self.moments();
        let now = moments.next();
        if moments.of_others().is_some() {
            let nobody_came = |moments: &mut Moments| moments.of_others() < Some(now);
            drop(self.changed.wait_timeout_while(moments, PATIENCE, nobody_came));
        }
    }
}
