//! The locks that part writers: 256 files, each with a mutex beside it, since `flock(2)` does not part
//! threads that share a descriptor. A lock file's length is the stripe's generation: it grows before any
//! change other than an append, and tells whoever kept something about a log that it is no longer so.
//! Lock files are never renamed or deleted.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use session_store_core::StoreError;

use crate::failure::{Attempt, if_found};

/// A lock file, and what is kept under it as long as its generation stays.
pub(crate) struct Stripe<T> {
    path: PathBuf,
    file: OnceLock<Arc<File>>,
    kept: Mutex<T>,
}

impl<T: Default> Stripe<T> {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, file: OnceLock::new(), kept: Mutex::default() }
    }

    /// Keeps everybody else out, threads, handles and processes, until the guard is dropped.
    pub(crate) fn exclusive(&self) -> Result<Guard<'_, T>, StoreError> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let file = match self.file.get() {
            Some(file) => file,
            None => self.opened(self.create().trying("open the lock", &self.path)?),
        };
        retry(|| file.lock()).trying("lock", &self.path)?;
        Guard::new(Some(file), kept, &self.path)
    }

    /// Keeps writers out until the guard is dropped. Where no writer has made the lock file yet, there is
    /// nothing to hold, and reading creates nothing.
    pub(crate) fn shared(&self) -> Result<Guard<'_, T>, StoreError> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let file = self.existing().trying("open the lock", &self.path)?;
        if let Some(file) = file {
            retry(|| file.lock_shared()).trying("lock", &self.path)?;
        }
        Guard::new(file, kept, &self.path)
    }

    /// Whether nothing but appends has happened since a guard of that generation.
    pub(crate) fn still(&self, generation: Generation) -> Result<bool, StoreError> {
        let file = self.existing().trying("open the lock", &self.path)?;
        Ok(Generation::of(file).trying("read the generation of", &self.path)? == generation)
    }

    fn existing(&self) -> io::Result<Option<&Arc<File>>> {
        match self.file.get() {
            Some(file) => Ok(Some(file)),
            None => Ok(if_found(open_existing(&self.path))?.map(|file| self.opened(file))),
        }
    }

    fn create(&self) -> io::Result<File> {
        OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&self.path)
    }

    fn opened(&self, file: File) -> &Arc<File> {
        self.file.get_or_init(|| Arc::new(file))
    }
}

/// A reader without the right to write can still hold a shared lock.
fn open_existing(path: &Path) -> io::Result<File> {
    let writable = OpenOptions::new().read(true).append(true).open(path);
    match writable {
        Err(error) if is_forbidden(&error) => File::open(path),
        result => result,
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
    file: Option<&'a Arc<File>>,
    kept: MutexGuard<'a, T>,
    generation: Generation,
    path: &'a Path,
}

impl<'a, T> Guard<'a, T> {
    fn new(
        file: Option<&'a Arc<File>>,
        kept: MutexGuard<'a, T>,
        path: &'a Path,
    ) -> Result<Self, StoreError> {
        // Made first, so that a failure below unlocks.
        let mut guard = Self { file, kept, generation: Generation(None), path };
        guard.generation = Generation::of(file).trying("read the generation of", path)?;
        Ok(guard)
    }

    pub(crate) fn generation(&self) -> Generation {
        self.generation
    }

    pub(crate) fn kept(&mut self) -> &mut T {
        &mut self.kept
    }

    /// Moves the generation on, before a change that is not an append.
    pub(crate) fn bump(&mut self) -> Result<(), StoreError> {
        let (Some(file), Some(length)) = (self.file, self.generation.0) else { return Ok(()) };
        file.set_len(length + 1).trying("move on the generation of", self.path)?;
        self.generation = Generation(Some(length + 1));
        Ok(())
    }
}

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        if let Some(file) = self.file {
            // Closing the file, which ends the lock too, is all that could be done about a failure.
            let _ = file.unlock();
        }
    }
}
