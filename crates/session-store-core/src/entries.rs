//! `Entries`: an iterator over a log or a trace, page by page.

use std::fmt;

use crate::{Entry, LogEntry, Pages, SegmentKey, Store, StoreError, TraceEntry};

/// An iterator over a log or a trace, made by [`StoreExt::entries`](crate::StoreExt::entries),
/// [`StoreExt::trace_entries`](crate::StoreExt::trace_entries) or
/// [`SegmentRef::iterate`](crate::SegmentRef::iterate).
pub struct Entries<'a, S: ?Sized, E = LogEntry> {
    store: &'a S,
    key: SegmentKey,
    pages: Pages<E>,
}

/// An iterator over a trace.
pub type TraceEntries<'a, S> = Entries<'a, S, TraceEntry>;

impl<'a, S: ?Sized, E> Entries<'a, S, E> {
    pub(crate) fn new(store: &'a S, key: SegmentKey, pages: Pages<E>) -> Self {
        Self { store, key, pages }
    }

    /// Returns the state of the iteration: the position, and the checkpoint at which a later read
    /// can resume.
    #[must_use]
    pub const fn pages(&self) -> &Pages<E> {
        &self.pages
    }
}

impl<S: Store + ?Sized, E: Entry> Iterator for Entries<'_, S, E> {
    type Item = Result<E, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.pages.next_entry() {
                return Some(entry);
            }
            let request = self.pages.next_request()?;
            self.pages.supply(E::read_page(self.store, self.key, request));
        }
    }
}

impl<S: ?Sized, E: fmt::Debug> fmt::Debug for Entries<'_, S, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entries")
            .field("key", &self.key)
            .field("pages", &self.pages)
            .finish_non_exhaustive()
    }
}
