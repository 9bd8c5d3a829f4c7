//! The segment that a command reads or changes.

use session_store::{
    Entries, Entry, LogEntry, OpenStore, Pages, SegmentId, SegmentKey, SegmentRef, SessionId,
    StoreError, StoreUrl, TraceEntry,
};

use crate::args::SegmentArgs;
use crate::failure::{Context, Failure, ok_or_report};
use crate::listing::read_session;
use crate::reference::Reference;
use crate::store::{open, open_to_change, open_to_write};
use crate::title::main_segment;

/// A segment of an opened store.
pub(crate) type Segment<'a> = SegmentRef<'a, OpenStore>;

/// Opens the store to read a segment. If `segment` names a session, returns the segment that begins
/// the conversation of the session.
pub(crate) fn open_to_read(
    url: &StoreUrl,
    session: Option<&Reference<SessionId>>,
    segment: &Reference<SegmentId>,
) -> Result<(OpenStore, SegmentKey), Failure> {
    let store = open(url)?;
    if let Some(key) = segment.find(session, &store)? {
        return Ok((store, key));
    }
    if session.is_none()
        && let Some(session_id) = segment.as_session().find(&store)?
        && let Some(key) = main_segment(&read_session(&store, session_id).segments?)
    {
        return Ok((store, key));
    }
    Err(segment.unknown(&store))
}

/// Opens the store to write to a segment. The store is created if it is missing, unless
/// `must_exist` is true.
///
/// Only a whole id can name a session or a segment that does not exist yet. For every other
/// reference, the store must exist and contain what it names.
pub(crate) fn open_to_append(
    url: &StoreUrl,
    session: &Reference<SessionId>,
    segment: &Reference<SegmentId>,
    must_exist: bool,
) -> Result<(OpenStore, SegmentKey), Failure> {
    let may_create = !must_exist && session.is_id() && segment.is_id();
    let store = open_to_change(url, may_create)?;
    let key = segment.resolve(Some(session), &store)?;
    Ok((store, key))
}

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

    /// Opens the store to read the segment, as [`open_to_read`] does.
    pub(crate) fn open_to_read(&self) -> Result<(OpenStore, SegmentKey), Failure> {
        open_to_read(&self.store, self.session.as_ref(), &self.segment)
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
    segment.iterate(pages(start))
}

/// Returns the pages that [`lines`] reads.
pub(crate) fn pages<E: Line>(start: usize) -> Pages<E> {
    Pages::new(start).skip_bad_lines().start_without_head()
}

/// Returns the entry of a line of [`lines`]. Reports a bad line and returns `None`. Every other
/// error ends the command.
pub(crate) fn readable<E: Line>(
    segment: Segment<'_>,
    line: Result<E, StoreError>,
) -> Result<Option<E>, Failure> {
    let is_bad_line = matches!(line, Err(StoreError::Corrupt { .. }));
    let line = line.context(|| reading::<E>(segment));
    if is_bad_line { Ok(ok_or_report(line)) } else { line.map(Some) }
}

/// Returns the text for messages about reading a log or a trace, such as `read segment S from URL`.
pub(crate) fn reading<E: Line>(segment: Segment<'_>) -> String {
    format!("read {}{} from {}", E::PREFIX, segment.key(), segment.store().url())
}
