//! The rows of the table `log`, and the changes that keep a row in step with its entries. Every
//! function runs inside a transaction of the caller.

use std::fmt;

use rusqlite::{Connection, OptionalExtension};
use session_store_core::{Head, SegmentId, SessionId, StoreError};
use uuid::Uuid;

use crate::error::DatabaseError;
use crate::rowid;
use crate::schema::check_size;

/// A segment's full name.
pub(crate) type Key = (SessionId, SegmentId);

/// One of the two sequences of entries that a segment has. The number is the value of the column
/// `trace`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogKind {
    Log = 0,
    Trace = 1,
}

impl fmt::Display for LogKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Log => "log",
            Self::Trace => "trace",
        })
    }
}

/// The row of a log or a trace. The epoch changes when entries are cut or replaced.
pub(crate) struct LogRow {
    pub(crate) segment_id: SegmentId,
    pub(crate) kind: LogKind,
    pub(crate) number: u32,
    pub(crate) entries: u32,
    epoch: [u8; 16],
}

impl LogRow {
    /// Finds the row of a log or a trace.
    pub(crate) fn find(
        connection: &Connection,
        key: Key,
        kind: LogKind,
    ) -> Result<Option<Self>, DatabaseError> {
        let mut select = connection.prepare_cached(
            "SELECT number, entries, epoch FROM log
             WHERE session_id = ?1 AND segment_id = ?2 AND trace = ?3",
        )?;
        let parameters = (id_bytes(key.0), id_bytes(key.1), kind as u8);
        let found = select.query_row(parameters, |row| {
            let (number, entries, epoch) = row.try_into()?;
            Ok(Self { segment_id: key.1, kind, number, entries, epoch })
        });
        Ok(found.optional()?)
    }

    /// Finds the row of a log, which must exist.
    pub(crate) fn find_log(connection: &Connection, key: Key) -> Result<Self, DatabaseError> {
        Self::find(connection, key, LogKind::Log)?.ok_or_else(|| StoreError::NotFound(key.1).into())
    }

    /// Fails unless the head of the log is `expected` (H2).
    pub(crate) fn check_head(
        connection: &Connection,
        key: Key,
        expected: Option<Head>,
    ) -> Result<(), DatabaseError> {
        let actual = Self::find(connection, key, LogKind::Log)?.map(|log| log.head());
        let conflict = StoreError::Conflict { expected, actual };
        if actual == expected { Ok(()) } else { Err(conflict.into()) }
    }

    pub(crate) fn find_or_create(
        connection: &Connection,
        key: Key,
        kind: LogKind,
    ) -> Result<Self, DatabaseError> {
        Self::find(connection, key, kind)?.map_or_else(|| Self::create(connection, key, kind), Ok)
    }

    /// Inserts a row without entries. Its number is higher than every other number.
    fn create(connection: &Connection, key: Key, kind: LogKind) -> Result<Self, DatabaseError> {
        let epoch = new_epoch();
        let number = connection
            .prepare_cached(
                "INSERT INTO log (session_id, segment_id, trace, entries, epoch)
                 VALUES (?1, ?2, ?3, 0, ?4)",
            )?
            .insert((id_bytes(key.0), id_bytes(key.1), kind as u8, epoch))?;
        let number = u32::try_from(number).ok().filter(|&number| number <= rowid::MAX_NUMBER);
        let number = number.ok_or_else(|| DatabaseError::full("database", "2^31 - 1 logs"))?;
        Ok(Self { segment_id: key.1, kind, number, entries: 0, epoch })
    }

    pub(crate) fn head(&self) -> Head {
        Head::new(self.entries as usize, u128::from_be_bytes(self.epoch))
    }

    /// Appends entries.
    pub(crate) fn append<'a>(
        &mut self,
        connection: &Connection,
        texts: impl Iterator<Item = &'a str>,
    ) -> Result<(), DatabaseError> {
        let before = self.entries;
        let mut insert =
            connection.prepare_cached("INSERT INTO entry (id, text) VALUES (?1, ?2)")?;
        for text in texts {
            check_size(connection, text)?;
            insert.execute((rowid::pack(self.number, self.entries), text))?;
            let entries = self.entries.checked_add(1);
            self.entries = entries.ok_or_else(|| DatabaseError::full("log", "2^32 - 1 entries"))?;
        }
        if self.entries > before { self.save(connection) } else { Ok(()) }
    }

    /// Keeps the first `entries_len` entries.
    pub(crate) fn truncate(
        &mut self,
        connection: &Connection,
        entries_len: usize,
    ) -> Result<(), DatabaseError> {
        match u32::try_from(entries_len) {
            Ok(kept) if kept == self.entries => Ok(()),
            Ok(kept) if kept < self.entries => self.cut(connection, kept),
            _ => {
                let entries = self.entries as usize;
                Err(StoreError::past_the_end(self.segment_id, entries_len, entries).into())
            }
        }
    }

    /// Deletes all entries from position `kept` on and changes the epoch, even if there are none.
    pub(crate) fn cut(&mut self, connection: &Connection, kept: u32) -> Result<(), DatabaseError> {
        delete_entries(connection, self.number, kept)?;
        self.entries = kept;
        self.epoch = new_epoch();
        self.save(connection)
    }

    fn save(&self, connection: &Connection) -> Result<(), DatabaseError> {
        connection
            .prepare_cached("UPDATE log SET entries = ?2, epoch = ?3 WHERE number = ?1")?
            .execute((self.number, self.entries, self.epoch))?;
        Ok(())
    }
}

/// Deletes the log and the trace of one segment of the session, or of all its segments. Returns
/// whether there were any.
pub(crate) fn delete(
    connection: &Connection,
    session_id: SessionId,
    segment_id: Option<SegmentId>,
) -> Result<bool, DatabaseError> {
    let mut delete = connection.prepare_cached(
        "DELETE FROM log WHERE session_id = ?1 AND (?2 IS NULL OR segment_id = ?2) RETURNING number",
    )?;
    let numbers = delete
        .query_map((id_bytes(session_id), segment_id.map(id_bytes)), |row| row.get(0))?
        .collect::<Result<Vec<u32>, _>>()?;
    for &number in &numbers {
        delete_entries(connection, number, 0)?;
    }
    Ok(!numbers.is_empty())
}

fn delete_entries(connection: &Connection, number: u32, from: u32) -> Result<(), DatabaseError> {
    let (first, last) = rowid::from_position(number, from).into_inner();
    connection
        .prepare_cached("DELETE FROM entry WHERE id BETWEEN ?1 AND ?2")?
        .execute((first, last))?;
    Ok(())
}

/// Returns a random epoch. A counter could repeat an epoch after the segment was deleted and
/// created again (H1).
fn new_epoch() -> [u8; 16] {
    Uuid::new_v4().into_bytes()
}

/// Returns the form in which a session's or a segment's id is stored.
pub(crate) fn id_bytes(id: impl Into<Uuid>) -> [u8; 16] {
    id.into().into_bytes()
}
