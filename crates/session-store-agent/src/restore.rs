//! Opens a segment, and replays its records to get the state of the conversation.

use session_store_core::{SegmentId, SessionId, Store};

use crate::error::AgentError;
use crate::state::RestoredState;
use crate::writer::SegmentWriter;

/// Opens a segment at its end. Returns the writer and the state of the conversation.
///
/// # Errors
/// [`AgentError::Replay`]. Otherwise as [`SegmentWriter::open`].
pub fn restore<S: Store>(
    store: S,
    session_id: SessionId,
    segment_id: SegmentId,
) -> Result<(SegmentWriter<S>, RestoredState), AgentError> {
    restore_from(store, session_id, segment_id, RestoredState::default())
}

/// Opens a segment like [`restore`], but starts with a saved state. Reads only the entries after
/// this state.
///
/// The saved state must be a state of this segment. If the log has fewer entries than the state
/// contains, the result is an error. But a log that was truncated and has then grown to at least
/// this length is not detected. So a caller that truncates a log must delete the log's saved
/// states.
///
/// # Errors
/// [`AgentError::StateAhead`]. Otherwise as [`restore`].
pub fn restore_from<S: Store>(
    store: S,
    session_id: SessionId,
    segment_id: SegmentId,
    saved: RestoredState,
) -> Result<(SegmentWriter<S>, RestoredState), AgentError> {
    let (writer, entries) = SegmentWriter::open_after(store, session_id, segment_id, &saved)?;
    let mut state = saved;
    state.advance(&entries).map_err(AgentError::replaying(segment_id))?;
    Ok((writer, state))
}
