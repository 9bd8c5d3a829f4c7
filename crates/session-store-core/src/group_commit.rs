//! Group commit: several concurrent changes share one commit. Backends whose commit waits for a
//! device use this module.
//!
//! A change that arrives during a commit waits for the next commit, which serves all waiting
//! changes.
//!
//! A caller whose change was just committed is likely to make its next change at once. So the next
//! commit waits until an expected number of changes has joined. This number is the number of
//! changes in the last commit, plus the number of changes that arrived during the last commit. The
//! wait takes at most a quarter of the time of the last commit. A single caller never waits.

use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// The changes that wait for a commit, and the commit in progress.
///
/// `O` is the outcome of a commit. Each change of the group receives a clone of the outcome.
#[derive(Debug)]
pub struct GroupCommit<O> {
    state: Mutex<State<O>>,
    /// Notified when the group is [ready](State::is_ready), and when it ends without a commit.
    ready: Condvar,
    /// Notified when a commit has ended.
    ended: Condvar,
}

#[derive(Debug)]
struct State<O> {
    /// The outcome of the group that the next commit serves.
    outcome: Arc<OnceLock<O>>,
    /// The number of changes in this group.
    joined: usize,
    /// The number of changes that have arrived and not yet joined a group.
    arriving: usize,
    is_committing: bool,
    /// The number of changes that the next commit waits for.
    expected: usize,
    /// The time that the last commit took.
    took: Duration,
}

impl<O> State<O> {
    fn is_ready(&self) -> bool {
        self.arriving == 0 && self.joined >= self.expected
    }

    /// Closes the group, so that later changes join another group. Returns the outcome of the
    /// closed group, and the number of changes in it.
    fn close(&mut self) -> (Arc<OnceLock<O>>, usize) {
        (mem::take(&mut self.outcome), mem::take(&mut self.joined))
    }
}

/// A change that has arrived. Dropping the value withdraws the change.
#[derive(Debug)]
pub struct Arrival<'a, O> {
    group: &'a GroupCommit<O>,
}

/// A change that was made and is not yet committed.
#[derive(Debug)]
#[must_use = "a change is acknowledged only after it is committed"]
pub struct Joined<O> {
    outcome: Arc<OnceLock<O>>,
}

impl<O> GroupCommit<O> {
    /// Announces a change before the caller waits for the lock that orders the changes, so that the
    /// next commit waits for this change too.
    pub fn arrive(&self) -> Arrival<'_, O> {
        self.lock().arriving += 1;
        Arrival { group: self }
    }

    /// Adds a change to the open group. The caller has already made the change. If the commit needs
    /// a lock, the caller holds this lock.
    pub fn join(&self) -> Joined<O> {
        self.arrive().join()
    }

    /// Ends the open group without a commit. The caller holds the lock that the commit needs.
    pub fn end(&self, outcome: O) {
        let mut state = self.lock();
        let (group, _) = state.close();
        // Set the outcome under the mutex. Otherwise a thread could look for the outcome just
        // before it is set, and begin to wait just after the notification. The group was open, so
        // it does not have an outcome yet.
        let _ = group.set(outcome);
        drop(state);
        self.ready.notify_one();
        self.ended.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State<O>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the expected number of changes has joined, but at most for a quarter of the time
    /// of the last commit. Then waits for the changes that have arrived but not joined. The callers
    /// of these changes hold the lock that the commit needs, or wait for it. Stops waiting if the
    /// group of `change` ends.
    fn gather<'a>(
        &'a self,
        state: MutexGuard<'a, State<O>>,
        change: &Joined<O>,
    ) -> MutexGuard<'a, State<O>> {
        let must_wait = |state: &mut State<O>| !state.is_ready() && change.outcome.get().is_none();
        let limit = state.took / 4;
        let waited = self.ready.wait_timeout_while(state, limit, must_wait);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.expected = 0;
        self.ready.wait_while(state, must_wait).unwrap_or_else(PoisonError::into_inner)
    }
}

impl<O: Clone> GroupCommit<O> {
    /// Waits until this thread or another thread has committed the change.
    ///
    /// The committing thread calls `acquire`, which takes the lock for the commit. Then the thread
    /// closes the group and calls `commit`.
    pub fn wait<L>(
        &self,
        change: &Joined<O>,
        acquire: impl FnOnce() -> L,
        commit: impl FnOnce(L) -> O,
    ) -> O {
        let mut state = self.lock();
        loop {
            if let Some(outcome) = change.outcome.get() {
                return outcome.clone();
            }
            if !state.is_committing {
                break;
            }
            state = self.ended.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.is_committing = true;
        let mut state = self.gather(state, change);
        if let Some(outcome) = change.outcome.get() {
            // The group of `change` was ended. Another thread commits the changes that have joined
            // the next group.
            state.is_committing = false;
            drop(state);
            self.ended.notify_all();
            return outcome.clone();
        }
        drop(state);
        let lock = acquire();
        let (group, served) = self.lock().close();
        let start = Instant::now();
        // If the group of `change` was ended meanwhile, this thread commits the next group, unless
        // nothing has joined it.
        if served > 0 {
            let _ = group.set(commit(lock));
        }
        let mut state = self.lock();
        state.is_committing = false;
        state.took = start.elapsed();
        state.expected = served + state.joined + state.arriving;
        drop(state);
        self.ended.notify_all();
        change.outcome.get().expect("the group of the change has ended").clone()
    }
}

impl<O> Default for GroupCommit<O> {
    fn default() -> Self {
        let state = State {
            outcome: Arc::default(),
            joined: 0,
            arriving: 0,
            is_committing: false,
            expected: 0,
            took: Duration::ZERO,
        };
        Self { state: state.into(), ready: Condvar::new(), ended: Condvar::new() }
    }
}

impl<O> Arrival<'_, O> {
    /// Adds the change to the open group. The caller has already made the change. If the commit
    /// needs a lock, the caller holds this lock.
    pub fn join(self) -> Joined<O> {
        let mut state = self.group.lock();
        state.joined += 1;
        Joined { outcome: Arc::clone(&state.outcome) }
    }
}

impl<O> Drop for Arrival<'_, O> {
    fn drop(&mut self) {
        let is_ready = {
            let mut state = self.group.lock();
            state.arriving -= 1;
            state.is_ready()
        };
        // Notify after the mutex is released, or the woken thread would block on it at once.
        if is_ready {
            self.group.ready.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    #[test]
    fn changes_that_wait_share_one_commit() {
        let group = GroupCommit::default();
        let changes = [group.join(), group.join()];
        let outcomes = changes.each_ref().map(|change| group.wait(change, || "lock", |lock| lock));
        assert_eq!(outcomes, ["lock"; 2]);
        let later = group.join();
        assert_eq!(group.wait(&later, || (), |()| "second commit"), "second commit");
        assert_eq!(group.wait(&changes[1], || (), |()| "not called"), "lock");
    }

    #[test]
    fn a_commit_waits_for_a_change_that_has_arrived() {
        let group = &GroupCommit::default();
        thread::scope(|scope| {
            let (first, second) = (group.join(), group.arrive());
            let committing = scope.spawn(move || group.wait(&first, || (), |()| "together"));
            let deadline = Instant::now() + LIMIT;
            while !group.lock().is_committing {
                assert!(Instant::now() < deadline, "the thread does not begin its commit");
                thread::yield_now();
            }
            // Leave the thread some time to commit too early.
            (0..100).for_each(|_| thread::yield_now());
            let second = second.join();
            assert_eq!(group.wait(&second, || (), |()| "alone"), "together");
            assert_eq!(committing.join().unwrap(), "together");
        });
    }

    #[test]
    fn a_commit_does_not_wait_for_a_change_that_was_withdrawn() {
        let group = &GroupCommit::default();
        let (sender, committed) = mpsc::channel();
        thread::scope(|scope| {
            let (first, second) = (group.join(), group.arrive());
            scope.spawn(move || group.wait(&first, || (), |()| sender.send(()).is_ok()));
            drop(second);
            committed.recv_timeout(LIMIT).unwrap();
        });
    }

    #[test]
    fn a_group_can_end_without_a_commit() {
        let group = GroupCommit::default();
        let ended = group.join();
        group.end("ended");
        assert_eq!(group.wait(&ended, || (), |()| "not called"), "ended");
    }

    #[test]
    fn a_change_of_an_ended_group_does_not_wait_for_later_changes() {
        let group = &GroupCommit::default();
        thread::scope(|scope| {
            let (first, later) = (group.join(), group.arrive());
            let (sender, outcome) = mpsc::channel();
            scope.spawn(move || sender.send(group.wait(&first, || (), |()| "not called")));
            group.end("ended");
            assert_eq!(outcome.recv_timeout(LIMIT), Ok("ended"));
            assert_eq!(group.wait(&later.join(), || (), |()| "committed"), "committed");
        });
    }

    /// The group of the committing thread is ended. Then other changes join a new group, and the
    /// committing thread must commit these changes too.
    #[test]
    fn a_group_that_ends_while_its_commit_acquires_the_lock_is_not_committed() {
        let group = GroupCommit::default();
        let ended = group.join();
        let mut later = None;
        let acquire = || {
            group.end("ended");
            later = Some(group.join());
        };
        assert_eq!(group.wait(&ended, acquire, |()| "committed"), "ended");
        assert_eq!(group.wait(&later.unwrap(), || (), |()| "not called"), "committed");
    }
}
