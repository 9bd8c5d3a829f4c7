//! Listings of sessions and segments, facts about segments, and the lookup of a segment's session.

use std::time::SystemTime;

use session_store_core::{ListOptions, SegmentId, SegmentInfo, SegmentKey, SessionId};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::connection::Connection;
use crate::error::RequestError;
use crate::segment::head;
use crate::statement::{Parameter, int, optional_uuid, uuid};

const SESSIONS: &str = "SELECT DISTINCT session_id FROM {s}.log WHERE NOT trace
    ORDER BY session_id DESC";

const SEGMENTS: &str = "SELECT segment_id FROM {s}.log WHERE session_id = $1 AND NOT trace
    ORDER BY segment_id DESC";

/// Selects a session that holds the segment now. If several sessions hold a segment of this id,
/// selects the session that has held it for the longest time.
const SESSION_OF: &str = "SELECT session_id FROM {s}.log WHERE segment_id = $1 AND NOT trace
    ORDER BY number LIMIT 1";

const INFO: &str = "SELECT session_id, segment_id, entries, stamp, bytes, modified FROM {s}.log
    WHERE session_id = $1 AND segment_id = $2 AND NOT trace";

/// Selects the segments of a part of the sessions. The limit counts sessions and not segments, so
/// an inner query first finds the last session of the part.
const INFOS: &str = "SELECT session_id, segment_id, entries, stamp, bytes, modified FROM {s}.log
    WHERE NOT trace AND ($1 IS NULL OR session_id < $1) AND session_id IN (
        SELECT DISTINCT session_id FROM {s}.log
        WHERE NOT trace AND ($1 IS NULL OR session_id < $1)
        ORDER BY session_id DESC LIMIT $2)
    ORDER BY session_id DESC, segment_id DESC";

pub(crate) fn sessions(connection: &mut Connection) -> Result<Vec<SessionId>, RequestError> {
    ids(connection, SESSIONS, &[])
}

pub(crate) fn segments(
    connection: &mut Connection,
    session: SessionId,
) -> Result<Vec<SegmentId>, RequestError> {
    ids(connection, SEGMENTS, &[uuid(&session.into())])
}

pub(crate) fn session_of(
    connection: &mut Connection,
    segment: SegmentId,
) -> Result<Option<SessionId>, RequestError> {
    Ok(ids(connection, SESSION_OF, &[uuid(&segment.into())])?.pop())
}

/// Returns the facts of a segment.
pub(crate) fn info(
    connection: &mut Connection,
    key: SegmentKey,
) -> Result<Option<SegmentInfo>, RequestError> {
    let (session, segment) = (key.session_id.into(), key.segment_id.into());
    let rows = connection.query(INFO, &[uuid(&session), uuid(&segment)])?;
    Ok(rows.first().map(|row| key_and_info(row).1))
}

/// Returns the facts of the segments that the options select, in descending order.
pub(crate) fn infos(
    connection: &mut Connection,
    options: &ListOptions,
) -> Result<Vec<(SegmentKey, SegmentInfo)>, RequestError> {
    let after = options.start_after().map(Uuid::from);
    let limit = options.max_sessions().and_then(|limit| i64::try_from(limit).ok());
    let limit = limit.unwrap_or(i64::MAX);
    Ok(connection
        .query(INFOS, &[optional_uuid(&after), int(&limit)])?
        .iter()
        .map(key_and_info)
        .collect())
}

fn ids<I: From<Uuid>>(
    connection: &mut Connection,
    select: &'static str,
    parameters: &[Parameter<'_>],
) -> Result<Vec<I>, RequestError> {
    let rows = connection.query(select, parameters)?;
    Ok(rows.iter().map(|row| I::from(row.get::<_, Uuid>(0))).collect())
}

fn key_and_info(row: &Row) -> (SegmentKey, SegmentInfo) {
    let key = SegmentKey {
        session_id: row.get::<_, Uuid>(0).into(),
        segment_id: row.get::<_, Uuid>(1).into(),
    };
    let info = SegmentInfo::new(head(row.get(2), row.get(3)))
        .with_bytes(u64::try_from(row.get::<_, i64>(4)).ok())
        .with_modified(row.get::<_, Option<SystemTime>>(5));
    (key, info)
}
