//! One segment through one handle: what most checks talk about.

use session_store_core::{
    Head, LogEntry, Page, SegmentId, SessionId, Store, StoreError, StoreExt, TraceEntry, TracePage,
};

use crate::failure::{Verdict, same, same_entries};

type Answer<T> = Result<T, StoreError>;

/// A segment's full name, which outlives the handles.
pub(crate) type Ids = (SessionId, SegmentId);

/// A segment of a store; it need not exist.
#[derive(Clone, Copy)]
pub(crate) struct Log<'a> {
    pub(crate) store: &'a dyn Store,
    pub(crate) session_id: SessionId,
    pub(crate) segment_id: SegmentId,
}

impl<'a> Log<'a> {
    /// A segment of fresh ids.
    pub(crate) fn new(store: &'a dyn Store) -> Self {
        Self { store, session_id: SessionId::new(), segment_id: SegmentId::new() }
    }

    /// A segment of fresh ids that holds the entries.
    pub(crate) fn with(store: &'a dyn Store, entries: &[LogEntry]) -> Answer<Self> {
        let log = Self::new(store);
        log.append_all(entries)?;
        Ok(log)
    }

    /// The segment of these ids.
    pub(crate) fn known(store: &'a dyn Store, (session_id, segment_id): Ids) -> Self {
        Self { store, session_id, segment_id }
    }

    pub(crate) fn ids(self) -> Ids {
        (self.session_id, self.segment_id)
    }

    /// Another segment of the same session.
    pub(crate) fn sibling(self) -> Self {
        Self { segment_id: SegmentId::new(), ..self }
    }

    /// The segment of the same id in another session.
    pub(crate) fn namesake(self) -> Self {
        Self { session_id: SessionId::new(), ..self }
    }

    pub(crate) fn in_session(self, session_id: SessionId) -> Self {
        Self { session_id, ..self }
    }

    /// The same segment through another handle.
    pub(crate) fn through(self, store: &dyn Store) -> Log<'_> {
        Log { store, session_id: self.session_id, segment_id: self.segment_id }
    }

    pub(crate) fn append(&self, entry: &LogEntry) -> Answer<()> {
        self.store.append(self.session_id, self.segment_id, entry)
    }

    /// Appends one by one.
    pub(crate) fn append_each(&self, entries: &[LogEntry]) -> Answer<()> {
        entries.iter().try_for_each(|entry| self.append(entry))
    }

    pub(crate) fn append_all(&self, entries: &[LogEntry]) -> Answer<()> {
        self.store.append_all(self.session_id, self.segment_id, entries)
    }

    pub(crate) fn append_if(&self, expected: Option<Head>, entries: &[LogEntry]) -> Answer<Head> {
        self.store.append_if(self.session_id, self.segment_id, expected, entries)
    }

    pub(crate) fn create(&self, entries: &[LogEntry]) -> Answer<()> {
        self.store.create_segment(self.session_id, self.segment_id, entries)
    }

    pub(crate) fn truncate(&self, entries_len: usize) -> Answer<()> {
        self.store.truncate(self.session_id, self.segment_id, entries_len)
    }

    pub(crate) fn truncate_if(&self, expected: Head, entries_len: usize) -> Answer<Head> {
        self.store.truncate_if(self.session_id, self.segment_id, expected, entries_len)
    }

    pub(crate) fn delete(&self) -> Answer<bool> {
        self.store.delete_segment(self.session_id, self.segment_id)
    }

    pub(crate) fn entries(&self) -> Answer<Vec<LogEntry>> {
        self.store.read_all(self.session_id, self.segment_id)
    }

    pub(crate) fn page(&self, start: usize, max_bytes: usize) -> Answer<Page> {
        self.store.read_page(self.session_id, self.segment_id, start, max_bytes)
    }

    pub(crate) fn count(&self) -> Answer<usize> {
        self.store.read_entry_count(self.session_id, self.segment_id)
    }

    pub(crate) fn exists(&self) -> Answer<bool> {
        self.store.exists(self.session_id, self.segment_id)
    }

    pub(crate) fn head(&self) -> Answer<Option<Head>> {
        self.store.head(self.session_id, self.segment_id)
    }

    /// The head of a segment that exists.
    pub(crate) fn known_head(&self) -> Answer<Head> {
        self.head()?.ok_or(StoreError::NotFound(self.segment_id))
    }

    pub(crate) fn lookup(&self) -> Answer<Option<SessionId>> {
        self.store.lookup_session_of(self.segment_id)
    }

    pub(crate) fn trace(&self, entry: &TraceEntry) -> Answer<()> {
        self.store.append_trace(self.session_id, self.segment_id, entry)
    }

    pub(crate) fn trace_each(&self, entries: &[TraceEntry]) -> Answer<()> {
        entries.iter().try_for_each(|entry| self.trace(entry))
    }

    pub(crate) fn trace_page(&self, start: usize, max_bytes: usize) -> Answer<TracePage> {
        self.store.read_trace_page(self.session_id, self.segment_id, start, max_bytes)
    }

    /// The whole trace, page by page.
    pub(crate) fn traces(&self) -> Answer<Vec<TraceEntry>> {
        self.store.trace_entries(self.session_id, self.segment_id, 0).collect()
    }

    /// Whether both listings name the segment.
    pub(crate) fn listed(&self) -> Answer<bool> {
        Ok(self.store.list_sessions()?.contains(&self.session_id)
            && self.store.list_segments(self.session_id)?.contains(&self.segment_id))
    }

    /// The log is exactly `expected`, whichever way one asks.
    pub(crate) fn must_hold(&self, expected: &[LogEntry], promise: &str) -> Verdict {
        same_entries(&self.entries()?, expected, promise)?;
        same(&self.count()?, &expected.len(), &format!("{promise}: read_entry_count"))?;
        let page = self.page(0, usize::MAX)?;
        same_entries(&page.entries, expected, &format!("{promise}: read_page"))?;
        same(&page.head.entries(), &expected.len(), &format!("{promise}: the page's head"))?;
        same(&self.head()?, &Some(page.head), &format!("{promise}: head"))?;
        self.must_exist(promise)
    }

    pub(crate) fn must_exist(&self, promise: &str) -> Verdict {
        same(&self.exists()?, &true, &format!("{promise}: exists"))?;
        same(&self.listed()?, &true, &format!("{promise}: the segment is listed"))
    }

    /// The segment is not there, by listing, head and `exists`. Its session may go on with other segments.
    pub(crate) fn must_be_absent(&self, promise: &str) -> Verdict {
        let listed = self.store.list_segments(self.session_id)?.contains(&self.segment_id);
        same(&listed, &false, &format!("{promise}: the segment is listed"))?;
        same(&self.head()?, &None, &format!("{promise}: head"))?;
        same(&self.exists()?, &false, &format!("{promise}: exists"))
    }
}
