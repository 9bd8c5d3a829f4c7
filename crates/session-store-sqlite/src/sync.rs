//! Making changes survive a power cut: what is synced when, and that no failed sync goes unnoticed.

use std::ffi::c_int;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use rusqlite::Connection;
use rusqlite::hooks::Wal;
use session_store_core::Durability;

use crate::error::is_failed_sync;

/// From how many pages on the write-ahead log is written back into the database: SQLite's default.
const CHECKPOINT_PAGES: c_int = 1000;

/// Sets what a commit on this connection survives. In write-ahead mode a commit syncs the log under `FULL`,
/// and nothing under `NORMAL`; either way the log is synced before it is written back, and the database
/// before the log is used anew.
pub(crate) fn promise(connection: &Connection, durability: Durability) -> rusqlite::Result<()> {
    let (synchronous, full_sync) = match durability {
        Durability::Process => ("NORMAL", false),
        Durability::Power => ("FULL", true),
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    // Where fsync(2) stops at the device's cache (macOS), go on. Elsewhere this means nothing.
    connection.pragma_update(None, "fullfsync", full_sync)
}

/// Writes the log back where SQLite would do so by itself, after a commit, but takes note of a failed sync,
/// which SQLite passes over, and does not try again after one. `log_pages` is told how long the log is.
pub(crate) fn checkpoint(
    sync_failed: Arc<AtomicBool>,
    log_pages: Arc<AtomicI32>,
) -> impl FnMut(&mut Wal, c_int) -> rusqlite::Result<()> + Send + 'static {
    move |log, pages| {
        log_pages.store(pages, Ordering::Relaxed);
        if pages >= CHECKPOINT_PAGES
            && !sync_failed.load(Ordering::Acquire)
            && log.checkpoint().is_err_and(|error| is_failed_sync(&error))
        {
            sync_failed.store(true, Ordering::Release);
        }
        // The commit stands, and if it was only that somebody else is at it, the next one tries again.
        Ok(())
    }
}

/// Syncs the names of the database and its write-ahead log. SQLite does so too, but ignores failures.
pub(crate) fn folder_of(path: &Path) -> io::Result<()> {
    // The files are where the path leads, not where a link to them is.
    let file = fs::canonicalize(path)?;
    match file.parent() {
        Some(folder) if cfg!(unix) => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}
