//! `StoreExt`: further methods of every store, such as typed appends and reads, and iterators over
//! logs.

use std::ops::Range;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{
    Entries, Entry, LogEntry, Pages, SegmentId, SegmentKey, SegmentRef, SessionId, Store,
    StoreError, TraceEntries,
};

/// Further methods of every store. Import the trait to call them.
pub trait StoreExt: Store {
    /// Returns a handle on one segment, which need not exist.
    fn segment(&self, session_id: SessionId, segment_id: SegmentId) -> SegmentRef<'_, Self> {
        self.at(SegmentKey::new(session_id, segment_id))
    }

    /// Returns a handle on the segment of this key, which need not exist.
    fn at(&self, key: SegmentKey) -> SegmentRef<'_, Self> {
        SegmentRef::new(self, key)
    }

    /// Appends a Rust value as an entry.
    ///
    /// # Errors
    /// As [`LogEntry::encode`] and [`Store::append`].
    fn append_value<T: Serialize + ?Sized>(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        value: &T,
    ) -> Result<(), StoreError> {
        self.segment(session_id, segment_id).append_value(value)
    }

    /// Reads the whole log as values of one type.
    ///
    /// # Errors
    /// As [`Store::read_all`]. [`StoreError::Corrupt`] with the number of the entry, counted from
    /// 1, if an entry does not decode.
    fn read_values<T: DeserializeOwned>(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<Vec<T>, StoreError> {
        let entries = self.read_all(session_id, segment_id)?.into_iter().map(Ok);
        decode_each(entries, &format!("segment {segment_id}"))
    }

    /// Creates a segment whose entries are Rust values.
    ///
    /// An existing log is **overwritten**, as by [`Store::create_segment`].
    ///
    /// # Errors
    /// As [`LogEntry::encode`] and [`Store::create_segment`].
    fn create_with_values<T: Serialize>(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        values: &[T],
    ) -> Result<(), StoreError> {
        self.segment(session_id, segment_id).create_with_values(values)
    }

    /// Appends a Rust value to the segment's trace.
    ///
    /// # Errors
    /// As [`TraceEntry::encode`](crate::TraceEntry::encode) and [`Store::append_trace`].
    fn append_trace_value<T: Serialize + ?Sized>(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        value: &T,
    ) -> Result<(), StoreError> {
        self.segment(session_id, segment_id).append_trace_value(value)
    }

    /// Reads the segment's whole trace as values of one type.
    ///
    /// # Errors
    /// As [`Store::read_trace_page`]. [`StoreError::Corrupt`] with the number of the entry, counted
    /// from 1, if an entry does not decode.
    fn read_trace_values<T: DeserializeOwned>(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<Vec<T>, StoreError> {
        let entries = self.trace_entries(session_id, segment_id, 0);
        decode_each(entries, &format!("the trace of segment {segment_id}"))
    }

    /// Reads the entries at the positions of `range`. Returns fewer entries if the log ends
    /// earlier.
    ///
    /// # Errors
    /// As [`Store::read_page`].
    fn read_range(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        range: Range<usize>,
    ) -> Result<Vec<LogEntry>, StoreError> {
        let pages = Pages::new(range.start).end_at(range.end).start_without_head();
        self.segment(session_id, segment_id).iterate(pages).collect()
    }

    /// Returns an iterator over the log from the position `start` on.
    ///
    /// The iterator holds one page of 256 KiB in memory. The iterator ends after the first error.
    /// Without an error, it ends at the end of the log. Entries that are appended during the
    /// iteration are returned too, unless the last page has already been read. The entries before
    /// a bad line are returned before the error of that line. If the log is truncated or replaced
    /// during the iteration, the iterator ends with [`StoreError::Conflict`]. The returned entries
    /// are therefore never a mix of two logs ([C2](crate::contract#c2)).
    fn entries(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        start: usize,
    ) -> Entries<'_, Self> {
        self.segment(session_id, segment_id).entries(start)
    }

    /// Returns an iterator over the segment's trace from the position `start` on, like
    /// [`entries`](Self::entries).
    fn trace_entries(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        start: usize,
    ) -> TraceEntries<'_, Self> {
        self.segment(session_id, segment_id).trace_entries(start)
    }
}

impl<S: Store + ?Sized> StoreExt for S {}

/// Decodes the entries of a log or a trace. `place` names the log or the trace in errors.
fn decode_each<E: Entry, T: DeserializeOwned>(
    entries: impl Iterator<Item = Result<E, StoreError>>,
    place: &str,
) -> Result<Vec<T>, StoreError> {
    let decode = |(index, entry): (usize, Result<E, StoreError>)| {
        let line = index + 1;
        serde_json::from_str(entry?.as_json()).map_err(|error| {
            let error = StoreError::from(error);
            let message = format!("entry {line} of {place} does not decode: {error}");
            StoreError::Corrupt { line, message }
        })
    };
    entries.enumerate().map(decode).collect()
}
