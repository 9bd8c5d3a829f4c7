//! Group commit with [`Durability::Power`](session_store_core::Durability::Power): concurrent
//! appends to one file share an `fdatasync(2)`.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use session_store_core::StoreError;
use session_store_core::group_commit::{self, Joined};

use crate::sync::{Syncs, indeterminate};

/// The syncs of one open file. The outcome of a sync is whether it succeeded.
pub(crate) type GroupCommit = group_commit::GroupCommit<bool>;

/// An append that is written and not yet synced.
#[must_use = "an append is acknowledged only after it is synced"]
pub(crate) struct Written {
    file: Arc<File>,
    path: Arc<Path>,
    commit: Arc<GroupCommit>,
    joined: Joined<bool>,
}

impl Written {
    /// Adds an append to the next sync. The append is already written, and the caller holds the
    /// lock of the segment.
    pub(crate) fn new(commit: &Arc<GroupCommit>, file: &Arc<File>, path: &Arc<Path>) -> Self {
        let joined = commit.join();
        let (file, path, commit) = (Arc::clone(file), Arc::clone(path), Arc::clone(commit));
        Self { file, path, commit, joined }
    }

    /// Waits until this thread or another thread has synced the append.
    pub(crate) fn wait(self, syncs: &Syncs) -> Result<(), StoreError> {
        let Self { file, path, commit, joined } = self;
        let check = || syncs.check().map_err(|error| indeterminate(&path, error));
        let mut result = Ok(());
        let is_synced = commit.wait(
            &joined,
            || (),
            |()| {
                result = check().and_then(|()| syncs.run(&path, || file.sync_data()));
                result.is_ok()
            },
        );
        // If another thread has run the failed sync, `result` is `Ok`, and the check returns the
        // error.
        if is_synced { Ok(()) } else { result.and_then(|()| check()) }
    }
}
