//! Follows the calls of all threads on a storage, so that a broken store can hold its weak moment open until
//! others have made use of it: a race is forced, never lucky.

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, ThreadId};
use std::time::Duration;

/// How long a store waits at most, on a busy machine too. That nobody will come is mostly known sooner.
const PATIENCE: Duration = Duration::from_secs(1);

pub(crate) struct Calls {
    /// The check's own thread, which starts the others.
    owner: ThreadId,
    moments: Mutex<Moments>,
    changed: Condvar,
}

#[derive(Default)]
struct Moments {
    now: u64,
    /// The other threads that have made a call and have not ended.
    crew: HashSet<ThreadId>,
    /// Those that have made a call since the owner's last.
    started: HashSet<ThreadId>,
    waiting: Vec<Waiting>,
}

/// A thread in the weak moment of its call.
struct Waiting {
    thread: ThreadId,
    since: u64,
    /// How many calls of others it still waits for.
    calls: usize,
}

impl Moments {
    fn next(&mut self) -> u64 {
        self.now += 1;
        self.now
    }

    /// A call of `thread` that began then has ended.
    fn end(&mut self, thread: ThreadId, begun: u64) {
        let others = self.waiting.iter_mut().filter(|waiting| waiting.thread != thread);
        for waiting in others.filter(|waiting| waiting.since < begun) {
            waiting.calls = waiting.calls.saturating_sub(1);
        }
    }

    fn still_waits(&self, thread: ThreadId, owner: ThreadId) -> bool {
        let own = self.waiting.iter().find(|waiting| waiting.thread == thread);
        let others = self.crew.iter().any(|&other| other != thread);
        // Where nobody else has come since the owner last did, the owner or others of a race still will.
        let first = thread != owner && self.started.iter().all(|&other| other == thread);
        own.is_some_and(|waiting| waiting.calls > 0) && (others || first)
    }
}

impl Default for Calls {
    fn default() -> Self {
        let owner = thread::current().id();
        Self { owner, moments: Mutex::default(), changed: Condvar::new() }
    }
}

impl Calls {
    fn moments(&self) -> MutexGuard<'_, Moments> {
        self.moments.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a call that others may wait for.
    pub(crate) fn make<T>(self: &Arc<Self>, call: impl FnOnce() -> T) -> T {
        let (thread, begun) = self.begin();
        let answer = call();
        self.moments().end(thread, begun);
        self.changed.notify_all();
        answer
    }

    fn begin(self: &Arc<Self>) -> (ThreadId, u64) {
        let thread = thread::current().id();
        let mut moments = self.moments();
        if thread == self.owner {
            moments.started.clear();
        } else {
            moments.started.insert(thread);
            if moments.crew.insert(thread) {
                VISITED.with(|visited| visited.calls.borrow_mut().push(Arc::downgrade(self)));
            }
        }
        (thread, moments.next())
    }

    /// Waits for so many whole calls of other threads, or until another thread has come to wait as well, or
    /// nobody is left who could.
    pub(crate) fn await_others(&self, calls: usize) {
        let thread = thread::current().id();
        let mut moments = self.moments();
        if !moments.waiting.is_empty() {
            moments.waiting.iter_mut().for_each(|waiting| waiting.calls = 0);
            self.changed.notify_all();
            return;
        }
        let since = moments.next();
        moments.waiting.push(Waiting { thread, since, calls });
        let still = |moments: &mut Moments| moments.still_waits(thread, self.owner);
        let waited = self.changed.wait_timeout_while(moments, PATIENCE, still);
        let (mut moments, _) = waited.unwrap_or_else(PoisonError::into_inner);
        moments.waiting.retain(|waiting| waiting.thread != thread);
    }
}

/// The storages that a thread has used, which are told when it ends.
struct Visited {
    thread: ThreadId,
    calls: RefCell<Vec<Weak<Calls>>>,
}

thread_local! {
    static VISITED: Visited =
        Visited { thread: thread::current().id(), calls: RefCell::default() };
}

impl Drop for Visited {
    fn drop(&mut self) {
        for calls in self.calls.get_mut().iter().filter_map(Weak::upgrade) {
            calls.moments().crew.remove(&self.thread);
            calls.changed.notify_all();
        }
    }
}
