//! Creates new segments from existing segments: forks at a turn, forks into a new session, and
//! compactions. The existing segment is only read.

use session_store_core::{SegmentId, SessionId, Store, StoreError, StoreExt};

use crate::error::AgentError;
use crate::json::Json;
use crate::lineage::{Lineage, Origin};
use crate::record::Kind;
use crate::replay::replay;
use crate::state::RestoredState;
use crate::writer::SegmentWriter;

/// Forks a segment at a turn boundary, into a new segment of the same session.
///
/// The conversation continues in the new segment with the state after `at_turn_index` turns of the
/// source. If `at_turn_index` is 0, the state is the state directly after the source's
/// `segment_start`. The new segment begins with a `segment_start`, which contains the state and
/// names the origin. So the new segment can be read without the source, even after the source is
/// deleted. Entries of unknown kinds are not part of the state and are not copied.
///
/// # Errors
/// [`AgentError::NoSuchTurn`] and [`AgentError::Replay`]. Otherwise as [`Store::read_page`] and
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

/// Forks a segment like [`fork_at`]. The new segment is in a new session.
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

/// Creates a segment that continues the conversation with a shorter history. The new segment is in
/// the same session, and continues from the end of the existing segment.
///
/// `summarize` returns the new history. The rest of the state is kept.
///
/// # Errors
/// The errors of `summarize`, and otherwise as [`fork_at`].
pub fn compact<S: Store>(
    store: S,
    session_id: SessionId,
    segment_id: SegmentId,
    summarize: impl FnOnce(&RestoredState) -> Result<Vec<Json>, StoreError>,
) -> Result<(SegmentWriter<S>, RestoredState), AgentError> {
    let entries = store.read_all(session_id, segment_id)?;
    let mut state = replay(&entries).map_err(AgentError::replaying(segment_id))?;
    state.history = summarize(&state)?;
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

/// Returns the state after a number of turns. Entries after these turns are not replayed.
fn state_at<S: Store>(
    store: &S,
    session_id: SessionId,
    segment_id: SegmentId,
    at_turn_index: usize,
) -> Result<RestoredState, AgentError> {
    let mut state = RestoredState::default();
    for entry in store.entries(session_id, segment_id, 0) {
        let entry = entry?;
        // A `segment_start` belongs to every state of the segment, even to the state after 0 turns.
        let is_start = state.entry_count == 0 && Kind::of(&entry) == Some(Kind::SegmentStart);
        if state.turn_index == at_turn_index && !is_start {
            return Ok(state);
        }
        state.apply(&entry).map_err(AgentError::replaying(segment_id))?;
    }
    if state.turn_index == at_turn_index {
        return Ok(state);
    }
    Err(AgentError::NoSuchTurn { segment_id, at_turn_index, turns: state.turn_index })
}
