//! `Entry`: what log entries and trace entries have in common.

use crate::{Head, LogEntry, PageRequest, SegmentKey, Store, StoreError, TraceEntry};

/// A [`LogEntry`] or a [`TraceEntry`]. The trait is sealed.
///
/// Code that works on both logs and traces is generic over this trait.
pub trait Entry: sealed::Sealed + Clone + PartialEq + Send + Sync + 'static {
    /// Returns the JSON text exactly as stored.
    fn as_json(&self) -> &str;

    /// Reads one page of the segment's log or trace, and the head of the log at the same moment.
    ///
    /// For a trace the head is always `None`. For a log the head can be `None` if the request does
    /// not need it.
    ///
    /// # Errors
    /// As [`Store::read_page_with`] or [`Store::read_trace_page`].
    fn read_page<S: Store + ?Sized>(
        store: &S,
        key: SegmentKey,
        request: PageRequest,
    ) -> Result<(Vec<Self>, Option<Head>), StoreError>;
}

impl Entry for LogEntry {
    fn as_json(&self) -> &str {
        self.as_json()
    }

    fn read_page<S: Store + ?Sized>(
        store: &S,
        SegmentKey { session_id, segment_id }: SegmentKey,
        request: PageRequest,
    ) -> Result<(Vec<Self>, Option<Head>), StoreError> {
        store.read_page_with(session_id, segment_id, request)
    }
}

impl Entry for TraceEntry {
    fn as_json(&self) -> &str {
        self.as_json()
    }

    fn read_page<S: Store + ?Sized>(
        store: &S,
        SegmentKey { session_id, segment_id }: SegmentKey,
        request: PageRequest,
    ) -> Result<(Vec<Self>, Option<Head>), StoreError> {
        let PageRequest { start, max_bytes, .. } = request;
        let page = store.read_trace_page(session_id, segment_id, start, max_bytes)?;
        Ok((page.entries, None))
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for crate::LogEntry {}
    impl Sealed for crate::TraceEntry {}
}
