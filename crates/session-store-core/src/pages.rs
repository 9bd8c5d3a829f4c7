//! `Pages`: the state of a read of a log or a trace page by page. `Pages` does no I/O. The caller
//! reads each page that `Pages` requests.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::{mem, vec};

use crate::{BackendError, Entry, Head, PageRequest, StoreError};

/// The size of a page in bytes, unless the caller chooses another size.
const PAGE_BYTES: usize = 256 * 1024;

/// The place in a log or a trace at which an earlier read has ended.
///
/// A later read can resume at this place ([`Pages::resume`]). The later read detects whether the
/// entries before the place were truncated or replaced.
#[derive(Clone, Copy, Debug)]
pub struct Checkpoint {
    entries: usize,
    head: Option<Head>,
    last: Option<EntryHash>,
}

impl Checkpoint {
    /// The start of a log or a trace.
    pub const START: Self = Self::after(0);

    /// Returns the place after the first `entries` entries. A read that resumes at this place
    /// cannot detect whether these entries were replaced.
    #[must_use]
    pub const fn after(entries: usize) -> Self {
        Self { entries, head: None, last: None }
    }

    /// Returns the number of entries before this place.
    #[must_use]
    pub const fn entries(&self) -> usize {
        self.entries
    }

    /// Returns the head that the log had when the last page was read. Returns `None` for a trace,
    /// and if the page was read without the head.
    #[must_use]
    pub const fn head(&self) -> Option<Head> {
        self.head
    }
}

/// Reads a log or a trace page by page, as one consistent log.
///
/// The caller does the I/O: while [`next_entry`](Self::next_entry) returns `None`, read the page of
/// [`next_request`](Self::next_request) and pass the result to [`supply`](Self::supply).
/// [`Entries`](crate::Entries) does so for a store.
///
/// - The reading ends at the end of the log, or at [`end_at`](Self::end_at). Entries that are
///   appended during the reading are returned too, unless the last page has already been read.
/// - If the log is truncated or replaced during the reading, the reading ends with
///   [`StoreError::Conflict`]. The returned entries are therefore never a mix of two logs
///   ([C2](crate::contract#c2)).
/// - All entries before a bad line are returned. At the bad line, the reading ends with
///   [`StoreError::Corrupt`], unless [`skip_bad_lines`](Self::skip_bad_lines) is set.
#[derive(Debug)]
pub struct Pages<E> {
    /// The entries of the current page that were not returned yet.
    page: vec::IntoIter<E>,
    /// The error to return after the entries of the current page.
    error: Option<StoreError>,
    /// The place after the last entry of `page`.
    checkpoint: Checkpoint,
    /// The position before which the reading ends.
    end: usize,
    page_bytes: usize,
    skip_bad_lines: bool,
    /// The number of the last bad line that was skipped, as the storage counts the lines.
    bad_line: usize,
    /// Whether the next page needs a head.
    needs_head: bool,
    /// Whether the reading has resumed at a checkpoint and has not read a page yet.
    resumed: bool,
    state: State<E>,
}

#[derive(Debug)]
enum State<E> {
    /// The next page follows the checkpoint.
    Reading,
    /// The next page contains a bad line. The entries before this line are read one by one, as
    /// pages with a limit of 0 bytes. Such a page has exactly one entry.
    ReadingOneByOne,
    /// A page was read, and its head shows that the log has changed. The change may have been only
    /// an append. So the last entry before this page is read again, and must equal the entry that
    /// was read earlier.
    Verifying(Vec<E>, Option<Head>),
    Done,
}

impl<E: Entry> Pages<E> {
    /// Starts at the position `start`.
    #[must_use]
    pub fn new(start: usize) -> Self {
        Self::resume(Checkpoint::after(start))
    }

    /// Resumes at a checkpoint.
    #[must_use]
    pub fn resume(checkpoint: Checkpoint) -> Self {
        Self {
            page: Vec::new().into_iter(),
            error: None,
            checkpoint,
            end: usize::MAX,
            page_bytes: PAGE_BYTES,
            skip_bad_lines: false,
            bad_line: 0,
            needs_head: true,
            resumed: checkpoint.last.is_some(),
            state: State::Reading,
        }
    }

    /// Sets the size of a page in bytes. The default is 256 KiB.
    #[must_use]
    pub fn page_bytes(self, page_bytes: usize) -> Self {
        Self { page_bytes, ..self }
    }

    /// Ends the reading before the position `entries`, even if the log is longer.
    #[must_use]
    pub fn end_at(self, entries: usize) -> Self {
        let state = match self.checkpoint.entries < entries {
            true => self.state,
            false => State::Done,
        };
        Self { end: entries, state, ..self }
    }

    /// Continues after a bad line. The line's [`StoreError::Corrupt`] is returned in the place of
    /// an entry. Every other error still ends the reading.
    #[must_use]
    pub fn skip_bad_lines(self) -> Self {
        Self { skip_bad_lines: true, ..self }
    }

    /// Reads the first page without the head of the log, if that saves work for the store.
    ///
    /// Use this method if the reading can stop early. A store of files reads the whole log to find
    /// the head, even if only the first page is needed. Without the head, the end of the log is
    /// unknown, so reading a short log to its end takes one more page.
    #[must_use]
    pub fn start_without_head(self) -> Self {
        Self { needs_head: false, ..self }
    }

    /// Returns the next entry of the current page, or an error. `None` means that the next page is
    /// needed, or that the reading has ended.
    pub fn next_entry(&mut self) -> Option<Result<E, StoreError>> {
        self.page.next().map(Ok).or_else(|| self.error.take().map(Err))
    }

    /// Returns the request for the next page. `None` means that the current page has more entries,
    /// or that the reading has ended.
    #[must_use]
    pub fn next_request(&self) -> Option<PageRequest> {
        if !self.page.as_slice().is_empty() || self.error.is_some() {
            return None;
        }
        let next = self.checkpoint.entries;
        let request = match self.state {
            State::Reading => PageRequest::new(next, self.page_bytes),
            State::ReadingOneByOne => PageRequest::new(next, 0),
            State::Verifying(..) => PageRequest::new(next.saturating_sub(1), 0),
            State::Done => return None,
        };
        Some(request.with_head(self.needs_head))
    }

    /// Takes the result of the read that [`next_request`](Self::next_request) requested.
    pub fn supply(&mut self, page: Result<(Vec<E>, Option<Head>), StoreError>) {
        let state = mem::replace(&mut self.state, State::Done);
        match (page, state) {
            (Ok((entries, head)), State::Reading | State::ReadingOneByOne) => {
                if self.is_same_log(head, !entries.is_empty()) {
                    self.accept(entries, head);
                } else {
                    self.state = State::Verifying(entries, head);
                }
            }
            (Ok((found, _)), State::Verifying(entries, head)) => {
                if found.first().map(EntryHash::of) == self.checkpoint.last {
                    self.accept(entries, head);
                } else {
                    let expected = self.checkpoint.head;
                    self.error = Some(StoreError::Conflict { expected, actual: head });
                }
            }
            // One bad line makes the read of the whole page fail, so read the entries before the
            // bad line one by one.
            (Err(StoreError::Corrupt { .. }), State::Reading) => {
                self.state = State::ReadingOneByOne;
            }
            (Err(error), State::ReadingOneByOne) if self.skip_bad_lines => self.skip(error),
            (Err(error), _) => self.error = Some(error),
            (Ok(_), State::Done) => {}
        }
    }

    /// Returns the position after the last entry that [`next_entry`](Self::next_entry) returned. A
    /// bad line counts as an entry.
    #[must_use]
    pub fn position(&self) -> usize {
        self.checkpoint.entries - self.page.as_slice().len()
    }

    /// Returns the place after the pages that were read. After the reading has ended without an
    /// error, this is the place after the last entry.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        self.checkpoint
    }

    /// Returns whether it is certain that the log still begins with the entries that were read
    /// before.
    ///
    /// An equal head means that the log has not changed. The result is false if the head differs,
    /// or if only one of the two pages was read with a head. In these cases the log may only have
    /// grown, so the caller compares the last entry. A trace has no head. For a trace, the result
    /// is false only if the reading has just resumed and the trace has more entries than before.
    fn is_same_log(&self, head: Option<Head>, has_more: bool) -> bool {
        let Checkpoint { head: before, last: Some(_), .. } = self.checkpoint else { return true };
        match (before, head) {
            (None, None) => !self.resumed || !has_more,
            (before, now) => before == now,
        }
    }

    fn accept(&mut self, mut entries: Vec<E>, head: Option<Head>) {
        entries.truncate(self.end - self.checkpoint.entries);
        self.resumed = false;
        self.needs_head = true;
        self.checkpoint = Checkpoint {
            entries: self.checkpoint.entries + entries.len(),
            head,
            last: entries.last().map(EntryHash::of).or(self.checkpoint.last),
        };
        // The head and the page are from the same moment, so the head shows the end of the log. A
        // trace ends at an empty page. A log also ends at an empty page, even if the head counts
        // more entries. R6 forbids such a page, but if a store returns one, the reading would
        // otherwise not end.
        let end = head.map_or(self.end, |head| self.end.min(head.entries()));
        if !entries.is_empty() && self.checkpoint.entries < end {
            self.state = State::Reading;
        }
        self.page = entries.into_iter();
    }

    /// Skips one bad line.
    fn skip(&mut self, error: StoreError) {
        match error {
            StoreError::Corrupt { line, .. } if line > self.bad_line => {
                self.bad_line = line;
                // A bad line has no entry that could be compared later, so the next page is not
                // verified.
                let entries = self.checkpoint.entries + 1;
                self.checkpoint = Checkpoint { entries, last: None, ..self.checkpoint };
                if entries < self.end {
                    self.state = State::Reading;
                }
                self.error = Some(error);
            }
            // The store reports the same bad line again for a later position, so no later entry can
            // be read.
            StoreError::Corrupt { line, .. } => {
                let operation = format!("read past line {line}");
                self.error = Some(BackendError::new(operation, false, error).into());
            }
            other => self.error = Some(other),
        }
    }
}

/// A hash of an entry's text. The key of the hash is random for each process. A checkpoint holds
/// the hash instead of the entry, so that many checkpoints need little memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct EntryHash(u64);

impl EntryHash {
    fn of<E: Entry>(entry: &E) -> Self {
        static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        Self(KEY.hash_one(entry.as_json()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LogEntry;

    fn entries(numbers: std::ops::Range<usize>) -> Vec<LogEntry> {
        numbers.map(|n| LogEntry::from_json(format!("{{\"n\":{n}}}")).unwrap()).collect()
    }

    fn corrupt(line: usize) -> StoreError {
        StoreError::Corrupt { line, message: "bad".into() }
    }

    fn drain(pages: &mut Pages<LogEntry>) -> Vec<LogEntry> {
        std::iter::from_fn(|| pages.next_entry()).map(Result::unwrap).collect()
    }

    #[test]
    fn reading_ends_at_the_head() {
        let mut pages = Pages::new(1);
        assert_eq!(pages.next_request(), Some(PageRequest::new(1, PAGE_BYTES)));
        pages.supply(Ok((entries(1..3), Some(Head::new(3, 7)))));
        assert_eq!(pages.next_request(), None, "the page is not used up");
        assert_eq!(drain(&mut pages), entries(1..3));
        assert_eq!(pages.next_request(), None, "the log ends here");
        assert_eq!(pages.checkpoint().entries(), 3);
    }

    #[test]
    fn reading_ends_before_the_requested_end() {
        let mut pages = Pages::new(0).end_at(2);
        pages.supply(Ok((entries(0..5), Some(Head::new(9, 7)))));
        assert_eq!(drain(&mut pages), entries(0..2));
        assert_eq!(pages.next_request(), None);
        assert_eq!(Pages::<LogEntry>::new(2).end_at(2).next_request(), None);
    }

    #[test]
    fn a_new_head_makes_the_last_entry_be_read_again() {
        let first_page = || {
            let mut pages = Pages::new(0);
            pages.supply(Ok((entries(0..2), Some(Head::new(4, 7)))));
            drain(&mut pages);
            pages.supply(Ok((entries(2..5), Some(Head::new(5, 8)))));
            assert_eq!(pages.next_request(), Some(PageRequest::new(1, 0)));
            pages
        };
        let mut grown = first_page();
        grown.supply(Ok((entries(1..2), Some(Head::new(5, 8)))));
        assert_eq!(drain(&mut grown), entries(2..5));

        let mut replaced = first_page();
        replaced.supply(Ok((entries(7..8), Some(Head::new(5, 8)))));
        assert!(replaced.next_entry().unwrap().unwrap_err().is_conflict());
        assert_eq!(replaced.next_request(), None);
    }

    #[test]
    fn a_log_that_is_replaced_after_a_page_without_a_head_is_noticed() {
        let first_page = || {
            let mut pages = Pages::new(0).start_without_head();
            assert!(!pages.next_request().unwrap().needs_head);
            pages.supply(Ok((entries(0..2), None)));
            drain(&mut pages);
            assert!(pages.next_request().unwrap().needs_head);
            pages.supply(Ok((entries(2..5), Some(Head::new(5, 8)))));
            pages
        };
        let mut same = first_page();
        same.supply(Ok((entries(1..2), Some(Head::new(5, 8)))));
        assert_eq!(drain(&mut same), entries(2..5));
        assert_eq!(same.next_request(), None, "the second page has the end of the log");

        let mut replaced = first_page();
        replaced.supply(Ok((entries(7..8), Some(Head::new(5, 8)))));
        assert!(replaced.next_entry().unwrap().unwrap_err().is_conflict());
    }

    #[test]
    fn a_log_that_is_replaced_before_a_resumed_page_without_a_head_is_noticed() {
        let mut read = Pages::new(0);
        read.supply(Ok((entries(0..2), Some(Head::new(2, 7)))));
        drain(&mut read);
        let mut pages = Pages::resume(read.checkpoint()).start_without_head();
        pages.supply(Ok((entries(2..5), None)));
        assert_eq!(pages.next_request(), Some(PageRequest::new(1, 0).with_head(false)));
        pages.supply(Ok((entries(7..8), None)));
        assert!(pages.next_entry().unwrap().unwrap_err().is_conflict());
    }

    #[test]
    fn a_bad_line_ends_the_reading_after_the_good_entries_before_it() {
        let mut pages = Pages::new(0);
        pages.supply(Err(corrupt(2)));
        assert_eq!(pages.next_request(), Some(PageRequest::new(0, 0)));
        pages.supply(Ok((entries(0..1), Some(Head::new(3, 7)))));
        assert_eq!(drain(&mut pages), entries(0..1));
        pages.supply(Err(corrupt(2)));
        pages.supply(Err(corrupt(2)));
        assert!(matches!(pages.next_entry(), Some(Err(StoreError::Corrupt { line: 2, .. }))));
        assert_eq!(pages.next_request(), None);
    }

    #[test]
    fn bad_lines_can_be_skipped() {
        let mut pages = Pages::new(0).skip_bad_lines();
        pages.supply(Err(corrupt(1)));
        pages.supply(Err(corrupt(1)));
        assert!(matches!(pages.next_entry(), Some(Err(StoreError::Corrupt { line: 1, .. }))));
        assert_eq!(pages.position(), 1);
        assert_eq!(pages.next_request().map(|request| request.start), Some(1));
        pages.supply(Ok((entries(1..2), Some(Head::new(2, 7)))));
        assert_eq!(drain(&mut pages), entries(1..2));
        assert_eq!(pages.next_request(), None);
    }

    #[test]
    fn a_line_that_cannot_be_passed_ends_the_reading() {
        let mut pages = Pages::<LogEntry>::new(0).skip_bad_lines();
        for _ in 0..2 {
            pages.supply(Err(corrupt(5)));
        }
        assert!(matches!(pages.next_entry(), Some(Err(StoreError::Corrupt { .. }))));
        for _ in 0..2 {
            pages.supply(Err(corrupt(5)));
        }
        assert!(matches!(pages.next_entry(), Some(Err(StoreError::Backend(_)))));
        assert_eq!(pages.next_request(), None);
    }
}
