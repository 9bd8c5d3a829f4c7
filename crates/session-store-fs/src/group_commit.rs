//! Group commit with [`Durability::Power`](session_store_core::Durability::Power): concurrent
//! appends to one file share an `fdatasync(2)`.
//!
//! An append that arrives during a sync waits for the next sync, which serves all waiting appends.
//!
//! A writer whose append was just synced is likely to append again at once. So the next sync waits
//! until an expected number of appends has arrived. This number is the sum of the appends that the
//! last sync served and the appends that arrived during that sync. The wait takes at most a quarter
//! of the time of the last sync.

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use session_store_core::StoreError;

use crate::mutex::lock;
use crate::sync::{Syncs, indeterminate};

/// The syncs of one open file.
#[derive(Debug, Default)]
pub(crate) struct GroupCommit {
    progress: Mutex<Progress>,
    /// Notified when the number of waiting appends reaches [`Progress::expected`].
    gathered: Condvar,
    /// Notified when a sync has ended.
    ended: Condvar,
}

#[derive(Debug, Default)]
struct Progress {
    /// The number of appends that were written.
    written: u64,
    /// The number of written appends that are synced.
    synced: u64,
    is_syncing: bool,
    /// The number of appends that the next sync waits for: the appends that the last sync served,
    /// and the appends that arrived during that sync.
    expected: u64,
    /// The time that the last sync took.
    took: Duration,
}

impl Progress {
    fn is_gathered(&self) -> bool {
        self.written - self.synced >= self.expected
    }
}

/// An append that is written and not yet synced.
#[must_use = "an append is acknowledged only after it is synced"]
pub(crate) struct Written {
    file: Arc<File>,
    path: Arc<Path>,
    commit: Arc<GroupCommit>,
    number: u64,
}

impl GroupCommit {
    /// Counts an append to the file, after its write. The caller holds the lock of the segment.
    pub(crate) fn written(self: &Arc<Self>, file: &Arc<File>, path: &Arc<Path>) -> Written {
        let (number, is_gathered) = {
            let mut progress = lock(&self.progress);
            progress.written += 1;
            (progress.written, progress.is_gathered())
        };
        // Notify after the mutex is released, or the woken thread would block on it at once.
        if is_gathered {
            self.gathered.notify_one();
        }
        Written { file: Arc::clone(file), path: Arc::clone(path), commit: Arc::clone(self), number }
    }
}

impl Written {
    /// Waits until this thread or another thread has synced the append.
    pub(crate) fn wait(self, syncs: &Syncs) -> Result<(), StoreError> {
        let Self { file, path, commit, number } = self;
        let mut progress = lock(&commit.progress);
        loop {
            if progress.synced >= number {
                return Ok(());
            }
            // The outcome is unknown, because the failed sync may have been the sync of this
            // append.
            syncs.check().map_err(|error| indeterminate(&path, error))?;
            if !progress.is_syncing {
                break;
            }
            progress = commit.ended.wait(progress).unwrap_or_else(PoisonError::into_inner);
        }
        progress.is_syncing = true;
        let limit = progress.took / 4;
        let gathered =
            commit.gathered.wait_timeout_while(progress, limit, |progress| !progress.is_gathered());
        let (progress, _) = gathered.unwrap_or_else(PoisonError::into_inner);
        // Read the number before the sync. The sync below may miss later appends, so they wait for
        // the next sync.
        let written = progress.written;
        drop(progress);
        let start = Instant::now();
        let result = syncs.run(&path, || file.sync_data());
        let mut progress = lock(&commit.progress);
        progress.is_syncing = false;
        progress.took = start.elapsed();
        progress.expected = progress.written - progress.synced;
        if result.is_ok() {
            progress.synced = written;
        }
        drop(progress);
        commit.ended.notify_all();
        result
    }
}
