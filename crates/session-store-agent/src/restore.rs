//! Opening a segment together with the state that its records add up to.

use session_store_core::{SegmentId, SessionId, Store};

use crate::{AgentError, RestoredState, SegmentWriter};

/// Opens a segment at its end, with the state of the conversation there.
///
/// # Errors
/// [`AgentError::Replay`]; else as [`SegmentWriter::open`].
pub fn restore<S: Store>(
    store: S,
    session_id: SessionId,
    segment_id: SegmentId,
) -> Result<(SegmentWriter<S>, RestoredState), AgentError> {
    restore_from(store, session_id, segment_id, RestoredState::default())
}

/// As [`restore`], from a state that was saved earlier: only the entries after it are read. The state must
/// be of this segment; a log that was cut below it is an error, but one that was cut and has grown back is
/// not seen, so whoever cuts a log drops the states saved of it.
///
/// # Errors
/// [`AgentError::StateAhead`]; else as [`restore`].
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
