//! The changes of an open database: how they share transactions, how they are committed, and the
//! connection that makes them. The callers pass changes as closures.

use std::fmt::Display;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::Connection;
use session_store_core::{Durability, StoreError};

use crate::database::{Database, Writer, lock};
use crate::error::{DatabaseError, Result, is_read_only};
use crate::schema;
use crate::sync;
use crate::transaction::{
    Transaction, begin_durable, begin_immediate, in_savepoint, is_in_transaction,
};
use crate::wal_length::Due;

/// The longest wait for the reads of other handles when the WAL is truncated.
const TRUNCATE_TIMEOUT: Duration = Duration::from_secs(1);

impl Database {
    /// Runs `change` in a transaction. Commits the transaction if `change` returns `Ok`, and
    /// otherwise rolls it back.
    ///
    /// The same transaction upgrades a database of an older version first. With `Power`, concurrent
    /// changes share a transaction.
    pub(crate) fn write<T>(
        &self,
        operation: impl Display,
        change: impl FnOnce(&Connection) -> Result<T>,
    ) -> Result<T, StoreError> {
        self.locate_errors(operation, || {
            if self.is_bulk {
                return self.write_in_bulk(change);
            }
            if self.settings.durability == Durability::Power {
                return self.write_in_group(change);
            }
            let mut writer = lock(&self.writer);
            let output = self.change(&mut writer, change)?;
            self.commit(&mut writer)?;
            Ok(output)
        })
    }

    /// Makes all changes durable that were acknowledged or read before the call.
    ///
    /// One commit under `synchronous = FULL` is enough. All commits are appended to the WAL, and a
    /// commit under `FULL` syncs the whole file, not only its own frames. Changes that have left
    /// the WAL are durable already: under every setting but `OFF`, SQLite syncs the database before
    /// it reuses the WAL.
    ///
    /// In a bulk load the call has no effect, because the end of the load syncs the file.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        self.locate_errors("sync changes", || {
            let mut writer = lock(&self.writer);
            if self.is_bulk {
                return writer.bulk_connection().map(drop);
            }
            self.end_group(&mut writer);
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

    /// Runs `change` in the open transaction of the group, and waits until the group is committed.
    fn write_in_group<T>(&self, change: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let arrival = self.group.arrive();
        let mut writer = lock(&self.writer);
        let output = self.change(&mut writer, change);
        if !writer.is_in_transaction() {
            return output;
        }
        // A change that failed waits for the commit of the group too. An earlier change of the
        // group may be the cause of its error, and the error is right only if that earlier change
        // is committed.
        let joined = arrival.join();
        drop(writer);
        let commit = |mut writer: MutexGuard<'_, _>| self.commit(&mut writer).map_err(Arc::new);
        let committed = self.group.wait(&joined, || lock(&self.writer), commit);
        committed.map_err(|error| error.duplicate())?;
        output
    }

    /// Commits the open transaction of the group, if there is one.
    pub(crate) fn end_group(&self, writer: &mut Writer) {
        if writer.is_in_transaction() {
            self.group.end(self.commit(writer).map_err(Arc::new));
        }
    }

    /// Runs `change` in the open transaction. If no transaction is open, begins one, and leaves it
    /// open after the change. A change that fails is undone. If a transaction was begun for it,
    /// that transaction is rolled back.
    fn change<T>(
        &self,
        writer: &mut Writer,
        change: impl FnOnce(&Connection) -> Result<T>,
    ) -> Result<T> {
        self.settings.wal.check()?;
        let output =
            match writer.connection.as_ref().filter(|&connection| is_in_transaction(connection)) {
                Some(connection) => {
                    let output = in_savepoint(connection, change);
                    // After some errors, for example on a full disk, SQLite rolls back the whole
                    // transaction. The other changes of the group then fail with the same error.
                    if let Err(error) = &output
                        && !is_in_transaction(connection)
                    {
                        self.group.end(Err(Arc::new(error.duplicate())));
                    }
                    output
                }
                None => {
                    let transaction = self.begin(&mut writer.connection, begin_immediate)?;
                    schema::upgrade(&transaction)?;
                    let output = change(&transaction)?;
                    transaction.leave_open();
                    Ok(output)
                }
            };
        writer.wal.count_change();
        output
    }

    /// Commits the open transaction.
    fn commit(&self, writer: &mut Writer) -> Result<()> {
        let connection = writer.connection.as_ref().expect("a transaction is open");
        let committed = Transaction::new(connection, &self.settings.wal).commit();
        if committed.is_ok() {
            self.checkpoint_if_due(writer);
        }
        self.close_if_sync_failed(writer, committed)?;
        writer.has_changed = true;
        writer.unsynced = self.settings.durability != Durability::Power;
        // If a file was moved during the change, other handles may never see the change.
        self.files.check().map_err(DatabaseError::indeterminate)
    }

    /// Checkpoints or truncates the WAL if this is due.
    fn checkpoint_if_due(&self, writer: &mut Writer) {
        let wal = &self.settings.wal;
        let Some(connection) = writer.connection.as_ref().filter(|_| !wal.has_failed_sync()) else {
            return;
        };
        let checkpointed = match writer.wal.due(self.files.wal_bytes()) {
            Some(Due::Checkpoint) => sync::checkpoint(connection, "PASSIVE"),
            Some(Due::Truncation) => self.truncate_wal(connection),
            None => return,
        };
        // `record` notes a failed sync. Other errors are ignored, because the change is committed,
        // and only the WAL stays long.
        if let Err(error) = checkpointed {
            wal.record(&error);
        }
    }

    /// Truncates the WAL.
    ///
    /// New reads of this handle wait until the reads in progress have ended and the WAL is
    /// truncated. This function waits a limited time for reads of other handles.
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
        sync::sync_folder(&self.settings.path).map_err(DatabaseError::indeterminate)
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
        self.files.check_names()?;
        match writer.as_ref().map_or(Ok(()), begin) {
            Err(error) if is_read_only(&error) => *writer = None,
            begun => begun?,
        }
        let wal = &*self.settings.wal;
        if let Some(connection) = writer {
            return Ok(Transaction::new(connection, wal));
        }
        let connection = self.reconnect()?;
        begin(&connection)?;
        Ok(Transaction::new(writer.insert(connection), wal))
    }

    /// Closes all connections for reads, and opens a new connection for changes.
    pub(crate) fn reconnect(&self) -> Result<Connection> {
        lock(&self.idle_readers).clear();
        self.files.disconnected();
        let connection = self.settings.open_writer(false)?;
        self.files.connected()?;
        Ok(connection)
    }

    /// Closes the connection for changes if a sync has failed or the outcome of a commit is
    /// unknown. Returns the result of the commit.
    ///
    /// Frames of the WAL that the device has lost must not be copied into the database. The
    /// connection is therefore closed without a checkpoint. A later WAL recovery determines by
    /// checksums which part of the WAL is complete. An exclusive handle keeps its connection,
    /// because reads use it too. That connection is not checkpointed any more either.
    fn close_if_sync_failed(&self, writer: &mut Writer, committed: Result<()>) -> Result<()> {
        let wal = &self.settings.wal;
        if matches!(committed, Err(DatabaseError::Indeterminate(_))) {
            wal.set_failed_sync();
        }
        if wal.has_failed_sync() && !self.settings.is_exclusive {
            writer.connection = None;
        }
        committed
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io;
    use std::sync::mpsc;
    use std::thread;

    use rusqlite::config::DbConfig;
    use tempfile::TempDir;

    use super::*;
    use crate::SqliteOptions;
    use crate::store::SqliteStore;
    use crate::wal_check;

    type Change<'a> = &'a (dyn Fn(&Connection) -> Result<()> + Sync);

    fn fresh() -> (TempDir, SqliteStore) {
        fresh_with(&SqliteOptions::new())
    }

    fn fresh_with(options: &SqliteOptions) -> (TempDir, SqliteStore) {
        let folder = tempfile::tempdir().unwrap();
        let options = options.clone().create(true).durability(Durability::Power);
        let store = options.open(folder.path().join("sessions.db")).unwrap();
        (folder, store)
    }

    fn put(connection: &Connection, name: &str) -> Result<()> {
        Ok(connection.execute("INSERT INTO pod VALUES (?1, '{}')", [name]).map(drop)?)
    }

    fn stored(database: &Database) -> Vec<String> {
        let names = |connection: &Connection| {
            let mut select = connection.prepare("SELECT name FROM pod ORDER BY name")?;
            Ok(select.query_map((), |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
        };
        database.read("list", names).unwrap()
    }

    /// Runs the changes in the same group, in this order. Runs `before_commit` when all changes
    /// were made and none is committed.
    fn in_one_group<'a>(
        database: &Database,
        changes: &[Change<'a>],
        before_commit: impl FnOnce(),
    ) -> Vec<Result<(), StoreError>> {
        // The commit waits for this change.
        let arrival = database.group.arrive();
        thread::scope(|scope| {
            let run = |&change: &Change<'a>| {
                let (sender, made) = mpsc::channel::<()>();
                let changed = move |connection: &Connection| {
                    // The value is dropped at the end of the change, also after a panic.
                    let _sender = sender;
                    change(connection)
                };
                let thread = scope.spawn(move || database.write("change", changed));
                // The channel is closed when the change was made.
                made.recv_timeout(Duration::from_secs(20)).unwrap_err();
                thread
            };
            let threads: Vec<_> = changes.iter().map(run).collect();
            before_commit();
            drop(arrival);
            let error =
                |_| Err(DatabaseError::Impossible("panic".into()).during("", database.path()));
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(error)).collect()
        })
    }

    /// Returns the number of commits in the WAL. The header of a frame has the number of pages of
    /// the database if the frame commits, and otherwise 0.
    fn commits(database: &Database) -> usize {
        let wal = fs::read(wal_check::sidecar(database.path(), "-wal").unwrap()).unwrap();
        let frames = wal.get(32..).unwrap_or_default().chunks(24 + 4096);
        frames.filter(|frame| frame[4..8] != [0; 4]).count()
    }

    #[test]
    fn concurrent_changes_share_a_commit() {
        let (_folder, store) = fresh();
        let database = &*store.database;
        let before = commits(database);
        let results =
            in_one_group(database, &[&|group| put(group, "a"), &|group| put(group, "b")], || {
                assert!(stored(database).is_empty(), "a read sees only committed changes");
            });
        assert!(results.iter().all(Result::is_ok), "{results:?}");
        assert_eq!(stored(database), ["a", "b"]);
        assert_eq!(commits(database), before + 1);
    }

    #[test]
    fn a_change_that_fails_is_undone_alone() {
        let (_folder, store) = fresh();
        let database = &*store.database;
        let fail = |group: &Connection| {
            put(group, "b")?;
            Err(DatabaseError::Impossible("refused".into()))
        };
        let panic = |group: &Connection| {
            put(group, "c")?;
            panic!("during the change");
        };
        let changes: [Change<'_>; 4] =
            [&|group| put(group, "a"), &fail, &panic, &|group| put(group, "d")];
        let results = in_one_group(database, &changes, || ());
        let [Ok(()), Err(refused), Err(_), Ok(())] = &results[..] else { panic!("{results:?}") };
        assert!(refused.to_string().contains("refused"), "{refused}");
        assert_eq!(stored(database), ["a", "d"]);
    }

    /// The first change violates a constraint that SQLite checks at the COMMIT.
    #[test]
    fn a_failed_commit_fails_every_change_of_the_group() {
        let (_folder, store) = fresh();
        let database = &*store.database;
        let violate = |group: &Connection| {
            group.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, true)?;
            let tables = "CREATE TABLE a (x PRIMARY KEY);
                          CREATE TABLE b (x REFERENCES a (x) DEFERRABLE INITIALLY DEFERRED);
                          INSERT INTO b VALUES (1)";
            Ok(group.execute_batch(tables)?)
        };
        let refuse = |_: &Connection| Err(DatabaseError::Impossible("refused".into()));
        let changes: [Change<'_>; 3] = [&violate, &|group| put(group, "a"), &refuse];
        let results = in_one_group(database, &changes, || ());
        for result in &results {
            let error = result.as_ref().unwrap_err();
            assert!(error.to_string().contains("FOREIGN KEY"), "{error}");
            assert!(!error.is_indeterminate(), "{error:?}");
        }
        assert!(stored(database).is_empty());
        database.write("change", |group| put(group, "b")).unwrap();
        assert_eq!(stored(database), ["b"]);
    }

    #[test]
    fn an_error_that_rolls_the_transaction_back_fails_every_change_of_the_group() {
        let (_folder, store) = fresh();
        let database = &*store.database;
        let fill = |group: &Connection| {
            group.query_row("PRAGMA max_page_count = 20", (), |_| Ok(()))?;
            Ok(group
                .execute("INSERT INTO pod VALUES ('b', hex(zeroblob(1000000)))", ())
                .map(drop)?)
        };
        let results = in_one_group(database, &[&|group| put(group, "a"), &fill], || ());
        for result in &results {
            let Err(StoreError::Io(error)) = result else { panic!("{results:?}") };
            assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        }
        assert!(stored(database).is_empty());
        database.write("change", |group| put(group, "c")).unwrap();
        assert_eq!(stored(database), ["c"]);
    }

    /// An exclusive handle reads on the connection that has the changes of the group.
    #[test]
    fn an_exclusive_read_returns_only_committed_changes() {
        let (_folder, store) = fresh_with(&SqliteOptions::new().exclusive(true));
        let database = &*store.database;
        let results = in_one_group(database, &[&|group| put(group, "a")], || {
            let committed = commits(database);
            assert_eq!(stored(database), ["a"]);
            assert_eq!(commits(database), committed + 1);
        });
        assert!(results.iter().all(Result::is_ok), "{results:?}");
    }

    /// Frames of the WAL that the device has lost must not be copied into the database.
    #[test]
    fn an_exclusive_handle_does_not_checkpoint_after_a_failed_sync() {
        let (_folder, store) = fresh_with(&SqliteOptions::new().exclusive(true));
        let database = &*store.database;
        database.write("change", |connection| put(connection, "a")).unwrap();
        database.settings.wal.set_failed_sync();
        database.write("change", |connection| put(connection, "b")).unwrap_err();
        assert_eq!(stored(database), ["a"]);
        let path = database.path().to_owned();
        drop(store);
        assert!(!wal_check::is_file_complete(&path));
    }

    #[test]
    fn a_sync_commits_the_changes_that_wait() {
        let (_folder, store) = fresh();
        let database = &*store.database;
        let results = in_one_group(database, &[&|group| put(group, "a")], || {
            database.sync().unwrap();
            assert_eq!(stored(database), ["a"]);
        });
        assert!(results.iter().all(Result::is_ok), "{results:?}");
    }
}
