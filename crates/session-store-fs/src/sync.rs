//! Making changes survive a power cut: what is synced when, and what a failed sync does to the handle.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use session_store_core::{Durability, StoreError};

use crate::failure::if_found;
use crate::stripe::lock;

/// More changed files and folders than this are not synced one by one, but with all else that their file
/// system holds: of 10,000 logs on ext4, that took 0.1 s instead of 1.7.
const ONE_BY_ONE: usize = if cfg!(target_os = "linux") { 1024 } else { usize::MAX };

/// What a handle knows about its syncs.
#[derive(Debug)]
pub(crate) struct Syncs {
    root: PathBuf,
    durability: Durability,
    /// After a failed sync the system takes the lost pages for written: a second one would succeed and save
    /// nothing. The handle then makes no further change.
    broken: AtomicBool,
    /// What a handle that promises less has changed since its last `sync`.
    changed: Mutex<Changed>,
    /// How many times that was taken to be synced. It moves on while `changed` is locked.
    round: AtomicU64,
    /// Held by the `sync` that is under way.
    turn: Mutex<()>,
}

/// Files and folders that wait for a `sync`.
#[derive(Debug)]
enum Changed {
    These(BTreeSet<PathBuf>),
    TooManyToName,
}

impl Default for Changed {
    fn default() -> Self {
        Self::These(BTreeSet::new())
    }
}

impl Syncs {
    pub(crate) fn new(root: PathBuf, durability: Durability) -> Self {
        Self {
            root,
            durability,
            broken: AtomicBool::default(),
            changed: Mutex::default(),
            round: AtomicU64::default(),
            turn: Mutex::default(),
        }
    }

    pub(crate) fn is_power(&self) -> bool {
        self.durability == Durability::Power
    }

    /// Fails once a sync has failed.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        if !self.broken.load(Ordering::Acquire) {
            return Ok(());
        }
        let reason = "an earlier sync failed, and what it should have saved may be lost; open the store anew";
        Err(StoreError::io("change the store", io::Error::other(reason)))
    }

    /// The file's content has changed: syncs it, or remembers to.
    pub(crate) fn file(&self, path: &Path, file: &File) -> Result<(), StoreError> {
        if self.is_power() {
            return self.attempt(path, file.sync_data());
        }
        self.remember(path);
        Ok(())
    }

    /// Names in the folder have changed: syncs it, or remembers to.
    pub(crate) fn folder(&self, path: &Path) -> Result<(), StoreError> {
        if self.is_power() {
            return self.at(path);
        }
        self.remember(path);
        Ok(())
    }

    /// Remembers that a file was changed, for [`all`](Self::all).
    pub(crate) fn remember(&self, path: &Path) {
        let mut changed = self.changed();
        let Changed::These(paths) = &mut *changed else { return };
        if paths.contains(path) {
            return;
        }
        if paths.len() == ONE_BY_ONE {
            *changed = Changed::TooManyToName;
        } else {
            paths.insert(path.to_owned());
        }
    }

    /// What was remembered in this round, and written before, need not be remembered again.
    pub(crate) fn round(&self) -> u64 {
        self.round.load(Ordering::Acquire)
    }

    /// Syncs all that was remembered. Files come before the folders that name them.
    pub(crate) fn all(&self) -> Result<(), StoreError> {
        // What this one is to wait for, another may have taken.
        let _turn = lock(&self.turn);
        self.check()?;
        let taken = self.take_changed();
        let synced = match &taken {
            Changed::These(paths) => paths.iter().rev().try_for_each(|path| self.at(path)),
            Changed::TooManyToName => self.file_system(),
        };
        synced.inspect_err(|_| self.put_back(taken))
    }

    /// Whoever writes from now on remembers it again: with the round, what was remembered in it is taken.
    fn take_changed(&self) -> Changed {
        let mut changed = self.changed();
        self.round.fetch_add(1, Ordering::AcqRel);
        std::mem::take(&mut *changed)
    }

    fn put_back(&self, taken: Changed) {
        match taken {
            Changed::These(paths) => paths.iter().for_each(|path| self.remember(path)),
            Changed::TooManyToName => *self.changed() = Changed::TooManyToName,
        }
    }

    /// Syncs a file or folder by its path. One that is gone was deleted, which its folder says. One that cannot
    /// be opened, for want of a descriptor say, has lost nothing: the next sync may save it.
    fn at(&self, path: &Path) -> Result<(), StoreError> {
        let opened = if_found(File::open(path)).map_err(|error| indeterminate(path, error))?;
        opened.map_or(Ok(()), |file| self.attempt(path, file.sync_all()))
    }

    /// Syncs everything on the file system that holds the store.
    fn file_system(&self) -> Result<(), StoreError> {
        let root = File::open(&self.root).map_err(|error| indeterminate(&self.root, error))?;
        self.attempt(&self.root, sync_file_system(&root))
    }

    /// Takes note if a sync has failed.
    pub(crate) fn attempt(&self, path: &Path, synced: io::Result<()>) -> Result<(), StoreError> {
        synced.map_err(|error| {
            self.broken.store(true, Ordering::Release);
            indeterminate(path, error)
        })
    }

    fn changed(&self) -> MutexGuard<'_, Changed> {
        lock(&self.changed)
    }
}

/// With syncfs(2), which tells of failures since Linux 5.8.
#[cfg(target_os = "linux")]
fn sync_file_system(root: &File) -> io::Result<()> {
    Ok(rustix::fs::syncfs(root)?)
}

#[cfg(not(target_os = "linux"))]
fn sync_file_system(_: &File) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The syncs of one open file, shared by all who append to it: whoever comes while one is under way waits for
/// the next, which is one for all who wait. Those who waited for the last one are likely to come again at once;
/// the next one waits until as many have, but for no more than a quarter of the time that a sync takes.
#[derive(Debug, Default)]
pub(crate) struct GroupCommit {
    turn: Mutex<Turn>,
    gathered: Condvar,
    over: Condvar,
}

#[derive(Debug, Default)]
struct Turn {
    written: u64,
    synced: u64,
    under_way: bool,
    /// How many appends the last sync saved or held up, and how long it took.
    writers: u64,
    took: Duration,
}

impl Turn {
    fn is_gathered(&self) -> bool {
        self.written - self.synced >= self.writers
    }
}

/// An append that was written and is not synced yet.
#[must_use = "an append is acknowledged once it is synced"]
pub(crate) struct Written {
    file: Arc<File>,
    path: Arc<Path>,
    commit: Arc<GroupCommit>,
    number: u64,
}

impl GroupCommit {
    /// Notes a write to the file, of which the lock is held.
    pub(crate) fn written(self: &Arc<Self>, file: &Arc<File>, path: &Arc<Path>) -> Written {
        let (number, is_gathered) = {
            let mut turn = self.turn();
            turn.written += 1;
            (turn.written, turn.is_gathered())
        };
        // Whoever is woken wants what was locked.
        if is_gathered {
            self.gathered.notify_one();
        }
        let (file, path, commit) = (Arc::clone(file), Arc::clone(path), Arc::clone(self));
        Written { file, path, commit, number }
    }

    fn turn(&self) -> MutexGuard<'_, Turn> {
        lock(&self.turn)
    }

    /// Waits until as many have come as last time, but not for long.
    fn gather<'a>(&'a self, turn: MutexGuard<'a, Turn>) -> MutexGuard<'a, Turn> {
        let patience = turn.took / 4;
        let gathered = self.gathered.wait_timeout_while(turn, patience, |turn| !turn.is_gathered());
        gathered.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Written {
    /// Returns once the write is synced, by this thread or by another on its behalf.
    pub(crate) fn wait(self, syncs: &Syncs) -> Result<(), StoreError> {
        let mut turn = self.commit.turn();
        loop {
            if turn.synced >= self.number {
                return Ok(());
            }
            // The sync that should have saved it may be the one that failed.
            syncs.check().map_err(|error| indeterminate(&self.path, error))?;
            if !turn.under_way {
                break;
            }
            turn = self.commit.over.wait(turn).unwrap_or_else(PoisonError::into_inner);
        }
        turn.under_way = true;
        let turn = self.commit.gather(turn);
        let saved = turn.written;
        drop(turn);
        let begin = Instant::now();
        let result = syncs.attempt(&self.path, self.file.sync_data());
        let mut turn = self.commit.turn();
        turn.under_way = false;
        turn.took = begin.elapsed();
        turn.writers = turn.written - turn.synced;
        if result.is_ok() {
            turn.synced = saved;
        }
        drop(turn);
        self.commit.over.notify_all();
        result
    }
}

fn indeterminate(
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
    fn two_syncs_at_once_both_wait_for_what_was_changed_before() {
        for _ in 0..300 {
            let (syncs, barrier) = (syncs(), Barrier::new(2));
            // A device that cannot be synced: whoever believes that it was has not waited.
            syncs.remember(Path::new("/dev/null"));
            let sync = || {
                barrier.wait();
                syncs.all().is_err()
            };
            let both = thread::scope(|scope| {
                let other = scope.spawn(sync);
                [sync(), other.join().unwrap()]
            });
            assert_eq!(both, [true, true]);
        }
    }

    /// A file that is changed again in the round in which it was remembered is not remembered again. If the
    /// round moved on by itself, that file could be taken between the two.
    #[test]
    fn a_round_ends_when_what_was_remembered_in_it_is_taken() {
        let (syncs, done) = (syncs(), AtomicBool::default());
        let stays = || {
            let _untaken = syncs.changed();
            let round = syncs.round();
            (0..10).for_each(|_| thread::yield_now());
            syncs.round() == round
        };
        let moved = thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    syncs.all().unwrap();
                }
            });
            let moved = (0..1_000).find(|_| !stays());
            done.store(true, Ordering::Relaxed);
            moved
        });
        assert_eq!(moved, None);
    }
}
