//! The reads and changes of a bulk load, which has one connection and no write-ahead log.

use std::io;

use rusqlite::Connection;

use crate::database::{Database, Writer, lock};
use crate::error::{DatabaseError, Result};
#[cfg(unix)]
use crate::maintenance::integrity_errors;

impl Writer {
    /// Returns the connection of a bulk load.
    pub(crate) fn bulk_connection(&self) -> Result<&Connection> {
        let cause = "the new database is finished; open it again";
        self.connection.as_ref().ok_or_else(|| io::Error::other(cause).into())
    }
}

impl Database {
    pub(crate) fn read_in_bulk<T>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T>,
    ) -> Result<T> {
        let writer = lock(&self.writer);
        query(&*writer.bulk_connection()?.unchecked_transaction()?)
    }

    /// Runs `change` in a transaction of its own.
    ///
    /// The journal is in memory. After an error (for example on a full disk), SQLite perhaps
    /// cannot restore all pages. The file is then a mix of old and new pages. So
    /// [`close_bulk`](Self::close_bulk) checks the file after such an error. An error that does not
    /// come from SQLite only refuses the change.
    pub(crate) fn write_in_bulk<T>(
        &self,
        change: impl FnOnce(&Connection) -> Result<T>,
    ) -> Result<T> {
        let mut writer = lock(&self.writer);
        let transaction = writer.bulk_connection()?.unchecked_transaction()?;
        let (result, ended) = match change(&transaction) {
            Ok(output) => (Ok(output), transaction.commit()),
            // After some errors, SQLite has already rolled the transaction back.
            Err(error) if transaction.is_autocommit() => (Err(error), transaction.finish()),
            Err(error) => (Err(error), transaction.rollback()),
        };
        writer.is_doubtful |= ended.is_err() || matches!(result, Err(DatabaseError::Sqlite(_)));
        let output = result?;
        Ok(ended.map(|()| output)?)
    }

    /// Closes the connection of a bulk load, after the call that is running. Fails if an error has
    /// left the file damaged.
    #[cfg(unix)]
    pub(crate) fn close_bulk(&self) -> Result<()> {
        let mut writer = lock(&self.writer);
        if writer.is_doubtful
            && let Some(damage) = integrity_errors(writer.bulk_connection()?)?.first()
        {
            let reason = format!("a failed write has damaged the new database: {damage}");
            return Err(DatabaseError::Impossible(reason));
        }
        writer.bulk_connection()?;
        let closed = writer.connection.take().map(Connection::close);
        Ok(closed.unwrap_or(Ok(())).map_err(|(_, error)| error)?)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use session_store_core::{LogEntry, SegmentId, SessionId, Store};

    use crate::{BulkLoad, SqliteStore};

    #[test]
    fn a_write_that_fails_on_a_full_disk_is_undone_and_the_rest_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sessions.db");
        let load = BulkLoad::create(&path).unwrap();
        let (session, segment) = (SessionId::new(), SegmentId::new());
        let text = format!("{{\"x\":\"{}\"}}", "y".repeat(5_000));
        let entry = LogEntry::from_json(text).unwrap();
        load.store().append_all(session, segment, &vec![entry.clone(); 5]).unwrap();
        let database = &load.store().database;
        let limit = |connection: &rusqlite::Connection| {
            Ok(connection.query_row("PRAGMA max_page_count = 30", (), |_| Ok(()))?)
        };
        database.write("limit", limit).unwrap();
        load.store().append_all(session, segment, &vec![entry.clone(); 50]).unwrap_err();
        assert_eq!(load.store().read_entry_count(session, segment).unwrap(), 5);
        load.store().append(session, segment, &entry).unwrap();
        load.finish().unwrap();
        let store = SqliteStore::open(&path).unwrap();
        assert_eq!(store.read_all(session, segment).unwrap(), vec![entry; 6]);
    }
}
