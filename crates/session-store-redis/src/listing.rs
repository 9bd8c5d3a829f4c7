//! Lists sessions and segments. The listings are sorted sets, which are read a page at a time.

use std::str::FromStr;

use redis::{Cmd, Value};
use session_store_core::{SegmentId, SegmentKey, SessionId};

use crate::client::Client;
use crate::error::RequestError;
use crate::keys::Tag;
use crate::reply::byte_strings;

/// The maximum number of ids that one command reads.
const PAGE: usize = 1000;

/// The number of sessions that an operation on all sessions processes together.
pub(crate) const CHUNK: usize = 1000;

/// Returns the ids of all sessions that have a segment, newest first.
///
/// If the server or another program has deleted the list of a session's segments, the session has
/// no listed segment. Such a session is left out ([L1](session_store_core::contract#l1)).
pub(crate) fn sessions(client: &Client) -> Result<Vec<SessionId>, RequestError> {
    let mut buckets = buckets(client)?;
    // `EXISTS` returns how many of its keys exist, so one command checks all sessions of a bucket.
    let count = |(tag, ids): &(Tag, Vec<SessionId>)| {
        let mut exists = redis::cmd("EXISTS");
        exists.arg(ids.iter().map(|&id| client.keys.segments(id)).collect::<Vec<_>>());
        (*tag, exists)
    };
    buckets.retain(|(_, ids)| !ids.is_empty());
    let counts = client.pipelined(&buckets.iter().map(count).collect::<Vec<_>>());
    let mut sessions = Vec::new();
    for ((tag, ids), count) in buckets.into_iter().zip(counts) {
        // The count is missing if the command failed. While a slot moves, for example, a node
        // refuses a command with keys on both nodes. Each session is then queried alone.
        let all_exist = count == Some(Value::Int(ids.len() as i64));
        sessions.extend(if all_exist { ids } else { with_segments(client, tag, ids)? });
    }
    sessions.sort_unstable_by(|a, b| b.cmp(a));
    Ok(sessions)
}

/// Returns the sessions of a bucket that have a list of segments.
fn with_segments(
    client: &Client,
    tag: Tag,
    mut ids: Vec<SessionId>,
) -> Result<Vec<SessionId>, RequestError> {
    let exists = |&id: &SessionId| {
        let mut exists = redis::cmd("EXISTS");
        exists.arg(client.keys.segments(id));
        (tag, exists)
    };
    let replies = client.commands(&ids.iter().map(exists).collect::<Vec<_>>())?;
    let mut replies = replies.into_iter();
    ids.retain(|_| replies.next() == Some(Value::Int(1)));
    Ok(ids)
}

/// Returns the ids in the list of sessions, newest first, also those without segments.
pub(crate) fn listed_sessions(client: &Client) -> Result<Vec<SessionId>, RequestError> {
    let mut ids: Vec<_> = buckets(client)?.into_iter().flat_map(|(_, ids)| ids).collect();
    ids.sort_unstable_by(|a, b| b.cmp(a));
    Ok(ids)
}

/// Returns the listed sessions of each bucket.
fn buckets(client: &Client) -> Result<Vec<(Tag, Vec<SessionId>)>, RequestError> {
    let sets: Vec<_> = Tag::buckets().map(|tag| (tag, client.keys.sessions(tag))).collect();
    Ok(Tag::buckets().zip(members(client, &sets)?).collect())
}

/// Returns the ids of the segments of each session, newest first.
pub(crate) fn segments(
    client: &Client,
    session_ids: &[SessionId],
) -> Result<Vec<Vec<SegmentId>>, RequestError> {
    let set = |&id: &SessionId| (Tag::of_session(id), client.keys.segments(id));
    members(client, &session_ids.iter().map(set).collect::<Vec<_>>())
}

/// Returns the keys of all segments of the sessions, in the order of the sessions. The segments of
/// each session are in the order newest first.
pub(crate) fn keys(
    client: &Client,
    session_ids: &[SessionId],
) -> Result<Vec<SegmentKey>, RequestError> {
    let segments = segments(client, session_ids)?;
    let of_session = |(&session_id, segment_ids): (&SessionId, Vec<SegmentId>)| {
        segment_ids.into_iter().map(move |segment_id| SegmentKey { session_id, segment_id })
    };
    Ok(session_ids.iter().zip(segments).flat_map(of_session).collect())
}

/// Returns the ids of the session's segments that have a log or a trace.
pub(crate) fn segments_and_traces(
    client: &Client,
    session_id: SessionId,
) -> Result<Vec<SegmentId>, RequestError> {
    let tag = Tag::of_session(session_id);
    let (segments, traces) = (client.keys.segments(session_id), client.keys.traces(session_id));
    let mut ids = members(client, &[(tag, segments), (tag, traces)])?.concat();
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

/// Returns the ids in each sorted set, in descending order of their bytes.
fn members<T: FromStr>(
    client: &Client,
    sets: &[(Tag, String)],
) -> Result<Vec<Vec<T>>, RequestError> {
    let mut all: Vec<Vec<T>> = Vec::new();
    all.resize_with(sets.len(), Vec::new);
    for_each_page(client, sets, &mut |index, ids| {
        all[index].extend(ids);
        Ok(())
    })?;
    Ok(all)
}

/// Calls `visit` with the ids in each sorted set, a page at a time and in descending order of their
/// bytes. The first argument of `visit` is the position of the set in `sets`.
///
/// The first pages of all sets are read together, and further pages one by one, because most sets
/// have only one page.
pub(crate) fn for_each_page<T: FromStr>(
    client: &Client,
    sets: &[(Tag, String)],
    visit: &mut dyn FnMut(usize, Vec<T>) -> Result<(), RequestError>,
) -> Result<(), RequestError> {
    let firsts: Vec<_> = sets.iter().map(|(tag, key)| (*tag, page(key, None))).collect();
    let firsts = client.commands(&firsts)?;
    for (index, ((tag, key), first)) in sets.iter().zip(firsts).enumerate() {
        let mut members = byte_strings(first)?;
        loop {
            visit(index, members.iter().filter_map(|member| id(member)).collect())?;
            if members.len() < PAGE {
                break;
            }
            members = byte_strings(client.command(*tag, &page(key, members.last()))?)?;
        }
    }
    Ok(())
}

fn page(key: &str, below: Option<&Vec<u8>>) -> Cmd {
    let highest = below.map_or_else(|| b"+".to_vec(), |member| [b"(", &member[..]].concat());
    let mut command = redis::cmd("ZRANGE");
    command.arg(key).arg(highest).arg("-").arg("BYLEX").arg("REV").arg("LIMIT").arg(0).arg(PAGE);
    command
}

/// Parses an id as the scripts write it.
///
/// Any other member was stored by another program and is ignored
/// ([L4](session_store_core::contract#l4)).
pub(crate) fn id<T: FromStr>(bytes: &[u8]) -> Option<T> {
    str::from_utf8(bytes).ok()?.parse().ok()
}
