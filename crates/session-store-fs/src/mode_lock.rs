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
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::fs::{FlockOperation, flock};
use rustix::io::{Errno, retry_on_intr};
use session_store_core::StoreError;

use crate::error::{Context, removed};
use crate::file;
use crate::layout::Layout;

/// The maximum number of bytes that are read of the file. Its content is shorter.
const MAX_BYTES: u64 = 64;

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
            let (verb, holder) = match is_exclusive {
                // If the lock can be shared, its holders share it.
                true if lock.try_lock(SHARED).unwrap_or(false) => {
                    ("open exclusively", WRITER.into())
                }
                true => ("open exclusively", owner(layout)),
                false => ("change", owner(layout)),
            };
            let error = io::Error::new(io::ErrorKind::ResourceBusy, holder);
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
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.file.set_len(0)?;
        self.file.write_all(format!("{} {}\n", self.process, now.as_secs()).as_bytes())
    }
}

/// Describes the exclusive handle, and what to do.
fn owner(layout: &Layout) -> String {
    let content = file::read(&layout.mode(), MAX_BYTES).ok().flatten().unwrap_or_default();
    let owner = describe(&content).unwrap_or_default();
    format!("another handle has opened the store exclusively{owner}; close that handle first")
}

/// Describes the owner from the content of the file.
fn describe(content: &[u8]) -> Option<String> {
    let (process, seconds) = str::from_utf8(content).ok()?.trim_end().split_once(' ')?;
    let (process, seconds) = (process.parse::<u32>().ok()?, seconds.parse().ok()?);
    let since = UNIX_EPOCH.checked_add(Duration::from_secs(seconds))?;
    let age = since.elapsed().unwrap_or_default().as_secs();
    Some(format!(" (process {process}, {age} seconds ago)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_described_only_from_a_whole_text() {
        assert_eq!(describe(b"12 99999999999\n").unwrap(), " (process 12, 0 seconds ago)");
        for damaged in [
            &b""[..],
            b"12",
            b"12 ",
            b"x 1\n",
            b"12 1 2\n",
            b"\xff 1\n",
            b"1 99999999999999999999\n",
        ] {
            assert_eq!(describe(damaged), None, "{damaged:?}");
        }
    }
}
