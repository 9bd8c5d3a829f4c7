//! A lock file: the lock, the generation, and the cache that the lock protects.
//!
//! `flock(2)` locks an open file, so the lock does not exclude threads that share the open file.
//! Each lock file therefore also has a mutex. The mutex is always locked first and unlocked last.
//! Otherwise a second thread could take the mutex while the first thread still holds the file lock.
//! The second thread would share this file lock, and lose it when the first thread unlocks the
//! file.
//!
//! The length of a lock file is its *generation*. The file grows by one byte before every change
//! that is not an append. A handle records the generation at which it filled its cache. If the
//! generation differs later, the cache is stale.
//!
//! Lock files are never renamed or deleted. Otherwise two processes could lock different files of
//! the same name, and would not exclude each other.
//!
//! While a store has an exclusive handle, only this handle advances the generations. The handle
//! therefore knows the generations without reading the files. For an append of a single entry, the
//! handle locks only the mutex, because no other handle writes. Readers in other processes then see
//! a part of the entry as a torn tail, which they ignore. A failed append must not make the log
//! shorter before the generation has advanced. Otherwise the next entry could end where the part of
//! the failed entry ended. A reader that compares only the generation and the length would then
//! miss the next entry.

use std::io::{self, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use rustix::fs::{FlockOperation, flock, fstat};
use rustix::io::retry_on_intr;
use session_store_core::StoreError;

use crate::error::{Context, removed};
use crate::file::{self, Opened};
use crate::mutex::{lock, lock_spinning};

/// A lock file, and the cache that it protects.
pub(crate) struct LockFile<T> {
    file: KeptFile,
    cached: Mutex<T>,
}

/// A lock file without the cache.
struct KeptFile {
    path: PathBuf,
    opened: Mutex<Option<Arc<Opened>>>,
    /// The generation when this handle last read or advanced it. Used while the mutex of the cache
    /// is locked.
    last: AtomicU64,
}

impl<T: Default> LockFile<T> {
    pub(crate) fn new(path: PathBuf) -> Self {
        let file = KeptFile { path, opened: Mutex::default(), last: AtomicU64::default() };
        Self { file, cached: Mutex::default() }
    }

    /// Takes the lock to make a change. Creates the lock file if it does not exist.
    pub(crate) fn lock_write(&self) -> Result<Guard<'_, T>, StoreError> {
        let cached = lock_spinning(&self.cached);
        self.hold(Some(self.file.writable()?), cached, KeptFile::generation_of_named)
    }

    /// Locks only the mutex, for an append of an exclusive handle.
    pub(crate) fn lock_mutex(&self) -> Guard<'_, T> {
        let cached = lock_spinning(&self.cached);
        let generation = Generation(Some(self.file.last.load(Ordering::Relaxed)));
        let lock = HeldLock { file: &self.file, locked: None, generation };
        Guard { lock, cached, lock_file: self }
    }

    /// Takes the lock to read. Does not create the lock file, because reading creates nothing. If
    /// the lock file does not exist, no writer has used this lock yet, and only the mutex is
    /// locked.
    ///
    /// Readers take the file lock exclusively, too, because a writer could otherwise wait without
    /// end while readers overlap. With shared locks and 8 readers in a loop, one append took 5.2 s.
    pub(crate) fn lock_read(&self) -> Result<Guard<'_, T>, StoreError> {
        let cached = lock(&self.cached);
        let opened = match self.opened() {
            None => self.file.existing()?.map(|opened| self.file.keep_open(opened)),
            opened => opened,
        };
        self.hold(opened, cached, KeptFile::generation)
    }

    /// Returns whether the lock file still has this generation. Takes no lock. A lock file that is
    /// not open is opened only for this call.
    pub(crate) fn is_current(&self, generation: Generation) -> Result<bool, StoreError> {
        let opened = match self.opened() {
            None => self.file.existing()?,
            opened => opened,
        };
        Ok(self.file.generation(opened.as_deref())? == generation)
    }

    /// Closes the lock file and calls `close_files`, unless another thread uses the lock. Returns
    /// whether the file was closed.
    pub(crate) fn close_if_idle(&self, close_files: impl FnOnce(&mut T)) -> bool {
        // Blocking here could deadlock, because the caller holds the lock of another stripe (a
        // group of segments that share a lock).
        let Ok(mut cached) = self.cached.try_lock() else { return false };
        close_files(&mut cached);
        *lock(&self.file.opened) = None;
        true
    }

    /// Returns the lock file if it is open.
    pub(crate) fn opened(&self) -> Option<Arc<Opened>> {
        self.file.opened()
    }

    fn hold<'a>(
        &'a self,
        opened: Option<Arc<Opened>>,
        cached: MutexGuard<'a, T>,
        generation: fn(&KeptFile, Option<&Opened>) -> Result<Generation, StoreError>,
    ) -> Result<Guard<'a, T>, StoreError> {
        let mut lock = HeldLock { file: &self.file, locked: None, generation: Generation(None) };
        if let Some(opened) = opened {
            lock.lock_file(opened)?;
        }
        // `lock` exists before the generation is read, so that an error of the read also unlocks
        // the file.
        lock.set_generation(generation(&self.file, lock.locked.as_deref())?);
        Ok(Guard { lock, cached, lock_file: self })
    }
}

impl KeptFile {
    fn opened(&self) -> Option<Arc<Opened>> {
        lock(&self.opened).clone()
    }

    fn existing(&self) -> Result<Option<Arc<Opened>>, StoreError> {
        Ok(file::open_existing(&self.path).context("open the lock", &self.path)?.map(Arc::new))
    }

    /// Returns the file, open for writing. Creates the file if it does not exist.
    fn writable(&self) -> Result<Arc<Opened>, StoreError> {
        if let Some(opened) = self.opened().filter(|opened| opened.is_writable) {
            return Ok(opened);
        }
        let opened = file::open_or_create(&self.path).context("open the lock", &self.path)?;
        Ok(self.keep_open(Arc::new(opened)))
    }

    fn keep_open(&self, opened: Arc<Opened>) -> Arc<Opened> {
        *lock(&self.opened) = Some(Arc::clone(&opened));
        opened
    }

    fn generation(&self, opened: Option<&Opened>) -> Result<Generation, StoreError> {
        // One lseek(2) takes 0.2 µs where fstat(2) takes 0.4.
        let length = opened.map(|opened| (&opened.file).seek(SeekFrom::End(0))).transpose();
        length.context("read the generation of", &self.path).map(Generation)
    }

    /// Returns the generation. Fails if another program has removed or replaced the file.
    ///
    /// Another process could then lock another file of this name, and the two processes would not
    /// exclude each other ([S8](session_store_core::contract#s8)).
    fn generation_of_named(&self, opened: Option<&Opened>) -> Result<Generation, StoreError> {
        let Some(opened) = opened else { return Ok(Generation(None)) };
        let stat = fstat(&opened.file).map_err(io::Error::from);
        let stat = stat.context("read the generation of", &self.path)?;
        if stat.st_nlink == 0 {
            return Err(removed(&self.path));
        }
        Ok(Generation(u64::try_from(stat.st_size).ok()))
    }
}

/// The length of a lock file. `None` if the file does not exist yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Generation(Option<u64>);

/// A lock that is held, and the cache under it.
pub(crate) struct Guard<'a, T: Default> {
    // Rust drops fields in this order. The file must be unlocked before the mutex (see the header
    // of this file).
    pub(crate) lock: HeldLock<'a>,
    pub(crate) cached: MutexGuard<'a, T>,
    lock_file: &'a LockFile<T>,
}

impl<T: Default> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        if thread::panicking() {
            // A panic can leave the cache in an inconsistent state. An empty cache is always
            // correct (S5).
            *self.cached = T::default();
        }
    }
}

/// The lock of a [`Guard`].
pub(crate) struct HeldLock<'a> {
    file: &'a KeptFile,
    /// The locked file. `None` if only the mutex is locked.
    locked: Option<Arc<Opened>>,
    pub(crate) generation: Generation,
}

impl HeldLock<'_> {
    /// Locks the file, so that a write that was made under the mutex alone can be undone. Readers
    /// in other processes may have seen the new length of the log. The generation therefore
    /// advances before the log gets its former length.
    pub(crate) fn lock_after_write(&mut self) -> Result<(), StoreError> {
        if self.locked.is_some() {
            return Ok(());
        }
        self.lock_file(self.file.writable()?)?;
        self.advance_generation()
    }

    /// Advances the generation. Must be called before a change that is not an append. Otherwise
    /// another handle could read the changed file and still trust its cache.
    pub(crate) fn advance_generation(&mut self) -> Result<(), StoreError> {
        let (Some(locked), Some(length)) = (&self.locked, self.generation.0) else { return Ok(()) };
        locked.file.set_len(length + 1).context("advance the generation of", &self.file.path)?;
        self.set_generation(Generation(Some(length + 1)));
        Ok(())
    }

    fn lock_file(&mut self, opened: Arc<Opened>) -> Result<(), StoreError> {
        // A signal can interrupt a thread that waits for a lock.
        let locked = retry_on_intr(|| flock(&opened.file, FlockOperation::LockExclusive));
        locked.map_err(io::Error::from).context("lock", &self.file.path)?;
        self.locked = Some(opened);
        Ok(())
    }

    fn set_generation(&mut self, generation: Generation) {
        self.generation = generation;
        self.file.last.store(generation.0.unwrap_or_default(), Ordering::Relaxed);
    }
}

impl Drop for HeldLock<'_> {
    fn drop(&mut self) {
        if let Some(locked) = &self.locked {
            // Ignore an error. The lock also ends when the file is closed.
            let _ = locked.file.unlock();
        }
    }
}

/// The number of reads without a lock before a read that holds the lock.
const UNLOCKED_READS: usize = 2;

/// Reads, usually without the lock, so that writers do not wait.
///
/// `begin` takes the lock and finds the place to read. Then the lock is released, and `read` reads.
/// If the generation has changed afterwards, `read` may have read a mix of old and new data, so
/// both functions run again. The last attempt keeps the lock during `read`, because frequent
/// changes could otherwise repeat the read without end.
pub(crate) fn read_consistent<'a, T: Default + 'a, P, R>(
    begin: impl Fn() -> Result<(Guard<'a, T>, P), StoreError>,
    read: impl Fn(&P) -> Result<R, StoreError>,
) -> Result<R, StoreError> {
    let mut attempts = 0;
    loop {
        let (guard, part) = begin()?;
        let (lock_file, generation) = (guard.lock_file, guard.lock.generation);
        // Without a lock file, a guard does not exclude a writer that creates the file meanwhile.
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
