//! Lists the segments that a run processes.

use std::collections::{BTreeMap, BTreeSet};

use session_store_core::{SegmentKey, Store};

use crate::error::{Failure, MigrateError};
use crate::select::{LIST_SESSIONS, Selection};
use crate::side::Side;

/// The stores that have a segment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Both,
    Only(Side),
}

/// Returns the segments of all selected sessions in the stores. The caller removes sessions that
/// are too old with [`Selection::retain_since`].
pub(crate) fn list(
    stores: &[(Side, &dyn Store)],
    selection: &Selection,
) -> Result<BTreeMap<SegmentKey, Presence>, Failure> {
    let mut found = BTreeMap::new();
    for &(side, store) in stores {
        let sessions = store.list_sessions().map_err(Failure::of(side, LIST_SESSIONS))?;
        for session_id in sessions.into_iter().filter(|id| selection.has_session(*id)) {
            let operation = format!("list the segments of session {session_id}");
            let segments = store.list_segments(session_id).map_err(Failure::of(side, operation))?;
            for segment_id in segments {
                found
                    .entry(SegmentKey::new(session_id, segment_id))
                    .and_modify(|presence| *presence = Presence::Both)
                    .or_insert(Presence::Only(side));
            }
        }
    }
    Ok(found)
}

/// Returns an error if a session that is selected by its id has no segment among the keys.
pub(crate) fn require<V>(
    selection: &Selection,
    keys: &BTreeMap<SegmentKey, V>,
) -> Result<(), MigrateError> {
    let found: BTreeSet<_> = keys.keys().map(|key| key.session_id).collect();
    selection.require(|id| found.contains(id))
}
