//! One open database: its connections, and the steps around every read and every write. The callers
//! pass reads and writes as closures. `schema.rs` defines the tables.
//!
//! WAL means write-ahead log, SQLite's file of recent changes. A checkpoint copies the pages of the
//! WAL into the database.

use std::fmt::Display;
use std::mem;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use session_store_core::{Durability, StoreError};

use crate::change_time::ChangeTime;
use crate::connection::{self, ConnectionSettings};
use crate::error::{DatabaseError, Result, is_read_only};
use crate::open_files::OpenFiles;
use crate::schema;
use crate::sync;
use crate::transaction::{Transaction, begin_durable, begin_immediate};
use crate::wal_check::{self, FirstPage, WalStamp};

/// A WAL is checkpointed after this number of commits, or when its file grows past this length. A
/// commit of one entry of 1 KB writes about four pages of 4 KB. With such commits, both limits are
/// about 1,000 pages, which is SQLite's default.
const CHECKPOINT_COMMITS: u32 = 256;
const CHECKPOINT_BYTES: u64 = 4 << 20;

/// A WAL of this length or more is truncated. Reads of the same handle wait for a truncation.
const LONG_WAL_BYTES: u64 = 64 << 20;

/// A read of a changing file is repeated until the file no longer changes. The longest time for
/// this is the longer of this time and the busy timeout.
const LONGEST_UNSETTLED: Duration = Duration::from_millis(500);

/// The longest wait for the reads of other handles when the WAL is truncated.
const TRUNCATE_TIMEOUT: Duration = Duration::from_secs(1);

/// One open database.
///
/// Changes run one at a time, because SQLite permits one writer. Each read has a connection of its
/// own, so a read does not wait for changes or other reads, except while the WAL is truncated. The
/// number of read connections grows to the highest number of concurrent reads and does not shrink.
///
/// Lock order: `writer`, then `reading`, then `idle_readers`. A read takes `reading` and
/// `idle_readers` only, and a change takes `reading` only while it truncates the WAL.
pub(crate) struct Database {
    settings: ConnectionSettings,
    files: Arc<OpenFiles>,
    /// The WAL that existed before the store was opened.
    earlier_wal: Option<WalStamp>,
    /// The connections for reads that are not in use.
    idle_readers: Mutex<Vec<Connection>>,
    /// Each read holds this lock shared. A truncation of the WAL holds the lock exclusively.
    reading: RwLock<()>,
    /// Whether there are reads since the last sync. A read can return a change of a process that
    /// was killed before its own sync, so the next sync must cover the change.
    has_read: AtomicBool,
    writer: Mutex<Writer>,
}

/// The connection for changes and the state of its changes.
struct Writer {
    /// `None` if the file could not be opened for writing, or after a failed sync. The next change
    /// opens a new connection.
    connection: Option<Connection>,
    /// Whether the handle has committed a change.
    has_changed: bool,
    /// Whether there are acknowledged changes that a power cut can lose.
    unsynced: bool,
    /// The number of commits since the last checkpoint.
    commits: u32,
    /// The length of the WAL file after the last change.
    wal_bytes: u64,
    /// The length of the WAL file at which the next attempt to truncate it is made.
    truncate_at: u64,
}

impl Database {
    /// Opens the database, which must be a store. With `create`, an empty database becomes a store.
    ///
    /// `first_page` is the first page of the database file without its WAL, if the page could be
    /// read.
    pub(crate) fn open(
        settings: ConnectionSettings,
        create: bool,
        first_page: Option<FirstPage>,
    ) -> Result<Self> {
        let files = OpenFiles::new(&settings.path)?;
        let earlier_wal = WalStamp::of(&settings.path);
        let connection = match settings.open_writer(create) {
            // The file alone is a store, but the file together with its WAL is not. So the WAL has
            // the first page of another database.
            Err(DatabaseError::Store(refusal))
                if earlier_wal.is_some() && first_page.is_some_and(FirstPage::is_marked) =>
            {
                let found = match refusal {
                    StoreError::NotAStore { found, .. } => format!("the file is {found}"),
                    StoreError::NoStore { found, .. } => found,
                    other => return Err(other.into()),
                };
                return Err(wal_check::foreign(&settings.path, format_args!("with it, {found}")));
            }
            Err(error) if error.is_refused_by_system() => {
                let database = Self::new(settings, files, earlier_wal, None);
                let check = |connection: &_| schema::check(connection, database.path());
                database.read_unwritable(error, check)?;
                return Ok(database);
            }
            opened => opened?,
        };
        files.connected()?;
        if earlier_wal.is_some() {
            wal_check::check_pages(&connection, &settings.path, first_page)?;
        }
        let is_durable = settings.durability == Durability::Power;
        if is_durable {
            sync::sync_folder(&settings.path)?;
        }
        let database = Self::new(settings, files, earlier_wal, Some(connection));
        // With `create`, the tables may have just been created, without a sync.
        lock(&database.writer).unsynced = create && !is_durable;
        Ok(database)
    }

    fn new(
        settings: ConnectionSettings,
        files: Arc<OpenFiles>,
        earlier_wal: Option<WalStamp>,
        connection: Option<Connection>,
    ) -> Self {
        let writer = Writer {
            connection,
            has_changed: false,
            unsynced: false,
            commits: 0,
            wal_bytes: 0,
            truncate_at: LONG_WAL_BYTES,
        };
        let writer = Mutex::new(writer);
        let (idle_readers, reading, has_read) = Default::default();
        Self { settings, files, earlier_wal, idle_readers, reading, has_read, writer }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.settings.path
    }

    /// Runs `query` on a snapshot of the database. `query` can run more than once.
    pub(crate) fn read<T>(
        &self,
        operation: impl Display,
        query: impl Fn(&Connection) -> Result<T>,
    ) -> Result<T, StoreError> {
        self.locate_errors(operation, || {
            self.files.check()?;
            let _reading = self.reading.read().unwrap_or_else(PoisonError::into_inner);
            let idle = lock(&self.idle_readers).pop();
            match idle.map_or_else(|| self.open_reader(), Ok) {
                Err(error) if error.is_refused_by_system() => self.read_unwritable(error, query),
                reader => self.read_with(reader?, query),
            }
        })
    }

    fn read_with<T>(
        &self,
        mut reader: Connection,
        query: impl Fn(&Connection) -> Result<T>,
    ) -> Result<T> {
        let result = query(&*reader.transaction()?);
        self.has_read.store(true, Ordering::Release);
        lock(&self.idle_readers).push(reader);
        result
    }

    /// Runs `query` although SQLite could not create the files that it needs beside the database.
    /// `error` is the error that SQLite returned.
    ///
    /// If there is no WAL, the database file alone is complete and is read without locks. The read
    /// is repeated if the file has changed during the read. The file has not changed if there is
    /// still no WAL and the time of the file's last change is the same. This time must not be
    /// recent, because two changes at nearly the same moment can have the same time.
    fn read_unwritable<T>(
        &self,
        error: DatabaseError,
        query: impl Fn(&Connection) -> Result<T>,
    ) -> Result<T> {
        let path = self.path();
        let start = Instant::now();
        loop {
            if !wal_check::is_file_complete(path) {
                return Err(error);
            }
            let before = ChangeTime::of(path)?;
            let result = connection::open_immutable(path)
                .map_err(DatabaseError::from)
                .and_then(|connection| query(&connection));
            let is_unchanged = wal_check::is_file_complete(path) && ChangeTime::of(path)? == before;
            if is_unchanged && before.is_settled() {
                return result;
            }
            if start.elapsed() > self.settings.busy_timeout.max(LONGEST_UNSETTLED) {
                return Err(error);
            }
            thread::sleep(connection::RETRY_PAUSE);
            // Another process may have created the files.
            if let Ok(reader) = self.open_reader() {
                return self.read_with(reader, query);
            }
        }
    }

    /// Runs `change` in a transaction. Commits the transaction if `change` returns `Ok`, and
    /// otherwise rolls it back.
    ///
    /// The same transaction upgrades a database of an older version first.
    pub(crate) fn write<T>(
        &self,
        operation: impl Display,
        change: impl FnOnce(&Connection) -> Result<T>,
    ) -> Result<T, StoreError> {
        self.locate_errors(operation, || {
            let mut writer = lock(&self.writer);
            self.settings.wal.check()?;
            let transaction = self.begin(&mut writer.connection, begin_immediate)?;
            schema::upgrade(&transaction)?;
            let output = change(&transaction)?;
            let committed = transaction.commit();
            if committed.is_ok() {
                self.count_commit(&mut writer);
            }
            self.close_if_sync_failed(&mut writer, committed)?;
            writer.has_changed = true;
            writer.unsynced = self.settings.durability != Durability::Power;
            // If a file was moved during the change, other handles may never see the change.
            self.files.check().map_err(|error| DatabaseError::Indeterminate(error.into()))?;
            Ok(output)
        })
    }

    /// Makes all changes durable that were acknowledged or read before the call.
    ///
    /// One commit under `synchronous = FULL` is enough. All commits are appended to the WAL, and a
    /// commit under `FULL` syncs the whole file, not only its own frames. Changes that have left
    /// the WAL are durable already: under every setting but `OFF`, SQLite syncs the database before
    /// it reuses the WAL.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        self.locate_errors("sync changes", || {
            let mut writer = lock(&self.writer);
            self.settings.wal.check()?;
            // A read that ends after this swap is not covered. The next sync covers it.
            if self.has_read.swap(false, Ordering::AcqRel) || writer.unsynced {
                let synced = self.commit_to_device(&mut writer.connection);
                self.has_read.fetch_or(synced.is_err(), Ordering::AcqRel);
                self.close_if_sync_failed(&mut writer, synced)?;
                writer.unsynced = false;
            }
            Ok(self.files.check()?)
        })
    }

    fn open_reader(&self) -> Result<Connection> {
        let reader = self.settings.open_reader()?;
        self.files.connected()?;
        Ok(reader)
    }

    /// Adds the operation and the place to the error of `work`.
    fn locate_errors<T>(
        &self,
        operation: impl Display,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<T, StoreError> {
        let path = self.path();
        work()
            .map_err(|error| error.during(format_args!("{operation} in {}", path.display()), path))
    }

    /// Counts a commit. Checkpoints the WAL after a number of commits, and truncates the WAL if it
    /// has become long.
    ///
    /// After a checkpoint, SQLite writes the WAL from its start again, and the length of the file
    /// does not change. The length therefore does not show the size of the part in use, so commits
    /// are also counted.
    ///
    /// SQLite restarts the WAL only at a moment without reads. If reads always overlap, the WAL
    /// grows without end although it is checkpointed. So a long WAL is truncated:
    /// - New reads of this handle wait until the reads in progress have ended and the WAL is
    ///   truncated.
    /// - This function waits a limited time for reads of other handles. If these reads take longer,
    ///   the next attempt is made at twice the length.
    fn count_commit(&self, writer: &mut Writer) {
        let wal = &self.settings.wal;
        let bytes = self.files.wal_bytes();
        let has_grown = bytes > mem::replace(&mut writer.wal_bytes, bytes);
        if bytes < LONG_WAL_BYTES {
            writer.truncate_at = LONG_WAL_BYTES;
        }
        writer.commits += 1;
        let is_due = writer.commits >= CHECKPOINT_COMMITS || has_grown && bytes >= CHECKPOINT_BYTES;
        let Some(connection) = writer.connection.as_ref().filter(|_| is_due) else { return };
        if wal.has_failed_sync() {
            return;
        }
        writer.commits = 0;
        let checkpointed = if bytes < writer.truncate_at {
            sync::checkpoint(connection, "PASSIVE")
        } else {
            writer.truncate_at = bytes.saturating_mul(2);
            self.truncate_wal(connection)
        };
        // `record` notes a failed sync. Other errors are ignored, because the change is committed,
        // and only the WAL stays long.
        if let Err(error) = checkpointed {
            wal.record(&error);
        }
    }

    fn truncate_wal(&self, connection: &Connection) -> rusqlite::Result<()> {
        let _no_reads = self.reading.write().unwrap_or_else(PoisonError::into_inner);
        connection.busy_timeout(self.settings.busy_timeout.min(TRUNCATE_TIMEOUT))?;
        let truncated = sync::checkpoint(connection, "TRUNCATE");
        connection.busy_timeout(self.settings.busy_timeout)?;
        truncated
    }

    fn commit_to_device(&self, writer: &mut Option<Connection>) -> Result<()> {
        let committed = self.begin(writer, begin_durable).and_then(|transaction| {
            schema::dirty_a_page(&transaction)?;
            transaction.commit()
        });
        if let Some(connection) = writer {
            sync::set_durability(connection, self.settings.durability)?;
        }
        committed?;
        sync::sync_folder(&self.settings.path)
            .map_err(|error| DatabaseError::Indeterminate(error.into()))
    }

    /// Begins a transaction with the function `begin`.
    ///
    /// If SQLite cannot write a file, it opens the file for reads only, and the connection never
    /// becomes writable. So such a connection is replaced once by a new connection, because the
    /// cause may be gone ([A5](session_store_core::contract#a5)). Before that, all idle connections
    /// for reads are closed too. SQLite shares an open file among all connections of a process, so
    /// a connection that remains open would make the new connection read-only as well.
    fn begin<'a>(
        &'a self,
        writer: &'a mut Option<Connection>,
        begin: fn(&Connection) -> rusqlite::Result<()>,
    ) -> Result<Transaction<'a>> {
        self.files.check()?;
        match writer.as_ref().map_or(Ok(()), begin) {
            Err(error) if is_read_only(&error) => *writer = None,
            begun => begun?,
        }
        let wal = &*self.settings.wal;
        if let Some(connection) = writer {
            return Ok(Transaction::new(connection, wal));
        }
        lock(&self.idle_readers).clear();
        self.files.disconnected();
        let connection = self.settings.open_writer(false)?;
        self.files.connected()?;
        begin(&connection)?;
        Ok(Transaction::new(writer.insert(connection), wal))
    }

    /// Closes the connection for changes if a sync has failed or the outcome of a commit is
    /// unknown. Returns the result of the commit.
    ///
    /// Frames of the WAL that the device has lost must not be copied into the database. The
    /// connection is therefore closed without a checkpoint. A later WAL recovery determines by
    /// checksums which part of the WAL is complete.
    fn close_if_sync_failed(&self, writer: &mut Writer, committed: Result<()>) -> Result<()> {
        let wal = &self.settings.wal;
        if matches!(committed, Err(DatabaseError::Indeterminate(_))) {
            wal.set_failed_sync();
        }
        if wal.has_failed_sync() {
            writer.connection = None;
        }
        committed
    }
}

impl Drop for Database {
    /// Closes the connections for reads first. The connection that is closed last checkpoints and
    /// removes the WAL, and only the connection for changes is permitted to do so.
    fn drop(&mut self) {
        lock(&self.idle_readers).clear();
        let writer = lock(&self.writer);
        // If no handle has written to the WAL since this handle was opened, the WAL may be stale or
        // belong to another database. A handle that has only read does not change such a WAL.
        let is_wal_in_use =
            self.earlier_wal.is_none() || WalStamp::of(self.path()) != self.earlier_wal;
        if let Some(connection) = &writer.connection
            && (writer.has_changed || is_wal_in_use)
            && self.files.is_checkpoint_safe()
        {
            // If this fails, the WAL remains, and a later handle checkpoints it.
            let _ = connection::checkpoint_on_close(connection);
        }
        // The connections close after this function and can remove the WAL. A handle that this
        // process opens meanwhile must not report this as a removal by another program.
        self.files.disconnected();
    }
}

/// Locks the mutex and ignores poisoning.
///
/// A panic under the lock rolls back the open transaction, as an error does
/// ([S5](session_store_core::contract#s5)).
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
