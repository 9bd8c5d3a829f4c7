//! Durability: the setting that determines whether a commit syncs, and the record of failed syncs.
//!
//! WAL means write-ahead log, SQLite's file of recent changes. A checkpoint copies the pages of the
//! WAL into the database.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;
use session_store_core::Durability;

use crate::error::{Result, is_failed_sync};

/// The state of the WAL, shared by all connections of a handle.
#[derive(Debug, Default)]
pub(crate) struct WalState {
    /// Whether a sync has failed.
    ///
    /// After a failed sync, Linux marks the pages as clean although they did not reach the device.
    /// A second sync would succeed without writing these pages ("fsyncgate"). So the handle never
    /// retries a sync and refuses all further changes.
    failed_sync: AtomicBool,
}

impl WalState {
    pub(crate) fn has_failed_sync(&self) -> bool {
        self.failed_sync.load(Ordering::Acquire)
    }

    pub(crate) fn set_failed_sync(&self) {
        self.failed_sync.store(true, Ordering::Release);
    }

    /// Returns whether the error is a failed sync, and records the failure if so.
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

/// Sets whether commits on this connection survive a power cut.
///
/// With `FULL`, a commit syncs the WAL. With `NORMAL`, a commit syncs nothing. A checkpoint makes
/// two syncs with either setting: of the WAL before its pages are copied into the database, and of
/// the database before the WAL is reused. The setting cannot be changed inside a transaction.
pub(crate) fn set_durability(
    connection: &Connection,
    durability: Durability,
) -> rusqlite::Result<()> {
    let (synchronous, full_sync) = match durability {
        Durability::Process => ("NORMAL", false),
        Durability::Power => ("FULL", true),
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    // On macOS, fsync(2) does not empty the cache of the device, and F_FULLFSYNC does. Other
    // systems ignore this setting.
    connection.pragma_update(None, "fullfsync", full_sync)
}

/// Copies the pages of the WAL into the database. `mode` is a mode of `PRAGMA wal_checkpoint`.
pub(crate) fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<()> {
    connection.pragma(None, "wal_checkpoint", mode, |_| Ok(()))
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
