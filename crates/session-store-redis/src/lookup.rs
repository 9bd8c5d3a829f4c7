//! Lookups of the session of a segment. Each segment id has a set of *holders*, the sessions that
//! may hold the segment.
//!
//! The set is in another slot than the sessions, so one atomic step cannot change both. A session
//! is added to the set before it first holds the segment, and is never removed. The set therefore
//! contains all sessions that hold the segment, and possibly more. A lookup finds out which members
//! hold the segment now, and since when. The lookup returns the session that has held the segment
//! for the longest time ([L5](session_store_core::contract#l5)).

use redis::{Cmd, Value};
use session_store_core::{SegmentId, SegmentKey, SessionId};

use crate::client::Client;
use crate::error::RequestError;
use crate::keys::Tag;
use crate::listing::id;
use crate::reply::{byte_string_or_nil, byte_strings, number};

/// Adds the session to the segment's holders. Must be called before the session creates the
/// segment.
///
/// Returns the earliest creation time that the new log of the session may have. This time is after
/// the creation of all logs of this segment id in other sessions. A lookup returns the session with
/// the oldest log. With this time, the result of a lookup does not change, even if the clocks of
/// the servers differ or are set back.
pub(crate) fn register(client: &Client, key: SegmentKey) -> Result<String, RequestError> {
    let tag = Tag::of_holders(key.segment_id);
    let add_and_list =
        [(tag, on_holders(client, "SADD", key)), (tag, list(client, key.segment_id))];
    let replies = client.commands(&add_and_list)?;
    let mut others = session_ids(replies.into_iter().nth(1).unwrap_or(Value::Nil))?;
    others.retain(|&session_id| session_id != key.session_id);
    let holders = current_holders(client, key.segment_id, &others)?;
    let newest = holders.into_iter().map(|(created, _)| created).max();
    Ok(newest.map_or(0, |created| created + 1).to_string())
}

/// Returns the session that has held the segment for the longest time.
pub(crate) fn session_of(
    client: &Client,
    segment_id: SegmentId,
) -> Result<Option<SessionId>, RequestError> {
    let members = client.command(Tag::of_holders(segment_id), &list(client, segment_id))?;
    let holders = current_holders(client, segment_id, &session_ids(members)?)?;
    Ok(holders.into_iter().min().map(|(_, session_id)| session_id))
}

/// Returns for each key whether its session is among the holders of its segment.
pub(crate) fn are_registered(
    client: &Client,
    keys: &[SegmentKey],
) -> Result<Vec<bool>, RequestError> {
    let is_member =
        |&key: &SegmentKey| (Tag::of_holders(key.segment_id), on_holders(client, "SISMEMBER", key));
    let replies = client.commands(&keys.iter().map(is_member).collect::<Vec<_>>())?;
    Ok(replies.into_iter().map(|reply| reply == Value::Int(1)).collect())
}

/// Adds the session to the segment's holders.
pub(crate) fn add(client: &Client, key: SegmentKey) -> Result<(), RequestError> {
    client.command(Tag::of_holders(key.segment_id), &on_holders(client, "SADD", key)).map(drop)
}

/// Returns a command about one session in the set of holders.
fn on_holders(client: &Client, name: &str, key: SegmentKey) -> Cmd {
    let mut command = redis::cmd(name);
    command.arg(client.keys.holders(key.segment_id)).arg(key.session_id.to_string());
    command
}

fn list(client: &Client, segment_id: SegmentId) -> Cmd {
    let mut members = redis::cmd("SMEMBERS");
    members.arg(client.keys.holders(segment_id));
    members
}

fn session_ids(members: Value) -> Result<Vec<SessionId>, RequestError> {
    Ok(byte_strings(members)?.iter().filter_map(|member| id(member)).collect())
}

/// Returns the sessions that hold the segment now, each with the creation time of its log, in
/// microseconds by the clock of its server.
fn current_holders(
    client: &Client,
    segment_id: SegmentId,
    candidates: &[SessionId],
) -> Result<Vec<(u64, SessionId)>, RequestError> {
    let query = |&session_id: &SessionId| {
        let mut created = redis::cmd("HGET");
        created.arg(client.keys.log(SegmentKey { session_id, segment_id })).arg("created");
        (Tag::of_session(session_id), created)
    };
    let replies = client.commands(&candidates.iter().map(query).collect::<Vec<_>>())?;
    let mut holders = Vec::new();
    for (&session_id, reply) in candidates.iter().zip(replies) {
        if let Some(created) = byte_string_or_nil(reply)? {
            let created = String::from_utf8_lossy(&created);
            holders.push((number(&created)?, session_id));
        }
    }
    Ok(holders)
}
