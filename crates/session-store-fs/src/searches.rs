//! A cache of the sessions of segments, for lookups of segments that have no lookup hint.
//!
//! A lookup hint is a sidecar file that names the session of a segment. Without the hint, a lookup
//! has to search the folders of all sessions.

use std::collections::HashMap;
use std::sync::Mutex;

use session_store_core::{SegmentId, SessionId};

use crate::mutex::lock;

/// The results of the searches that a handle has made.
#[derive(Debug, Default)]
pub(crate) struct Searches(Mutex<Results>);

#[derive(Debug, Default)]
struct Results {
    /// The number of searches so far.
    count: u32,
    /// The session of each segment, as the most recent listing of all folders found it.
    sessions: HashMap<SegmentId, SessionId>,
}

impl Searches {
    /// Returns the session that contained the segment at the most recent listing. The segment may
    /// have been deleted from the session since then.
    pub(crate) fn session_of(&self, segment_id: SegmentId) -> Option<SessionId> {
        lock(&self.0).sessions.get(&segment_id).copied()
    }

    /// Counts a search, and returns whether this search lists all folders.
    ///
    /// A search that lists the folders of all sessions costs more than one that looks for a single
    /// segment, but its results answer all later lookups of segments that exist now. A handle that
    /// looks up only one segment never pays for a listing. A handle that looks up many segments
    /// makes a listing at the second search, the fourth, the eighth and so on, so that new segments
    /// are found too.
    pub(crate) fn count_search(&self) -> bool {
        let mut results = lock(&self.0);
        results.count = results.count.saturating_add(1);
        results.count > 1 && results.count.is_power_of_two()
    }

    pub(crate) fn remember(&self, sessions: HashMap<SegmentId, SessionId>) {
        lock(&self.0).sessions = sessions;
    }
}
