//! Which segments there are: the work list of a run.

use std::collections::{BTreeMap, BTreeSet};

use session_store_core::{SegmentId, SessionId, Store};

use crate::side::Pair;
use crate::{Failure, MigrateError, Selection, Side};

/// A segment's full name. Keys order oldest first, sessions before their segments' order.
pub(crate) type Key = (SessionId, SegmentId);

/// The segments of one store.
pub(crate) fn segments(
    store: &dyn Store,
    side: Side,
    selection: &Selection,
) -> Result<BTreeSet<Key>, Failure> {
    let mut keys = BTreeSet::new();
    let sessions = store.list_sessions().map_err(Failure::of(side, "list the sessions"))?;
    for session_id in sessions.into_iter().filter(|id| selection.has_session(*id)) {
        let segments = store
            .list_segments(session_id)
            .map_err(Failure::of(side, format!("list the segments of session {session_id}")))?;
        keys.extend(segments.into_iter().map(|segment_id| (session_id, segment_id)));
    }
    Ok(keys)
}

/// Where a segment is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Both,
    Only(Side),
}

/// The segments of both stores together.
pub(crate) fn union(
    pair: Pair<'_>,
    selection: &Selection,
) -> Result<BTreeMap<Key, Presence>, Failure> {
    let destination = segments(pair.destination, Side::Destination, selection)?;
    let only = |key| (key, Presence::Only(Side::Destination));
    let mut all: BTreeMap<_, _> = destination.into_iter().map(only).collect();
    for key in segments(pair.source, Side::Source, selection)? {
        let presence =
            if all.contains_key(&key) { Presence::Both } else { Presence::Only(Side::Source) };
        all.insert(key, presence);
    }
    Ok(all)
}

/// Fails if a session that was asked for by name is not among the keys.
pub(crate) fn require<'a>(
    selection: &Selection,
    keys: impl IntoIterator<Item = &'a Key>,
) -> Result<(), MigrateError> {
    let found: BTreeSet<_> = keys.into_iter().map(|key| key.0).collect();
    match selection.sessions.iter().flatten().find(|id| !found.contains(id)) {
        Some(missing) => Err(MigrateError::NoSuchSession(*missing)),
        None => Ok(()),
    }
}
