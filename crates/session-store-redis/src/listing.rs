//! Listings of sessions and segments: sorted sets, read a page at a time.

use std::str::FromStr;

use redis::Cmd;
use session_store_core::{SegmentId, SegmentKey, SessionId};

use crate::client::Client;
use crate::error::RequestError;
use crate::keys::Tag;
use crate::reply::byte_strings;

/// The most ids that one command reads.
const PAGE: usize = 1000;

/// The number of sessions whose segments are processed together, where all sessions are processed.
pub(crate) const CHUNK: usize = 1000;

/// Returns the ids of all sessions, newest first.
pub(crate) fn sessions(client: &Client) -> Result<Vec<SessionId>, RequestError> {
    let sets: Vec<_> = Tag::buckets().map(|tag| (tag, client.keys.sessions(tag))).collect();
    let mut ids: Vec<SessionId> = members(client, &sets)?.concat();
    ids.sort_unstable_by(|a, b| b.cmp(a));
    Ok(ids)
}

/// Returns the ids of the segments of each session, newest first.
pub(crate) fn segments(
    client: &Client,
    session_ids: &[SessionId],
) -> Result<Vec<Vec<SegmentId>>, RequestError> {
    let set = |&id: &SessionId| (Tag::of_session(id), client.keys.segments(id));
    members(client, &session_ids.iter().map(set).collect::<Vec<_>>())
}

/// Returns the keys of all segments of the sessions, in the order of the sessions, newest first.
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
///
/// The first pages of all sets are read together, the others one by one. Most sets have one page.
fn members<T: FromStr>(
    client: &Client,
    sets: &[(Tag, String)],
) -> Result<Vec<Vec<T>>, RequestError> {
    let firsts: Vec<_> = sets.iter().map(|(tag, key)| (*tag, page(key, None))).collect();
    let firsts = client.commands(&firsts)?;
    let all = sets.iter().zip(firsts).map(|((tag, key), first)| {
        let mut members = byte_strings(first)?;
        let mut is_full = members.len() == PAGE;
        while is_full {
            let next = client.command(*tag, &page(key, members.last()))?;
            let next = byte_strings(next)?;
            is_full = next.len() == PAGE;
            members.extend(next);
        }
        Ok(members.iter().filter_map(|member| id(member)).collect())
    });
    all.collect()
}

fn page(key: &str, below: Option<&Vec<u8>>) -> Cmd {
    let highest = below.map_or_else(|| b"+".to_vec(), |member| [b"(", &member[..]].concat());
    let mut command = redis::cmd("ZRANGE");
    command.arg(key).arg(highest).arg("-").arg("BYLEX").arg("REV").arg("LIMIT").arg(0).arg(PAGE);
    command
}

/// Parses an id as the scripts write it. Any other member was stored by another program and is
/// ignored ([L4](session_store_core::contract#l4)).
pub(crate) fn id<T: FromStr>(bytes: &[u8]) -> Option<T> {
    str::from_utf8(bytes).ok()?.parse().ok()
}
