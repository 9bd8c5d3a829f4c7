//! Reads a log or a trace page by page, within the memory budget of the run.

use session_store_core::{Checkpoint, Entry, Pages, SegmentRef, Store, StoreError};

use crate::memory::{Permit, Share};

/// A segment of one of the two stores.
pub(crate) type Segment<'a> = SegmentRef<'a, dyn Store + 'a>;

/// An iterator over the entries of a log or a trace. [`Pages`] decides which page is read next.
pub(crate) struct Reader<'a, E> {
    segment: Segment<'a>,
    share: &'a Share<'a>,
    pages: Pages<E>,
    /// The permit to hold the current page in memory, if the page is large.
    permit: Option<Permit<'a>>,
}

impl<'a, E: Entry> Reader<'a, E> {
    /// Creates a reader that starts at the checkpoint.
    pub(crate) fn new(segment: Segment<'a>, share: &'a Share<'a>, start: Checkpoint) -> Self {
        let pages = Pages::resume(start).page_bytes(share.budget().page_bytes());
        Self { segment, share, pages, permit: None }
    }

    /// Returns the end of the log or trace, after the iterator has ended without an error.
    pub(crate) fn checkpoint(&self) -> Checkpoint {
        self.pages.checkpoint()
    }
}

impl<E: Entry> Iterator for Reader<'_, E> {
    type Item = Result<E, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.pages.next_entry() {
                return Some(entry);
            }
            let request = self.pages.next_request()?;
            // A request for an entry before the checkpoint is a check: it reads one old entry
            // again, to verify that the log has not changed. During the check, `pages` still holds
            // the page that caused the check. So keep the permit of that page.
            let is_check = request.start < self.pages.checkpoint().entries();
            if !is_check {
                self.permit = None;
            }
            let (store, key) = (self.segment.store(), self.segment.key());
            let (page, permit) = self.share.read(
                || E::read_page(store, key, request),
                |page| page.as_ref().map_or(0, |(entries, _)| text_bytes(entries)),
            );
            self.pages.supply(page);
            if !is_check {
                self.permit = permit;
            }
        }
    }
}

fn text_bytes<E: Entry>(entries: &[E]) -> usize {
    entries.iter().map(|entry| entry.as_json().len()).sum()
}
