//! The locks that part writers: 256 files, each with a mutex beside it, since `flock(2)` does not part
//! threads that share a descriptor. A lock file's length is the stripe's generation: it grows before any
//! change other than an append, and tells whoever kept something about a log that it is no longer so.
//! Lock files are never renamed or deleted.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;

use session_store_core::StoreError;

use crate::failure::{Attempt, if_found};
use crate::layout::Layout;

/// How many stripes have files open at once; the others are closed, and opened again when needed.
const AWAKE: usize = 64;

/// What is kept under a lock as long as its generation stays.
pub(crate) trait Keep: Default {
    /// Closes the files, and keeps what is known about them.
    fn close_files(&mut self) {}
}

impl Keep for () {}

/// All stripes of a handle.
pub(crate) struct Stripes<T> {
    stripes: Vec<Stripe<T>>,
    /// Those with files open, in the order in which they were woken.
    awake: Mutex<VecDeque<u8>>,
}

impl<T: Keep> Stripes<T> {
    pub(crate) fn new(layout: &Layout) -> Self {
        let stripes = (0..=u8::MAX).map(|number| Stripe::new(layout.stripe(number))).collect();
        Self { stripes, awake: Mutex::default() }
    }

    /// As [`Stripe::exclusive`].
    pub(crate) fn exclusive(&self, number: u8) -> Result<Guard<'_, T>, StoreError> {
        let stripe = &self.stripes[usize::from(number)];
        stripe.exclusive().inspect(|_| self.woken(number, stripe))
    }

    /// As [`Stripe::existing`].
    pub(crate) fn existing(&self, number: u8) -> Result<Guard<'_, T>, StoreError> {
        let stripe = &self.stripes[usize::from(number)];
        stripe.existing().inspect(|_| self.woken(number, stripe))
    }

    /// Whether nothing but appends has happened since a guard of that generation.
    pub(crate) fn still(&self, number: u8, generation: Generation) -> Result<bool, StoreError> {
        self.stripes[usize::from(number)].still(generation)
    }

    /// Takes note that the stripe, which is locked, has files open, and puts another to sleep if too many have.
    fn woken(&self, number: u8, stripe: &Stripe<T>) {
        if stripe.awake.swap(true, Ordering::Relaxed) {
            return;
        }
        let mut awake = lock(&self.awake);
        awake.push_back(number);
        if awake.len() > AWAKE
            && let Some(oldest) = awake.pop_front()
            && !self.stripes[usize::from(oldest)].sleep()
        {
            awake.push_back(oldest);
        }
    }
}

/// A lock file, and what is kept under it.
pub(crate) struct Stripe<T> {
    path: PathBuf,
    file: Mutex<Option<LockFile>>,
    kept: Mutex<T>,
    /// Whether it may have files open. Changes, as they do, with `kept` locked.
    awake: AtomicBool,
}

#[derive(Clone)]
struct LockFile {
    file: Arc<File>,
    /// Whether the generation can be moved on: a reader without the right to write can only lock.
    writable: bool,
}

impl<T: Keep> Stripe<T> {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, file: Mutex::default(), kept: Mutex::default(), awake: AtomicBool::default() }
    }

    /// Keeps everybody else out, threads, handles and processes, until the guard is dropped.
    pub(crate) fn exclusive(&self) -> Result<Guard<'_, T>, StoreError> {
        let kept = lock_soon(&self.kept);
        let opened = lock(&self.file).clone().filter(|opened| opened.writable);
        let file = match opened {
            Some(opened) => opened.file,
            None => self.remember(create(&self.path), true).trying("open the lock", &self.path)?,
        };
        self.locked(Some(file), kept)
    }

    /// As [`exclusive`](Self::exclusive), to look. Where no writer has made the lock file yet there is
    /// nothing to hold, and reading creates nothing. Readers do not share the lock: while they took turns
    /// in sharing it, a writer would wait for ever (8 readers without a pause: 5.2 s for an append).
    pub(crate) fn existing(&self) -> Result<Guard<'_, T>, StoreError> {
        let kept = lock(&self.kept);
        let file = self.found().trying("open the lock", &self.path)?;
        self.locked(file, kept)
    }

    /// Whether the generation is this one still. That takes no lock, and wakes nobody.
    pub(crate) fn still(&self, generation: Generation) -> Result<bool, StoreError> {
        let opened = lock(&self.file).as_ref().map(|opened| Arc::clone(&opened.file));
        let file = match opened {
            Some(file) => Some(file),
            None => {
                if_found(File::open(&self.path)).trying("open the lock", &self.path)?.map(Arc::new)
            }
        };
        Ok(Generation::of(file.as_ref()).trying("read the generation of", &self.path)?
            == generation)
    }

    /// Closes all files, unless somebody is at work here.
    fn sleep(&self) -> bool {
        let Ok(mut kept) = self.kept.try_lock() else { return false };
        kept.close_files();
        *lock(&self.file) = None;
        self.awake.store(false, Ordering::Relaxed);
        true
    }

    fn found(&self) -> io::Result<Option<Arc<File>>> {
        if let Some(opened) = &*lock(&self.file) {
            return Ok(Some(Arc::clone(&opened.file)));
        }
        let Some((file, writable)) = if_found(open(&self.path))? else { return Ok(None) };
        self.remember(Ok(file), writable).map(Some)
    }

    fn remember(&self, file: io::Result<File>, writable: bool) -> io::Result<Arc<File>> {
        let file = Arc::new(file?);
        *lock(&self.file) = Some(LockFile { file: Arc::clone(&file), writable });
        Ok(file)
    }

    fn locked<'a>(
        &'a self,
        file: Option<Arc<File>>,
        kept: MutexGuard<'a, T>,
    ) -> Result<Guard<'a, T>, StoreError> {
        if let Some(file) = &file {
            retry(|| file.lock()).trying("lock", &self.path)?;
        }
        // Made first, so that a failure below unlocks.
        let mut guard = Guard { file, kept, generation: Generation(None), path: &self.path };
        guard.generation =
            Generation::of(guard.file.as_ref()).trying("read the generation of", &self.path)?;
        Ok(guard)
    }
}

/// A thread that appends holds the stripe for microseconds, which is less than it costs to be put to sleep and
/// woken: 8 threads on one segment append a quarter faster where they step aside a few times first.
fn lock_soon<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    const STEPS: usize = 50;
    for _ in 0..STEPS {
        match mutex.try_lock() {
            Ok(guard) => return guard,
            Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => thread::yield_now(),
        }
    }
    lock(mutex)
}

/// A panic under the lock poisons nothing (S5): what was taken out of `kept` is looked at anew.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)
}

/// Opens the file, and says whether it can be written.
fn open(path: &Path) -> io::Result<(File, bool)> {
    match OpenOptions::new().read(true).append(true).open(path) {
        Err(error) if is_forbidden(&error) => Ok((File::open(path)?, false)),
        result => Ok((result?, true)),
    }
}

pub(crate) fn is_forbidden(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}

/// A lock can be interrupted by a signal.
fn retry(mut lock: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    loop {
        match lock() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Moves on with every change of a stripe that is not an append. No lock file yet is a generation too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Generation(Option<u64>);

impl Generation {
    /// Whether there was a lock file to hold.
    pub(crate) fn is_locked(self) -> bool {
        self.0.is_some()
    }

    fn of(file: Option<&Arc<File>>) -> io::Result<Self> {
        file.map(|file| (&**file).seek(SeekFrom::End(0))).transpose().map(Self)
    }
}

/// A held lock and what is kept under it.
pub(crate) struct Guard<'a, T> {
    file: Option<Arc<File>>,
    kept: MutexGuard<'a, T>,
    generation: Generation,
    path: &'a Path,
}

impl<T> Guard<'_, T> {
    pub(crate) fn generation(&self) -> Generation {
        self.generation
    }

    pub(crate) fn kept(&mut self) -> &mut T {
        &mut self.kept
    }

    /// Moves the generation on, before a change that is not an append.
    pub(crate) fn bump(&mut self) -> Result<(), StoreError> {
        let (Some(file), Some(length)) = (&self.file, self.generation.0) else { return Ok(()) };
        file.set_len(length + 1).trying("move on the generation of", self.path)?;
        self.generation = Generation(Some(length + 1));
        Ok(())
    }
}

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        if let Some(file) = &self.file {
            // Closing the file, which ends the lock too, is all that could be done about a failure.
            let _ = file.unlock();
        }
    }
}

#[cfg(test)]
mod tests {
    use session_store_core::Durability;

    use super::*;

    #[test]
    fn no_more_lock_files_stay_open_than_are_awake() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path().to_owned(), Durability::Process);
        layout.prepare().unwrap();
        let stripes = Stripes::<()>::new(&layout);
        let generations: Vec<_> =
            (0..=u8::MAX).map(|number| stripes.exclusive(number).unwrap().generation()).collect();
        for (number, generation) in (0..=u8::MAX).zip(generations) {
            assert!(stripes.still(number, generation).unwrap());
        }
        let open = stripes.stripes.iter().filter(|stripe| lock(&stripe.file).is_some());
        assert_eq!(open.count(), AWAKE);
    }
}
