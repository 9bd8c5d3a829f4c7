//! Durability through a power cut: when files and folders are synced, and the consequence of a
//! failed sync. After a failed sync the handle refuses all further changes.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use session_store_core::{Durability, StoreError};

use crate::error::if_found;
use crate::file;
use crate::mutex::lock;

/// The maximum number of paths that are synced one by one. If more paths have changed, their whole
/// file system is synced instead.
///
/// A sync of the file system writes the journal once, and syncing paths one by one writes it for
/// each path. On ext4, 16 new logs took 5 to 10 ms together and 15 to 125 ms one by one. 256 new
/// logs took 14 to 79 ms together and about 2 s one by one. A few paths are still synced one by
/// one, because a sync of the file system also waits for the data of all other programs.
const ONE_BY_ONE: usize = if cfg!(target_os = "linux") { 32 } else { usize::MAX };

/// The syncs of a handle, and the changed paths that are not synced yet.
#[derive(Debug)]
pub(crate) struct Syncs {
    root: PathBuf,
    durability: Durability,
    /// Whether a sync has failed. After a failed sync, the kernel marks the lost pages as clean. A
    /// second sync would therefore succeed without writing these pages, so the handle refuses all
    /// further changes.
    failed: AtomicBool,
    /// The paths that changed since the last [`sync_all`](Self::sync_all). If there are more than
    /// [`ONE_BY_ONE`] paths, further paths are not recorded, because the whole file system is then
    /// synced.
    changed: Mutex<BTreeSet<PathBuf>>,
    /// The number of the current round. A round ends when `sync_all` takes the paths in `changed`.
    /// The number is incremented then, while `changed` is locked.
    round: AtomicU64,
    /// Held during `sync_all`.
    running: Mutex<()>,
}

impl Syncs {
    pub(crate) fn new(root: PathBuf, durability: Durability) -> Self {
        Self {
            root,
            durability,
            failed: AtomicBool::default(),
            changed: Mutex::default(),
            round: AtomicU64::default(),
            running: Mutex::default(),
        }
    }

    /// Returns whether every change must survive a power cut.
    pub(crate) fn is_power(&self) -> bool {
        self.durability == Durability::Power
    }

    /// Fails if a sync has failed before.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        if !self.failed.load(Ordering::Acquire) {
            return Ok(());
        }
        let reason =
            "an earlier sync failed, and the changes before it may be lost; open the store again";
        Err(StoreError::io("change the store", io::Error::other(reason)))
    }

    /// Syncs a file whose content has changed, or records it for [`sync_all`](Self::sync_all).
    pub(crate) fn sync_file(&self, path: &Path, file: &File) -> Result<(), StoreError> {
        if self.is_power() {
            return self.run(path, || file.sync_data());
        }
        self.record(path);
        Ok(())
    }

    /// Syncs a folder whose names have changed, or records it for [`sync_all`](Self::sync_all).
    pub(crate) fn sync_folder(&self, path: &Path) -> Result<(), StoreError> {
        if self.is_power() {
            return self.sync_path(path);
        }
        self.record(path);
        Ok(())
    }

    /// Records a changed path for [`sync_all`](Self::sync_all).
    pub(crate) fn record(&self, path: &Path) {
        let mut changed = lock(&self.changed);
        if changed.len() <= ONE_BY_ONE && !changed.contains(path) {
            changed.insert(path.to_owned());
        }
    }

    /// Returns the recorded paths.
    #[cfg(test)]
    pub(crate) fn recorded(&self) -> Vec<PathBuf> {
        lock(&self.changed).iter().cloned().collect()
    }

    /// Returns the number of the current round, which ends when `sync_all` takes the recorded
    /// paths. If a path was already recorded in this round, it need not be recorded again.
    pub(crate) fn round(&self) -> u64 {
        self.round.load(Ordering::Acquire)
    }

    /// Syncs all recorded paths.
    pub(crate) fn sync_all(&self) -> Result<(), StoreError> {
        // Without this lock, a second call could find `changed` empty while the first call still
        // syncs the paths. The second call would then return too early.
        let _running = lock(&self.running);
        self.check()?;
        let changed = self.take_changed();
        let synced = if changed.len() <= ONE_BY_ONE {
            // In descending order, a file is synced before its folder.
            changed.iter().rev().try_for_each(|path| self.sync_path(path))
        } else {
            self.sync_root()
        };
        synced.inspect_err(|_| changed.iter().for_each(|path| self.record(path)))
    }

    /// Takes the recorded paths and starts a new round.
    ///
    /// Both steps happen under one lock. Otherwise a writer could see the old round after the paths
    /// were taken. The writer would not record its path again, and no sync would cover its write.
    fn take_changed(&self) -> BTreeSet<PathBuf> {
        let mut changed = lock(&self.changed);
        self.round.fetch_add(1, Ordering::AcqRel);
        std::mem::take(&mut *changed)
    }

    /// Syncs a file or folder by its path, whatever the durability of the handle.
    pub(crate) fn sync_path(&self, path: &Path) -> Result<(), StoreError> {
        // A missing file was deleted, and the sync of its folder makes the deletion durable. If a
        // file cannot be opened, for example without a free descriptor, no data is lost. The next
        // sync can still save the file, so the handle is not marked as failed.
        let opened =
            if_found(file::open_to_sync(path)).map_err(|error| indeterminate(path, error))?;
        opened.map_or(Ok(()), |file| self.run(path, || file.sync_all()))
    }

    fn sync_root(&self) -> Result<(), StoreError> {
        let root =
            file::open_to_sync(&self.root).map_err(|error| indeterminate(&self.root, error))?;
        self.run(&self.root, || sync_file_system(&root))
    }

    /// Runs a sync, and marks the handle as failed if the sync fails.
    pub(crate) fn run(
        &self,
        path: &Path,
        sync: impl FnOnce() -> io::Result<()>,
    ) -> Result<(), StoreError> {
        sync().map_err(|error| {
            self.failed.store(true, Ordering::Release);
            indeterminate(path, error)
        })
    }
}

/// Calls syncfs(2), which reports failed writes since Linux 5.8.
#[cfg(target_os = "linux")]
fn sync_file_system(root: &File) -> io::Result<()> {
    Ok(rustix::fs::syncfs(root)?)
}

#[cfg(not(target_os = "linux"))]
fn sync_file_system(_: &File) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Returns the error for a change whose sync failed, so that its outcome is unknown.
pub(crate) fn indeterminate(
    path: &Path,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> StoreError {
    let operation = format!("sync {}", path.display());
    StoreError::Indeterminate { operation, source: source.into() }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use super::*;

    fn syncs() -> Syncs {
        Syncs::new(PathBuf::from("/"), Durability::Process)
    }

    #[test]
    fn two_concurrent_syncs_both_wait_for_earlier_changes() {
        for _ in 0..300 {
            let (syncs, barrier) = (syncs(), Barrier::new(2));
            // The sync of this device fails. A call that returns without an error has not waited
            // for this sync.
            syncs.record(Path::new("/dev/null"));
            let sync = || {
                barrier.wait();
                syncs.sync_all().is_err()
            };
            let both = thread::scope(|scope| {
                let other = scope.spawn(sync);
                [sync(), other.join().unwrap()]
            });
            assert_eq!(both, [true, true]);
        }
    }

    #[test]
    fn a_round_ends_when_its_paths_are_taken() {
        let (syncs, done) = (syncs(), AtomicBool::default());
        let stays = || {
            let _paths = lock(&syncs.changed);
            let round = syncs.round();
            (0..10).for_each(|_| thread::yield_now());
            syncs.round() == round
        };
        let moved = thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    syncs.sync_all().unwrap();
                }
            });
            let moved = (0..1_000).find(|_| !stays());
            done.store(true, Ordering::Relaxed);
            moved
        });
        assert_eq!(moved, None);
    }
}
