//! The segment that a command reads or changes.

use session_store::{
    Entries, Entry, LogEntry, OpenStore, Pages, SegmentKey, SegmentRef, TraceEntry,
};

use crate::args::SegmentArgs;
use crate::failure::Failure;
use crate::listing::read_session;
use crate::store::{open, open_to_write};
use crate::title::main_segment;

/// A segment of an opened store.
pub(crate) type Segment<'a> = SegmentRef<'a, OpenStore>;

impl SegmentArgs {
    /// Opens the store and finds the session of the segment.
    pub(crate) fn open(&self) -> Result<(OpenStore, SegmentKey), Failure> {
        self.find_in(open(&self.store)?)
    }

    /// Opens the store to write to, and finds the session of the segment.
    pub(crate) fn open_to_write(&self) -> Result<(OpenStore, SegmentKey), Failure> {
        self.find_in(open_to_write(&self.store)?)
    }

    fn find_in(&self, store: OpenStore) -> Result<(OpenStore, SegmentKey), Failure> {
        let key = self.segment.resolve(self.session.as_ref(), &store)?;
        Ok((store, key))
    }

    /// Opens the store to read a segment. If the argument names a session, this is the segment that
    /// begins its conversation.
    pub(crate) fn open_to_read(&self) -> Result<(OpenStore, SegmentKey), Failure> {
        let store = open(&self.store)?;
        if self.session.is_none() && self.segment.find(None, &store)?.is_none() {
            let session = self.segment.as_session();
            if let Some(session_id) = session.find(&store)? {
                let segments = read_session(&store, session_id).segments?;
                if let Some(key) = main_segment(&segments) {
                    return Ok((store, key));
                }
            }
        }
        self.find_in(store)
    }
}

/// An entry of a log or of a trace. In messages, a log is `segment S`, and a trace is
/// `the trace of segment S`.
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
    segment.iterate(Pages::new(start).skip_bad_lines().start_without_head())
}

/// Returns the text for messages about reading a log or a trace, such as `read segment S from URL`.
pub(crate) fn reading<E: Line>(segment: Segment<'_>) -> String {
    format!("read {}{} from {}", E::PREFIX, segment.key(), segment.store().url())
}
