//! Listings of sessions and segments, and the lookup of a segment's session.
//!
//! Rows with ids of another length than 16 bytes were not written by a store. All queries leave
//! them out (L4).

use rusqlite::{Connection, OptionalExtension, Row};
use session_store_core::{SegmentId, SessionId};
use uuid::Uuid;

use crate::error::DatabaseError;
use crate::log_row::id_bytes;

/// Lists all sessions that have a log, in descending order.
pub(crate) fn sessions(connection: &Connection) -> Result<Vec<SessionId>, DatabaseError> {
    let mut select = connection.prepare_cached(
        "SELECT DISTINCT session_id FROM log WHERE trace = 0 AND length(session_id) = 16
         ORDER BY session_id DESC",
    )?;
    Ok(select.query_map((), id)?.collect::<Result<_, _>>()?)
}

/// Lists the segments of a session that have a log, in descending order.
pub(crate) fn segments(
    connection: &Connection,
    session_id: SessionId,
) -> Result<Vec<SegmentId>, DatabaseError> {
    let mut select = connection.prepare_cached(
        "SELECT segment_id FROM log WHERE session_id = ?1 AND trace = 0 AND length(segment_id) = 16
         ORDER BY segment_id DESC",
    )?;
    Ok(select.query_map([id_bytes(session_id)], id)?.collect::<Result<_, _>>()?)
}

/// Finds the session that has held the segment the longest of those that hold it now (L5).
pub(crate) fn session_of(
    connection: &Connection,
    segment_id: SegmentId,
) -> Result<Option<SessionId>, DatabaseError> {
    let mut select = connection.prepare_cached(
        "SELECT session_id FROM log WHERE segment_id = ?1 AND trace = 0 AND length(session_id) = 16
         ORDER BY number LIMIT 1",
    )?;
    Ok(select.query_row([id_bytes(segment_id)], id).optional()?)
}

fn id<T: From<Uuid>>(row: &Row<'_>) -> rusqlite::Result<T> {
    row.get(0).map(|bytes| Uuid::from_bytes(bytes).into())
}
