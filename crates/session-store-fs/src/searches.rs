//! The results of searches, so that lookups of many segments without hints do not search all
//! sessions once each.

use std::collections::HashMap;
use std::sync::Mutex;

use session_store_core::{SegmentId, SessionId};

use crate::mutex::lock;

/// The results of a handle's searches for segments without hints.
#[derive(Debug, Default)]
pub(crate) struct Searches(Mutex<Results>);

#[derive(Debug, Default)]
struct Results {
    /// The number of searches so far.
    count: u32,
    /// The session of each segment when all folders were listed last.
    sessions: HashMap<SegmentId, SessionId>,
}

impl Searches {
    /// Returns the session that held the segment at the last listing. It may have given it up.
    pub(crate) fn session_of(&self, segment_id: SegmentId) -> Option<SessionId> {
        lock(&self.0).sessions.get(&segment_id).copied()
    }

    /// Counts a search, and returns whether it lists all folders.
    ///
    /// Listing the folders of all sessions costs more than searching them for one segment. It is
    /// therefore done by the second search, the fourth, the eighth and so on: the results of one
    /// listing serve all later lookups of segments that existed before.
    pub(crate) fn lists_all(&self) -> bool {
        let mut results = lock(&self.0);
        results.count = results.count.saturating_add(1);
        results.count > 1 && results.count.is_power_of_two()
    }

    pub(crate) fn remember(&self, sessions: HashMap<SegmentId, SessionId>) {
        lock(&self.0).sessions = sessions;
    }
}
