//! New segments out of old ones: forks at a turn, forks into a session of their own, compactions. The
//! source is only read.

use session_store_core::{SegmentId, SessionId, Store, StoreError, StoreExt};

use crate::{AgentError, Json, Kind, Lineage, Origin, RestoredState, SegmentWriter, replay};

/// Forks a segment at a turn boundary, into the same session: the conversation goes on, in the segment that
/// is returned, as it was after `at_turn_index` turns of the source; 0 is the point after its start.
///
/// The new segment begins with a `segment_start` that names its origin and carries the state there, so it
/// is read alone, whatever becomes of the source. Entries of unknown kinds are no part of the state and
/// stay behind.
///
/// # Errors
/// [`AgentError::NoSuchTurn`], [`AgentError::Replay`]; else as [`Store::read_page`] and
/// [`Store::append_if`].
pub fn fork_at<S: Store>(
    store: S,
    session_id: SessionId,
    segment_id: SegmentId,
    at_turn_index: usize,
) -> Result<(SegmentWriter<S>, RestoredState), AgentError> {
    let state = state_at(&store, session_id, segment_id, at_turn_index)?;
    let lineage = Lineage::ForkedFrom(Origin { segment_id, at_turn_index });
    branch(store, session_id, state, lineage)
}

/// As [`fork_at`], into a new session.
///
/// # Errors
/// As [`fork_at`].
pub fn fork_session_at<S: Store>(
    store: S,
    session_id: SessionId,
    segment_id: SegmentId,
    at_turn_index: usize,
) -> Result<(SegmentWriter<S>, RestoredState), AgentError> {
    let state = state_at(&store, session_id, segment_id, at_turn_index)?;
    let lineage = Lineage::ForkedFrom(Origin { segment_id, at_turn_index });
    branch(store, SessionId::new(), state, lineage)
}

/// Goes on from the end of a segment with a shorter history, which `summarise` makes of the state there.
/// All else of the state is carried over.
///
/// # Errors
/// Those of `summarise`; else as [`fork_at`].
pub fn compact<S: Store>(
    store: S,
    session_id: SessionId,
    segment_id: SegmentId,
    summarise: impl FnOnce(&RestoredState) -> Result<Vec<Json>, StoreError>,
) -> Result<(SegmentWriter<S>, RestoredState), AgentError> {
    let entries = store.read_all(session_id, segment_id)?;
    let mut state = replay(&entries).map_err(AgentError::replaying(segment_id))?;
    state.history = summarise(&state)?;
    let origin = Origin { segment_id, at_turn_index: state.turn_index };
    branch(store, session_id, state, Lineage::CompactedFrom(origin))
}

fn branch<S: Store>(
    store: S,
    session_id: SessionId,
    mut state: RestoredState,
    lineage: Lineage,
) -> Result<(SegmentWriter<S>, RestoredState), AgentError> {
    state.session_id = Some(session_id);
    let opening = [state.start(Some(lineage))?.into_entry()];
    let writer = SegmentWriter::create(store, session_id, &opening)?;
    let state = replay(&opening).map_err(AgentError::replaying(writer.segment_id()))?;
    Ok((writer, state))
}

/// The state after so many turns of the segment. Reads no further than that.
fn state_at<S: Store>(
    store: &S,
    session_id: SessionId,
    segment_id: SegmentId,
    at_turn_index: usize,
) -> Result<RestoredState, AgentError> {
    let mut state = RestoredState::default();
    for entry in store.entries(session_id, segment_id, 0) {
        let entry = entry?;
        let starts = state.entry_count == 0 && Kind::of(&entry) == Some(Kind::SegmentStart);
        if state.turn_index == at_turn_index && !starts {
            return Ok(state);
        }
        state.apply(&entry).map_err(AgentError::replaying(segment_id))?;
    }
    if state.turn_index == at_turn_index {
        return Ok(state);
    }
    Err(AgentError::NoSuchTurn { segment_id, at_turn_index, turns: state.turn_index })
}
