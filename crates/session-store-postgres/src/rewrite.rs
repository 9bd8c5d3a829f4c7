//! Changes with several statements in one transaction: large appends, replaces, truncates, deletes.
//!
//! The first statement locks the rows of the logs. Each later statement takes its snapshot after
//! this lock, so it sees all entries of earlier changes. If one statement locked the row and also
//! deleted the entries, its snapshot would be older than the lock. The statement would then not see
//! the entries that were appended while it waited for the lock.

use session_store_core::{Head, SegmentId, StoreError};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::connection::Connection;
use crate::error::RequestError;
use crate::segment::{LogName, head};
use crate::statement::{int, ints, optional_uuid, texts, uuid};
use crate::write::{Expected, PART_BYTES, Write, conflict, size};
use crate::writer::ChangeId;

const LOCK: &str = "SELECT number, entries, bytes, stamp FROM {s}.log
    WHERE session_id = $1 AND segment_id = $2 AND trace = $3 FOR UPDATE";

/// Inserts the row of a log. The statement first takes a lock, see [`LogName::creation_lock`].
const CREATE: &str = "INSERT INTO {s}.log AS log
        (session_id, segment_id, trace, stamp, bytes, entries, modified)
    SELECT $1, $2, $3, $4, 0, 0, clock_timestamp()
    FROM (SELECT pg_advisory_xact_lock($5)) AS locked
    ON CONFLICT (session_id, segment_id, trace) DO NOTHING";

const INSERT: &str = "INSERT INTO {s}.entry (log, position, text)
    SELECT $1, $2 + new.ordinality - 1, new.text
    FROM unnest($3::text[]) WITH ORDINALITY AS new (text, ordinality)";

const CUT: &str = "WITH cut AS (
        DELETE FROM {s}.entry WHERE log = $1 AND position >= $2 RETURNING text)
    SELECT coalesce(sum(octet_length(text) + 1), 0)::bigint FROM cut";

const SAVE: &str = "UPDATE {s}.log
    SET entries = $2, bytes = $3, stamp = $4, modified = clock_timestamp() WHERE number = $1";

const LOCK_ALL: &str = "SELECT number FROM {s}.log
    WHERE session_id = $1 AND ($2 IS NULL OR segment_id = $2)
    ORDER BY session_id, segment_id, trace FOR UPDATE";

const DELETE_ENTRIES: &str = "DELETE FROM {s}.entry WHERE log = ANY ($1)";
const DELETE_LOGS: &str = "DELETE FROM {s}.log WHERE number = ANY ($1)";
const DELETE_QUARANTINED: &str = "DELETE FROM {s}.quarantined_entry
    WHERE session_id = $1 AND ($2 IS NULL OR segment_id = $2)";

/// The row of a log. The row is locked until the end of the transaction.
pub(crate) struct Locked {
    pub(crate) number: i64,
    pub(crate) entries: i64,
    pub(crate) bytes: i64,
    pub(crate) stamp: Uuid,
}

impl Locked {
    /// Locks the row of a log, if it exists.
    pub(crate) fn find(
        connection: &mut Connection,
        log: LogName,
    ) -> Result<Option<Self>, RequestError> {
        Ok(connection.query(LOCK, &log.parameters())?.first().map(Self::of))
    }

    fn of(row: &Row) -> Self {
        let (number, entries, bytes) = (row.get(0), row.get(1), row.get(2));
        Self { number, entries, bytes, stamp: row.get(3) }
    }

    /// Locks the row of a log. If the row does not exist and the expected head permits it, creates
    /// the row.
    fn find_or_create(
        connection: &mut Connection,
        log: LogName,
        expected: Expected,
        id: ChangeId,
    ) -> Result<Self, RequestError> {
        let mut found = Self::find(connection, log)?;
        if found.is_none() && matches!(expected, Expected::Any | Expected::Exactly(None)) {
            let lock = log.creation_lock();
            let row = [uuid(&id.stamp), int(&lock)];
            connection.query(CREATE, &[&log.parameters()[..], &row].concat())?;
            found = Self::find(connection, log)?;
            if let Some(found) = found.as_ref().filter(|found| found.stamp == id.stamp) {
                return Ok(Self { ..*found });
            }
        }
        let actual = found.as_ref().map(Self::head);
        match found {
            Some(found)
                if matches!(expected, Expected::Any) || expected == Expected::Exactly(actual) =>
            {
                Ok(found)
            }
            _ => Err(conflict(connection, log, expected)?),
        }
    }

    fn head(&self) -> Head {
        head(self.entries, self.stamp)
    }

    /// Deletes the entries from position `kept` on.
    fn cut(&mut self, connection: &mut Connection, kept: i64) -> Result<(), RequestError> {
        let rows = connection.query(CUT, &[int(&self.number), int(&kept)])?;
        let cut: i64 = rows.first().map_or(0, |row| row.get(0));
        self.entries = kept;
        self.bytes = if kept == 0 { 0 } else { self.bytes - cut };
        Ok(())
    }

    fn append(&mut self, connection: &mut Connection, new: &[&str]) -> Result<(), RequestError> {
        for part in parts(new) {
            let parameters = [int(&self.number), int(&self.entries), texts(&part)];
            connection.query(INSERT, &parameters)?;
            self.entries += part.len() as i64;
            self.bytes += size(part);
        }
        Ok(())
    }

    /// Writes the number and the size of the entries to the row, and `stamp`.
    pub(crate) fn save(
        &self,
        connection: &mut Connection,
        stamp: Uuid,
    ) -> Result<(), RequestError> {
        let Self { number, entries, bytes, .. } = self;
        connection.query(SAVE, &[int(number), int(entries), int(bytes), uuid(&stamp)])?;
        Ok(())
    }
}

/// Splits texts into parts of at most [`PART_BYTES`] bytes. A part with only one text can be
/// larger.
fn parts<'a, 'b>(mut texts: &'a [&'b str]) -> Vec<&'a [&'b str]> {
    let mut parts = Vec::new();
    while !texts.is_empty() {
        let mut bytes = 0;
        let fits = |text: &&&str| {
            bytes += text.len();
            bytes <= PART_BYTES
        };
        let (part, rest) = texts.split_at(texts.iter().take_while(fits).count().max(1));
        parts.push(part);
        texts = rest;
    }
    parts
}

/// Appends a batch that is too large for one statement. Returns the new number of entries.
pub(crate) fn append(
    connection: &mut Connection,
    id: ChangeId,
    write: &Write<'_>,
) -> Result<i64, RequestError> {
    id.transaction(connection, |connection| {
        let mut log = Locked::find_or_create(connection, write.log, write.expected, id)?;
        log.append(connection, &write.texts)?;
        log.save(connection, id.stamp)?;
        Ok(log.entries)
    })
}

/// Replaces the log by the entries. Returns the number of entries.
pub(crate) fn replace(
    connection: &mut Connection,
    id: ChangeId,
    write: &Write<'_>,
) -> Result<i64, RequestError> {
    id.transaction(connection, |connection| {
        let mut log = Locked::find_or_create(connection, write.log, write.expected, id)?;
        log.cut(connection, 0)?;
        log.append(connection, &write.texts)?;
        log.save(connection, id.stamp)?;
        Ok(log.entries)
    })
}

/// Truncates a log to its first `kept` entries. Returns the number of entries that remain.
///
/// If `kept` is the number of all entries, nothing is changed.
pub(crate) fn truncate(
    connection: &mut Connection,
    id: ChangeId,
    name: LogName,
    expected: Expected,
    kept: usize,
) -> Result<i64, RequestError> {
    let segment = SegmentId::from(name.segment);
    id.transaction(connection, |connection| {
        let found = Locked::find(connection, name)?;
        match expected {
            Expected::Exactly(expected) if found.as_ref().map(Locked::head) != expected => {
                let actual = found.as_ref().map(Locked::head);
                return Err(StoreError::Conflict { expected, actual }.into());
            }
            _ => {}
        }
        let mut log = found.ok_or(StoreError::NotFound(segment))?;
        let past_the_end = || StoreError::past_the_end(segment, kept, log.entries as usize);
        let kept = i64::try_from(kept).ok().filter(|&kept| kept <= log.entries);
        let kept = kept.ok_or_else(past_the_end)?;
        if kept < log.entries {
            log.cut(connection, kept)?;
            log.save(connection, id.stamp)?;
        }
        Ok(kept)
    })
}

/// Deletes the log and the trace of one segment, or of all segments of a session. Returns 1 if a
/// log or a trace was deleted, and otherwise 0.
pub(crate) fn delete(
    connection: &mut Connection,
    id: ChangeId,
    session: Uuid,
    segment: Option<Uuid>,
) -> Result<i64, RequestError> {
    id.transaction(connection, |connection| {
        let key = [uuid(&session), optional_uuid(&segment)];
        let rows = connection.query(LOCK_ALL, &key)?;
        let numbers: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
        if numbers.is_empty() {
            return Ok(0);
        }
        connection.query(DELETE_ENTRIES, &[ints(&numbers)])?;
        connection.query(DELETE_LOGS, &[ints(&numbers)])?;
        connection.query(DELETE_QUARANTINED, &key)?;
        Ok(1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_split_by_size() {
        let (half, large) = ("x".repeat(PART_BYTES / 2), "x".repeat(PART_BYTES + 1));
        let (half, large) = (half.as_str(), large.as_str());
        let lengths =
            |texts: &[&str]| parts(texts).iter().map(|part| part.len()).collect::<Vec<_>>();
        assert!(lengths(&[]).is_empty());
        assert_eq!(lengths(&[half, half, half]), [2, 1]);
        assert_eq!(lengths(&[large, half, large]), [1, 1, 1]);
    }
}
