//! `Redacted`: a view of a store whose entries and trace entries contain no secrets.

use session_store::{
    Head, LogEntry, OpenStore, Page, PageRequest, SegmentId, SessionId, Store, StoreError,
    TraceEntry, TracePage, forward_store,
};
use session_store_agent::Redactor;

/// Returns a view of the store in which the redactor has replaced all secrets that it knows.
pub(crate) fn redacted(store: OpenStore) -> OpenStore {
    let url = store.url().clone();
    OpenStore::wrap(Redacted { store, redactor: Redactor::new() }, url)
}

struct Redacted {
    store: OpenStore,
    redactor: Redactor,
}

impl Redacted {
    fn entries(&self, entries: &[LogEntry]) -> Vec<LogEntry> {
        entries.iter().map(|entry| self.redactor.redact(entry)).collect()
    }

    fn trace_entry(&self, entry: &TraceEntry) -> Result<TraceEntry, StoreError> {
        let redacted = self.redactor.redact(&LogEntry::from_json(entry.as_json())?);
        TraceEntry::from_json(redacted.as_json())
    }
}

#[deny(clippy::missing_trait_methods)]
impl Store for Redacted {
    forward_store! { self => self.store;
        append list_sessions list_segments lookup_session_of create_segment exists
        read_entry_count append_trace truncate capabilities pods maintenance append_all head
        segment_info list_infos append_if truncate_if delete_segment delete_session sync
    }

    fn read_all(&self, s: SessionId, g: SegmentId) -> Result<Vec<LogEntry>, StoreError> {
        Ok(self.entries(&self.store.read_all(s, g)?))
    }

    fn read_page(
        &self,
        s: SessionId,
        g: SegmentId,
        start: usize,
        max_bytes: usize,
    ) -> Result<Page, StoreError> {
        let page = self.store.read_page(s, g, start, max_bytes)?;
        Ok(Page::new(self.entries(&page.entries), page.head))
    }

    fn read_page_with(
        &self,
        s: SessionId,
        g: SegmentId,
        request: PageRequest,
    ) -> Result<(Vec<LogEntry>, Option<Head>), StoreError> {
        let (entries, head) = self.store.read_page_with(s, g, request)?;
        Ok((self.entries(&entries), head))
    }

    fn read_page_matching(
        &self,
        s: SessionId,
        g: SegmentId,
        request: PageRequest,
        matches: &dyn Fn(&str) -> bool,
    ) -> Result<(Vec<Option<LogEntry>>, Option<Head>), StoreError> {
        // Match the redacted text. The store must not match the stored text, because the matching
        // part may be a secret.
        let (entries, head) = self.read_page_with(s, g, request)?;
        let matching = |entry: LogEntry| matches(entry.as_json()).then_some(entry);
        Ok((entries.into_iter().map(matching).collect(), head))
    }

    fn read_trace_page(
        &self,
        s: SessionId,
        g: SegmentId,
        start: usize,
        max_bytes: usize,
    ) -> Result<TracePage, StoreError> {
        let page = self.store.read_trace_page(s, g, start, max_bytes)?;
        let entries = page.entries.iter().map(|entry| self.trace_entry(entry));
        Ok(TracePage::new(entries.collect::<Result<_, _>>()?))
    }
}
