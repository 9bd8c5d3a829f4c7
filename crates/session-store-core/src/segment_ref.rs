//! `SegmentRef`: a store together with the key of one segment. Its methods are the store's methods
//! for this segment.

use std::fmt;

use serde::Serialize;

use crate::{
    Entries, Entry, Head, LogEntry, Page, PageRequest, Pages, SegmentId, SegmentInfo, SegmentKey,
    SessionId, Store, StoreError, TraceEntries, TraceEntry, TracePage,
};

/// A segment of a store, made by [`StoreExt::segment`](crate::StoreExt::segment). The segment need
/// not exist.
///
/// Each method calls a method of [`Store`] or [`StoreExt`](crate::StoreExt) with the key of the
/// segment, and fails with the same errors.
pub struct SegmentRef<'a, S: ?Sized> {
    store: &'a S,
    key: SegmentKey,
}

impl<S: ?Sized> Clone for SegmentRef<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: ?Sized> Copy for SegmentRef<'_, S> {}

impl<S: ?Sized> fmt::Debug for SegmentRef<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SegmentRef").field(&self.key).finish()
    }
}

impl<'a, S: Store + ?Sized> SegmentRef<'a, S> {
    pub(crate) const fn new(store: &'a S, key: SegmentKey) -> Self {
        Self { store, key }
    }

    /// Returns the store.
    #[must_use]
    pub const fn store(self) -> &'a S {
        self.store
    }

    /// Returns the full name of the segment.
    #[must_use]
    pub const fn key(self) -> SegmentKey {
        self.key
    }

    /// Returns the session.
    #[must_use]
    pub const fn session_id(self) -> SessionId {
        self.key.session_id
    }

    /// Returns the id of the segment.
    #[must_use]
    pub const fn segment_id(self) -> SegmentId {
        self.key.segment_id
    }

    /// Calls [`Store::append`].
    pub fn append(self, entry: &LogEntry) -> Result<(), StoreError> {
        self.store.append(self.key.session_id, self.key.segment_id, entry)
    }

    /// Calls [`StoreExt::append_value`](crate::StoreExt::append_value).
    pub fn append_value<T: Serialize + ?Sized>(self, value: &T) -> Result<(), StoreError> {
        self.append(&LogEntry::encode(value)?)
    }

    /// Calls [`Store::append_all`].
    pub fn append_all(self, entries: &[LogEntry]) -> Result<(), StoreError> {
        self.store.append_all(self.key.session_id, self.key.segment_id, entries)
    }

    /// Calls [`Store::append_if`].
    pub fn append_if(
        self,
        expected: Option<Head>,
        entries: &[LogEntry],
    ) -> Result<Head, StoreError> {
        self.store.append_if(self.key.session_id, self.key.segment_id, expected, entries)
    }

    /// Calls [`Store::append_trace`].
    pub fn append_trace(self, entry: &TraceEntry) -> Result<(), StoreError> {
        self.store.append_trace(self.key.session_id, self.key.segment_id, entry)
    }

    /// Calls [`StoreExt::append_trace_value`](crate::StoreExt::append_trace_value).
    pub fn append_trace_value<T: Serialize + ?Sized>(self, value: &T) -> Result<(), StoreError> {
        self.append_trace(&TraceEntry::encode(value)?)
    }

    /// Calls [`Store::create_segment`], which overwrites an existing log.
    pub fn create(self, entries: &[LogEntry]) -> Result<(), StoreError> {
        self.store.create_segment(self.key.session_id, self.key.segment_id, entries)
    }

    /// Calls [`StoreExt::create_with_values`](crate::StoreExt::create_with_values).
    pub fn create_with_values<T: Serialize>(self, values: &[T]) -> Result<(), StoreError> {
        let entries: Result<Vec<_>, _> = values.iter().map(LogEntry::encode).collect();
        self.create(&entries?)
    }

    /// Calls [`Store::truncate`].
    pub fn truncate(self, entries_len: usize) -> Result<(), StoreError> {
        self.store.truncate(self.key.session_id, self.key.segment_id, entries_len)
    }

    /// Calls [`Store::truncate_if`].
    pub fn truncate_if(self, expected: Head, entries_len: usize) -> Result<Head, StoreError> {
        self.store.truncate_if(self.key.session_id, self.key.segment_id, expected, entries_len)
    }

    /// Calls [`Store::delete_segment`].
    pub fn delete(self) -> Result<bool, StoreError> {
        self.store.delete_segment(self.key.session_id, self.key.segment_id)
    }

    /// Calls [`Store::exists`].
    pub fn exists(self) -> Result<bool, StoreError> {
        self.store.exists(self.key.session_id, self.key.segment_id)
    }

    /// Calls [`Store::head`].
    pub fn head(self) -> Result<Option<Head>, StoreError> {
        self.store.head(self.key.session_id, self.key.segment_id)
    }

    /// Calls [`Store::segment_info`].
    pub fn info(self) -> Result<Option<SegmentInfo>, StoreError> {
        self.store.segment_info(self.key.session_id, self.key.segment_id)
    }

    /// Calls [`Store::read_entry_count`].
    pub fn read_entry_count(self) -> Result<usize, StoreError> {
        self.store.read_entry_count(self.key.session_id, self.key.segment_id)
    }

    /// Calls [`Store::read_all`].
    pub fn read_all(self) -> Result<Vec<LogEntry>, StoreError> {
        self.store.read_all(self.key.session_id, self.key.segment_id)
    }

    /// Calls [`Store::read_page`].
    pub fn read_page(self, start: usize, max_bytes: usize) -> Result<Page, StoreError> {
        self.store.read_page(self.key.session_id, self.key.segment_id, start, max_bytes)
    }

    /// Calls [`Store::read_page_with`].
    pub fn read_page_with(
        self,
        request: PageRequest,
    ) -> Result<(Vec<LogEntry>, Option<Head>), StoreError> {
        self.store.read_page_with(self.key.session_id, self.key.segment_id, request)
    }

    /// Calls [`Store::read_page_matching`].
    pub fn read_page_matching(
        self,
        request: PageRequest,
        matches: &dyn Fn(&str) -> bool,
    ) -> Result<(Vec<Option<LogEntry>>, Option<Head>), StoreError> {
        let SegmentKey { session_id, segment_id } = self.key;
        self.store.read_page_matching(session_id, segment_id, request, matches)
    }

    /// Calls [`Store::read_trace_page`].
    pub fn read_trace_page(self, start: usize, max_bytes: usize) -> Result<TracePage, StoreError> {
        self.store.read_trace_page(self.key.session_id, self.key.segment_id, start, max_bytes)
    }

    /// Calls [`StoreExt::entries`](crate::StoreExt::entries).
    pub fn entries(self, start: usize) -> Entries<'a, S> {
        self.iterate(Pages::new(start))
    }

    /// Calls [`StoreExt::trace_entries`](crate::StoreExt::trace_entries).
    pub fn trace_entries(self, start: usize) -> TraceEntries<'a, S> {
        self.iterate(Pages::new(start))
    }

    /// Returns an iterator over the pages of the segment's log or trace. `pages` determines where
    /// the iteration starts and ends, and what happens at a bad line.
    #[must_use]
    pub fn iterate<E: Entry>(self, pages: Pages<E>) -> Entries<'a, S, E> {
        Entries::new(self.store, self.key, pages)
    }
}
