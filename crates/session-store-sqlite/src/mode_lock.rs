//! The mode lock: the file `<database>-lock`, which separates an exclusive handle from all other
//! handles.
//!
//! SQLite's own lock on the database also separates them. But SQLite waits for the busy timeout,
//! and does not know which process has the lock. So every handle tries the mode lock first, and
//! never waits for it. An exclusive handle keeps the lock until it is dropped. Any other handle
//! locks the file shared, only while it opens a connection. After that, SQLite's lock lasts as long
//! as the connection. The kernel releases both locks when the process ends.
//!
//! SQLite has no file with this ending. The database itself cannot be locked in this way, because
//! closing the file would drop SQLite's locks (POSIX). Only an exclusive handle creates the file,
//! because reading creates nothing. The file is never deleted, because two processes could then
//! lock different files. A handle that finds no file, or cannot read the file, relies on SQLite's
//! lock. So do programs that do not know the file.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;
use std::process;

use session_store_core::exclusive_mode;

use crate::wal_check::sidecar;

const ENDING: &str = "-lock";

/// The mode lock of a handle.
#[derive(Debug)]
pub(crate) struct ModeLock {
    file: File,
    /// The process that took the lock.
    process: u32,
}

impl Drop for ModeLock {
    fn drop(&mut self) {
        // Closing the file is not enough. While another thread starts a program, the new process
        // has a copy of the open file until it executes the program. A process that was made by
        // fork(2) must not unlock the file, because the lock of its parent would end too.
        if self.process == process::id() {
            let _ = self.file.unlock();
        }
    }
}

impl ModeLock {
    /// Takes the lock for an exclusive handle, without waiting.
    pub(crate) fn exclusive(database: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        {
            use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
            // The file has the permissions of the database, so that all users of the database can
            // lock it. Its owner can always write to the file, even if the database is read-only
            // now.
            options.mode(database.metadata()?.permissions().mode() & 0o666 | 0o600);
        }
        let mut lock = Self::open(database, &mut options)?;
        match lock.file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(error)) => return Err(error),
            // If the lock can be shared, other handles are opening connections.
            Err(TryLockError::WouldBlock) if lock.file.try_lock_shared().is_ok() => {
                return Err(other_handle());
            }
            Err(TryLockError::WouldBlock) => return Err(lock.excluded()),
        }
        // Ignore an error, for example of a full disk. The text is only for messages.
        let _ = lock.write_owner();
        Ok(lock)
    }

    /// Takes the lock for any other handle, without waiting. Returns `None` if the file does not
    /// exist or cannot be read.
    pub(crate) fn shared(database: &Path) -> io::Result<Option<Self>> {
        let Ok(mut lock) = Self::open(database, OpenOptions::new().read(true)) else {
            return Ok(None);
        };
        match lock.file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => Err(lock.excluded()),
            // On a file system without these locks, no handle can be exclusive.
            locked => Ok(locked.is_ok().then_some(lock)),
        }
    }

    fn open(database: &Path, options: &mut OpenOptions) -> io::Result<Self> {
        // Another program can have put a link or a FIFO there. The link must not be followed,
        // because the file is written to. Opening a FIFO would block.
        #[cfg(unix)]
        {
            use rustix::fs::OFlags;
            let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
            std::os::unix::fs::OpenOptionsExt::custom_flags(options, flags.bits().cast_signed());
        }
        let file = options.open(sidecar(database, ENDING)?)?;
        Ok(Self { file, process: process::id() })
    }

    /// Writes the owner, unless the file belongs to another program.
    fn write_owner(&mut self) -> io::Result<()> {
        let content = self.content()?;
        if content.is_empty() || exclusive_mode::is_owner(&content) {
            self.file.set_len(0)?;
            self.file.rewind()?;
            self.file.write_all(exclusive_mode::owner().as_bytes())?;
        }
        Ok(())
    }

    /// Returns the error that describes the exclusive handle.
    fn excluded(&mut self) -> io::Error {
        exclusive_mode::excluded(&self.content().unwrap_or_default())
    }

    fn content(&mut self) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        (&self.file).take(exclusive_mode::MAX_OWNER_BYTES).read_to_end(&mut content)?;
        Ok(content)
    }
}

/// Returns the error for an exclusive handle that another handle prevents.
pub(crate) fn other_handle() -> io::Error {
    exclusive_mode::busy("another handle is still open; close it first")
}
