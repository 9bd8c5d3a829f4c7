//! A handle that records each call and its result in the call log.
#![deny(clippy::missing_trait_methods)]

use std::fmt;
use std::sync::Arc;

use session_store_core::{
    Capabilities, Head, LogEntry, Page, Pod, PodName, PodStore, SegmentId, SessionId, Store,
    StoreError, TraceEntry, TracePage,
};

use crate::call_log::{Call, CallLog};
use crate::check_result::with_causes;

type Answer<T> = Result<T, StoreError>;

/// A handle whose calls are recorded. Every method calls the same method of the store.
pub(crate) struct RecordingStore {
    store: Box<dyn Store>,
    handle: usize,
    call_log: Arc<CallLog>,
}

impl RecordingStore {
    pub(crate) fn new(store: Box<dyn Store>, call_log: Arc<CallLog>) -> Self {
        let handle = call_log.next_handle();
        call_log.record(format!("open -> #{handle}"));
        Self { store, handle, call_log }
    }

    fn call<T>(
        &self,
        name: &str,
        ids: (Option<SessionId>, Option<SegmentId>),
        arguments: Option<String>,
        describe: impl FnOnce(&T) -> String,
        result: Answer<T>,
    ) -> Answer<T> {
        let session = ids.0.map(Into::into);
        let segment = ids.1.map(Into::into);
        let call = Call { handle: self.handle, name, session, segment, arguments };
        let outcome = match &result {
            Ok(value) => describe(value),
            Err(error) => format!("error: {}", with_causes(error)),
        };
        self.call_log.record_call(&call, &outcome);
        result
    }
}

impl Drop for RecordingStore {
    fn drop(&mut self) {
        self.call_log.record(format!("#{} dropped", self.handle));
    }
}

/// Describes one entry by its text, and several by their number.
fn described(entries: &[LogEntry]) -> Option<String> {
    Some(match entries {
        [entry] => format!("{entry:?}"),
        _ => format!("{} entries", entries.len()),
    })
}

fn done((): &()) -> String {
    String::from("ok")
}

fn debug<T: fmt::Debug>(value: &T) -> String {
    format!("{value:?}")
}

fn counted<T>(values: &[T]) -> String {
    format!("{} in the list", values.len())
}

impl Store for RecordingStore {
    fn append(&self, s: SessionId, g: SegmentId, entry: &LogEntry) -> Answer<()> {
        let result = self.store.append(s, g, entry);
        self.call("append", (Some(s), Some(g)), Some(debug(entry)), done, result)
    }

    fn read_all(&self, s: SessionId, g: SegmentId) -> Answer<Vec<LogEntry>> {
        let result = self.store.read_all(s, g);
        self.call("read_all", (Some(s), Some(g)), None, |all| counted(all), result)
    }

    fn list_sessions(&self) -> Answer<Vec<SessionId>> {
        self.call(
            "list_sessions",
            (None, None),
            None,
            |all| counted(all),
            self.store.list_sessions(),
        )
    }

    fn list_segments(&self, s: SessionId) -> Answer<Vec<SegmentId>> {
        self.call(
            "list_segments",
            (Some(s), None),
            None,
            |all| counted(all),
            self.store.list_segments(s),
        )
    }

    fn lookup_session_of(&self, g: SegmentId) -> Answer<Option<SessionId>> {
        let result = self.store.lookup_session_of(g);
        self.call("lookup_session_of", (None, Some(g)), None, debug, result)
    }

    fn create_segment(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Answer<()> {
        let result = self.store.create_segment(s, g, entries);
        self.call("create_segment", (Some(s), Some(g)), described(entries), done, result)
    }

    fn exists(&self, s: SessionId, g: SegmentId) -> Answer<bool> {
        self.call("exists", (Some(s), Some(g)), None, debug, self.store.exists(s, g))
    }

    fn read_entry_count(&self, s: SessionId, g: SegmentId) -> Answer<usize> {
        let result = self.store.read_entry_count(s, g);
        self.call("read_entry_count", (Some(s), Some(g)), None, debug, result)
    }

    fn append_trace(&self, s: SessionId, g: SegmentId, entry: &TraceEntry) -> Answer<()> {
        let result = self.store.append_trace(s, g, entry);
        self.call("append_trace", (Some(s), Some(g)), Some(debug(entry)), done, result)
    }

    fn truncate(&self, s: SessionId, g: SegmentId, entries_len: usize) -> Answer<()> {
        let result = self.store.truncate(s, g, entries_len);
        self.call("truncate", (Some(s), Some(g)), Some(debug(&entries_len)), done, result)
    }

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    fn pods(&self) -> Option<&dyn PodStore> {
        self.store.pods().is_some().then_some(self)
    }

    fn append_all(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Answer<()> {
        let result = self.store.append_all(s, g, entries);
        self.call("append_all", (Some(s), Some(g)), described(entries), done, result)
    }

    fn read_page(&self, s: SessionId, g: SegmentId, start: usize, bytes: usize) -> Answer<Page> {
        let shown = |page: &Page| format!("{} entries, head {}", page.entries.len(), page.head);
        let result = self.store.read_page(s, g, start, bytes);
        self.call("read_page", (Some(s), Some(g)), Some(format!("{start}, {bytes}")), shown, result)
    }

    fn head(&self, s: SessionId, g: SegmentId) -> Answer<Option<Head>> {
        self.call("head", (Some(s), Some(g)), None, debug, self.store.head(s, g))
    }

    fn append_if(
        &self,
        s: SessionId,
        g: SegmentId,
        expected: Option<Head>,
        entries: &[LogEntry],
    ) -> Answer<Head> {
        let arguments = described(entries).map(|entries| format!("{expected:?}, {entries}"));
        let result = self.store.append_if(s, g, expected, entries);
        self.call("append_if", (Some(s), Some(g)), arguments, debug, result)
    }

    fn truncate_if(&self, s: SessionId, g: SegmentId, expected: Head, len: usize) -> Answer<Head> {
        let result = self.store.truncate_if(s, g, expected, len);
        let arguments = Some(format!("{expected:?}, {len}"));
        self.call("truncate_if", (Some(s), Some(g)), arguments, debug, result)
    }

    fn read_trace_page(
        &self,
        s: SessionId,
        g: SegmentId,
        start: usize,
        bytes: usize,
    ) -> Answer<TracePage> {
        let shown = |page: &TracePage| format!("{} trace entries", page.entries.len());
        let arguments = Some(format!("{start}, {bytes}"));
        let result = self.store.read_trace_page(s, g, start, bytes);
        self.call("read_trace_page", (Some(s), Some(g)), arguments, shown, result)
    }

    fn delete_segment(&self, s: SessionId, g: SegmentId) -> Answer<bool> {
        let result = self.store.delete_segment(s, g);
        self.call("delete_segment", (Some(s), Some(g)), None, debug, result)
    }

    fn delete_session(&self, s: SessionId) -> Answer<bool> {
        self.call("delete_session", (Some(s), None), None, debug, self.store.delete_session(s))
    }

    fn sync(&self) -> Answer<()> {
        self.call("sync", (None, None), None, done, self.store.sync())
    }
}

impl RecordingStore {
    /// Returns the handle as a pod store, in a check that requires pods.
    pub(crate) fn required_pods(&self) -> &dyn PodStore {
        self.pods().expect("the check requires a store that keeps pods")
    }

    fn inner_pods(&self) -> &dyn PodStore {
        self.store.pods().expect("the check requires a store that keeps pods")
    }
}

impl PodStore for RecordingStore {
    fn put_pod(&self, name: &PodName, pod: &Pod) -> Answer<()> {
        let result = self.inner_pods().put_pod(name, pod);
        self.call("put_pod", (None, None), Some(format!("{name:?}, {pod:?}")), done, result)
    }

    fn read_pod(&self, name: &PodName) -> Answer<Option<Pod>> {
        let result = self.inner_pods().read_pod(name);
        self.call("read_pod", (None, None), Some(debug(name)), debug, result)
    }

    fn list_pods(&self) -> Answer<Vec<PodName>> {
        self.call("list_pods", (None, None), None, debug, self.inner_pods().list_pods())
    }

    fn delete_pod(&self, name: &PodName) -> Answer<bool> {
        let result = self.inner_pods().delete_pod(name);
        self.call("delete_pod", (None, None), Some(debug(name)), debug, result)
    }
}
