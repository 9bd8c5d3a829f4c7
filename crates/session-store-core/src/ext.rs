//! Conveniences over any store: typed appends and reads, and iterators over pages.

use std::ops::Range;
use std::vec;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{LogEntry, SegmentId, SessionId, Store, StoreError, TraceEntry, TracePage};

/// How many bytes of entries the iterators ask for at a time.
const PAGE_BYTES: usize = 256 * 1024;

/// Conveniences for every store; import the trait to have them.
pub trait StoreExt: Store {
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
        self.append(session_id, segment_id, &LogEntry::encode(value)?)
    }

    /// Reads the whole log as values of one type.
    ///
    /// # Errors
    /// As [`Store::read_all`], and [`StoreError::Corrupt`] with the entry's number, from 1, where one does
    /// not decode.
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

    /// The entries at the positions of `range`, fewer where the log ends.
    ///
    /// # Errors
    /// As [`Store::read_page`].
    fn read_range(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        range: Range<usize>,
    ) -> Result<Vec<LogEntry>, StoreError> {
        self.entries(session_id, segment_id, range.start).take(range.len()).collect()
    }

    /// An iterator over the entries from position `start` on, a page of 256 KiB in memory at a time. It ends
    /// at the log's end as it finds it then, or after the first error.
    fn entries(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        start: usize,
    ) -> Entries<'_, Self> {
        Entries { store: self, session_id, segment_id, pages: Pages::from(start) }
    }

    /// The same over the segment's trace.
    fn trace_entries(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        start: usize,
    ) -> TraceEntries<'_, Self> {
        TraceEntries { store: self, session_id, segment_id, pages: Pages::from(start) }
    }
}

impl<S: Store + ?Sized> StoreExt for S {}

/// Iterator over a log, made by [`StoreExt::entries`].
pub struct Entries<'a, S: ?Sized> {
    store: &'a S,
    session_id: SessionId,
    segment_id: SegmentId,
    pages: Pages<LogEntry>,
}

impl<S: Store + ?Sized> Iterator for Entries<'_, S> {
    type Item = Result<LogEntry, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        let Self { store, session_id, segment_id, pages } = self;
        pages
            .next(|start| Ok(store.read_page(*session_id, *segment_id, start, PAGE_BYTES)?.entries))
    }
}

/// Iterator over a trace, made by [`StoreExt::trace_entries`].
pub struct TraceEntries<'a, S: ?Sized> {
    store: &'a S,
    session_id: SessionId,
    segment_id: SegmentId,
    pages: Pages<TraceEntry>,
}

impl<S: Store + ?Sized> Iterator for TraceEntries<'_, S> {
    type Item = Result<TraceEntry, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        let Self { store, session_id, segment_id, pages } = self;
        pages.next(|start| {
            let TracePage { entries } =
                store.read_trace_page(*session_id, *segment_id, start, PAGE_BYTES)?;
            Ok(entries)
        })
    }
}

/// The state that both iterators share: the page in hand, and where the next one starts.
struct Pages<T> {
    page: vec::IntoIter<T>,
    next_start: usize,
    done: bool,
}

impl<T> Pages<T> {
    fn from(start: usize) -> Self {
        Self { page: Vec::new().into_iter(), next_start: start, done: false }
    }

    fn next(
        &mut self,
        read: impl FnOnce(usize) -> Result<Vec<T>, StoreError>,
    ) -> Option<Result<T, StoreError>> {
        if self.page.as_slice().is_empty() && !self.done {
            match read(self.next_start) {
                Ok(entries) => {
                    self.next_start += entries.len();
                    self.done = entries.is_empty();
                    self.page = entries.into_iter();
                }
                Err(error) => {
                    self.done = true;
                    return Some(Err(error));
                }
            }
        }
        self.page.next().map(Ok)
    }
}
