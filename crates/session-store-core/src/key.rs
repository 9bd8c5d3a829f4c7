//! `SegmentKey`: the full name of a segment.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{SegmentId, SessionId};

/// The full name of a segment. Two sessions can each have a segment of the same id, so a segment id
/// alone does not name a log.
///
/// Clause [A8](crate::contract#a8).
///
/// Keys order by session, then by segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SegmentKey {
    /// The session that holds the segment.
    pub session_id: SessionId,
    /// The segment.
    pub segment_id: SegmentId,
}

impl SegmentKey {
    /// Returns the key of a segment in a session.
    #[must_use]
    pub const fn new(session_id: SessionId, segment_id: SegmentId) -> Self {
        Self { session_id, segment_id }
    }
}

impl From<(SessionId, SegmentId)> for SegmentKey {
    fn from((session_id, segment_id): (SessionId, SegmentId)) -> Self {
        Self { session_id, segment_id }
    }
}

impl fmt::Display for SegmentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "segment {} of session {}", self.segment_id, self.session_id)
    }
}
