//! Scans all keys under the prefix on every server, a page at a time.

use std::collections::BTreeMap;

use redis::{Cmd, Value};

use crate::client::Client;
use crate::error::RequestError;
use crate::keys::{StoredKey, Tag};
use crate::reply::{byte_string_or_nil, byte_strings, number};

/// The approximate number of keys that a server examines for one page.
const PAGE_KEYS: usize = 1000;

/// Calls `visit` with the keys of the logs, the traces and their indexes, a page at a time and in
/// no particular order.
///
/// Every key that exists during the whole scan is visited, possibly more than once.
///
/// # Errors
/// `StartAgain` after the last page if a server was replaced or restarted, or if a slot moved. The
/// scan can then have missed keys. The position of a scan is only valid on the same server process.
/// A key that moves can be absent from both servers when each server is scanned.
pub(crate) fn keys(
    client: &Client,
    visit: &mut dyn FnMut(Vec<StoredKey>) -> Result<(), RequestError>,
) -> Result<(), RequestError> {
    let before = servers(client)?;
    for Server { tags, .. } in &before {
        // The client sends a command to the server that owns a slot. Any slot of this server will
        // do, so its first tag is used.
        let mut cursor = b"0".to_vec();
        loop {
            let (next, keys) = parse(client.command(tags[0], &page(client, &cursor))?)?;
            visit(keys.iter().filter_map(|key| client.keys.parse(key)).collect())?;
            if next == b"0" {
                break;
            }
            cursor = next;
        }
    }
    if servers(client)? == before {
        return Ok(());
    }
    Err(RequestError::StartAgain(
        "a server was replaced or restarted, or a slot moved to another node, so keys may have been \
         missed; run it again",
    ))
}

fn page(client: &Client, cursor: &[u8]) -> Cmd {
    let mut scan = redis::cmd("SCAN");
    scan.arg(cursor).arg("MATCH").arg(client.keys.pattern()).arg("COUNT").arg(PAGE_KEYS);
    scan
}

/// Parses the cursor of the next page, and the keys of this page.
fn parse(reply: Value) -> Result<(Vec<u8>, Vec<Vec<u8>>), RequestError> {
    let Value::Array(items) = reply else { return Err(RequestError::UnexpectedReply) };
    let [cursor, keys] = <[_; 2]>::try_from(items).map_err(|_| RequestError::UnexpectedReply)?;
    let cursor = byte_string_or_nil(cursor)?.ok_or(RequestError::UnexpectedReply)?;
    number::<u64>(&String::from_utf8_lossy(&cursor))?;
    Ok((cursor, byte_strings(keys)?))
}

/// A server, and the hash tags of the slots that the server owns.
#[derive(PartialEq, Eq)]
struct Server {
    /// The random id of the server's process.
    run_id: String,
    tags: Vec<Tag>,
}

/// Reads the map of slots again. Returns the servers that own the slots of sessions.
fn servers(client: &Client) -> Result<Vec<Server>, RequestError> {
    client.topology().mark_stale();
    let mut owned = BTreeMap::<String, Vec<Tag>>::new();
    for tag in Tag::buckets() {
        let owner = client.retry(|deadline| client.topology().owner(tag.slot(), deadline))?;
        owned.entry(owner.address.to_string()).or_default().push(tag);
    }
    let server = |tags: Vec<Tag>| {
        let mut info = redis::cmd("INFO");
        info.arg("server");
        let info = byte_string_or_nil(client.command(tags[0], &info)?)?.unwrap_or_default();
        let info = String::from_utf8_lossy(&info);
        let run_id = info.lines().find_map(|line| line.strip_prefix("run_id:"));
        Ok(Server { run_id: run_id.unwrap_or_default().to_owned(), tags })
    };
    owned.into_values().map(server).collect()
}
