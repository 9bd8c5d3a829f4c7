//! Tracks the calls of all threads on a storage. A broken store pauses in the middle of a call
//! until other threads have used the intermediate state. Every run therefore has the race.

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, ThreadId};
use std::time::Duration;

/// The longest pause of a call. It is long enough for a busy machine. Most pauses are shorter,
/// because a pause also ends when no other thread can make a call.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

pub(crate) struct CallTracker {
    /// The thread of the check, which starts all others.
    owner: ThreadId,
    threads: Mutex<Threads>,
    changed: Condvar,
}

#[derive(Default)]
struct Threads {
    /// A clock that ticks with each call and each pause.
    now: u64,
    /// The threads, other than the owner, that have made a call and have not ended.
    active: HashSet<ThreadId>,
    /// The threads, other than the owner, that have made a call since the owner's last call.
    since_owner: HashSet<ThreadId>,
    paused: Vec<Pause>,
}

/// A pause in the middle of a call.
struct Pause {
    thread: ThreadId,
    since: u64,
    /// The number of calls of other threads for which the pause still waits.
    calls: usize,
}

impl Threads {
    fn tick(&mut self) -> u64 {
        self.now += 1;
        self.now
    }

    /// Counts a call of `thread` that has ended. A call that began before a pause does not count
    /// for the pause, because the call may have read the storage before the pause.
    fn end(&mut self, thread: ThreadId, begun: u64) {
        let others = self.paused.iter_mut().filter(|pause| pause.thread != thread);
        for pause in others.filter(|pause| pause.since < begun) {
            pause.calls = pause.calls.saturating_sub(1);
        }
    }

    /// Returns whether `thread` must stay paused. This is true if its pause still waits for calls,
    /// and another thread can make a call.
    fn must_stay_paused(&self, thread: ThreadId, owner: ThreadId) -> bool {
        let own = self.paused.iter().find(|pause| pause.thread == thread);
        let others = self.active.iter().any(|&other| other != thread);
        // If no other thread has made a call since the last call of the owner, the race has only
        // begun: the owner or another thread of the race will still make a call.
        let first = thread != owner && self.since_owner.iter().all(|&other| other == thread);
        own.is_some_and(|pause| pause.calls > 0) && (others || first)
    }
}

impl Default for CallTracker {
    fn default() -> Self {
        let owner = thread::current().id();
        Self { owner, threads: Mutex::default(), changed: Condvar::new() }
    }
}

impl CallTracker {
    fn threads(&self) -> MutexGuard<'_, Threads> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a call, and counts it for the pauses of other threads.
    pub(crate) fn make<T>(self: &Arc<Self>, call: impl FnOnce() -> T) -> T {
        let (thread, begun) = self.begin();
        let result = call();
        self.threads().end(thread, begun);
        self.changed.notify_all();
        result
    }

    fn begin(self: &Arc<Self>) -> (ThreadId, u64) {
        let thread = thread::current().id();
        let mut threads = self.threads();
        if thread == self.owner {
            threads.since_owner.clear();
        } else {
            threads.since_owner.insert(thread);
            if threads.active.insert(thread) {
                VISITED.with(|visited| visited.trackers.borrow_mut().push(Arc::downgrade(self)));
            }
        }
        (thread, threads.tick())
    }

    /// Pauses the calling thread. The pause ends when other threads have made this number of whole
    /// calls, when another thread pauses too, or when no other thread can make a call.
    pub(crate) fn wait_for_others(&self, calls: usize) {
        let thread = thread::current().id();
        let mut threads = self.threads();
        if !threads.paused.is_empty() {
            // Two threads are now in the middle of a call. This is the race that the pauses are
            // for, so end all pauses.
            threads.paused.iter_mut().for_each(|pause| pause.calls = 0);
            self.changed.notify_all();
            return;
        }
        let since = threads.tick();
        threads.paused.push(Pause { thread, since, calls });
        let stay = |threads: &mut Threads| threads.must_stay_paused(thread, self.owner);
        let waited = self.changed.wait_timeout_while(threads, LONGEST_PAUSE, stay);
        let (mut threads, _) = waited.unwrap_or_else(PoisonError::into_inner);
        threads.paused.retain(|pause| pause.thread != thread);
    }
}

/// The trackers that a thread has used. Dropping this value removes the thread from the trackers.
struct Visited {
    thread: ThreadId,
    trackers: RefCell<Vec<Weak<CallTracker>>>,
}

thread_local! {
    static VISITED: Visited =
        Visited { thread: thread::current().id(), trackers: RefCell::default() };
}

impl Drop for Visited {
    fn drop(&mut self) {
        for tracker in self.trackers.get_mut().iter().filter_map(Weak::upgrade) {
            tracker.threads().active.remove(&self.thread);
            tracker.changed.notify_all();
        }
    }
}
