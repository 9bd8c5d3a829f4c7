//! What log entries and trace entries have in common here: the pages that they come in.

use session_store_core::{Head, LogEntry, Store, StoreError, TraceEntry};

use crate::inventory::Key;
use crate::text::Text;

/// An entry of a log or of a trace.
pub(crate) trait Entry: Text + Clone {
    /// The entries from `start` on, and the head of the same moment if there is such a thing.
    fn read_page(
        store: &dyn Store,
        key: Key,
        start: usize,
        max_bytes: usize,
    ) -> Result<(Vec<Self>, Option<Head>), StoreError>;
}

impl Entry for LogEntry {
    fn read_page(
        store: &dyn Store,
        (session_id, segment_id): Key,
        start: usize,
        max_bytes: usize,
    ) -> Result<(Vec<Self>, Option<Head>), StoreError> {
        let page = store.read_page(session_id, segment_id, start, max_bytes)?;
        Ok((page.entries, Some(page.head)))
    }
}

impl Entry for TraceEntry {
    fn read_page(
        store: &dyn Store,
        (session_id, segment_id): Key,
        start: usize,
        max_bytes: usize,
    ) -> Result<(Vec<Self>, Option<Head>), StoreError> {
        let page = store.read_trace_page(session_id, segment_id, start, max_bytes)?;
        Ok((page.entries, None))
    }
}
