//! The repair of logs and traces with damaged rows.
//!
//! A row is damaged if its text is not an entry, or if its position is not in the log. Such rows
//! are moved to the table `quarantined_entry`, and nothing is deleted. A row can also be missing,
//! and a read fails at the gap. So the positions of the later entries are reduced until there is no
//! gap.

use std::slice;

use session_store_core::{Finding, LogEntry, Severity};

use crate::connection::Connection;
use crate::error::RequestError;
use crate::rewrite::Locked;
use crate::segment::LogName;
use crate::statement::{int, ints};
use crate::writer::ChangeId;

const LOGS: &str = "SELECT session_id, segment_id, trace FROM {s}.log ORDER BY number";

const NUMBER: &str = "SELECT number, entries, bytes FROM {s}.log
    WHERE session_id = $1 AND segment_id = $2 AND trace = $3";

const ROWS: &str = "SELECT position, text FROM {s}.entry WHERE log = $1 ORDER BY position";

const QUARANTINE: &str = "WITH moved AS (
        DELETE FROM {s}.entry WHERE log = $1 AND position = ANY ($2) RETURNING position, text)
    INSERT INTO {s}.quarantined_entry (session_id, segment_id, trace, position, text)
    SELECT $3, $4, $5, position, text FROM moved";

/// Gives each entry a temporary negative position. [`NUMBER_AGAIN`] then computes the final
/// position from the temporary position. Without the temporary positions, an entry could get a
/// position that another entry still has.
const MOVE_AWAY: &str = "UPDATE {s}.entry SET position = -1 - numbered.place
    FROM (SELECT position, row_number() OVER (ORDER BY position) - 1 AS place
        FROM {s}.entry WHERE log = $1) AS numbered
    WHERE entry.log = $1 AND entry.position = numbered.position";

const NUMBER_AGAIN: &str = "UPDATE {s}.entry SET position = -1 - position WHERE log = $1";

/// The changes that the repair of a log or a trace has made.
pub(crate) struct Repaired {
    moved: usize,
    missing: i64,
    measured: bool,
}

impl Repaired {
    pub(crate) fn findings(&self, log: LogName) -> Vec<Finding> {
        let note = |cause| Finding::new(Severity::Note, log.to_string(), cause);
        let Self { moved, missing, measured } = self;
        let moved = (*moved > 0).then(|| {
            let cause = format!("moved {moved} bad rows to the table quarantined_entry");
            note(cause).with_remedy("look there for the text of lost entries")
        });
        let missing = (*missing > 0).then(|| {
            note(format!("moved the later entries up to the place of {missing} lost ones"))
        });
        let measured = measured.then(|| note(String::from("measured the size of the entries")));
        [moved, missing, measured].into_iter().flatten().collect()
    }
}

/// The rows of a log or a trace.
struct Rows {
    /// The positions of the damaged rows.
    bad: Vec<i64>,
    good: i64,
    /// The size of the good rows.
    bytes: i64,
    missing: i64,
}

impl Rows {
    fn of(connection: &mut Connection, number: i64, entries: i64) -> Result<Self, RequestError> {
        let mut rows = Self { bad: Vec::new(), good: 0, bytes: 0, missing: entries };
        connection.query_each(ROWS, &[int(&number)], &mut |row| {
            let (position, text): (i64, &str) = (row.get(0), row.get(1));
            let is_inside = (0..entries).contains(&position);
            rows.missing -= i64::from(is_inside);
            if is_inside && LogEntry::from_json(text).is_ok() {
                rows.good += 1;
                rows.bytes += text.len() as i64 + 1;
            } else {
                rows.bad.push(position);
            }
            Ok(())
        })?;
        Ok(rows)
    }

    fn is_damaged(&self) -> bool {
        !self.bad.is_empty() || self.missing > 0
    }
}

/// Returns all logs and traces.
pub(crate) fn logs(connection: &mut Connection) -> Result<Vec<LogName>, RequestError> {
    Ok(connection.query(LOGS, &[])?.iter().map(LogName::of).collect())
}

/// Returns whether a row of the log is damaged or missing, or the stored size of the log is wrong.
///
/// The log is not locked, so the result can be true for a sound log that another program changes
/// meanwhile. The repair reads the log again under the lock.
pub(crate) fn is_damaged(connection: &mut Connection, log: LogName) -> Result<bool, RequestError> {
    let found = connection.query(NUMBER, &log.parameters())?;
    let Some(row) = found.first() else { return Ok(false) };
    let rows = Rows::of(connection, row.get(0), row.get(1))?;
    Ok(rows.is_damaged() || rows.bytes != row.get::<_, i64>(2))
}

/// Moves the damaged rows to the quarantine and closes the gaps. The log gets a new head, so a
/// writer that has read the damaged log gets a conflict.
pub(crate) fn repair(
    connection: &mut Connection,
    id: ChangeId,
    name: LogName,
) -> Result<Option<Repaired>, RequestError> {
    let Some(mut log) = Locked::find(connection, name)? else { return Ok(None) };
    let rows = Rows::of(connection, log.number, log.entries)?;
    let is_measured = rows.bytes != log.bytes;
    if !rows.is_damaged() && !is_measured {
        return Ok(None);
    }
    log.bytes = rows.bytes;
    if !rows.is_damaged() {
        log.save(connection, log.stamp)?;
        return Ok(Some(Repaired { moved: 0, missing: 0, measured: true }));
    }
    let number = int(&log.number);
    let bad = [number.clone(), ints(&rows.bad)];
    connection.query(QUARANTINE, &[&bad[..], &name.parameters()].concat())?;
    connection.query(MOVE_AWAY, slice::from_ref(&number))?;
    connection.query(NUMBER_AGAIN, &[number])?;
    log.entries = rows.good;
    log.save(connection, id.stamp)?;
    Ok(Some(Repaired { moved: rows.bad.len(), missing: rows.missing, measured: false }))
}
