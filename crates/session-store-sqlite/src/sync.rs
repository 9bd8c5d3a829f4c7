//! Durability: what each commit syncs, and the record of failed syncs.

use std::ffi::c_int;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use rusqlite::Connection;
use rusqlite::hooks::Wal;
use session_store_core::Durability;

use crate::error::{Result, is_failed_sync};

/// The write-ahead log is checkpointed once it has this many pages, as SQLite does by default.
const CHECKPOINT_PAGES: c_int = 1000;

/// The state of the write-ahead log (WAL), shared by all connections of a handle.
#[derive(Debug, Default)]
pub(crate) struct WalState {
    /// Whether a sync has failed.
    ///
    /// After a failed sync, Linux marks pages as clean although they did not reach the device. A
    /// second sync would succeed without writing them ("fsyncgate"). So the handle never retries a
    /// sync and refuses all further changes.
    failed_sync: AtomicBool,
    /// The length of the WAL after the last change.
    pages: AtomicI32,
}

impl WalState {
    pub(crate) fn pages(&self) -> i32 {
        self.pages.load(Ordering::Relaxed)
    }

    pub(crate) fn has_failed_sync(&self) -> bool {
        self.failed_sync.load(Ordering::Acquire)
    }

    pub(crate) fn set_failed_sync(&self) {
        self.failed_sync.store(true, Ordering::Release);
    }

    /// Records the error if it is a failed sync, and returns whether it is one.
    pub(crate) fn record(&self, error: &rusqlite::Error) -> bool {
        let failed = is_failed_sync(error);
        if failed {
            self.set_failed_sync();
        }
        failed
    }

    /// Fails once a sync has failed.
    pub(crate) fn check(&self) -> Result<()> {
        if !self.has_failed_sync() {
            return Ok(());
        }
        let cause = "an earlier sync failed, so acknowledged changes may be lost; reopen the store";
        Err(io::Error::other(cause).into())
    }
}

/// Sets which changes a commit on this connection survives.
///
/// In WAL mode a commit syncs the WAL under `FULL` and nothing under `NORMAL`. Under both, SQLite
/// syncs the WAL before it copies pages into the database, and the database before it reuses the
/// WAL. The setting cannot be changed inside a transaction.
pub(crate) fn set_durability(
    connection: &Connection,
    durability: Durability,
) -> rusqlite::Result<()> {
    let (synchronous, full_sync) = match durability {
        Durability::Process => ("NORMAL", false),
        Durability::Power => ("FULL", true),
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    // On macOS fsync(2) stops at the device's cache and F_FULLFSYNC does not. Other systems ignore
    // this setting.
    connection.pragma_update(None, "fullfsync", full_sync)
}

/// Returns a hook that checkpoints the WAL after a commit and stores its length in `wal`.
///
/// It replaces SQLite's automatic checkpoint, which runs at the same point but ignores a failed
/// sync and tries again after the next commit. That second sync would succeed and hide the loss.
pub(crate) fn checkpoint_hook(
    wal: Arc<WalState>,
) -> impl FnMut(&mut Wal, c_int) -> rusqlite::Result<()> + Send + 'static {
    move |log, pages| {
        wal.pages.store(pages, Ordering::Relaxed);
        if pages >= CHECKPOINT_PAGES
            && !wal.has_failed_sync()
            && let Err(error) = log.checkpoint()
        {
            wal.record(&error);
        }
        // The commit itself has succeeded. If the checkpoint failed because another connection
        // holds the lock, the next commit tries again.
        Ok(())
    }
}

/// Syncs the folder that holds the database and its WAL, so that their names survive a power cut.
///
/// SQLite syncs the folder too, but ignores a failure.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    // SQLite follows a symbolic link and puts the WAL beside the file that it points to.
    let file = fs::canonicalize(path)?;
    match file.parent() {
        Some(folder) if cfg!(unix) => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}
