//! A cache of the session of each segment, for lookups of segments without a lookup hint.
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
    /// Listing all folders takes longer than a search for a single segment, but answers all later
    /// lookups of the listed segments. A handle that searches only once never lists all folders.
    /// The second search lists all folders. The fourth search, the eighth and so on list them
    /// again, because new segments may exist.
    pub(crate) fn count_search(&self) -> bool {
        let mut results = lock(&self.0);
        results.count = results.count.saturating_add(1);
        results.count > 1 && results.count.is_power_of_two()
    }

    pub(crate) fn remember(&self, sessions: HashMap<SegmentId, SessionId>) {
        lock(&self.0).sessions = sessions;
    }
}
