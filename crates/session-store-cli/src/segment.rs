//! The segment that a command reads or changes.

use session_store::{
    Entries, Entry, LogEntry, OpenStore, Pages, SegmentId, SegmentKey, SegmentRef, SessionId,
    Store, TraceEntry,
};

use crate::args::SegmentArgs;
use crate::failure::{Context, Failure};
use crate::store::open;

/// A segment of an opened store.
pub(crate) type Segment<'a> = SegmentRef<'a, OpenStore>;

impl SegmentArgs {
    /// Opens the store and finds the session of the segment.
    pub(crate) fn open(&self) -> Result<(OpenStore, SegmentKey), Failure> {
        let store = open(&self.store)?;
        let key = segment_key(&store, self.session, self.segment)?;
        Ok((store, key))
    }
}

/// Returns the key of a segment. The session is looked up if it is not given.
pub(crate) fn segment_key(
    store: &OpenStore,
    session: Option<SessionId>,
    segment_id: SegmentId,
) -> Result<SegmentKey, Failure> {
    let session = session.map_or_else(|| look_up_session(store, segment_id), |id| Ok(Some(id)))?;
    let session_id = session.ok_or_else(|| {
        let operation = format!("find segment {segment_id} in {}", store.url());
        Failure::cannot(operation, "no session contains it")
    })?;
    Ok(SegmentKey { session_id, segment_id })
}

/// Returns the session that contains the segment, or `None`.
pub(crate) fn look_up_session(
    store: &OpenStore,
    segment_id: SegmentId,
) -> Result<Option<SessionId>, Failure> {
    let found = store.lookup_session_of(segment_id);
    found.context(|| format!("look up segment {segment_id} in {}", store.url()))
}

/// An entry of a log or of a trace. Messages call a log `segment S`, and a trace `the trace of
/// segment S`.
pub(crate) trait Line: Entry {
    /// The words before `segment S` in messages.
    const PREFIX: &'static str;
}

impl Line for LogEntry {
    const PREFIX: &'static str = "";
}

impl Line for TraceEntry {
    const PREFIX: &'static str = "the trace of ";
}

/// Returns an iterator over the log or the trace from the position `start` on. A bad line is
/// returned as [`StoreError::Corrupt`](session_store::StoreError::Corrupt) and skipped. Every other
/// error is the last item.
pub(crate) fn lines<E: Line>(segment: Segment<'_>, start: usize) -> Entries<'_, OpenStore, E> {
    segment.iterate(Pages::new(start).skip_bad_lines())
}

/// Returns the text for messages about reading a log or a trace, such as `read segment S from URL`.
pub(crate) fn reading<E: Line>(segment: Segment<'_>) -> String {
    format!("read {}{} from {}", E::PREFIX, segment.key(), segment.store().url())
}
