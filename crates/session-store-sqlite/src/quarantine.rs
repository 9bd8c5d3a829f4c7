//! The repair of logs and traces with damaged rows.
//!
//! A row is damaged if its text is not an entry, or if the row follows the last entry. The repair
//! moves damaged rows to the table `quarantined_entry` and deletes nothing. The first repair that
//! needs the table creates it. The table does not need a new version of the format, because other
//! versions of this crate ignore it.
//!
//! A row can also be missing. The repair then moves the later entries up, because a read would fail
//! at the gap.

use std::sync::Arc;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use session_store_core::{LogEntry, SegmentId, SegmentKey, SessionId};

use crate::error::Result;
use crate::listing::select_all;
use crate::log_row::{LogKind, LogRow, SegmentRows};
use crate::rowid;
use crate::schema::IS_ROW_VALID;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS quarantined_entry (
    session_id BLOB NOT NULL,
    segment_id BLOB NOT NULL,
    trace INTEGER NOT NULL,
    position INTEGER NOT NULL,
    text ANY
) STRICT";

/// The rows of a log or a trace, by their ids.
struct Rows {
    good: Vec<i64>,
    bad: Vec<i64>,
    /// The number of entries without a row.
    missing: usize,
}

impl Rows {
    fn of(log: &LogRow<'_>) -> Result<Self> {
        let select = "SELECT id, text FROM entry WHERE id BETWEEN ?1 AND ?2 ORDER BY id";
        let mut select = log.segment.connection.prepare_cached(select)?;
        let mut rows = select.query(rowid::from_position(log.number, 0).into_inner())?;
        let end = rowid::pack(log.number, log.entries);
        let (mut good, mut bad, mut after_end) = (Vec::new(), Vec::new(), 0);
        while let Some(row) = rows.next()? {
            let id = row.get(0)?;
            let is_after_end = id >= end;
            let is_good = !is_after_end && is_entry(row.get_ref(1)?);
            if is_good {
                good.push(id);
            } else {
                bad.push(id);
            }
            after_end += usize::from(is_after_end);
        }
        let missing = log.entries as usize - (good.len() + bad.len() - after_end);
        Ok(Self { good, bad, missing })
    }

    fn is_damaged(&self) -> bool {
        !self.bad.is_empty() || self.missing > 0
    }
}

fn is_entry(value: ValueRef<'_>) -> bool {
    let ValueRef::Text(bytes) = value else { return false };
    let text = String::from_utf8(bytes.to_vec());
    text.is_ok_and(|text| {
        let end = text.len();
        LogEntry::from_block(&Arc::new(text), 0..end).is_ok()
    })
}

/// A log or a trace.
#[derive(Clone, Copy)]
pub(crate) struct StoredLog {
    pub(crate) key: SegmentKey,
    pub(crate) kind: LogKind,
}

/// The numbers of rows that the repair of a log or a trace has moved or found missing.
pub(crate) struct Repaired {
    pub(crate) moved: usize,
    pub(crate) missing: usize,
}

/// Returns all logs and traces.
pub(crate) fn stored_logs(connection: &Connection) -> Result<Vec<StoredLog>> {
    let select = format!(
        "SELECT session_id, segment_id, trace FROM log NOT INDEXED WHERE {IS_ROW_VALID}
         ORDER BY number"
    );
    select_all(connection, &select, (), stored_log)
}

fn stored_log(row: &Row<'_>) -> rusqlite::Result<StoredLog> {
    let key =
        SegmentKey::new(SessionId::from_bytes(row.get(0)?), SegmentId::from_bytes(row.get(1)?));
    Ok(StoredLog { key, kind: if row.get(2)? { LogKind::Trace } else { LogKind::Log } })
}

impl StoredLog {
    fn find(self, connection: &Connection) -> Result<Option<LogRow<'_>>> {
        SegmentRows { connection, key: self.key }.find(self.kind)
    }

    /// Returns whether a row is damaged or missing.
    pub(crate) fn is_damaged(self, connection: &Connection) -> Result<bool> {
        let log = self.find(connection)?;
        log.map_or(Ok(false), |log| Ok(Rows::of(&log)?.is_damaged()))
    }

    /// Moves the damaged rows to the quarantine and closes the gaps. The log gets a new head, so a
    /// writer that has read the damaged log gets a conflict.
    ///
    /// The rows are read again, because another program can have changed the log since the check.
    /// All statements run in the caller's transaction. After a crash, the log is therefore either
    /// unchanged or repaired, and no row is lost.
    pub(crate) fn repair(self, connection: &Connection) -> Result<Option<Repaired>> {
        let Some(mut log) = self.find(connection)? else { return Ok(None) };
        let rows = Rows::of(&log)?;
        if !rows.is_damaged() {
            return Ok(None);
        }
        self.move_out(connection, &rows.bad)?;
        let mut kept = 0;
        for id in rows.good {
            move_to(connection, id, rowid::pack(log.number, kept))?;
            kept += 1;
        }
        log.entries = kept;
        // No entry is left to delete. `cut` stores the number of entries and a new epoch.
        log.cut(kept)?;
        Ok(Some(Repaired { moved: rows.bad.len(), missing: rows.missing }))
    }

    fn move_out(self, connection: &Connection, ids: &[i64]) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        connection.execute_batch(TABLE)?;
        let mut copy = connection.prepare(
            "INSERT INTO quarantined_entry (session_id, segment_id, trace, position, text)
             SELECT ?1, ?2, ?3, id & 4294967295, text FROM entry WHERE id = ?4",
        )?;
        let mut delete = connection.prepare("DELETE FROM entry WHERE id = ?1")?;
        let SegmentKey { session_id, segment_id } = self.key;
        for &id in ids {
            copy.execute((session_id.as_bytes(), segment_id.as_bytes(), self.kind as u8, id))?;
            delete.execute([id])?;
        }
        Ok(())
    }
}

/// Moves an entry up to a free rowid. SQLite copies the text byte for byte.
fn move_to(connection: &Connection, from: i64, to: i64) -> Result<()> {
    if from != to {
        let mut update = connection.prepare_cached("UPDATE entry SET id = ?2 WHERE id = ?1")?;
        update.execute((from, to))?;
    }
    Ok(())
}

/// Returns whether a repair has created the table of quarantined rows.
fn has_table(connection: &Connection) -> Result<bool> {
    let select = "SELECT EXISTS (
        SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'quarantined_entry')";
    Ok(connection.prepare_cached(select)?.query_row((), |row| row.get(0))?)
}

/// Returns the number of quarantined rows of each log and trace.
pub(crate) fn quarantined(connection: &Connection) -> Result<Vec<(StoredLog, i64)>> {
    if !has_table(connection)? {
        return Ok(Vec::new());
    }
    let select = "SELECT session_id, segment_id, trace, count(*) FROM quarantined_entry
         WHERE length(session_id) = 16 AND length(segment_id) = 16 AND trace IN (0, 1)
         GROUP BY session_id, segment_id, trace";
    select_all(connection, select, (), |row| Ok((stored_log(row)?, row.get(3)?)))
}

/// Deletes the quarantined rows of one segment of the session, or of all its segments. Must be
/// called when a segment is deleted, so that none of its texts remains in the database.
pub(crate) fn delete(
    connection: &Connection,
    session_id: SessionId,
    segment_id: Option<SegmentId>,
) -> Result<()> {
    if has_table(connection)? {
        let delete = "DELETE FROM quarantined_entry
             WHERE session_id = ?1 AND (?2 IS NULL OR segment_id = ?2)";
        let segment_id = segment_id.as_ref().map(SegmentId::as_bytes);
        connection.execute(delete, (session_id.as_bytes(), segment_id))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use session_store_core::{Pages, StoreError, StoreExt};

    use super::*;
    use crate::SqliteStore;
    use crate::error::DatabaseError;

    #[test]
    fn a_repair_that_is_not_committed_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open_or_create(folder.path().join("sessions.db")).unwrap();
        let key = SegmentKey::new(SessionId::new(), SegmentId::new());
        let entries: Vec<_> = ["{\"n\":0}", "{\"n\":1}", "{\"n\":2}"]
            .map(|text| LogEntry::from_json(text).unwrap())
            .into();
        store.at(key).append_all(&entries).unwrap();
        let damage = |connection: &Connection| -> Result<()> {
            connection.execute("UPDATE entry SET text = 'x' WHERE id = (1 << 32) + 1", ())?;
            Ok(())
        };
        store.database.write("damage", damage).unwrap();
        let log = StoredLog { key, kind: LogKind::Log };
        let before = store.at(key).head().unwrap();
        let failed = store.database.write("repair", |connection| -> Result<()> {
            assert_eq!(log.repair(connection)?.map(|repaired| repaired.moved), Some(1));
            Err(DatabaseError::from(StoreError::NotFound(key.segment_id)))
        });
        assert!(failed.is_err());
        assert_eq!(store.at(key).head().unwrap(), before);
        assert!(store.database.read("check", |connection| log.is_damaged(connection)).unwrap());
        assert!(store.database.read("check", quarantined).unwrap().is_empty());
        let pages = Pages::<LogEntry>::new(0).skip_bad_lines();
        assert_eq!(store.at(key).iterate(pages).filter_map(Result::ok).count(), 2);
    }
}
