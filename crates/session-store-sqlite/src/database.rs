//! One opened database: the connection that changes it, those that read it, and the frame of every
//! transaction. What is in the database is not known here.

use std::fmt::Display;
use std::io;
use std::ops::Deref;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection, MAIN_DB, ffi};
use session_store_core::{Durability, StoreError};

use crate::connect::Settings;
use crate::error::{Failure, is_failed_sync, is_read_only, may_come_back};
use crate::file::FileId;
use crate::{schema, sync};

/// How long the write-ahead log gets before reads must wait for it to be emptied: 64 MiB.
const LONG_LOG_PAGES: i32 = 16 * 1024;

/// How long other handles' reads are waited for then.
const PATIENCE: Duration = Duration::from_secs(1);

/// Changes take turns, in this process as in SQLite. A read has a connection to itself, so that it waits
/// for no change and no other read, save to keep the log short; there are as many as there ever were reads
/// at once.
pub(crate) struct Database {
    settings: Settings,
    /// The database file, wherever it is by now.
    file: FileId,
    /// Closed before the writer, which as the last one to be closed tidies up.
    idle_readers: Mutex<Vec<Connection>>,
    /// Shared by the reads under way.
    reading: RwLock<()>,
    writer: Mutex<Writer>,
}

/// What makes the changes, and what is known of them.
struct Writer {
    /// None while the file cannot be written.
    connection: Option<Connection>,
    /// Whether changes were acknowledged that a power cut may take.
    unsynced: bool,
    /// From how many pages on the write-ahead log shall be shortened.
    too_long: i32,
}

impl Database {
    /// Opens the database, which must be a store; with `create`, an empty one becomes one.
    pub(crate) fn open(settings: Settings, create: bool) -> Result<Self, Failure> {
        let connection = Some(settings.writer(create)?);
        let is_power = settings.durability == Durability::Power;
        if is_power {
            sync::folder_of(&settings.path)?;
        }
        let unsynced = create && !is_power;
        let writer = Mutex::new(Writer { connection, unsynced, too_long: LONG_LOG_PAGES });
        let file = FileId::at(&settings.path)?;
        let (idle_readers, reading) = Default::default();
        Ok(Self { settings, file, idle_readers, reading, writer })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.settings.path
    }

    /// Lets `look` see the database as it is at one moment (R3).
    pub(crate) fn read<T>(
        &self,
        attempt: impl Display,
        look: impl FnOnce(&Connection) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        self.snapshot(look).map_err(|failure| self.told(failure, attempt))
    }

    /// Keeps all that `change` does if it returns `Ok`, else nothing of it (A5, A7).
    pub(crate) fn write<T>(
        &self,
        attempt: impl Display,
        change: impl FnOnce(&Connection) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        self.transaction(change).map_err(|failure| self.told(failure, attempt))
    }

    /// Makes durable what was acknowledged before (S4).
    ///
    /// Commits are appended to one file, the write-ahead log, and a commit under `synchronous = FULL` syncs
    /// that file: not only what it added itself. What is in the log no more was synced with the database,
    /// under any setting but `OFF`, before its place was used again.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        self.sync_all().map_err(|failure| self.told(failure, "sync changes"))
    }

    fn snapshot<T>(
        &self,
        look: impl FnOnce(&Connection) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.file.check(&self.settings.path)?;
        let _reading = self.reading.read().unwrap_or_else(PoisonError::into_inner);
        let idle = lock(&self.idle_readers).pop();
        let mut reader = idle.map_or_else(|| self.settings.reader(), Ok)?;
        let found = look(&*reader.transaction()?);
        lock(&self.idle_readers).push(reader);
        found
    }

    fn transaction<T>(
        &self,
        change: impl FnOnce(&Connection) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut writer = lock(&self.writer);
        self.check_syncs()?;
        let transaction = self.begin(&mut writer.connection, begin_immediate)?;
        let done = change(&transaction)?;
        let committed = transaction.commit();
        if committed.is_ok() {
            self.shorten_log(&mut writer);
        }
        self.note_syncs(&mut writer.connection, &committed);
        committed?;
        writer.unsynced = self.settings.durability != Durability::Power;
        Ok(done)
    }

    /// Empties the write-ahead log if it has got long.
    ///
    /// While there is always some read under way, the log is written back but never used anew, and grows
    /// without end. So for once reads wait, for those that have begun. Other handles' reads are waited for
    /// only a while; if that does not do, this is tried again when the log is twice as long.
    fn shorten_log(&self, writer: &mut Writer) {
        let pages = self.settings.log_pages.load(Ordering::Relaxed);
        if pages < LONG_LOG_PAGES {
            writer.too_long = LONG_LOG_PAGES;
        }
        let wanted = pages >= writer.too_long && !self.settings.sync_failed.load(Ordering::Acquire);
        let Some(connection) = writer.connection.as_ref().filter(|_| wanted) else { return };
        writer.too_long = pages.saturating_mul(2);
        let _no_reads = self.reading.write().unwrap_or_else(PoisonError::into_inner);
        let emptied = connection
            .busy_timeout(self.settings.busy_timeout.min(PATIENCE))
            .and_then(|()| connection.wal_checkpoint_v2(Some(MAIN_DB), CheckpointMode::TRUNCATE));
        // This only sets a number. That the log stays long for now is no failure.
        let _ = connection.busy_timeout(self.settings.busy_timeout);
        if emptied.is_err_and(|error| is_failed_sync(&error)) {
            self.settings.sync_failed.store(true, Ordering::Release);
        }
    }

    fn sync_all(&self) -> Result<(), Failure> {
        let mut writer = lock(&self.writer);
        self.check_syncs()?;
        if !writer.unsynced {
            return Ok(());
        }
        let synced = self.commit_to_the_device(&mut writer.connection);
        self.note_syncs(&mut writer.connection, &synced);
        synced?;
        writer.unsynced = false;
        Ok(())
    }

    fn commit_to_the_device(&self, writer: &mut Option<Connection>) -> Result<(), Failure> {
        let synced = self.begin(writer, begin_durable).and_then(|transaction| {
            schema::touch(&transaction)?;
            transaction.commit()
        });
        if let Some(connection) = writer {
            sync::promise(connection, self.settings.durability)?;
        }
        synced?;
        sync::folder_of(&self.settings.path).map_err(|error| Failure::Unknown(error.into()))
    }

    /// Begins a change, in the way of `begin`.
    ///
    /// Where SQLite may not write a file it opens it to read, for good. So a connection that cannot write
    /// gives way to a new one, once, since the cause may be gone by now (A5). If that one cannot either,
    /// none is left open, nor any that reads: SQLite shares what it has of a file among all connections.
    fn begin<'a>(
        &'a self,
        writer: &'a mut Option<Connection>,
        begin: fn(&Connection) -> rusqlite::Result<()>,
    ) -> Result<Transaction<'a>, Failure> {
        self.file.check(&self.settings.path)?;
        match writer.as_ref().map_or(Ok(()), begin) {
            Err(error) if is_read_only(&error) => *writer = None,
            begun => begun?,
        }
        let sync_failed = &*self.settings.sync_failed;
        if let Some(connection) = writer {
            return Ok(Transaction { connection, sync_failed });
        }
        lock(&self.idle_readers).clear();
        let connection = self.settings.writer(false)?;
        begin(&connection)?;
        Ok(Transaction { connection: writer.insert(connection), sync_failed })
    }

    /// Fails once a sync has failed.
    fn check_syncs(&self) -> Result<(), Failure> {
        if !self.settings.sync_failed.load(Ordering::Acquire) {
            return Ok(());
        }
        let reason = "an earlier sync failed, and what it should have saved may be lost; open the store anew";
        Err(io::Error::other(reason).into())
    }

    /// Takes note if it is unknown what the device has.
    fn note_syncs(&self, writer: &mut Option<Connection>, committed: &Result<(), Failure>) {
        let sync_failed = &self.settings.sync_failed;
        if matches!(committed, Err(Failure::Unknown(_))) {
            sync_failed.store(true, Ordering::Release);
        }
        if sync_failed.load(Ordering::Acquire)
            && let Some(connection) = writer.take()
        {
            // What can't be read back from the write-ahead log shall not get into the database: to find
            // how far the log is whole is left to a recovery.
            let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        }
    }

    fn told(&self, failure: Failure, attempt: impl Display) -> StoreError {
        failure.during(format_args!("{attempt} in {}", self.path().display()), self.path())
    }
}

/// A change under way: rolled back when it is dropped, unless it was committed (A5, S5).
struct Transaction<'a> {
    connection: &'a Connection,
    sync_failed: &'a AtomicBool,
}

impl Transaction<'_> {
    fn commit(self) -> Result<(), Failure> {
        match self.execute_batch("COMMIT") {
            Err(error) if self.is_autocommit() && may_come_back(&error) => Err(self.settle(error)),
            committed => Ok(committed?),
        }
    }

    /// What a commit that failed half-way left in the write-ahead log, nobody sees, until the log is
    /// recovered and has it for committed: after it was looked for in vain, and done again (A6). So it is
    /// written over. Whether it happened is unknown then only to the device.
    fn settle(&self, error: rusqlite::Error) -> Failure {
        let failed_sync = is_failed_sync(&error);
        if failed_sync {
            // Before the next commit, which must not write back a log that may not be whole.
            self.sync_failed.store(true, Ordering::Release);
        }
        let written_over = begin_immediate(self)
            .and_then(|()| schema::touch(self))
            .and_then(|()| self.execute_batch("COMMIT"));
        match written_over {
            Ok(()) if !failed_sync => error.into(),
            _ => Failure::Unknown(error.into()),
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
        if !self.is_autocommit() {
            // Where that fails, SQLite has done it already.
            let _ = self.execute_batch("ROLLBACK");
        }
    }
}

/// Not a deferred transaction: that fails at once where another writes between its first read and its first
/// write, however long the busy timeout is.
fn begin_immediate(connection: &Connection) -> rusqlite::Result<()> {
    // SQLite would begin a transaction that reads, and fail at the first write.
    if connection.is_readonly(MAIN_DB)? {
        return Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_READONLY), None));
    }
    connection.execute_batch("BEGIN IMMEDIATE")
}

/// The commit will wait for the device, whatever the handle promises. Not to be said inside a transaction.
fn begin_durable(connection: &Connection) -> rusqlite::Result<()> {
    sync::promise(connection, Durability::Power)?;
    begin_immediate(connection)
}

/// A panic under the lock poisons nothing (S5): it ends the transaction that was open, as an error does.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use rusqlite::limits::Limit;
    use session_store_core::{LogEntry, SegmentId, SessionId, Store};

    use super::*;
    use crate::SqliteStore;

    fn fresh() -> (tempfile::TempDir, SqliteStore, SessionId, SegmentId) {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open_or_create(folder.path().join("sessions.db")).unwrap();
        (folder, store, SessionId::new(), SegmentId::new())
    }

    fn writer_of<T>(store: &SqliteStore, ask: impl FnOnce(&Connection) -> T) -> T {
        ask(lock(&store.database.writer).connection.as_ref().unwrap())
    }

    fn entry(size: usize) -> LogEntry {
        LogEntry::from_json(format!(r#"{{"x":"{}"}}"#, "y".repeat(size - 8))).unwrap()
    }

    #[test]
    fn a_panic_in_the_middle_of_a_change_leaves_nothing_of_it() {
        let (_folder, store, session, segment) = fresh();
        let change = AssertUnwindSafe(|| {
            store.database.write("panic", |connection| -> Result<(), Failure> {
                connection.execute("INSERT INTO pod VALUES ('half', '{}')", ())?;
                panic!("in the middle");
            })
        });
        assert!(catch_unwind(change).is_err());
        let look = AssertUnwindSafe(|| {
            store.database.read("panic", |_| -> Result<(), Failure> { panic!("while reading") })
        });
        assert!(catch_unwind(look).is_err());
        store.append(session, segment, &entry(8)).unwrap();
        assert_eq!(store.read_entry_count(session, segment).unwrap(), 1);
        assert!(store.pods().unwrap().list_pods().unwrap().is_empty());
    }

    #[test]
    fn an_entry_over_the_limit_is_too_large_and_nothing_is_stored() {
        let (_folder, store, session, segment) = fresh();
        writer_of(&store, |writer| writer.set_limit(Limit::SQLITE_LIMIT_LENGTH, 10_512)).unwrap();
        let log = [entry(10_000), entry(10_001)];
        let error = store.append_all(session, segment, &log).unwrap_err();
        assert!(matches!(error, StoreError::TooLarge { size: 10_001, limit: 10_000 }), "{error:?}");
        assert!(!store.exists(session, segment).unwrap());
        store.append(session, segment, &log[0]).unwrap();
    }

    #[test]
    fn a_database_that_may_not_grow_is_a_full_disk() {
        let (_folder, store, session, segment) = fresh();
        store.append(session, segment, &entry(8)).unwrap();
        let may_grow_to = |pages: u32| {
            writer_of(&store, |writer| {
                writer.query_row(&format!("PRAGMA max_page_count = {pages}"), (), |_| Ok(()))
            })
            .unwrap();
        };
        may_grow_to(20);
        let batch = vec![entry(5_000); 50];
        let error = store.append_all(session, segment, &batch).unwrap_err();
        assert!(
            matches!(&error, StoreError::Io(io) if io.kind() == io::ErrorKind::StorageFull),
            "{error:?}"
        );
        assert_eq!(store.read_all(session, segment).unwrap(), [entry(8)]);
        may_grow_to(1000);
        store.append_all(session, segment, &batch).unwrap();
        assert_eq!(store.read_entry_count(session, segment).unwrap(), 51);
    }
}
