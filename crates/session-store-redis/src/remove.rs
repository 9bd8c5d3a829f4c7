//! Truncates logs, and deletes segments and sessions.

use session_store_core::{Head, SegmentId, SegmentKey, SessionId, StoreError};

use crate::client::Client;
use crate::error::RequestError;
use crate::keys::Tag;
use crate::listing;
use crate::reply::ChangeReply;
use crate::script::{Call, DELETE, TRUNCATE};
use crate::write::{Expected, new_stamp};

/// Truncates a log to `entries_len` entries. Returns the new head.
pub(crate) fn truncate(
    client: &Client,
    key: SegmentKey,
    expected: Expected,
    entries_len: usize,
) -> Result<Head, RequestError> {
    let (tag, keys) = (Tag::of_session(key.session_id), &client.keys);
    let call = Call::new(&TRUNCATE, tag)
        .keys([keys.log(key), keys.entries(key), keys.never(tag)])
        .args([new_stamp(), expected.arg(), entries_len.to_string()]);
    let segment_id = key.segment_id;
    match client.change(call)? {
        ChangeReply::Head(head) => Ok(head),
        ChangeReply::Conflict(actual) => Err(expected.conflict(actual)),
        ChangeReply::Absent => Err(StoreError::NotFound(segment_id).into()),
        ChangeReply::Past(entries) => {
            Err(StoreError::past_the_end(segment_id, entries_len, entries).into())
        }
        _ => Err(RequestError::UnexpectedReply),
    }
}

/// Deletes a segment with its trace. Returns whether the segment or the trace existed.
pub(crate) fn segment(client: &Client, key: SegmentKey) -> Result<bool, RequestError> {
    delete(client, key.session_id, "", &[key.segment_id])
}

/// Deletes a session with all segments and traces, in one step. Returns whether the session had a
/// segment or a trace.
///
/// A script must declare all its keys, so the segments are listed before the call. If another
/// writer adds a segment or trace after the listing, the script deletes nothing, and the work
/// starts again.
pub(crate) fn session(client: &Client, session_id: SessionId) -> Result<bool, RequestError> {
    client.repeat(|| {
        let segment_ids = listing::segments_and_traces(client, session_id)?;
        delete(client, session_id, "whole", &segment_ids)
    })
}

fn delete(
    client: &Client,
    session_id: SessionId,
    extent: &str,
    segment_ids: &[SegmentId],
) -> Result<bool, RequestError> {
    let keys = &client.keys;
    let tag = Tag::of_session(session_id);
    let of_segment = |&segment_id: &SegmentId| {
        let key = SegmentKey { session_id, segment_id };
        [keys.log(key), keys.entries(key), keys.trace(key), keys.quarantine(key)]
    };
    let call = Call::new(&DELETE, tag)
        .keys([keys.sessions(tag), keys.segments(session_id), keys.traces(session_id)])
        .keys(segment_ids.iter().flat_map(of_segment))
        .keys([keys.never(tag)])
        .arg(session_id.to_string())
        .arg(extent)
        .args(segment_ids.iter().map(SegmentId::to_string));
    match client.change(call)? {
        ChangeReply::Done => Ok(true),
        ChangeReply::Nothing => Ok(false),
        ChangeReply::Grown => Err(RequestError::StartAgain(
            "other writers added segments to the session during each attempt",
        )),
        _ => Err(RequestError::UnexpectedReply),
    }
}
