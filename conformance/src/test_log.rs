//! `TestLog`: the log of a segment through one handle. Most checks use this type.

use std::ops::Deref;

use session_store_core::{
    Head, LogEntry, SegmentId, SegmentKey, SegmentRef, SessionId, Store, StoreError, StoreExt,
    TraceEntry,
};

use crate::check_result::{CheckResult, Result, ensure_entries, ensure_eq};

/// A segment of a store. The segment need not exist. The type has the methods of [`SegmentRef`],
/// and common comparisons.
#[derive(Clone, Copy)]
pub(crate) struct TestLog<'a>(SegmentRef<'a, dyn Store + 'a>);

impl<'a> Deref for TestLog<'a> {
    type Target = SegmentRef<'a, dyn Store + 'a>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<'a> TestLog<'a> {
    /// Returns a segment with new ids.
    pub(crate) fn new(store: &'a dyn Store) -> Self {
        Self::at(store, SegmentKey::new(SessionId::new(), SegmentId::new()))
    }

    /// Creates a segment with new ids and these entries.
    pub(crate) fn with(store: &'a dyn Store, entries: &[LogEntry]) -> Result<Self> {
        let log = Self::new(store);
        log.append_all(entries)?;
        Ok(log)
    }

    /// Returns the segment with this key.
    pub(crate) fn at(store: &'a dyn Store, key: SegmentKey) -> Self {
        Self(store.at(key))
    }

    /// Returns another segment of the same session, with a new id.
    pub(crate) fn sibling(self) -> Self {
        self.with_segment_id(SegmentId::new())
    }

    /// Returns the segment with this id in the same session.
    pub(crate) fn with_segment_id(self, segment_id: SegmentId) -> Self {
        Self::at(self.store(), SegmentKey { segment_id, ..self.key() })
    }

    /// Returns the segment with the same id in another session.
    pub(crate) fn namesake(self) -> Self {
        self.in_session(SessionId::new())
    }

    /// Returns the segment with the same id in the given session.
    pub(crate) fn in_session(self, session_id: SessionId) -> Self {
        Self::at(self.store(), SegmentKey { session_id, ..self.key() })
    }

    /// Returns three segments that do not exist: a segment with new ids, a segment with a new id in
    /// this session, and a segment with this id in a new session.
    pub(crate) fn unknown_segments(self) -> [Self; 3] {
        [Self::new(self.store()), self.sibling(), self.namesake()]
    }

    /// Returns the same segment through another handle.
    pub(crate) fn through(self, store: &dyn Store) -> TestLog<'_> {
        TestLog::at(store, self.key())
    }

    /// Appends the entries one by one.
    pub(crate) fn append_each(self, entries: &[LogEntry]) -> Result<()> {
        entries.iter().try_for_each(|entry| self.append(entry))
    }

    /// Returns the head of a segment that exists.
    pub(crate) fn known_head(self) -> Result<Head> {
        self.head()?.ok_or(StoreError::NotFound(self.segment_id()))
    }

    pub(crate) fn lookup(self) -> Result<Option<SessionId>> {
        self.store().lookup_session_of(self.segment_id())
    }

    /// Appends the trace entries one by one.
    pub(crate) fn append_traces(self, entries: &[TraceEntry]) -> Result<()> {
        entries.iter().try_for_each(|entry| self.append_trace(entry))
    }

    /// Reads the whole trace, page by page.
    pub(crate) fn read_trace(self) -> Result<Vec<TraceEntry>> {
        self.trace_entries(0).collect()
    }

    /// Returns whether both listings contain the segment.
    pub(crate) fn is_listed(self) -> Result<bool> {
        Ok(self.store().list_sessions()?.contains(&self.session_id())
            && self.store().list_segments(self.session_id())?.contains(&self.segment_id()))
    }

    /// Fails unless `read_all` returns exactly `expected`.
    pub(crate) fn must_read(self, expected: &[LogEntry], context: &str) -> CheckResult {
        ensure_entries(&self.read_all()?, expected, context)
    }

    /// Fails unless a page has exactly the entries `expected`.
    pub(crate) fn must_read_page(
        self,
        start: usize,
        max_bytes: usize,
        expected: &[LogEntry],
        context: &str,
    ) -> CheckResult {
        ensure_entries(&self.read_page(start, max_bytes)?.entries, expected, context)
    }

    pub(crate) fn must_count(self, expected: usize, context: &str) -> CheckResult {
        ensure_eq(&self.read_entry_count()?, &expected, context)
    }

    /// Fails unless the trace has exactly the entries `expected`.
    pub(crate) fn must_have_trace(self, expected: &[TraceEntry], context: &str) -> CheckResult {
        ensure_entries(&self.read_trace()?, expected, context)
    }

    /// Fails unless the lookup of the segment returns its session.
    pub(crate) fn must_be_found(self, context: &str) -> CheckResult {
        ensure_eq(&self.lookup()?, &Some(self.session_id()), context)
    }

    /// Fails unless every way to read the log returns exactly `expected`.
    pub(crate) fn must_hold(self, expected: &[LogEntry], context: &str) -> CheckResult {
        self.must_read(expected, context)?;
        self.must_count(expected.len(), &format!("{context}: read_entry_count"))?;
        let page = self.read_page(0, usize::MAX)?;
        ensure_entries(&page.entries, expected, &format!("{context}: read_page"))?;
        ensure_eq(&page.head.entries(), &expected.len(), &format!("{context}: the page's head"))?;
        let context_of_head = format!(
            "{context}: head, and the head of read_page, which must be implemented together"
        );
        ensure_eq(&self.head()?, &Some(page.head), &context_of_head)?;
        self.must_exist(context)
    }

    pub(crate) fn must_exist(self, context: &str) -> CheckResult {
        ensure_eq(&self.exists()?, &true, &format!("{context}: exists"))?;
        ensure_eq(&self.is_listed()?, &true, &format!("{context}: the segment is listed"))
    }

    /// Fails if the listing, the head or `exists` shows the segment. The session can hold other
    /// segments.
    pub(crate) fn must_be_absent(self, context: &str) -> CheckResult {
        let listed = self.store().list_segments(self.session_id())?.contains(&self.segment_id());
        ensure_eq(&listed, &false, &format!("{context}: the segment is listed"))?;
        ensure_eq(&self.head()?, &None, &format!("{context}: head"))?;
        ensure_eq(&self.exists()?, &false, &format!("{context}: exists"))
    }
}
