//! The rows that stand for logs and traces, and the changes that keep their figures in step with their
//! entries. Everything here happens inside a transaction of the caller's.

use std::fmt;

use rusqlite::limits::Limit;
use rusqlite::{Connection, OptionalExtension, Row};
use session_store_core::{Head, SegmentId, SessionId, StoreError};
use uuid::Uuid;

use crate::error::Failure;
use crate::rowid;

/// A segment's full name.
pub(crate) type Key = (SessionId, SegmentId);

/// Which of a segment's two sequences of entries; the number is what the column `trace` holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Log = 0,
    Trace = 1,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Log => "log",
            Self::Trace => "trace",
        })
    }
}

/// A log or a trace: its row in the table `log`. The epoch changes when entries are cut or replaced.
pub(crate) struct Log {
    pub(crate) number: u32,
    pub(crate) entries: u32,
    epoch: [u8; 16],
}

impl Log {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { number: row.get(0)?, entries: row.get(1)?, epoch: row.get(2)? })
    }

    pub(crate) fn head(&self) -> Head {
        Head::new(self.entries as usize, u128::from_be_bytes(self.epoch))
    }

    /// Adds entries at the end.
    pub(crate) fn append<'a>(
        &mut self,
        connection: &Connection,
        texts: impl Iterator<Item = &'a str>,
    ) -> Result<(), Failure> {
        let before = self.entries;
        let mut insert =
            connection.prepare_cached("INSERT INTO entry (id, text) VALUES (?1, ?2)")?;
        for text in texts {
            check_size(connection, text)?;
            insert.execute((rowid::pack(self.number, self.entries), text))?;
            self.entries = self.entries.checked_add(1).ok_or_else(|| {
                Failure::Impossible("the log is full: it has 2^32 - 1 entries".to_owned())
            })?;
        }
        if self.entries > before { self.save(connection) } else { Ok(()) }
    }

    /// Keeps the first `entries_len` entries.
    pub(crate) fn truncate(
        &mut self,
        connection: &Connection,
        segment_id: SegmentId,
        entries_len: usize,
    ) -> Result<(), Failure> {
        match u32::try_from(entries_len) {
            Ok(kept) if kept == self.entries => Ok(()),
            Ok(kept) if kept < self.entries => self.cut(connection, kept),
            _ => {
                let entries = self.entries as usize;
                Err(StoreError::past_the_end(segment_id, entries_len, entries).into())
            }
        }
    }

    /// Drops the entries from `kept` on, under a new epoch even if there are none.
    pub(crate) fn cut(&mut self, connection: &Connection, kept: u32) -> Result<(), Failure> {
        delete_entries(connection, self.number, kept)?;
        self.entries = kept;
        self.epoch = fresh_epoch();
        self.save(connection)
    }

    fn save(&self, connection: &Connection) -> Result<(), Failure> {
        connection
            .prepare_cached("UPDATE log SET entries = ?2, epoch = ?3 WHERE number = ?1")?
            .execute((self.number, self.entries, self.epoch))?;
        Ok(())
    }
}

pub(crate) fn find(connection: &Connection, key: Key, part: Part) -> Result<Option<Log>, Failure> {
    let mut select = connection.prepare_cached(
        "SELECT number, entries, epoch FROM log
         WHERE session_id = ?1 AND segment_id = ?2 AND trace = ?3",
    )?;
    let found = select.query_row((session(key.0), segment(key.1), part as u8), Log::from_row);
    Ok(found.optional()?)
}

/// The segment's log, which must exist.
pub(crate) fn known(connection: &Connection, key: Key) -> Result<Log, Failure> {
    find(connection, key, Part::Log)?.ok_or_else(|| StoreError::NotFound(key.1).into())
}

pub(crate) fn find_or_create(
    connection: &Connection,
    key: Key,
    part: Part,
) -> Result<Log, Failure> {
    find(connection, key, part)?.map_or_else(|| create(connection, key, part), Ok)
}

/// The new row has a higher number than any that there is.
fn create(connection: &Connection, key: Key, part: Part) -> Result<Log, Failure> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO log (session_id, segment_id, trace, entries, epoch) VALUES (?1, ?2, ?3, 0, ?4)
         RETURNING number, entries, epoch",
    )?;
    let row = (session(key.0), segment(key.1), part as u8, fresh_epoch());
    let log = insert.query_row(row, Log::from_row)?;
    if log.number > rowid::MAX_NUMBER {
        return Err(Failure::Impossible(
            "the database is full: it has had 2^31 - 1 logs and traces".to_owned(),
        ));
    }
    Ok(log)
}

/// Deletes logs and traces of the session, of one segment or of all, and says whether there were any.
pub(crate) fn delete(
    connection: &Connection,
    session_id: SessionId,
    segment_id: Option<SegmentId>,
) -> Result<bool, Failure> {
    let mut delete = connection.prepare_cached(
        "DELETE FROM log WHERE session_id = ?1 AND (?2 IS NULL OR segment_id = ?2) RETURNING number",
    )?;
    let numbers = delete
        .query_map((session(session_id), segment_id.map(segment)), |row| row.get(0))?
        .collect::<Result<Vec<u32>, _>>()?;
    for &number in &numbers {
        delete_entries(connection, number, 0)?;
    }
    Ok(!numbers.is_empty())
}

/// The session that came to hold the segment first, of those that hold it now (L5).
pub(crate) fn session_of(
    connection: &Connection,
    segment_id: SegmentId,
) -> Result<Option<SessionId>, Failure> {
    let mut select = connection.prepare_cached(
        "SELECT session_id FROM log WHERE segment_id = ?1 AND trace = 0 AND length(session_id) = 16
         ORDER BY number LIMIT 1",
    )?;
    Ok(select.query_row([segment(segment_id)], id).optional()?)
}

pub(crate) fn sessions(connection: &Connection) -> Result<Vec<SessionId>, Failure> {
    let mut select = connection.prepare_cached(
        "SELECT DISTINCT session_id FROM log WHERE trace = 0 AND length(session_id) = 16
         ORDER BY session_id DESC",
    )?;
    Ok(select.query_map((), id)?.collect::<Result<_, _>>()?)
}

pub(crate) fn segments(
    connection: &Connection,
    session_id: SessionId,
) -> Result<Vec<SegmentId>, Failure> {
    let mut select = connection.prepare_cached(
        "SELECT segment_id FROM log WHERE session_id = ?1 AND trace = 0 AND length(segment_id) = 16
         ORDER BY segment_id DESC",
    )?;
    Ok(select.query_map([session(session_id)], id)?.collect::<Result<_, _>>()?)
}

/// Fails if a row with this text is over SQLite's limit for rows.
pub(crate) fn check_size(connection: &Connection, text: &str) -> Result<(), Failure> {
    // What a row has beside its text: a header of at most 11 bytes, and a pod its name, of at most 255.
    const ROW_OVERHEAD: u64 = 512;
    let row_limit = connection.limit(Limit::SQLITE_LIMIT_LENGTH)?;
    let limit = u64::from(row_limit.unsigned_abs()).saturating_sub(ROW_OVERHEAD);
    let size = text.len() as u64;
    if size > limit { Err(StoreError::TooLarge { size, limit }.into()) } else { Ok(()) }
}

fn delete_entries(connection: &Connection, number: u32, from: u32) -> Result<(), Failure> {
    let (first, last) = rowid::from_position(number, from).into_inner();
    connection
        .prepare_cached("DELETE FROM entry WHERE id BETWEEN ?1 AND ?2")?
        .execute((first, last))?;
    Ok(())
}

fn fresh_epoch() -> [u8; 16] {
    Uuid::new_v4().into_bytes()
}

fn session(id: SessionId) -> [u8; 16] {
    Uuid::from(id).into_bytes()
}

fn segment(id: SegmentId) -> [u8; 16] {
    Uuid::from(id).into_bytes()
}

/// What is no id is not ours (L4): rows are chosen by its length.
fn id<T: From<Uuid>>(row: &Row<'_>) -> rusqlite::Result<T> {
    row.get(0).map(|bytes| Uuid::from_bytes(bytes).into())
}
