//! `Instrumented`: a wrapper that makes a span of the crate `tracing` for each call of a store.

mod size;

use std::io::Read;
use std::time::Instant;

use session_store_core::{
    Finding, Head, ListOptions, LogEntry, Maintenance, Page, PageRequest, Pod, PodName, PodStore,
    SegmentId, SegmentInfo, SegmentKey, SessionId, Store, StoreError, TraceEntry, TracePage,
    forward_store,
};
use tracing::Span;
use tracing::field::Empty;

use size::{Measure, Size};

/// A store that makes a span of the crate [`tracing`] for each call of another store.
///
/// The span has the name of the method, the level `DEBUG` and the target `session_store`. Fields
/// that do not apply to a call are missing:
///
/// | field | content |
/// |---|---|
/// | `session`, `segment`, `pod` | the ids and the name in the arguments |
/// | `count` | the number of entries, ids or names that the call stores or returns |
/// | `bytes` | the size of the texts of these entries or of the pod |
/// | `outcome` | `ok`, or the variant of the [`StoreError`], such as `conflict` |
/// | `duration_us` | the duration of the call in microseconds |
///
/// A span never has the content of entries or pods. It never has the text of an error either,
/// because this text can contain stored bytes. [`Store::capabilities`] does not make a span.
///
/// ```
/// use session_store::{Instrumented, LogEntry, SegmentId, SessionId, Store};
/// # use session_store::memory::MemoryStore;
///
/// let store = Instrumented(MemoryStore::new());
/// let entry = LogEntry::from_json(r#"{"kind":"user_input","text":"hello"}"#)?;
/// // A span "append" with count=1 and bytes=36.
/// store.append(SessionId::new(), SegmentId::new(), &entry)?;
/// # Ok::<(), session_store::StoreError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Instrumented<S>(pub S);

/// Makes the span of a call. All fields must be declared here, because a field cannot be added to a
/// span later.
macro_rules! span {
    ($method:ident $(, $field:ident = $value:expr)*) => {
        tracing::debug_span!(
            target: "session_store",
            stringify!($method),
            $($field = %$value,)*
            count = Empty,
            bytes = Empty,
            outcome = Empty,
            duration_us = Empty,
        )
    };
}

/// Executes a call inside of its span. `sent` is the size of the call's arguments.
fn call<T: Measure>(
    span: &Span,
    sent: Size,
    call: impl FnOnce() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    if span.is_disabled() {
        return call();
    }
    let start = Instant::now();
    let result = span.in_scope(call);
    let duration = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
    let returned = result.as_ref().map_or(Size::NONE, Measure::size);
    sent.or(returned).record(span);
    span.record("outcome", result.as_ref().map_or_else(variant, |_| "ok"));
    span.record("duration_us", duration);
    result
}

/// Returns the name of an error's variant. Spans have this name instead of the text of the error,
/// because the text can contain stored bytes.
fn variant(error: &StoreError) -> &'static str {
    match error {
        StoreError::Io(_) => "io",
        StoreError::Serde(_) => "serde",
        StoreError::NotFound(_) => "not_found",
        StoreError::Corrupt { .. } => "corrupt",
        StoreError::InvalidPodName(_) => "invalid_pod_name",
        StoreError::Conflict { .. } => "conflict",
        StoreError::PodConflict { .. } => "pod_conflict",
        StoreError::Indeterminate { .. } => "indeterminate",
        StoreError::Partial { .. } => "partial",
        StoreError::TooLarge { .. } => "too_large",
        StoreError::NoStore { .. } => "no_store",
        StoreError::NewerFormat { .. } => "newer_format",
        StoreError::NotAStore { .. } => "not_a_store",
        StoreError::Unsupported { .. } => "unsupported",
        StoreError::Backend(_) => "backend",
        _ => "error",
    }
}

/// Implements methods whose first two arguments name a segment. The size of the argument in
/// brackets is a field of the span.
macro_rules! segment_calls {
    ($self:ident; $(
        $method:ident($($arg:ident: $type:ty),*) $([$sent:ident])? -> $ok:ty;
    )*) => { $(
        fn $method(
            &$self,
            session_id: SessionId,
            segment_id: SegmentId,
            $($arg: $type),*
        ) -> Result<$ok, StoreError> {
            let span = span!($method, session = session_id, segment = segment_id);
            let sent = Size::NONE $(.or($sent.size()))?;
            call(&span, sent, || $self.0.$method(session_id, segment_id, $($arg),*))
        }
    )* };
}

#[deny(clippy::missing_trait_methods)]
impl<S: Store> Store for Instrumented<S> {
    forward_store! { self => self.0; capabilities }

    segment_calls! { self;
        append(entry: &LogEntry) [entry] -> ();
        append_all(entries: &[LogEntry]) [entries] -> ();
        append_if(expected: Option<Head>, entries: &[LogEntry]) [entries] -> Head;
        append_trace(entry: &TraceEntry) [entry] -> ();
        create_segment(entries: &[LogEntry]) [entries] -> ();
        delete_segment() -> bool;
        exists() -> bool;
        head() -> Option<Head>;
        read_all() -> Vec<LogEntry>;
        read_entry_count() -> usize;
        read_page(start: usize, max_bytes: usize) -> Page;
        read_page_with(request: PageRequest) -> (Vec<LogEntry>, Option<Head>);
        read_page_matching(request: PageRequest, matches: &dyn Fn(&str) -> bool)
            -> (Vec<Option<LogEntry>>, Option<Head>);
        read_trace_page(start: usize, max_bytes: usize) -> TracePage;
        segment_info() -> Option<SegmentInfo>;
        truncate(entries_len: usize) -> ();
        truncate_if(expected: Head, entries_len: usize) -> Head;
    }

    fn list_sessions(&self) -> Result<Vec<SessionId>, StoreError> {
        call(&span!(list_sessions), Size::NONE, || self.0.list_sessions())
    }

    fn list_segments(&self, session_id: SessionId) -> Result<Vec<SegmentId>, StoreError> {
        let span = span!(list_segments, session = session_id);
        call(&span, Size::NONE, || self.0.list_segments(session_id))
    }

    fn list_infos(
        &self,
        options: &ListOptions,
    ) -> Result<Vec<(SegmentKey, SegmentInfo)>, StoreError> {
        call(&span!(list_infos), Size::NONE, || self.0.list_infos(options))
    }

    fn lookup_session_of(&self, segment_id: SegmentId) -> Result<Option<SessionId>, StoreError> {
        let span = span!(lookup_session_of, segment = segment_id);
        call(&span, Size::NONE, || self.0.lookup_session_of(segment_id))
    }

    fn delete_session(&self, session_id: SessionId) -> Result<bool, StoreError> {
        let span = span!(delete_session, session = session_id);
        call(&span, Size::NONE, || self.0.delete_session(session_id))
    }

    fn sync(&self) -> Result<(), StoreError> {
        call(&span!(sync), Size::NONE, || self.0.sync())
    }

    fn pods(&self) -> Option<&dyn PodStore> {
        self.0.pods().map(|_| self as &dyn PodStore)
    }

    fn maintenance(&self) -> Option<&dyn Maintenance> {
        self.0.maintenance().map(|_| self as &dyn Maintenance)
    }
}

impl<S: Store> Instrumented<S> {
    /// Returns the pods of the inner store. Callers get the wrapper's pods from [`Store::pods`],
    /// which returns `None` if the inner store does not have pods. So this function is only called
    /// if the inner store has pods.
    fn inner_pods(&self) -> &dyn PodStore {
        self.0.pods().expect("a store that has returned its pods still has them")
    }

    /// Returns the maintenance of the inner store. As for [`inner_pods`](Self::inner_pods), the
    /// function is only called if the inner store has a maintenance.
    fn inner_maintenance(&self) -> &dyn Maintenance {
        self.0.maintenance().expect("a store that has returned its maintenance still has it")
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: Store> PodStore for Instrumented<S> {
    fn put_pod(&self, name: &PodName, pod: &Pod) -> Result<(), StoreError> {
        let span = span!(put_pod, pod = name);
        call(&span, pod.size(), || self.inner_pods().put_pod(name, pod))
    }

    fn put_pod_if(
        &self,
        name: &PodName,
        expected: Option<&Pod>,
        pod: &Pod,
    ) -> Result<(), StoreError> {
        let span = span!(put_pod_if, pod = name);
        call(&span, pod.size(), || self.inner_pods().put_pod_if(name, expected, pod))
    }

    fn read_pod(&self, name: &PodName) -> Result<Option<Pod>, StoreError> {
        let span = span!(read_pod, pod = name);
        call(&span, Size::NONE, || self.inner_pods().read_pod(name))
    }

    fn list_pods(&self) -> Result<Vec<PodName>, StoreError> {
        call(&span!(list_pods), Size::NONE, || self.inner_pods().list_pods())
    }

    fn delete_pod(&self, name: &PodName) -> Result<bool, StoreError> {
        let span = span!(delete_pod, pod = name);
        call(&span, Size::NONE, || self.inner_pods().delete_pod(name))
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: Store> Maintenance for Instrumented<S> {
    fn check(&self, report: &mut dyn FnMut(Finding)) -> Result<(), StoreError> {
        call(&span!(check), Size::NONE, || self.inner_maintenance().check(report))
    }

    fn repair(&self, report: &mut dyn FnMut(Finding)) -> Result<(), StoreError> {
        call(&span!(repair), Size::NONE, || self.inner_maintenance().repair(report))
    }

    fn open_raw(&self, key: SegmentKey) -> Result<Option<Box<dyn Read>>, StoreError> {
        call(&span!(open_raw), Size::NONE, || self.inner_maintenance().open_raw(key))
    }

    fn repair_segments(
        &self,
        is_selected: &dyn Fn(SegmentKey) -> bool,
        report: &mut dyn FnMut(Finding),
    ) -> Result<(), StoreError> {
        let repair = || self.inner_maintenance().repair_segments(is_selected, report);
        call(&span!(repair_segments), Size::NONE, repair)
    }
}
