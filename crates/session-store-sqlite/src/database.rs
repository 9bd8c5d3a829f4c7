//! One open database: its connections, and the steps around every read. The callers pass reads as
//! closures. `write.rs` has the steps of a change, and `schema.rs` defines the tables.
//!
//! WAL means write-ahead log, SQLite's file of recent changes. A checkpoint copies the pages of the
//! WAL into the database.

use std::fmt::Display;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use session_store_core::group_commit::GroupCommit;
use session_store_core::{Durability, StoreError};

use crate::change_time::ChangeTime;
use crate::connection::{self, ConnectionSettings};
use crate::error::{DatabaseError, Result};
use crate::mode_lock::ModeLock;
use crate::open_files::OpenFiles;
use crate::schema;
use crate::sync;
use crate::transaction::is_in_transaction;
use crate::wal_check::{self, FirstPage, WalStamp};
use crate::wal_length::WalLength;

/// A read of a changing file is repeated until the file no longer changes, at most for this time or
/// for the busy timeout, whichever is longer.
const LONGEST_UNSETTLED: Duration = Duration::from_millis(500);

/// One open database.
///
/// Changes run one at a time, because SQLite permits one writer. With `Power`, concurrent changes
/// share a transaction and the sync of its commit. Each read has a connection of its own, so a read
/// does not wait for changes or other reads, except while the WAL is truncated. The number of read
/// connections grows to the highest number of concurrent reads and does not shrink. An exclusive
/// handle has only the connection of `writer`, so its calls run one at a time.
///
/// Lock order: `writer`, then `reading`, then `idle_readers`. A read takes `reading` and
/// `idle_readers` only, and a change takes `reading` only while it truncates the WAL. `group` locks
/// its own state only for moments, also under `writer`.
pub(crate) struct Database {
    pub(crate) settings: ConnectionSettings,
    pub(crate) files: Arc<OpenFiles>,
    /// Whether this is a bulk load: `writer` has the only connection, and there is no WAL.
    pub(crate) is_bulk: bool,
    /// The WAL that existed before the store was opened.
    earlier_wal: Option<WalStamp>,
    /// The connections for reads that are not in use.
    pub(crate) idle_readers: Mutex<Vec<Connection>>,
    /// Each read holds this lock shared. A truncation of the WAL holds the lock exclusively.
    pub(crate) reading: RwLock<()>,
    /// Whether there are reads since the last sync. A read can return a change of a process that
    /// was killed before its own sync, so the next sync must cover the change.
    pub(crate) has_read: AtomicBool,
    pub(crate) writer: Mutex<Writer>,
    /// With `Power`, the changes in the open transaction of `writer`.
    pub(crate) group: GroupCommit<Result<(), Arc<DatabaseError>>>,
    /// The lock of an exclusive handle. The last field, because the lock is released after all
    /// connections are closed.
    mode: Option<ModeLock>,
}

/// The connection for changes and the state of its changes.
pub(crate) struct Writer {
    /// `None` if the file could not be opened for writing, or after a failed sync. The next change
    /// opens a new connection.
    pub(crate) connection: Option<Connection>,
    /// Whether the handle has committed a change.
    pub(crate) has_changed: bool,
    /// Whether there are acknowledged changes that a power cut can lose.
    pub(crate) unsynced: bool,
    pub(crate) wal: WalLength,
    /// Whether a write of a bulk load has failed with an error that can damage the file.
    pub(crate) is_doubtful: bool,
}

impl Writer {
    pub(crate) fn is_in_transaction(&self) -> bool {
        self.connection.as_ref().is_some_and(is_in_transaction)
    }
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
        let mode = settings.is_exclusive.then(|| ModeLock::exclusive(&settings.path));
        let mode = mode.transpose()?;
        let files = OpenFiles::new(&settings.path, settings.is_exclusive)?;
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
            // An exclusive handle must lock the file, so it cannot read the file alone.
            Err(error) if error.is_refused_by_system() && !settings.is_exclusive => {
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
        let mut database = Self::new(settings, files, earlier_wal, Some(connection));
        database.mode = mode;
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
            wal: WalLength::new(),
            is_doubtful: false,
        };
        let writer = Mutex::new(writer);
        let (idle_readers, reading, has_read, group) = Default::default();
        Self {
            settings,
            files,
            is_bulk: false,
            earlier_wal,
            idle_readers,
            reading,
            has_read,
            writer,
            group,
            mode: None,
        }
    }

    /// Opens a new database for a bulk load, with a single connection.
    #[cfg(unix)]
    pub(crate) fn open_bulk(settings: ConnectionSettings) -> Result<Self> {
        // The files are not compared with those of other handles, because the database gets
        // another name later.
        let files = Arc::new(OpenFiles::unshared(&settings.path, settings.is_exclusive)?);
        let connection = settings.open_bulk()?;
        let mut database = Self::new(settings, files, None, Some(connection));
        database.is_bulk = true;
        Ok(database)
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
            if self.is_bulk {
                return self.read_in_bulk(query);
            }
            if self.settings.is_exclusive {
                return self.read_exclusively(query);
            }
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

    fn open_reader(&self) -> Result<Connection> {
        let reader = self.settings.open_reader()?;
        self.files.connected()?;
        Ok(reader)
    }

    /// Adds the operation and the place to the error of `work`.
    pub(crate) fn locate_errors<T>(
        &self,
        operation: impl Display,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<T, StoreError> {
        let path = self.path();
        work()
            .map_err(|error| error.during(format_args!("{operation} in {}", path.display()), path))
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
            && !self.settings.wal.has_failed_sync()
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
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
