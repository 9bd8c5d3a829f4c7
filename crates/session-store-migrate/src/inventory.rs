//! Which segments there are: the work list of a run.

use std::collections::{BTreeMap, BTreeSet};

use session_store_core::{SegmentId, SessionId, Store};

use crate::side::Pair;
use crate::{Failure, MigrateError, Selection, Side};

/// A segment's full name. Keys order oldest first, sessions before their segments' order.
pub(crate) type Key = (SessionId, SegmentId);

/// Where a segment is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Both,
    Only(Side),
}

/// The segments of the source's sessions that are selected by name, of whatever age.
pub(crate) fn of_source(
    source: &dyn Store,
    selection: &Selection,
) -> Result<BTreeMap<Key, Presence>, Failure> {
    let mut all = BTreeMap::new();
    list(source, Side::Source, selection, |key| {
        all.insert(key, Presence::Only(Side::Source));
    })?;
    Ok(all)
}

/// The same of both stores together.
pub(crate) fn of_both(
    pair: Pair<'_>,
    selection: &Selection,
) -> Result<BTreeMap<Key, Presence>, Failure> {
    let mut all = BTreeMap::new();
    for side in Side::BOTH {
        list(pair.store(side), side, selection, |key| {
            all.entry(key)
                .and_modify(|presence| *presence = Presence::Both)
                .or_insert(Presence::Only(side));
        })?;
    }
    Ok(all)
}

fn list(
    store: &dyn Store,
    side: Side,
    selection: &Selection,
    mut found: impl FnMut(Key),
) -> Result<(), Failure> {
    let sessions = store.list_sessions().map_err(Failure::of(side, "list the sessions"))?;
    for session_id in sessions.into_iter().filter(|id| selection.has_session(*id)) {
        let segments = store
            .list_segments(session_id)
            .map_err(Failure::of(side, format!("list the segments of session {session_id}")))?;
        segments.into_iter().for_each(|segment_id| found((session_id, segment_id)));
    }
    Ok(())
}

/// Fails if a session that was asked for by name is not among the keys.
pub(crate) fn require<V>(
    selection: &Selection,
    keys: &BTreeMap<Key, V>,
) -> Result<(), MigrateError> {
    let found: BTreeSet<_> = keys.keys().map(|key| key.0).collect();
    match selection.sessions.iter().flatten().find(|id| !found.contains(id)) {
        Some(missing) => Err(MigrateError::NoSuchSession(*missing)),
        None => Ok(()),
    }
}
