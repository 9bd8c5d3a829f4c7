//! A handle that records each call and its result in the call log.

use std::fmt;
use std::sync::Arc;

use session_store_core::{
    Head, ListOptions, LogEntry, Page, PageRequest, Pod, PodName, PodStore, SegmentId, SegmentInfo,
    SegmentKey, SessionId, Store, TraceEntry, TracePage, error_chain, forward_store,
};

use crate::call_log::CallLog;
use crate::check_result::{CheckResult, Result, ensure_eq};

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

    /// Makes a call, records it and returns its result. `describe` prints the value of a successful
    /// call.
    fn record<T>(
        &self,
        name: &str,
        ids: (Option<SessionId>, Option<SegmentId>),
        arguments: impl FnOnce() -> String,
        describe: impl FnOnce(&T) -> String,
        call: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let started = self.call_log.start_call(self.handle, name, ids);
        let result = call();
        started.end();
        let outcome = match &result {
            Ok(value) => describe(value),
            Err(error) => format!("error: {}", error_chain(error)),
        };
        self.call_log.record_call(self.handle, name, ids, arguments(), &outcome);
        result
    }

    /// Returns the handle as a pod store, in a check that requires pods.
    pub(crate) fn required_pods(&self) -> &dyn PodStore {
        self.pods().expect("the check requires a store that keeps pods")
    }

    /// Fails unless the sessions are exactly `expected`.
    pub(crate) fn must_list_sessions(&self, expected: &[SessionId], context: &str) -> CheckResult {
        ensure_eq(&&*self.list_sessions()?, &expected, context)
    }

    /// Fails unless the segments of the session are exactly `expected`.
    pub(crate) fn must_list_segments(
        &self,
        session_id: SessionId,
        expected: &[SegmentId],
        context: &str,
    ) -> CheckResult {
        ensure_eq(&&*self.list_segments(session_id)?, &expected, context)
    }

    fn inner_pods(&self) -> &dyn PodStore {
        self.store.pods().expect("the handle is a pod store only if its store is one")
    }
}

impl Drop for RecordingStore {
    fn drop(&mut self) {
        self.call_log.record(format!("#{} dropped", self.handle));
    }
}

/// Describes one entry by its text, and several entries by their number.
fn described(entries: &[LogEntry]) -> String {
    match entries {
        [entry] => format!("{entry:?}"),
        _ => format!("{} entries", entries.len()),
    }
}

fn at(session_id: SessionId, segment_id: SegmentId) -> (Option<SessionId>, Option<SegmentId>) {
    (Some(session_id), Some(segment_id))
}

fn no_arguments() -> String {
    String::new()
}

fn ok((): &()) -> String {
    String::from("ok")
}

fn debug<T: fmt::Debug>(value: &T) -> String {
    format!("{value:?}")
}

#[expect(clippy::ptr_arg, reason = "`record` passes a reference to the returned `Vec`")]
fn length<T>(values: &Vec<T>) -> String {
    format!("{} in the list", values.len())
}

#[deny(clippy::missing_trait_methods)]
impl Store for RecordingStore {
    forward_store! { self => *self.store; capabilities maintenance }

    fn append(&self, s: SessionId, g: SegmentId, entry: &LogEntry) -> Result<()> {
        self.record("append", at(s, g), || debug(entry), ok, || self.store.append(s, g, entry))
    }

    fn read_all(&self, s: SessionId, g: SegmentId) -> Result<Vec<LogEntry>> {
        self.record("read_all", at(s, g), no_arguments, length, || self.store.read_all(s, g))
    }

    fn list_sessions(&self) -> Result<Vec<SessionId>> {
        self.record("list_sessions", (None, None), no_arguments, length, || {
            self.store.list_sessions()
        })
    }

    fn list_segments(&self, s: SessionId) -> Result<Vec<SegmentId>> {
        self.record("list_segments", (Some(s), None), no_arguments, length, || {
            self.store.list_segments(s)
        })
    }

    fn lookup_session_of(&self, g: SegmentId) -> Result<Option<SessionId>> {
        self.record("lookup_session_of", (None, Some(g)), no_arguments, debug, || {
            self.store.lookup_session_of(g)
        })
    }

    fn create_segment(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
        let arguments = || described(entries);
        self.record("create_segment", at(s, g), arguments, ok, || {
            self.store.create_segment(s, g, entries)
        })
    }

    fn exists(&self, s: SessionId, g: SegmentId) -> Result<bool> {
        self.record("exists", at(s, g), no_arguments, debug, || self.store.exists(s, g))
    }

    fn read_entry_count(&self, s: SessionId, g: SegmentId) -> Result<usize> {
        self.record("read_entry_count", at(s, g), no_arguments, debug, || {
            self.store.read_entry_count(s, g)
        })
    }

    fn append_trace(&self, s: SessionId, g: SegmentId, entry: &TraceEntry) -> Result<()> {
        let arguments = || debug(entry);
        self.record("append_trace", at(s, g), arguments, ok, || {
            self.store.append_trace(s, g, entry)
        })
    }

    fn truncate(&self, s: SessionId, g: SegmentId, entries_len: usize) -> Result<()> {
        let arguments = || debug(&entries_len);
        self.record("truncate", at(s, g), arguments, ok, || self.store.truncate(s, g, entries_len))
    }

    fn pods(&self) -> Option<&dyn PodStore> {
        self.store.pods().is_some().then_some(self)
    }

    fn append_all(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
        let arguments = || described(entries);
        self.record("append_all", at(s, g), arguments, ok, || self.store.append_all(s, g, entries))
    }

    fn read_page(&self, s: SessionId, g: SegmentId, start: usize, bytes: usize) -> Result<Page> {
        let arguments = || format!("{start}, {bytes}");
        let describe = |page: &Page| format!("{} entries, head {}", page.entries.len(), page.head);
        self.record("read_page", at(s, g), arguments, describe, || {
            self.store.read_page(s, g, start, bytes)
        })
    }

    fn read_page_with(
        &self,
        s: SessionId,
        g: SegmentId,
        request: PageRequest,
    ) -> Result<(Vec<LogEntry>, Option<Head>)> {
        let describe = |(entries, head): &(Vec<LogEntry>, Option<Head>)| {
            format!("{} entries, head {head:?}", entries.len())
        };
        self.record(
            "read_page_with",
            at(s, g),
            || debug(&request),
            describe,
            || self.store.read_page_with(s, g, request),
        )
    }

    fn read_page_matching(
        &self,
        s: SessionId,
        g: SegmentId,
        request: PageRequest,
        matches: &dyn Fn(&str) -> bool,
    ) -> Result<(Vec<Option<LogEntry>>, Option<Head>)> {
        let describe = |(entries, head): &(Vec<Option<LogEntry>>, Option<Head>)| {
            format!(
                "{} of {} entries, head {head:?}",
                entries.iter().flatten().count(),
                entries.len()
            )
        };
        self.record(
            "read_page_matching",
            at(s, g),
            || debug(&request),
            describe,
            || self.store.read_page_matching(s, g, request, matches),
        )
    }

    fn head(&self, s: SessionId, g: SegmentId) -> Result<Option<Head>> {
        self.record("head", at(s, g), no_arguments, debug, || self.store.head(s, g))
    }

    fn segment_info(&self, s: SessionId, g: SegmentId) -> Result<Option<SegmentInfo>> {
        self.record("segment_info", at(s, g), no_arguments, debug, || self.store.segment_info(s, g))
    }

    fn list_infos(&self, options: &ListOptions) -> Result<Vec<(SegmentKey, SegmentInfo)>> {
        let arguments = || debug(options);
        self.record("list_infos", (None, None), arguments, length, || {
            self.store.list_infos(options)
        })
    }

    fn append_if(
        &self,
        s: SessionId,
        g: SegmentId,
        expected: Option<Head>,
        entries: &[LogEntry],
    ) -> Result<Head> {
        let arguments = || format!("{expected:?}, {}", described(entries));
        self.record("append_if", at(s, g), arguments, debug, || {
            self.store.append_if(s, g, expected, entries)
        })
    }

    fn truncate_if(&self, s: SessionId, g: SegmentId, expected: Head, len: usize) -> Result<Head> {
        let arguments = || format!("{expected:?}, {len}");
        self.record("truncate_if", at(s, g), arguments, debug, || {
            self.store.truncate_if(s, g, expected, len)
        })
    }

    fn read_trace_page(
        &self,
        s: SessionId,
        g: SegmentId,
        start: usize,
        bytes: usize,
    ) -> Result<TracePage> {
        let arguments = || format!("{start}, {bytes}");
        let describe = |page: &TracePage| format!("{} trace entries", page.entries.len());
        self.record("read_trace_page", at(s, g), arguments, describe, || {
            self.store.read_trace_page(s, g, start, bytes)
        })
    }

    fn delete_segment(&self, s: SessionId, g: SegmentId) -> Result<bool> {
        self.record("delete_segment", at(s, g), no_arguments, debug, || {
            self.store.delete_segment(s, g)
        })
    }

    fn delete_session(&self, s: SessionId) -> Result<bool> {
        self.record("delete_session", (Some(s), None), no_arguments, debug, || {
            self.store.delete_session(s)
        })
    }

    fn sync(&self) -> Result<()> {
        self.record("sync", (None, None), no_arguments, ok, || self.store.sync())
    }
}

#[deny(clippy::missing_trait_methods)]
impl PodStore for RecordingStore {
    fn put_pod(&self, name: &PodName, pod: &Pod) -> Result<()> {
        let arguments = || format!("{name:?}, {pod:?}");
        self.record("put_pod", (None, None), arguments, ok, || self.inner_pods().put_pod(name, pod))
    }

    fn read_pod(&self, name: &PodName) -> Result<Option<Pod>> {
        let arguments = || debug(name);
        self.record("read_pod", (None, None), arguments, debug, || self.inner_pods().read_pod(name))
    }

    fn list_pods(&self) -> Result<Vec<PodName>> {
        self.record("list_pods", (None, None), no_arguments, debug, || {
            self.inner_pods().list_pods()
        })
    }

    fn delete_pod(&self, name: &PodName) -> Result<bool> {
        let arguments = || debug(name);
        self.record("delete_pod", (None, None), arguments, debug, || {
            self.inner_pods().delete_pod(name)
        })
    }

    fn put_pod_if(&self, name: &PodName, expected: Option<&Pod>, pod: &Pod) -> Result<()> {
        let arguments = || format!("{name:?}, {expected:?}, {pod:?}");
        self.record("put_pod_if", (None, None), arguments, ok, || {
            self.inner_pods().put_pod_if(name, expected, pod)
        })
    }
}
