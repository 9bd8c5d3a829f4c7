//! Why a state could not be restored, branched off or found by name.

use session_store_core::{PodName, SegmentId, StoreError};

use crate::ReplayError;

/// Why a segment was not restored, branched off or opened by name.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgentError {
    /// The store failed, or refused.
    #[error(transparent)]
    Store(#[from] StoreError),

    /// An entry of the segment has no place in a state.
    #[error("cannot restore segment {segment_id}")]
    Replay {
        /// Which segment.
        segment_id: SegmentId,
        /// Which entry, and why.
        source: ReplayError,
    },

    /// The saved state is ahead of the log, which was cut or replaced since. Restore from the beginning.
    #[error(
        "the saved state has {saved} entries of segment {segment_id}, which has {found}: it was cut \
         since, so restore it from its beginning"
    )]
    StateAhead {
        /// Which segment.
        segment_id: SegmentId,
        /// The entries in the state.
        saved: usize,
        /// The entries in the log.
        found: usize,
    },

    /// The segment has no such turn.
    #[error("segment {segment_id} has no turn {at_turn_index}: {turns} of its turns have ended")]
    NoSuchTurn {
        /// Which segment.
        segment_id: SegmentId,
        /// The turn asked for.
        at_turn_index: usize,
        /// How many turns end in the segment.
        turns: usize,
    },

    /// The store keeps no pods, so nothing in it can be found by a pod's name.
    #[error("cannot open pod {0}: this store keeps no pods")]
    NoPods(PodName),
}

impl AgentError {
    /// For use with `map_err`: says which segment could not be replayed.
    pub(crate) fn replaying(segment_id: SegmentId) -> impl Fn(ReplayError) -> Self {
        move |source| Self::Replay { segment_id, source }
    }
}
