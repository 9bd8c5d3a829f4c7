//! `Entry`: what log entries and trace entries have in common.

use crate::{Head, LogEntry, SegmentKey, Store, StoreError, TraceEntry};

/// A [`LogEntry`] or a [`TraceEntry`]. The trait is sealed.
///
/// Code that works on logs and on traces alike is generic over it.
pub trait Entry: sealed::Sealed + Clone + PartialEq + Send + Sync + 'static {
    /// Returns the JSON text exactly as stored.
    fn as_json(&self) -> &str;

    /// Reads one page of the segment's log or trace, and the head of the log at the same moment.
    ///
    /// For a trace the head is `None`.
    ///
    /// # Errors
    /// As [`Store::read_page`] or [`Store::read_trace_page`].
    fn read_page<S: Store + ?Sized>(
        store: &S,
        key: SegmentKey,
        start: usize,
        max_bytes: usize,
    ) -> Result<(Vec<Self>, Option<Head>), StoreError>;
}

impl Entry for LogEntry {
    fn as_json(&self) -> &str {
        self.as_json()
    }

    fn read_page<S: Store + ?Sized>(
        store: &S,
        SegmentKey { session_id, segment_id }: SegmentKey,
        start: usize,
        max_bytes: usize,
    ) -> Result<(Vec<Self>, Option<Head>), StoreError> {
        let page = store.read_page(session_id, segment_id, start, max_bytes)?;
        Ok((page.entries, Some(page.head)))
    }
}

impl Entry for TraceEntry {
    fn as_json(&self) -> &str {
        self.as_json()
    }

    fn read_page<S: Store + ?Sized>(
        store: &S,
        SegmentKey { session_id, segment_id }: SegmentKey,
        start: usize,
        max_bytes: usize,
    ) -> Result<(Vec<Self>, Option<Head>), StoreError> {
        let page = store.read_trace_page(session_id, segment_id, start, max_bytes)?;
        Ok((page.entries, None))
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for crate::LogEntry {}
    impl Sealed for crate::TraceEntry {}
}
