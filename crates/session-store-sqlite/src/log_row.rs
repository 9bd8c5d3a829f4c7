//! The rows of the table `log`, and the changes that keep a row in step with its entries. Every
//! function runs inside a transaction of the caller.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OptionalExtension};
use session_store_core::{Entry, Head, SegmentId, SegmentKey, SessionId, StoreError};
use uuid::Uuid;

use crate::error::{DatabaseError, Result};
use crate::rowid;
use crate::schema::check_size;

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

/// The maximum number of entries that a cut measures to compute the new size of the log.
///
/// A larger cut makes the size unknown, because measuring about doubles the time of the cut. For
/// 25,000 entries of 100 bytes, measuring takes as long as the DELETE itself (3 ms).
const MEASURED_ENTRIES: u32 = 500;

/// The rows of a segment in the table `log`, within a transaction.
#[derive(Clone, Copy)]
pub(crate) struct SegmentRows<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) key: SegmentKey,
}

impl<'a> SegmentRows<'a> {
    /// Finds the row of the log or the trace.
    pub(crate) fn find(self, kind: LogKind) -> Result<Option<LogRow<'a>>> {
        let mut select = self.connection.prepare_cached(
            "SELECT number, entries, epoch FROM log
             WHERE session_id = ?1 AND segment_id = ?2 AND trace = ?3",
        )?;
        let SegmentKey { session_id, segment_id } = self.key;
        let found =
            select.query_row((session_id.as_bytes(), segment_id.as_bytes(), kind as u8), |row| {
                let (number, entries, epoch) = row.try_into()?;
                Ok(LogRow { segment: self, kind, number, entries, epoch })
            });
        Ok(found.optional()?)
    }

    /// Finds the row of the log, which must exist.
    pub(crate) fn find_log(self) -> Result<LogRow<'a>> {
        let found = self.find(LogKind::Log)?;
        found.ok_or_else(|| StoreError::NotFound(self.key.segment_id).into())
    }

    /// Fails unless the head of the log is `expected`.
    pub(crate) fn check_head(self, expected: Option<Head>) -> Result<()> {
        let actual = self.find(LogKind::Log)?.map(|log| log.head());
        let conflict = StoreError::Conflict { expected, actual };
        if actual == expected { Ok(()) } else { Err(conflict.into()) }
    }

    pub(crate) fn find_or_create(self, kind: LogKind) -> Result<LogRow<'a>> {
        self.find(kind)?.map_or_else(|| self.create(kind), Ok)
    }

    /// Inserts a row without entries. The number of the row is higher than every other number.
    fn create(self, kind: LogKind) -> Result<LogRow<'a>> {
        let mut insert = self.connection.prepare_cached(
            "INSERT INTO log (session_id, segment_id, trace, entries, epoch,
                 bytes, modified, info_entries, info_epoch)
             VALUES (?1, ?2, ?3, 0, ?4, 0, ?5, 0, ?4)",
        )?;
        let SegmentKey { session_id, segment_id } = self.key;
        let (session_id, segment_id) = (session_id.as_bytes(), segment_id.as_bytes());
        let epoch = new_epoch();
        let number = insert.insert((session_id, segment_id, kind as u8, epoch, now()))?;
        let number = u32::try_from(number).ok().filter(|&number| number <= rowid::MAX_NUMBER);
        let number =
            number.ok_or_else(|| DatabaseError::full("database", "2^31 - 1 logs and traces"))?;
        Ok(LogRow { segment: self, kind, number, entries: 0, epoch })
    }
}

/// The row of a log or a trace. The epoch is a random number that changes when entries are cut or
/// replaced.
pub(crate) struct LogRow<'a> {
    pub(crate) segment: SegmentRows<'a>,
    pub(crate) kind: LogKind,
    pub(crate) number: u32,
    pub(crate) entries: u32,
    epoch: [u8; 16],
}

/// The new size of a log in bytes: the texts of all entries, and one newline for each entry.
#[derive(Clone, Copy)]
enum NewSize {
    /// The new size itself.
    Exactly(i64),
    /// The difference to the old size, or `None` if the difference is unknown. The new size is
    /// unknown if the difference or the old size is unknown.
    Changed(Option<i64>),
}

impl LogRow<'_> {
    pub(crate) fn head(&self) -> Head {
        head(self.entries, self.epoch)
    }

    /// Appends entries.
    pub(crate) fn append<E: Entry>(&mut self, entries: &[E]) -> Result<()> {
        let insert = "INSERT INTO entry (id, text) VALUES (?1, ?2)";
        let mut insert = self.segment.connection.prepare_cached(insert)?;
        let mut bytes = 0;
        for text in entries.iter().map(E::as_json) {
            check_size(self.segment.connection, text)?;
            insert.execute((rowid::pack(self.number, self.entries), text))?;
            bytes += text.len() as i64 + 1;
            let entries = self.entries.checked_add(1);
            self.entries = entries.ok_or_else(|| DatabaseError::full("log", "2^32 - 1 entries"))?;
        }
        if entries.is_empty() {
            return Ok(());
        }
        self.save(NewSize::Changed(Some(bytes)))
    }

    /// Keeps the first `entries_len` entries.
    pub(crate) fn truncate(&mut self, entries_len: usize) -> Result<()> {
        match u32::try_from(entries_len) {
            Ok(kept) if kept == self.entries => Ok(()),
            Ok(kept) if kept < self.entries => self.cut(kept),
            _ => {
                let entries = self.entries as usize;
                Err(StoreError::past_the_end(self.segment.key.segment_id, entries_len, entries)
                    .into())
            }
        }
    }

    /// Deletes all entries from position `kept` on. Changes the epoch, even if there are no such
    /// entries.
    pub(crate) fn cut(&mut self, kept: u32) -> Result<()> {
        let new_size = match (kept, self.entries - kept) {
            (0, _) => NewSize::Exactly(0),
            (_, ..=MEASURED_ENTRIES) => NewSize::Changed(self.size_from(kept)?.map(|size| -size)),
            _ => NewSize::Changed(None),
        };
        delete_entries(self.segment.connection, self.number, kept)?;
        self.entries = kept;
        self.epoch = new_epoch();
        self.save(new_size)
    }

    /// Returns the size of the entries from position `from` on, or `None` if there are no such
    /// entries or the database is not in UTF-8.
    ///
    /// `octet_length` reads the length from the row's header and does not load a long text. The
    /// length is in bytes of the encoding of the database, so it is the size in UTF-8 only for a
    /// database in UTF-8.
    fn size_from(&self, from: u32) -> Result<Option<i64>> {
        let (first, last) = rowid::from_position(self.number, from).into_inner();
        let mut select = self.segment.connection.prepare_cached(
            "SELECT sum(octet_length(text) + 1) FROM entry
             WHERE id BETWEEN ?1 AND ?2 AND (SELECT encoding FROM pragma_encoding) = 'UTF-8'",
        )?;
        Ok(select.query_row((first, last), |row| row.get(0))?)
    }

    fn save(&self, size: NewSize) -> Result<()> {
        let (exactly, added) = match size {
            NewSize::Exactly(bytes) => (Some(bytes), None),
            NewSize::Changed(added) => (None, added),
        };
        // In SQL, all expressions on the right use the old values of the row.
        self.segment
            .connection
            .prepare_cached(
                "UPDATE log SET entries = ?2, info_entries = ?2, epoch = ?3, info_epoch = ?3,
                     bytes = ifnull(?4,
                         iif(info_entries = entries AND info_epoch = epoch, bytes + ?5, NULL)),
                     modified = ?6
                 WHERE number = ?1",
            )?
            .execute((self.number, self.entries, self.epoch, exactly, added, now()))?;
        Ok(())
    }
}

/// Deletes the log and the trace of one segment of the session, or of all its segments. Returns
/// whether a log or trace was deleted.
pub(crate) fn delete(
    connection: &Connection,
    session_id: SessionId,
    segment_id: Option<SegmentId>,
) -> Result<bool> {
    let mut delete = connection.prepare_cached(
        "DELETE FROM log WHERE session_id = ?1 AND (?2 IS NULL OR segment_id = ?2)
         RETURNING number",
    )?;
    let segment_id = segment_id.as_ref().map(SegmentId::as_bytes);
    let numbers = delete
        .query_map((session_id.as_bytes(), segment_id), |row| row.get(0))?
        .collect::<Result<Vec<u32>, _>>()?;
    for &number in &numbers {
        delete_entries(connection, number, 0)?;
    }
    Ok(!numbers.is_empty())
}

/// Returns the head of a log with these values in its row.
pub(crate) fn head(entries: u32, epoch: [u8; 16]) -> Head {
    Head::new(entries as usize, u128::from_be_bytes(epoch))
}

fn delete_entries(connection: &Connection, number: u32, from: u32) -> Result<()> {
    let (first, last) = rowid::from_position(number, from).into_inner();
    connection
        .prepare_cached("DELETE FROM entry WHERE id BETWEEN ?1 AND ?2")?
        .execute((first, last))?;
    Ok(())
}

/// Returns a random epoch.
///
/// A counter could repeat an epoch after the segment was deleted and created again
/// ([H1](session_store_core::contract#h1)).
fn new_epoch() -> [u8; 16] {
    Uuid::new_v4().into_bytes()
}

/// Returns the milliseconds since 1970, or 0 if the clock is set to a time before.
fn now() -> i64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX)
}
