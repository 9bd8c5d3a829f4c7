//! Appends: one statement, in one round trip.
//!
//! The statement locks the row of the writer, changes the row of the log, and inserts the entries
//! at the positions that follow from the new row. Writers of one log wait for each other at its
//! row.

use crate::connection::Connection;
use crate::error::RequestError;
use crate::rewrite;
use crate::segment::{LogName, stamp};
use crate::statement::{boolean, int, texts, uuid};
use crate::write::{Expected, PART_BYTES, Write, conflict};
use crate::writer::ChangeId;

/// Builds a statement from the part that changes the row of the log.
///
/// The columns of the result are those of the writer's row before the change, and the new number of
/// entries.
macro_rules! statement {
    ($log:literal) => {
        concat!(include_str!("sql/writer.sql"), include_str!($log), include_str!("sql/entries.sql"))
    };
}

const APPEND: &str = statement!("sql/append.sql");
const APPEND_TO_NEW: &str = statement!("sql/append_to_new.sql");
const APPEND_TO_HEAD: &str = statement!("sql/append_to_head.sql");

/// Appends the entries. Returns the new number of entries.
pub(crate) fn append(
    connection: &mut Connection,
    id: ChangeId,
    write: &Write<'_>,
) -> Result<i64, RequestError> {
    if write.bytes() > PART_BYTES as i64 {
        return rewrite::append(connection, id, write);
    }
    let LogName { session, segment, is_trace } = write.log;
    let (bytes, lock) = (write.bytes(), write.log.creation_lock());
    let new = write.texts.as_slice();
    let mut parameters = vec![
        uuid(&id.token),
        int(&id.sequence),
        uuid(&session),
        uuid(&segment),
        boolean(&is_trace),
        uuid(&id.stamp),
        int(&bytes),
        texts(&new),
    ];
    let (entries, stamp_of_head);
    let statement = match write.expected {
        Expected::Any => APPEND,
        Expected::Exactly(None) => APPEND_TO_NEW,
        Expected::Exactly(Some(head)) => {
            (entries, stamp_of_head) = (head.entries() as i64, stamp(head));
            parameters.extend([int(&entries), uuid(&stamp_of_head)]);
            APPEND_TO_HEAD
        }
    };
    if statement != APPEND_TO_HEAD {
        parameters.push(int(&lock));
    }
    let rows = connection.query(statement, &parameters)?;
    if let Some(entries) = id.recorded(rows.first())? {
        return Ok(entries);
    }
    match rows.first().and_then(|row| row.get(2)) {
        Some(entries) => Ok(entries),
        None => Err(conflict(connection, write.log, write.expected)?),
    }
}
