//! `StoreExt`: further methods of every store, such as typed appends and reads, and iterators over
//! logs.

use std::ops::Range;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{
    Entries, LogEntry, Pages, SegmentId, SegmentKey, SegmentRef, SessionId, Store, StoreError,
    TraceEntries,
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
        let decode = |(index, entry): (usize, LogEntry)| {
            entry.decode().map_err(|error| StoreError::Corrupt {
                line: index + 1,
                message: format!(
                    "entry {} of segment {segment_id} does not decode: {error}",
                    index + 1
                ),
            })
        };
        self.read_all(session_id, segment_id)?.into_iter().enumerate().map(decode).collect()
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
    /// The iterator holds one page of 256 KiB in memory. The iterator ends at the end of the log at
    /// the moment when the last page is read, or after the first error. The entries before a bad
    /// line are returned before the error of that line. If the log is cut or replaced during the
    /// iteration, the iterator ends with [`StoreError::Conflict`]. The returned entries are
    /// therefore never a mix of two logs ([C2](crate::contract#c2)).
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
