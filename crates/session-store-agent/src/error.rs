//! `AgentError`: the reason why a segment was not restored, forked or opened by the name of a pod.

use session_store_core::{PodName, SegmentId, StoreError};

use crate::replay::ReplayError;

/// The reason why a segment was not restored, forked or opened by the name of a pod.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgentError {
    /// The store returned an error.
    #[error(transparent)]
    Store(#[from] StoreError),

    /// An entry of the segment cannot be applied to a state.
    #[error("cannot restore segment {segment_id}: {source}")]
    Replay {
        /// The segment.
        segment_id: SegmentId,
        /// The entry and the problem.
        source: ReplayError,
    },

    /// The saved state contains more entries than the log, because the log was truncated or
    /// replaced after the state was saved.
    #[error(
        "cannot continue from the saved state: it contains {saved} entries of segment {segment_id}, \
         which has {found}; the segment was truncated or replaced, so restore it without the state"
    )]
    StateAhead {
        /// The segment.
        segment_id: SegmentId,
        /// The number of entries in the state.
        saved: usize,
        /// The number of entries in the log.
        found: usize,
    },

    /// The segment does not have the requested turn.
    #[error("segment {segment_id} has no turn {at_turn_index}: {turns} turns have ended in it")]
    NoSuchTurn {
        /// The segment.
        segment_id: SegmentId,
        /// The requested turn.
        at_turn_index: usize,
        /// The number of turns that end in the segment.
        turns: usize,
    },

    /// The store does not have pods.
    #[error("cannot open pod {0}: this store does not have pods")]
    NoPods(PodName),
}

impl AgentError {
    /// Returns a function for `map_err` that adds the segment to an error of a replay.
    pub(crate) fn replaying(segment_id: SegmentId) -> impl Fn(ReplayError) -> Self {
        move |source| Self::Replay { segment_id, source }
    }
}
