//! Which session holds a segment: a set of those that may, and a look at each whether it does.
//!
//! The set is in another slot than the sessions, so it cannot be changed in one step with them. It is a
//! superset: a session is in it before it first holds the segment, and is never taken out. Among those that
//! do hold it, the answer is the one that came to hold it first, which each segment says itself (L5).

use std::fmt::Arguments;

use redis::{Cmd, Value};
use session_store_core::{SegmentId, SessionId, StoreError};

use crate::answer::{optional, texts};
use crate::client::Client;
use crate::keys::{Key, Tag};
use crate::listing::{self, id};

/// Writes down that the session may hold the segment, where lookups look, before it does (L5). Returns the
/// least time of creation by which it comes after the other sessions that hold the segment now.
pub(crate) fn make_known(
    client: &Client,
    attempt: Arguments<'_>,
    key: Key,
) -> Result<String, StoreError> {
    let tag = Tag::of_holders(key.1);
    let together = [(tag, add(client, key)), (tag, members(client, key.1))];
    let replies = client.commands(attempt, &together)?;
    let [_, members] = <[Value; 2]>::try_from(replies).map_err(|_| client.unexpected(attempt))?;
    let mut others = sessions(client, attempt, members)?;
    others.retain(|&session_id| session_id != key.0);
    let holders = held_by(client, attempt, key.1, &others)?;
    let last = holders.into_iter().map(|(born, _)| born).max();
    Ok(last.map_or(0, |born| born + 1).to_string())
}

/// The session that holds the segment now and came to hold it first.
pub(crate) fn session_of(
    client: &Client,
    segment_id: SegmentId,
) -> Result<Option<SessionId>, StoreError> {
    let attempt = format_args!("look up segment {segment_id}");
    let tag = Tag::of_holders(segment_id);
    let members = client.command(attempt, tag, &members(client, segment_id))?;
    let candidates = sessions(client, attempt, members)?;
    let holders = held_by(client, attempt, segment_id, &candidates)?;
    Ok(holders.into_iter().min().map(|(_, session_id)| session_id))
}

/// Writes down again what lookups need, of all segments, and returns how many were missing.
pub(crate) fn rebuild(client: &Client) -> Result<usize, StoreError> {
    let attempt = "rebuild the lookups";
    let mut missing = 0;
    for session_id in listing::sessions(client)? {
        let segment_ids = listing::segments(client, session_id)?.into_iter();
        let adds: Vec<_> = segment_ids
            .map(|segment_id| (Tag::of_holders(segment_id), add(client, (session_id, segment_id))))
            .collect();
        let added = client.commands(attempt, &adds)?;
        missing += added.iter().filter(|&reply| *reply == Value::Int(1)).count();
    }
    Ok(missing)
}

fn add(client: &Client, key: Key) -> Cmd {
    let mut add = redis::cmd("SADD");
    add.arg(client.keys.holders(key.1)).arg(key.0.to_string());
    add
}

fn members(client: &Client, segment_id: SegmentId) -> Cmd {
    let mut members = redis::cmd("SMEMBERS");
    members.arg(client.keys.holders(segment_id));
    members
}

fn sessions(
    client: &Client,
    attempt: Arguments<'_>,
    members: Value,
) -> Result<Vec<SessionId>, StoreError> {
    let members = texts(members).ok_or_else(|| client.unexpected(attempt))?;
    Ok(members.iter().filter_map(|member| id(member)).collect())
}

/// Those of the sessions that hold the segment now, each with the time since which it does, in
/// microseconds by its server's clock.
fn held_by(
    client: &Client,
    attempt: Arguments<'_>,
    segment_id: SegmentId,
    candidates: &[SessionId],
) -> Result<Vec<(u64, SessionId)>, StoreError> {
    let question = |&session_id: &SessionId| {
        let mut born = redis::cmd("HGET");
        born.arg(client.keys.log((session_id, segment_id))).arg("created");
        (Tag::of_session(session_id), born)
    };
    let questions: Vec<_> = candidates.iter().map(question).collect();
    let mut holders = Vec::new();
    for (&session_id, answer) in candidates.iter().zip(client.commands(attempt, &questions)?) {
        let text = optional(answer).ok_or_else(|| client.unexpected(attempt))?;
        if let Some(text) = text {
            let born = str::from_utf8(&text).ok().and_then(|text| text.parse().ok());
            holders.push((born.ok_or_else(|| client.unexpected(attempt))?, session_id));
        }
    }
    Ok(holders)
}
