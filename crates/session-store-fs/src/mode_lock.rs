//! The mode lock: the file `locks/mode`, which separates an exclusive handle from other writers.
//!
//! An exclusive handle locks the file exclusively when it is opened. Every other handle locks the
//! file shared at its first change. Both keep the lock until they are dropped. Readers do not lock
//! the file. The kernel releases the lock when the process ends.
//!
//! No handle waits for this lock, because another handle can hold it as long as its process runs.
//! The content of the file, a process id and a time, is only for the text of errors.

use std::fs::{File, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::{Errno, retry_on_intr};
use session_store_core::{StoreError, exclusive_mode};

use crate::error::{Context, removed};
use crate::file;
use crate::layout::Layout;

/// While a handle makes changes, it checks at least this often that the locked file still has its
/// name.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

const EXCLUSIVE: FlockOperation = FlockOperation::NonBlockingLockExclusive;
const SHARED: FlockOperation = FlockOperation::NonBlockingLockShared;

/// The description of handles that share the lock.
const WRITER: &str = "a handle that has made changes is still open; close it first";

/// The mode lock of a handle.
#[derive(Debug)]
pub(crate) struct ModeLock {
    file: File,
    metadata: Metadata,
    /// The process that took the lock.
    process: u32,
    taken: Instant,
    /// The time of the last check of the name, in milliseconds since the lock was taken.
    checked_ms: AtomicU64,
}

impl Drop for ModeLock {
    fn drop(&mut self) {
        // Closing the file is not enough. While another thread starts a program, the new process
        // has a copy of the open file until it executes the program. A process that was made by
        // fork(2) must not unlock the file, because that would also unlock the file for its parent.
        if self.process == process::id() {
            let _ = self.file.unlock();
        }
    }
}

impl ModeLock {
    /// Takes the lock without waiting: exclusively for an exclusive handle, and shared for any
    /// other handle.
    pub(crate) fn take(layout: &Layout, is_exclusive: bool) -> Result<Self, StoreError> {
        let path = layout.mode();
        let opened = file::open_or_create(&path).context("open the lock", &path)?;
        let (file, metadata, process) = (opened.file, opened.metadata, process::id());
        let (taken, checked_ms) = (Instant::now(), AtomicU64::new(0));
        let mut lock = Self { file, metadata, process, taken, checked_ms };
        let operation = if is_exclusive { EXCLUSIVE } else { SHARED };
        if !lock.try_lock(operation).context("lock", &path)? {
            let (verb, error) = match is_exclusive {
                // If the lock can be shared, its holders share it.
                true if lock.try_lock(SHARED).unwrap_or(false) => {
                    ("open exclusively", exclusive_mode::busy(WRITER))
                }
                true => ("open exclusively", excluded(layout)),
                false => ("change", excluded(layout)),
            };
            return Err(error).context(verb, layout.root());
        }
        if is_exclusive {
            // Ignore an error, for example of a full disk. The text is only for messages.
            let _ = lock.write_owner();
        }
        Ok(lock)
    }

    /// Returns whether the last check was at least [`CHECK_INTERVAL`] ago.
    pub(crate) fn is_check_due(&self) -> bool {
        let checked = Duration::from_millis(self.checked_ms.load(Ordering::Relaxed));
        self.taken.elapsed() >= checked + CHECK_INTERVAL
    }

    /// Fails if the locked file no longer has its name. Another process could then lock another
    /// file of this name, and the two processes would not exclude each other. If another program
    /// has moved the folder of the lock files, the same danger exists for every lock file.
    pub(crate) fn check(&self, layout: &Layout) -> Result<(), StoreError> {
        let path = layout.mode();
        let id = |metadata: &Metadata| (metadata.dev(), metadata.ino());
        if file::metadata(&path)?.is_some_and(|found| id(&found) == id(&self.metadata)) {
            let checked = u64::try_from(self.taken.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.checked_ms.store(checked, Ordering::Relaxed);
            return Ok(());
        }
        Err(removed(&path))
    }

    /// Returns whether the file could be locked without waiting.
    fn try_lock(&self, operation: FlockOperation) -> io::Result<bool> {
        match retry_on_intr(|| flock(&self.file, operation)) {
            Err(Errno::WOULDBLOCK) => Ok(false),
            result => Ok(result.map(|()| true)?),
        }
    }

    fn write_owner(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.write_all(exclusive_mode::owner().as_bytes())
    }
}

/// Returns the error that describes the exclusive handle.
fn excluded(layout: &Layout) -> io::Error {
    let content = file::read(&layout.mode(), exclusive_mode::MAX_OWNER_BYTES).ok().flatten();
    exclusive_mode::excluded(&content.unwrap_or_default())
}
