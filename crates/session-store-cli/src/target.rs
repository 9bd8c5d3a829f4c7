//! Which segment a command is about: its store opened, its session looked up.

use session_store::{OpenStore, SegmentId, SessionId, Store};

use crate::args::SegmentArgs;
use crate::failure::{Context, Failure};
use crate::store::open;

/// A segment in an opened store.
pub(crate) struct Target {
    pub(crate) store: OpenStore,
    pub(crate) session_id: SessionId,
    pub(crate) segment_id: SegmentId,
}

impl SegmentArgs {
    /// Opens the store and finds the session of the segment.
    pub(crate) fn open(&self) -> Result<Target, Failure> {
        let store = open(&self.store)?;
        let session_id = match self.session {
            Some(session_id) => session_id,
            None => holder_of(&store, self.segment)?,
        };
        Ok(Target { store, session_id, segment_id: self.segment })
    }
}

impl Target {
    /// What reading is called in messages: `what` is `segment`, or `the trace of segment`.
    pub(crate) fn operation(&self, what: &str) -> String {
        format!("read {what} {} from {}", self.segment_id, self.store.url())
    }
}

/// The session that holds the segment, if there is one.
pub(crate) fn session_of(
    store: &OpenStore,
    segment_id: SegmentId,
) -> Result<Option<SessionId>, Failure> {
    let found = store.lookup_session_of(segment_id);
    found.context(|| format!("look up segment {segment_id} in {}", store.url()))
}

/// The session that holds the segment; that there is none is a failure.
pub(crate) fn holder_of(store: &OpenStore, segment_id: SegmentId) -> Result<SessionId, Failure> {
    session_of(store, segment_id)?.ok_or_else(|| {
        let operation = format!("find segment {segment_id} in {}", store.url());
        Failure::cannot(operation, "no session holds it")
    })
}
