//! Listing sessions and segments: sorted sets, read a page at a time.

use redis::Cmd;
use session_store_core::{SegmentId, SessionId, StoreError};

use crate::answer::texts;
use crate::client::Client;
use crate::keys::Tag;

/// How many ids one command takes from the server.
const PAGE: usize = 1000;

/// The ids of all sessions, newest first (L1).
pub(crate) fn sessions(client: &Client) -> Result<Vec<SessionId>, StoreError> {
    let attempt = "list sessions";
    let firsts: Vec<_> =
        Tag::buckets().map(|tag| (tag, page(&client.keys.sessions(tag), None))).collect();
    let mut ids = Vec::new();
    for ((tag, _), value) in firsts.iter().zip(client.commands(attempt, &firsts)?) {
        let mut members = texts(value).ok_or_else(|| client.unexpected(attempt))?;
        if members.len() == PAGE {
            let key = client.keys.sessions(*tag);
            members.extend(rest(client, attempt, *tag, &key, members.last().cloned())?);
        }
        ids.extend(members.iter().filter_map(|member| id::<SessionId>(member)));
    }
    ids.sort_unstable_by(|a, b| b.cmp(a));
    Ok(ids)
}

/// The ids of the session's segments, newest first (L2).
pub(crate) fn segments(
    client: &Client,
    session_id: SessionId,
) -> Result<Vec<SegmentId>, StoreError> {
    let attempt = format!("list segments of session {session_id}");
    all(client, &attempt, session_id, &client.keys.segments(session_id))
}

/// The ids of the session's segments that have a trace, newest first.
pub(crate) fn traces(client: &Client, session_id: SessionId) -> Result<Vec<SegmentId>, StoreError> {
    let attempt = format!("list traces of session {session_id}");
    all(client, &attempt, session_id, &client.keys.traces(session_id))
}

fn all(
    client: &Client,
    attempt: &str,
    session_id: SessionId,
    key: &str,
) -> Result<Vec<SegmentId>, StoreError> {
    let members = rest(client, attempt, Tag::of_session(session_id), key, None)?;
    Ok(members.iter().filter_map(|member| id(member)).collect())
}

/// The members of a sorted set below one of them, or all, in descending order of their bytes.
fn rest(
    client: &Client,
    attempt: &str,
    tag: Tag,
    key: &str,
    mut below: Option<Vec<u8>>,
) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut members = Vec::new();
    loop {
        let value = client.command(attempt, tag, &page(key, below.as_deref()))?;
        let found = texts(value).ok_or_else(|| client.unexpected(attempt))?;
        let full = found.len() == PAGE;
        members.extend(found);
        if !full {
            return Ok(members);
        }
        below = members.last().cloned();
    }
}

fn page(key: &str, below: Option<&[u8]>) -> Cmd {
    let highest = below.map_or_else(|| b"+".to_vec(), |member| [b"(", member].concat());
    let mut command = redis::cmd("ZRANGE");
    command.arg(key).arg(highest).arg("-").arg("BYLEX").arg("REV").arg("LIMIT").arg(0).arg(PAGE);
    command
}

/// An id as the scripts write it; what is none is not ours (L4).
pub(crate) fn id<T: std::str::FromStr>(bytes: &[u8]) -> Option<T> {
    str::from_utf8(bytes).ok()?.parse().ok()
}
