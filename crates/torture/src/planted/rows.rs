//! A small SQLite store with deferred transactions, which read first and take the write lock later.
//! If another process has written between the read and the lock, SQLite refuses the write at once.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use session_store::{BackendError, LogEntry, SegmentKey, StoreError};

use super::logs::{Edit, Logs, check};

/// One row for each log. Each call opens the database.
pub(super) struct Rows(PathBuf);

impl Rows {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let rows = Self(path.into());
        let connection = rows.connect()?;
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL;
                 CREATE TABLE IF NOT EXISTS log (
                     session TEXT, segment TEXT, entries TEXT, PRIMARY KEY (session, segment)
                 )",
            )
            .map_err(failed)?;
        Ok(rows)
    }

    fn connect(&self) -> Result<Connection, StoreError> {
        let connection = Connection::open(&self.0).map_err(failed)?;
        connection.busy_timeout(Duration::from_secs(10)).map_err(failed)?;
        Ok(connection)
    }
}

fn failed(error: rusqlite::Error) -> StoreError {
    BackendError::new("use a database", false, error).into()
}

fn load(connection: &Connection, key: SegmentKey) -> Result<Option<Vec<LogEntry>>, StoreError> {
    let ids = params![key.session_id.to_string(), key.segment_id.to_string()];
    let sql = "SELECT entries FROM log WHERE session = ? AND segment = ?";
    let found: Option<String> =
        connection.query_row(sql, ids, |row| row.get(0)).optional().map_err(failed)?;
    let parse = |text: String| text.lines().map(LogEntry::from_json).collect();
    found.map(parse).transpose()
}

impl Logs for Rows {
    fn load(&self, key: SegmentKey) -> Result<Option<Vec<LogEntry>>, StoreError> {
        load(&self.connect()?, key)
    }

    fn change(&self, key: SegmentKey, edit: &Edit<'_>) -> Result<Option<usize>, StoreError> {
        let mut connection = self.connect()?;
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Deferred).map_err(failed)?;
        let before = load(&transaction, key)?;
        let count = before.as_ref().map(Vec::len);
        check(key, count, edit)?;
        let mut log = before.unwrap_or_default();
        match edit {
            Edit::Append(_, entries) => log.extend_from_slice(entries),
            Edit::Truncate(len) => log.truncate(*len),
            Edit::Replace(entries) => log = entries.to_vec(),
            Edit::Delete => log.clear(),
        }
        let ids = [key.session_id.to_string(), key.segment_id.to_string()];
        if matches!(edit, Edit::Delete) {
            let sql = "DELETE FROM log WHERE session = ? AND segment = ?";
            transaction.execute(sql, ids).map_err(failed)?;
        } else {
            let text: String = log.iter().map(|entry| format!("{}\n", entry.as_json())).collect();
            let sql = "INSERT OR REPLACE INTO log VALUES (?, ?, ?)";
            transaction.execute(sql, params![ids[0], ids[1], text]).map_err(failed)?;
        }
        transaction.commit().map_err(failed)?;
        Ok(count)
    }

    fn keys(&self) -> Result<Vec<SegmentKey>, StoreError> {
        let connection = self.connect()?;
        let mut rows = connection.prepare("SELECT session, segment FROM log").map_err(failed)?;
        let ids =
            |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?));
        let rows = rows.query_map([], ids).map_err(failed)?;
        let keys = rows.filter_map(Result::ok);
        let key =
            |(s, g): (String, String)| Some(SegmentKey::new(s.parse().ok()?, g.parse().ok()?));
        Ok(keys.filter_map(key).collect())
    }
}
