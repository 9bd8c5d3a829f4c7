//! A handle that writes each call and its result to the trail.
#![deny(clippy::missing_trait_methods)]

use std::fmt;
use std::sync::Arc;

use session_store_core::{
    Capabilities, Head, LogEntry, Page, Pod, PodName, PodStore, SegmentId, SessionId, Store,
    StoreError, TraceEntry, TracePage,
};

use crate::failure::with_causes;
use crate::trail::{Call, Trail};

type Answer<T> = Result<T, StoreError>;

/// A handle under observation. All methods go to the store itself.
pub(crate) struct Recorded {
    store: Box<dyn Store>,
    handle: usize,
    trail: Arc<Trail>,
}

impl Recorded {
    pub(crate) fn new(store: Box<dyn Store>, trail: Arc<Trail>) -> Self {
        let handle = trail.next_handle();
        trail.record(format!("open -> #{handle}"));
        Self { store, handle, trail }
    }

    fn call<T>(
        &self,
        name: &str,
        ids: (Option<SessionId>, Option<SegmentId>),
        arguments: Option<String>,
        shown: impl FnOnce(&T) -> String,
        answer: Answer<T>,
    ) -> Answer<T> {
        let session = ids.0.map(Into::into);
        let segment = ids.1.map(Into::into);
        let call = Call { handle: self.handle, name, session, segment, arguments };
        let result = match &answer {
            Ok(value) => shown(value),
            Err(error) => format!("error: {}", with_causes(error)),
        };
        self.trail.record_call(&call, &result);
        answer
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        self.trail.record(format!("#{} dropped", self.handle));
    }
}

/// The one entry itself, or how many.
fn told(entries: &[LogEntry]) -> Option<String> {
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

impl Store for Recorded {
    fn append(&self, s: SessionId, g: SegmentId, entry: &LogEntry) -> Answer<()> {
        let answer = self.store.append(s, g, entry);
        self.call("append", (Some(s), Some(g)), Some(debug(entry)), done, answer)
    }

    fn read_all(&self, s: SessionId, g: SegmentId) -> Answer<Vec<LogEntry>> {
        let answer = self.store.read_all(s, g);
        self.call("read_all", (Some(s), Some(g)), None, |all| counted(all), answer)
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
        let answer = self.store.lookup_session_of(g);
        self.call("lookup_session_of", (None, Some(g)), None, debug, answer)
    }

    fn create_segment(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Answer<()> {
        let answer = self.store.create_segment(s, g, entries);
        self.call("create_segment", (Some(s), Some(g)), told(entries), done, answer)
    }

    fn exists(&self, s: SessionId, g: SegmentId) -> Answer<bool> {
        self.call("exists", (Some(s), Some(g)), None, debug, self.store.exists(s, g))
    }

    fn read_entry_count(&self, s: SessionId, g: SegmentId) -> Answer<usize> {
        let answer = self.store.read_entry_count(s, g);
        self.call("read_entry_count", (Some(s), Some(g)), None, debug, answer)
    }

    fn append_trace(&self, s: SessionId, g: SegmentId, entry: &TraceEntry) -> Answer<()> {
        let answer = self.store.append_trace(s, g, entry);
        self.call("append_trace", (Some(s), Some(g)), Some(debug(entry)), done, answer)
    }

    fn truncate(&self, s: SessionId, g: SegmentId, entries_len: usize) -> Answer<()> {
        let answer = self.store.truncate(s, g, entries_len);
        self.call("truncate", (Some(s), Some(g)), Some(debug(&entries_len)), done, answer)
    }

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    fn pods(&self) -> Option<&dyn PodStore> {
        self.store.pods().is_some().then_some(self)
    }

    fn append_all(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Answer<()> {
        let answer = self.store.append_all(s, g, entries);
        self.call("append_all", (Some(s), Some(g)), told(entries), done, answer)
    }

    fn read_page(&self, s: SessionId, g: SegmentId, start: usize, bytes: usize) -> Answer<Page> {
        let shown = |page: &Page| format!("{} entries, head {}", page.entries.len(), page.head);
        let answer = self.store.read_page(s, g, start, bytes);
        self.call("read_page", (Some(s), Some(g)), Some(format!("{start}, {bytes}")), shown, answer)
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
        let arguments = told(entries).map(|entries| format!("{expected:?}, {entries}"));
        let answer = self.store.append_if(s, g, expected, entries);
        self.call("append_if", (Some(s), Some(g)), arguments, debug, answer)
    }

    fn truncate_if(&self, s: SessionId, g: SegmentId, expected: Head, len: usize) -> Answer<Head> {
        let answer = self.store.truncate_if(s, g, expected, len);
        let arguments = Some(format!("{expected:?}, {len}"));
        self.call("truncate_if", (Some(s), Some(g)), arguments, debug, answer)
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
        let answer = self.store.read_trace_page(s, g, start, bytes);
        self.call("read_trace_page", (Some(s), Some(g)), arguments, shown, answer)
    }

    fn delete_segment(&self, s: SessionId, g: SegmentId) -> Answer<bool> {
        let answer = self.store.delete_segment(s, g);
        self.call("delete_segment", (Some(s), Some(g)), None, debug, answer)
    }

    fn delete_session(&self, s: SessionId) -> Answer<bool> {
        self.call("delete_session", (Some(s), None), None, debug, self.store.delete_session(s))
    }

    fn sync(&self) -> Answer<()> {
        self.call("sync", (None, None), None, done, self.store.sync())
    }
}

impl Recorded {
    /// The pods of a store that was seen to keep some.
    fn inner_pods(&self) -> &dyn PodStore {
        self.store.pods().expect("a store that kept pods before still does")
    }
}

impl PodStore for Recorded {
    fn put_pod(&self, name: &PodName, pod: &Pod) -> Answer<()> {
        let answer = self.inner_pods().put_pod(name, pod);
        self.call("put_pod", (None, None), Some(format!("{name:?}, {pod:?}")), done, answer)
    }

    fn read_pod(&self, name: &PodName) -> Answer<Option<Pod>> {
        let answer = self.inner_pods().read_pod(name);
        self.call("read_pod", (None, None), Some(debug(name)), debug, answer)
    }

    fn list_pods(&self) -> Answer<Vec<PodName>> {
        self.call("list_pods", (None, None), None, debug, self.inner_pods().list_pods())
    }

    fn delete_pod(&self, name: &PodName) -> Answer<bool> {
        let answer = self.inner_pods().delete_pod(name);
        self.call("delete_pod", (None, None), Some(debug(name)), debug, answer)
    }
}
