//! Reads the `SegmentInfo` of segments (the head, the size and the modification time), one by one
//! and in bulk.

use redis::Value;
use session_store_core::{ListOptions, SegmentInfo, SegmentKey};

use crate::client::Client;
use crate::error::RequestError;
use crate::keys::Tag;
use crate::listing;
use crate::metadata::{self, Metadata};
use crate::reply::{array, values};

/// Returns the `SegmentInfo` of the segments that the options select, in the order of the listings.
pub(crate) fn list(
    client: &Client,
    options: ListOptions,
) -> Result<Vec<(SegmentKey, SegmentInfo)>, RequestError> {
    // The limit is applied below, because a listed session without segments does not count.
    let start = options.start_after().map_or(ListOptions::new(), |id| ListOptions::new().after(id));
    let sessions = start.select(listing::listed_sessions(client)?);
    let mut left = options.max_sessions().unwrap_or(usize::MAX);
    let (mut infos, mut next) = (Vec::new(), 0);
    while left > 0 && next < sessions.len() {
        let part = &sessions[next..sessions.len().min(next + left.min(listing::CHUNK))];
        next += part.len();
        let keys = listing::keys(client, part)?;
        // Leave out a segment that was deleted after the listing.
        let found: Vec<_> =
            keys.iter().zip(of(client, &keys)?).filter_map(|(&key, i)| Some((key, i?))).collect();
        left -= found.chunk_by(|(a, _), (b, _)| a.session_id == b.session_id).count();
        infos.extend(found);
    }
    Ok(infos)
}

/// Returns the `SegmentInfo` of each segment, or `None` for a segment that does not exist.
pub(crate) fn of(
    client: &Client,
    keys: &[SegmentKey],
) -> Result<Vec<Option<SegmentInfo>>, RequestError> {
    let read = |&key: &SegmentKey| {
        (Tag::of_session(key.session_id), metadata::commands(&client.keys, key))
    };
    let replies = client.transactions(&keys.iter().map(read).collect::<Vec<_>>())?;
    let parse = |(&key, replies): (&SegmentKey, Vec<Value>)| {
        let [fields, count] = array(replies)?;
        let metadata = Metadata::parse(&client.keys, key, array(values(fields)?)?, &count)?;
        Ok(metadata.map(|metadata| metadata.info))
    };
    keys.iter().zip(replies).map(parse).collect()
}
