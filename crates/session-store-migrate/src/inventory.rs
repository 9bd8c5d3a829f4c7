//! Lists the segments that a run processes.

use std::collections::{BTreeMap, BTreeSet};

use session_store_core::{SegmentKey, Store};

use crate::error::{Failure, MigrateError};
use crate::pair::Pair;
use crate::select::{LIST_SESSIONS, Selection};
use crate::side::Side;

/// The stores that have a segment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Both,
    Only(Side),
}

/// Returns the segments of the source's selected sessions, of any age.
pub(crate) fn of_source(
    source: &dyn Store,
    selection: &Selection,
) -> Result<BTreeMap<SegmentKey, Presence>, Failure> {
    let mut all = BTreeMap::new();
    list(source, Side::Source, selection, |key| {
        all.insert(key, Presence::Only(Side::Source));
    })?;
    Ok(all)
}

/// Returns the segments of both stores' selected sessions, of any age.
pub(crate) fn of_both(
    pair: Pair<'_>,
    selection: &Selection,
) -> Result<BTreeMap<SegmentKey, Presence>, Failure> {
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
    mut found: impl FnMut(SegmentKey),
) -> Result<(), Failure> {
    let sessions = store.list_sessions().map_err(Failure::of(side, LIST_SESSIONS))?;
    for session_id in sessions.into_iter().filter(|id| selection.has_session(*id)) {
        let segments = store
            .list_segments(session_id)
            .map_err(Failure::of(side, format!("list the segments of session {session_id}")))?;
        segments.into_iter().for_each(|segment_id| found(SegmentKey::new(session_id, segment_id)));
    }
    Ok(())
}

/// Returns an error if a session that is selected by its id has no segment among the keys.
pub(crate) fn require<V>(
    selection: &Selection,
    keys: &BTreeMap<SegmentKey, V>,
) -> Result<(), MigrateError> {
    let found: BTreeSet<_> = keys.keys().map(|key| key.session_id).collect();
    match selection.sessions.iter().flatten().find(|id| !found.contains(id)) {
        Some(missing) => Err(MigrateError::NoSuchSession(*missing)),
        None => Ok(()),
    }
}
