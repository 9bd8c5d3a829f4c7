//! One opened database: the connection that changes it, those that read it, and the frame of every
//! transaction. What is in the database is not known here.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};
use session_store_core::StoreError;

use crate::connect::connect;
use crate::error::Failure;

/// Changes take turns, in this process as in SQLite. A read has a connection to itself, so that it waits
/// for no change and no other read; there are as many as there ever were reads at once.
pub(crate) struct Database {
    path: PathBuf,
    busy_timeout: Duration,
    writer: Mutex<Connection>,
    idle_readers: Mutex<Vec<Connection>>,
}

impl Database {
    pub(crate) fn new(path: PathBuf, busy_timeout: Duration, writer: Connection) -> Self {
        let idle_readers = Mutex::default();
        Self { path, busy_timeout, writer: Mutex::new(writer), idle_readers }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
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

    fn snapshot<T>(
        &self,
        look: impl FnOnce(&Connection) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let idle = lock(&self.idle_readers).pop();
        let mut reader = idle.map_or_else(|| connect(&self.path, self.busy_timeout), Ok)?;
        let found = look(&*reader.transaction()?);
        lock(&self.idle_readers).push(reader);
        found
    }

    fn transaction<T>(
        &self,
        change: impl FnOnce(&Connection) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut writer = lock(&self.writer);
        // Not a deferred one: that fails at once where another writes between its first read and its
        // first write, however long the busy timeout is.
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = change(&transaction)?;
        transaction
            .execute_batch("COMMIT")
            .map_err(|error| Failure::of_commit(error, transaction.is_autocommit()))?;
        Ok(done)
    }

    fn told(&self, failure: Failure, attempt: impl Display) -> StoreError {
        failure.during(format_args!("{attempt} in {}", self.path.display()), &self.path)
    }
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
        lock(&store.database.writer).set_limit(Limit::SQLITE_LIMIT_LENGTH, 10_512).unwrap();
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
            lock(&store.database.writer)
                .query_row(&format!("PRAGMA max_page_count = {pages}"), (), |_| Ok(()))
                .unwrap();
        };
        may_grow_to(20);
        let batch = vec![entry(5_000); 50];
        let error = store.append_all(session, segment, &batch).unwrap_err();
        assert!(
            matches!(&error, StoreError::Io(io) if io.kind() == std::io::ErrorKind::StorageFull),
            "{error:?}"
        );
        assert_eq!(store.read_all(session, segment).unwrap(), [entry(8)]);
        may_grow_to(1000);
        store.append_all(session, segment, &batch).unwrap();
        assert_eq!(store.read_entry_count(session, segment).unwrap(), 51);
    }
}
