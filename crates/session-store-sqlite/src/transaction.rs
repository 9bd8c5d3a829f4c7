//! Write transactions: their start, the savepoints in them, and the handling of a failed COMMIT.

use std::mem;
use std::ops::Deref;
use std::sync::Arc;

use rusqlite::{Connection, MAIN_DB, ffi};
use session_store_core::Durability;

use crate::error::{DatabaseError, Result, can_reappear};
use crate::schema;
use crate::sync::{self, WalState};

/// A write transaction. Dropping the value without [`commit`](Self::commit) rolls the transaction
/// back, also during a panic.
pub(crate) struct Transaction<'a> {
    connection: &'a Connection,
    wal: &'a WalState,
}

impl<'a> Transaction<'a> {
    /// Wraps a transaction that was begun on `connection`.
    pub(crate) fn new(connection: &'a Connection, wal: &'a WalState) -> Self {
        Self { connection, wal }
    }

    /// Leaves the transaction open for further changes of the same group.
    pub(crate) fn leave_open(self) {
        mem::forget(self);
    }

    pub(crate) fn commit(self) -> Result<()> {
        match execute(self.connection, "COMMIT") {
            Err(error) if self.is_autocommit() && can_reappear(&error) => {
                Err(self.overwrite_failed_commit(error))
            }
            committed => Ok(committed?),
        }
    }

    /// Makes sure that a failed COMMIT cannot take effect later. Returns the error of the COMMIT.
    ///
    /// A failed COMMIT may have left complete frames (changed pages with a header) in the
    /// write-ahead log (WAL). Readers do not see these frames now, but WAL recovery would replay
    /// them. The recovery could happen after the caller has read the log, found no entry, and
    /// retried ([A6](session_store_core::contract#a6)). So this function commits a no-op
    /// transaction, which SQLite writes over the first of the failed frames. Recovery then stops
    /// before the other failed frames, because the checksum of a frame covers all frames before it.
    /// The outcome remains unknown if this commit fails too, or if a sync failed. After a failed
    /// sync, the device may still hold the old frames.
    fn overwrite_failed_commit(&self, error: rusqlite::Error) -> DatabaseError {
        // Record a failed sync. The WAL may be incomplete on the device, so no later checkpoint
        // must copy its pages.
        let failed_sync = self.wal.record(&error);
        let overwritten = begin_immediate(self)
            .and_then(|()| schema::dirty_a_page(self))
            .and_then(|()| execute(self, "COMMIT"));
        match overwritten {
            Ok(()) if !failed_sync => error.into(),
            _ => DatabaseError::Indeterminate(Arc::new(error)),
        }
    }
}

impl Deref for Transaction<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if is_in_transaction(self) {
            // ROLLBACK fails only if SQLite has already rolled the transaction back.
            let _ = self.execute_batch("ROLLBACK");
        }
    }
}

/// A savepoint in a transaction. Dropping the value undoes the changes since the savepoint.
struct Savepoint<'a>(&'a Connection);

impl Drop for Savepoint<'_> {
    fn drop(&mut self) {
        // After some errors, SQLite has already rolled the whole transaction back. If the changes
        // cannot be undone alone, the whole transaction is rolled back.
        if is_in_transaction(self.0)
            && self.0.execute_batch("ROLLBACK TO change; RELEASE change").is_err()
        {
            let _ = self.0.execute_batch("ROLLBACK");
        }
    }
}

/// Runs `change` in the open transaction of the connection, and undoes it if it fails.
pub(crate) fn in_savepoint<T>(
    connection: &Connection,
    change: impl FnOnce(&Connection) -> Result<T>,
) -> Result<T> {
    execute(connection, "SAVEPOINT change")?;
    let savepoint = Savepoint(connection);
    let output = change(connection)?;
    execute(connection, "RELEASE change")?;
    mem::forget(savepoint);
    Ok(output)
}

/// Returns whether a transaction is open on the connection.
pub(crate) fn is_in_transaction(connection: &Connection) -> bool {
    !connection.is_autocommit()
}

/// Begins a transaction that holds the write lock from the start.
///
/// A deferred transaction takes the write lock at its first write. If another connection has
/// committed since the first read, this write fails at once and ignores the busy timeout.
pub(crate) fn begin_immediate(connection: &Connection) -> rusqlite::Result<()> {
    // On a connection that cannot write, BEGIN IMMEDIATE succeeds and the first write fails.
    check_writable(connection)?;
    execute(connection, "BEGIN IMMEDIATE")
}

/// Fails if SQLite has opened the file for reads only.
pub(crate) fn check_writable(connection: &Connection) -> rusqlite::Result<()> {
    if connection.is_readonly(MAIN_DB)? {
        return Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_READONLY), None));
    }
    Ok(())
}

/// Begins a transaction whose commit syncs the WAL, whatever durability the handle has.
pub(crate) fn begin_durable(connection: &Connection) -> rusqlite::Result<()> {
    // The durability is set first, because SQLite does not permit this inside a transaction.
    sync::set_durability(connection, Durability::Power)?;
    begin_immediate(connection)
}

/// Runs a statement from the cache of the connection, so that SQLite parses the statement only
/// once.
fn execute(connection: &Connection, statement: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(statement)?.execute(()).map(drop)
}
