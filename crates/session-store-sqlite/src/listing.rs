//! Listings of sessions, of segments and of their `SegmentInfo`, and the lookup of a segment's
//! session.
//!
//! Rows with ids of another length than 16 bytes were not written by a store. All queries leave
//! them out ([L4](session_store_core::contract#l4)).

use std::time::{Duration, UNIX_EPOCH};

use rusqlite::{Connection, OptionalExtension, Params, Row};
use session_store_core::{ListOptions, SegmentId, SegmentInfo, SegmentKey, SessionId};

use crate::error::Result;
use crate::log_row::{SegmentRows, head};
use crate::schema::{HAS_INFO, has_info_columns};

/// Lists all sessions that have a log, in descending order.
pub(crate) fn sessions(connection: &Connection) -> Result<Vec<SessionId>> {
    let select = "SELECT DISTINCT session_id FROM log WHERE trace = 0 AND length(session_id) = 16
                  ORDER BY session_id DESC";
    select_all(connection, select, (), session_id)
}

/// Lists the segments of a session that have a log, in descending order.
pub(crate) fn segments(connection: &Connection, session_id: SessionId) -> Result<Vec<SegmentId>> {
    let select = "SELECT segment_id FROM log
                  WHERE session_id = ?1 AND trace = 0 AND length(segment_id) = 16
                  ORDER BY segment_id DESC";
    let segment_id = |row: &Row<'_>| row.get(0).map(SegmentId::from_bytes);
    select_all(connection, select, [session_id.as_bytes()], segment_id)
}

/// Finds the session that holds the segment. If several sessions hold the segment, finds the
/// session that has held the segment the longest.
pub(crate) fn session_of(
    connection: &Connection,
    segment_id: SegmentId,
) -> Result<Option<SessionId>> {
    let mut select = connection.prepare_cached(
        "SELECT session_id FROM log WHERE segment_id = ?1 AND trace = 0 AND length(session_id) = 16
         ORDER BY number LIMIT 1",
    )?;
    Ok(select.query_row([segment_id.as_bytes()], session_id).optional()?)
}

/// Returns the head, the size and the time of the last change of a segment.
pub(crate) fn segment_info(segment: SegmentRows<'_>) -> Result<Option<SegmentInfo>> {
    let SegmentRows { connection, key } = segment;
    let conditions = "session_id = ?1 AND segment_id = ?2";
    let mut select = connection.prepare_cached(&select_infos(connection, conditions)?)?;
    let parameters = (key.session_id.as_bytes(), key.segment_id.as_bytes());
    Ok(select.query_row(parameters, |row| Ok(key_and_info(row)?.1)).optional()?)
}

/// Returns the `SegmentInfo` of the segments that the options select, in descending order of their
/// ids.
pub(crate) fn infos(
    connection: &Connection,
    options: &ListOptions,
) -> Result<Vec<(SegmentKey, SegmentInfo)>> {
    // An id has 16 bytes, so every id is less than 17 bytes of 0xff.
    let after = options.start_after().map_or(vec![0xff; 17], |id| id.as_bytes().to_vec());
    let limit =
        options.max_sessions().map_or(i64::MAX, |limit| limit.try_into().unwrap_or(i64::MAX));
    // The limit counts sessions and not rows. So the inner query finds the last session of the
    // part.
    let conditions = "length(session_id) = 16 AND length(segment_id) = 16 AND session_id < ?1
         AND session_id >= (SELECT min(session_id) FROM (
             SELECT DISTINCT session_id FROM log
             WHERE trace = 0 AND length(session_id) = 16 AND session_id < ?1
             ORDER BY session_id DESC LIMIT ?2))";
    select_all(connection, &select_infos(connection, conditions)?, (after, limit), key_and_info)
}

/// Returns a query for logs whose rows [`key_and_info`] reads.
fn select_infos(connection: &Connection, conditions: &str) -> rusqlite::Result<String> {
    // Version 1 does not have the columns.
    let columns = if has_info_columns(connection)? {
        format!("iif({HAS_INFO}, bytes, NULL), iif({HAS_INFO}, modified, NULL)")
    } else {
        "NULL, NULL".to_owned()
    };
    Ok(format!(
        "SELECT session_id, segment_id, entries, epoch, {columns} FROM log
         WHERE trace = 0 AND {conditions} ORDER BY session_id DESC, segment_id DESC"
    ))
}

fn key_and_info(row: &Row<'_>) -> rusqlite::Result<(SegmentKey, SegmentInfo)> {
    let (session_id, segment_id, entries, epoch, bytes, modified) = row.try_into()?;
    let key = SegmentKey {
        session_id: SessionId::from_bytes(session_id),
        segment_id: SegmentId::from_bytes(segment_id),
    };
    // SQLite has signed integers only.
    let unsigned = |column: Option<i64>| column.and_then(|value| u64::try_from(value).ok());
    let since_1970 = unsigned(modified).map(Duration::from_millis);
    let info = SegmentInfo::new(head(entries, epoch))
        .with_bytes(unsigned(bytes))
        .with_modified(since_1970.and_then(|time| UNIX_EPOCH.checked_add(time)));
    Ok((key, info))
}

/// Runs a query and collects its rows.
pub(crate) fn select_all<T>(
    connection: &Connection,
    select: &str,
    parameters: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>> {
    let mut select = connection.prepare_cached(select)?;
    Ok(select.query_map(parameters, read)?.collect::<Result<_, _>>()?)
}

fn session_id(row: &Row<'_>) -> rusqlite::Result<SessionId> {
    row.get(0).map(SessionId::from_bytes)
}
