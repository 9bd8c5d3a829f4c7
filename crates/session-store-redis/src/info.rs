//! Facts about segments: heads, sizes and modification times, one by one and in bulk.

use std::collections::BTreeMap;

use session_store_core::{ListOptions, SegmentInfo, SegmentKey};

use crate::client::Client;
use crate::error::RequestError;
use crate::keys::Tag;
use crate::listing;
use crate::reply::{byte_strings, info};
use crate::script::{Call, READ_INFOS};

/// The most segments that one call of the script reads. The call blocks the server for about 1.5 ms
/// (measured on a busy machine: 5.5 µs a segment).
const CALL_SEGMENTS: usize = 256;

/// Returns the facts of the segments that the options select, in the order of the listings.
pub(crate) fn list(
    client: &Client,
    options: ListOptions,
) -> Result<Vec<(SegmentKey, SegmentInfo)>, RequestError> {
    let mut infos = Vec::new();
    for session_ids in options.select(listing::sessions(client)?).chunks(listing::CHUNK) {
        let keys = listing::keys(client, session_ids)?;
        let found = keys.iter().zip(of(client, &keys)?);
        // A segment that was deleted after it was listed has no facts.
        infos.extend(found.filter_map(|(&key, info)| Some((key, info?))));
    }
    Ok(infos)
}

/// Returns the facts of each segment, or `None` for one that does not exist.
///
/// The keys of a call must be in one slot, so the segments are grouped by the tags of their
/// sessions.
pub(crate) fn of(
    client: &Client,
    keys: &[SegmentKey],
) -> Result<Vec<Option<SegmentInfo>>, RequestError> {
    let mut groups = BTreeMap::<Tag, Vec<usize>>::new();
    for (index, key) in keys.iter().enumerate() {
        groups.entry(Tag::of_session(key.session_id)).or_default().push(index);
    }
    let groups: Vec<_> = groups
        .iter()
        .flat_map(|(&tag, indices)| indices.chunks(CALL_SEGMENTS).map(move |part| (tag, part)))
        .collect();
    let call = |&(tag, indices): &(Tag, &[usize])| {
        let keys_of =
            |&index: &usize| [client.keys.log(keys[index]), client.keys.entries(keys[index])];
        Call::new(&READ_INFOS, tag).keys(indices.iter().flat_map(keys_of))
    };
    let calls: Vec<_> = groups.iter().map(call).collect();
    let mut infos = vec![None; keys.len()];
    for ((_, indices), reply) in groups.iter().zip(client.reads(&calls)?) {
        for (&index, text) in indices.iter().zip(byte_strings(reply)?) {
            infos[index] = info(&text)?;
        }
    }
    Ok(infos)
}
