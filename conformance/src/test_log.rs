//! A segment's log through one handle: the subject of most checks.

use session_store_core::{
    Head, LogEntry, Page, SegmentId, SessionId, Store, StoreError, StoreExt, TraceEntry, TracePage,
};

use crate::check_result::{CheckResult, ensure_same, ensure_same_entries};

type Answer<T> = Result<T, StoreError>;

/// The ids of a segment, which outlive the handles.
pub(crate) type Ids = (SessionId, SegmentId);

/// A segment of a store. The segment need not exist.
#[derive(Clone, Copy)]
pub(crate) struct TestLog<'a> {
    pub(crate) store: &'a dyn Store,
    pub(crate) session_id: SessionId,
    pub(crate) segment_id: SegmentId,
}

impl<'a> TestLog<'a> {
    /// Returns a segment with new ids.
    pub(crate) fn new(store: &'a dyn Store) -> Self {
        Self { store, session_id: SessionId::new(), segment_id: SegmentId::new() }
    }

    /// Returns a segment with new ids that holds the entries.
    pub(crate) fn with(store: &'a dyn Store, entries: &[LogEntry]) -> Answer<Self> {
        let log = Self::new(store);
        log.append_all(entries)?;
        Ok(log)
    }

    /// Returns the segment with these ids.
    pub(crate) fn known(store: &'a dyn Store, (session_id, segment_id): Ids) -> Self {
        Self { store, session_id, segment_id }
    }

    pub(crate) fn ids(self) -> Ids {
        (self.session_id, self.segment_id)
    }

    /// Returns another segment of the same session, with a new id.
    pub(crate) fn sibling(self) -> Self {
        Self { segment_id: SegmentId::new(), ..self }
    }

    /// Returns the segment with the same id in another session.
    pub(crate) fn namesake(self) -> Self {
        Self { session_id: SessionId::new(), ..self }
    }

    /// Returns segments that do not exist, although something about each of them may be known.
    pub(crate) fn unknown_segments(self) -> [Self; 3] {
        [Self::new(self.store), self.sibling(), self.namesake()]
    }

    /// Returns the segment with the same id in that session.
    pub(crate) fn in_session(self, session_id: SessionId) -> Self {
        Self { session_id, ..self }
    }

    /// Returns the same segment through another handle.
    pub(crate) fn through(self, store: &dyn Store) -> TestLog<'_> {
        TestLog { store, session_id: self.session_id, segment_id: self.segment_id }
    }

    pub(crate) fn append(&self, entry: &LogEntry) -> Answer<()> {
        self.store.append(self.session_id, self.segment_id, entry)
    }

    /// Appends the entries one by one.
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

    /// Returns the head of a segment that exists.
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

    /// Reads the whole trace, page by page.
    pub(crate) fn traces(&self) -> Answer<Vec<TraceEntry>> {
        self.store.trace_entries(self.session_id, self.segment_id, 0).collect()
    }

    /// Returns whether both listings contain the segment.
    pub(crate) fn listed(&self) -> Answer<bool> {
        Ok(self.store.list_sessions()?.contains(&self.session_id)
            && self.store.list_segments(self.session_id)?.contains(&self.segment_id))
    }

    /// Fails unless every way to read the log returns exactly `expected`.
    pub(crate) fn must_hold(&self, expected: &[LogEntry], context: &str) -> CheckResult {
        ensure_same_entries(&self.entries()?, expected, context)?;
        ensure_same(&self.count()?, &expected.len(), &format!("{context}: read_entry_count"))?;
        let page = self.page(0, usize::MAX)?;
        ensure_same_entries(&page.entries, expected, &format!("{context}: read_page"))?;
        ensure_same(&page.head.entries(), &expected.len(), &format!("{context}: the page's head"))?;
        ensure_same(&self.head()?, &Some(page.head), &format!("{context}: head"))?;
        self.must_exist(context)
    }

    pub(crate) fn must_exist(&self, context: &str) -> CheckResult {
        ensure_same(&self.exists()?, &true, &format!("{context}: exists"))?;
        ensure_same(&self.listed()?, &true, &format!("{context}: the segment is listed"))
    }

    /// Fails unless the segment does not exist according to its listing, its head and `exists`. Its
    /// session may hold other segments.
    pub(crate) fn must_be_absent(&self, context: &str) -> CheckResult {
        let listed = self.store.list_segments(self.session_id)?.contains(&self.segment_id);
        ensure_same(&listed, &false, &format!("{context}: the segment is listed"))?;
        ensure_same(&self.head()?, &None, &format!("{context}: head"))?;
        ensure_same(&self.exists()?, &false, &format!("{context}: exists"))
    }
}
