//! Appends: one statement, in one round trip.
//!
//! The statement locks the row of the [writer](crate::writer), changes the row of the log, and
//! inserts the entries. The new row of the log determines the positions of the entries. Appends to
//! one log wait for each other, because each append locks the row of the log.

use crate::connection::Connection;
use crate::error::RequestError;
use crate::rewrite;
use crate::segment::stamp;
use crate::statement::{boolean, int, texts, uuid};
use crate::write::{Expected, PART_BYTES, Write, conflict};
use crate::writer::ChangeId;

/// Builds the statement of an append. The argument is the file of the middle part, which changes
/// the row of the log.
macro_rules! statement {
    ($log:literal) => {
        concat!(include_str!("sql/writer.sql"), include_str!($log), include_str!("sql/entries.sql"))
    };
}

const APPEND: &str = statement!("sql/append.sql");
const APPEND_TO_HEAD: &str = statement!("sql/append_to_head.sql");

/// Appends the entries. Returns the new number of entries.
pub(crate) fn append(
    connection: &mut Connection,
    id: ChangeId,
    write: &Write<'_>,
) -> Result<i64, RequestError> {
    let bytes = write.bytes();
    if bytes > PART_BYTES as i64 {
        return rewrite::append(connection, id, write);
    }
    let (lock, new) = (write.log.creation_lock(), write.texts.as_slice());
    let mut parameters = id.parameters().to_vec();
    parameters.extend(write.log.parameters());
    parameters.extend([uuid(&id.stamp), int(&bytes), texts(&new)]);
    let can_exist = write.expected == Expected::Any;
    let (entries, stamp_of_head);
    let (statement, rest) = match write.expected {
        Expected::Any | Expected::Exactly(None) => (APPEND, [int(&lock), boolean(&can_exist)]),
        Expected::Exactly(Some(head)) => {
            (entries, stamp_of_head) = (head.entries() as i64, stamp(head));
            (APPEND_TO_HEAD, [int(&entries), uuid(&stamp_of_head)])
        }
    };
    parameters.extend(rest);
    match id.execute(connection, statement, &parameters)? {
        Some(entries) => Ok(entries),
        None => Err(conflict(connection, write.log, write.expected)?),
    }
}
