//! A lock file: the lock, the generation, and what a handle caches under the lock.
//!
//! `flock(2)` belongs to an open file, so it does not exclude threads that share the file. Each
//! lock file therefore has a mutex beside it. The mutex is always locked first and unlocked last: a
//! thread that found the mutex free while the file is still locked would share that lock, and lose
//! it when the other thread unlocks the file.
//!
//! The length of a lock file is its generation. It grows by a byte before every change that is not
//! an append. A handle whose cache was filled under another generation knows that the cache is
//! stale.
//!
//! Lock files are never renamed or deleted. Two processes that lock different files of the same
//! name would not exclude each other.

use std::io::{self, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use rustix::fs::{FlockOperation, flock};
use rustix::io::retry_on_intr;
use session_store_core::StoreError;

use crate::error::Context;
use crate::file::{self, Opened};
use crate::mutex::{lock, lock_spinning};

/// A lock file, and the cache that it protects.
pub(crate) struct LockFile<T> {
    path: PathBuf,
    opened: Mutex<Option<Arc<Opened>>>,
    cached: Mutex<T>,
}

impl<T: Default> LockFile<T> {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, opened: Mutex::default(), cached: Mutex::default() }
    }

    /// Takes the lock to make a change. Creates the lock file if it does not exist.
    pub(crate) fn lock_write(&self) -> Result<Guard<'_, T>, StoreError> {
        let cached = lock_spinning(&self.cached);
        let opened = match self.opened() {
            Some(opened) if opened.is_writable => opened,
            _ => {
                let opened = file::open_or_create(&self.path);
                self.keep_open(Arc::new(opened.context("open the lock", &self.path)?))
            }
        };
        self.hold(Some(opened), cached)
    }

    /// Takes the lock to read. Reading creates nothing: without a lock file no writer has been here
    /// yet, and only the mutex is held.
    ///
    /// Readers take the lock exclusively, too. `flock(2)` lets overlapping readers share a lock
    /// without end, and a writer would starve: with 8 readers in a loop, one append took 5.2 s.
    pub(crate) fn lock_read(&self) -> Result<Guard<'_, T>, StoreError> {
        let cached = lock(&self.cached);
        let opened = match self.opened() {
            None => self.open_existing()?.map(|opened| self.keep_open(opened)),
            opened => opened,
        };
        self.hold(opened, cached)
    }

    /// Returns whether the lock file still has this generation. Takes no lock, and leaves no file
    /// open.
    pub(crate) fn is_current(&self, generation: Generation) -> Result<bool, StoreError> {
        let opened = match self.opened() {
            None => self.open_existing()?,
            opened => opened,
        };
        Ok(self.generation(opened.as_deref())? == generation)
    }

    /// Closes the lock file and calls `close_files`, unless the lock is in use by another thread.
    pub(crate) fn close_if_idle(&self, close_files: impl FnOnce(&mut T)) -> bool {
        // Blocking here could deadlock: the caller holds the lock of another stripe.
        let Ok(mut cached) = self.cached.try_lock() else { return false };
        close_files(&mut cached);
        *lock(&self.opened) = None;
        true
    }

    /// Returns the lock file if it is open.
    pub(crate) fn opened(&self) -> Option<Arc<Opened>> {
        lock(&self.opened).clone()
    }

    fn open_existing(&self) -> Result<Option<Arc<Opened>>, StoreError> {
        Ok(file::open(&self.path).context("open the lock", &self.path)?.map(Arc::new))
    }

    fn keep_open(&self, opened: Arc<Opened>) -> Arc<Opened> {
        *lock(&self.opened) = Some(Arc::clone(&opened));
        opened
    }

    fn hold<'a>(
        &'a self,
        opened: Option<Arc<Opened>>,
        cached: MutexGuard<'a, T>,
    ) -> Result<Guard<'a, T>, StoreError> {
        if let Some(opened) = &opened {
            // A signal can interrupt a thread that waits for a lock.
            let locked = retry_on_intr(|| flock(&opened.file, FlockOperation::LockExclusive));
            locked.map_err(io::Error::from).context("lock", &self.path)?;
        }
        // Made before the generation is read, so that a failure to read it unlocks the file.
        let mut lock = HeldLock { opened, path: &self.path, generation: Generation(None) };
        lock.generation = self.generation(lock.opened.as_deref())?;
        Ok(Guard { lock, cached, lock_file: self })
    }

    fn generation(&self, opened: Option<&Opened>) -> Result<Generation, StoreError> {
        // One lseek(2) takes 0.2 µs where fstat(2) takes 0.4.
        let length = opened.map(|opened| (&opened.file).seek(SeekFrom::End(0))).transpose();
        length.context("read the generation of", &self.path).map(Generation)
    }
}

/// The length of a lock file. `None` if the file does not exist yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Generation(Option<u64>);

/// A lock that is held, and the cache under it.
pub(crate) struct Guard<'a, T: Default> {
    // Fields drop in this order: the file is unlocked before the mutex, as the module's docs
    // require.
    pub(crate) lock: HeldLock<'a>,
    pub(crate) cached: MutexGuard<'a, T>,
    lock_file: &'a LockFile<T>,
}

impl<T: Default> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        if thread::panicking() {
            // The cache may be half changed. An empty one is always correct (S5).
            *self.cached = T::default();
        }
    }
}

/// The file's part of a lock that is held.
pub(crate) struct HeldLock<'a> {
    opened: Option<Arc<Opened>>,
    path: &'a Path,
    pub(crate) generation: Generation,
}

impl HeldLock<'_> {
    /// Advances the generation. Call it before a change that is not an append: a handle must not
    /// find the change while it still trusts its cache.
    pub(crate) fn advance_generation(&mut self) -> Result<(), StoreError> {
        let (Some(opened), Some(length)) = (&self.opened, self.generation.0) else { return Ok(()) };
        opened.file.set_len(length + 1).context("advance the generation of", self.path)?;
        self.generation = Generation(Some(length + 1));
        Ok(())
    }
}

impl Drop for HeldLock<'_> {
    fn drop(&mut self) {
        if let Some(opened) = &self.opened {
            // Nothing can be done about a failure. Closing the file ends the lock, too.
            let _ = opened.file.unlock();
        }
    }
}

/// The number of times that a read runs without a lock before it keeps the lock.
const UNLOCKED_READS: usize = 2;

/// Reads without blocking writers meanwhile.
///
/// `begin` takes the lock and finds out where to read, and `read` reads after the lock is released.
/// If the generation changed meanwhile, `read` may have seen a mix of old and new, and both run
/// again. Frequent changes could repeat that without end, so the last attempt keeps the lock.
pub(crate) fn read_consistent<'a, T: Default + 'a, P, R>(
    begin: impl Fn() -> Result<(Guard<'a, T>, P), StoreError>,
    read: impl Fn(&P) -> Result<R, StoreError>,
) -> Result<R, StoreError> {
    let mut attempts = 0;
    loop {
        let (guard, part) = begin()?;
        let (lock_file, generation) = (guard.lock_file, guard.lock.generation);
        let keeps_lock = attempts >= UNLOCKED_READS && generation.0.is_some();
        let kept = keeps_lock.then_some(guard);
        let result = read(&part);
        if kept.is_some() || lock_file.is_current(generation)? {
            return result;
        }
        attempts += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_under_the_lock_unlocks_it_and_empties_the_cache() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let (one, other) = (LockFile::<u32>::new(path.clone()), LockFile::<u32>::new(path));
        let panicked = thread::scope(|scope| {
            let panicking = scope.spawn(|| {
                let mut guard = one.lock_write().unwrap();
                *guard.cached = 7;
                panic!("on purpose");
            });
            panicking.join().is_err()
        });
        assert!(panicked);
        drop(other.lock_write().unwrap());
        assert_eq!(*one.lock_write().unwrap().cached, 0);
    }
}
