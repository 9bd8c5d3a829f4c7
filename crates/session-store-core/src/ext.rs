//! Conveniences over any store: typed appends and reads, and iterators over pages.

use std::ops::Range;
use std::vec;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Head, LogEntry, Page, SegmentId, SessionId, Store, StoreError, TraceEntry};

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
    /// at the log's end as it finds it then, or after the first error; the good entries before a bad line
    /// come first. A log that is cut or replaced meanwhile ends it with [`StoreError::Conflict`], so that
    /// what it gave is no mix (C2).
    fn entries(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        start: usize,
    ) -> Entries<'_, Self> {
        Entries { store: self, session_id, segment_id, pages: Pages::from(start), last: None }
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
    /// The head of the last page, and its last entry.
    last: Option<(Head, LogEntry)>,
}

impl<S: Store + ?Sized> Entries<'_, S> {
    fn read(&mut self, start: usize, max_bytes: usize) -> Result<Vec<LogEntry>, StoreError> {
        let Page { entries, head } =
            self.store.read_page(self.session_id, self.segment_id, start, max_bytes)?;
        self.expect_same_log(start, head)?;
        if let Some(last) = entries.last() {
            self.last = Some((head, last.clone()));
        }
        Ok(entries)
    }

    /// An equal token says that the log has only grown. Another one may say so too, in a store whose
    /// appends change it; then the entry before the page must still be the one that was given.
    fn expect_same_log(&self, start: usize, head: Head) -> Result<(), StoreError> {
        let Some((before, last)) = &self.last else { return Ok(()) };
        if head.token() == before.token() && head.entries() >= before.entries() {
            return Ok(());
        }
        let place = start.saturating_sub(1);
        let there = self.store.read_page(self.session_id, self.segment_id, place, 0)?;
        if there.entries.first() == Some(last) {
            return Ok(());
        }
        Err(StoreError::Conflict { expected: Some(*before), actual: Some(head) })
    }
}

impl<S: Store + ?Sized> Iterator for Entries<'_, S> {
    type Item = Result<LogEntry, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        while let Some((start, max_bytes)) = self.pages.wanted() {
            let page = self.read(start, max_bytes);
            self.pages.turn(page);
        }
        self.pages.next()
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
        while let Some((start, max_bytes)) = self.pages.wanted() {
            let Self { store, session_id, segment_id, .. } = self;
            let page = store.read_trace_page(*session_id, *segment_id, start, max_bytes);
            self.pages.turn(page.map(|page| page.entries));
        }
        self.pages.next()
    }
}

/// The state that both iterators share: the page in hand, and how the next one is read.
struct Pages<T> {
    page: vec::IntoIter<T>,
    start: usize,
    max_bytes: usize,
    done: bool,
    failed: Option<StoreError>,
}

impl<T> Pages<T> {
    fn from(start: usize) -> Self {
        let page = Vec::new().into_iter();
        Self { page, start, max_bytes: PAGE_BYTES, done: false, failed: None }
    }

    /// Where the next page begins and how large it may be, if it is time for one.
    fn wanted(&self) -> Option<(usize, usize)> {
        let empty = self.page.as_slice().is_empty();
        (empty && !self.done).then_some((self.start, self.max_bytes))
    }

    /// Takes the page that was wanted.
    fn turn(&mut self, page: Result<Vec<T>, StoreError>) {
        match page {
            Ok(entries) => {
                self.start += entries.len();
                self.done = entries.is_empty();
                self.page = entries.into_iter();
            }
            // One bad line fails a whole page: the entries before it are read one by one.
            Err(StoreError::Corrupt { .. }) if self.max_bytes > 0 => self.max_bytes = 0,
            Err(error) => {
                self.done = true;
                self.failed = Some(error);
            }
        }
    }

    fn next(&mut self) -> Option<Result<T, StoreError>> {
        self.page.next().map(Ok).or_else(|| self.failed.take().map(Err))
    }
}
