//! Tests of `Instrumented`: each call makes one span with the documented fields, and a span never
//! has the content of an entry or pod.

use std::collections::BTreeMap;
use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex};

use session_store::fs::FsStore;
use session_store::memory::MemoryStore;
use session_store::{
    Instrumented, ListOptions, LogEntry, PageRequest, Pod, PodName, SegmentId, SessionId, Store,
    StoreError, TraceEntry, forward_store,
};
use tracing::Subscriber;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

/// A word that is in all entries, pods and traces of the tests, and must not be in any span.
const CONTENT: &str = "plutonium";

/// The fields of one span by name.
type Fields = BTreeMap<String, String>;

/// The spans that have ended, in order.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Vec<(String, Fields)>>>);

struct Collect<'a>(&'a mut Fields);

impl Visit for Collect<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut text = String::new();
        write!(text, "{value:?}").unwrap();
        let earlier = self.0.insert(field.name().to_owned(), text);
        assert_eq!(earlier, None, "the field {field} is recorded twice");
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::new();
        attributes.record(&mut Collect(&mut fields));
        context.span(id).unwrap().extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let span = context.span(id).unwrap();
        values.record(&mut Collect(span.extensions_mut().get_mut().unwrap()));
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let span = context.span(&id).unwrap();
        assert_eq!(span.metadata().target(), "session_store");
        let fields = span.extensions_mut().remove().unwrap();
        self.0.lock().unwrap().push((span.name().to_owned(), fields));
    }
}

/// Returns the spans of the calls in `calls`.
fn spans_of(calls: impl FnOnce()) -> Vec<(String, Fields)> {
    let spans = Spans::default();
    let subscriber = tracing_subscriber::registry().with(spans.clone());
    tracing::subscriber::with_default(subscriber, calls);
    let ended = spans.0.lock().unwrap().clone();
    let texts = format!("{ended:?}");
    assert!(!texts.contains(CONTENT), "{texts}");
    for (name, fields) in &ended {
        assert!(fields["duration_us"].parse::<u64>().is_ok(), "{name}: {fields:?}");
    }
    ended
}

fn entry() -> LogEntry {
    LogEntry::from_json(format!("{{\"text\":\"{CONTENT}\"}}")).unwrap()
}

/// Formats the name and the fields of a span in the form `append count=1 bytes=20 ok`. Leaves out
/// the ids and the duration.
fn describe((name, fields): &(String, Fields)) -> String {
    let mut text = name.clone();
    for field in ["count", "bytes"] {
        if let Some(value) = fields.get(field) {
            write!(text, " {field}={value}").unwrap();
        }
    }
    text + " " + fields["outcome"].trim_matches('"')
}

#[test]
fn every_call_makes_one_span_with_its_sizes() {
    let (session, segment) = (SessionId::new(), SegmentId::new());
    let spans = spans_of(|| {
        let store = Instrumented(MemoryStore::new());
        let entry = entry();
        store.append(session, segment, &entry).unwrap();
        store.append_all(session, segment, &[entry.clone(), entry.clone()]).unwrap();
        let head = store.head(session, segment).unwrap();
        store.append_if(session, segment, head, std::slice::from_ref(&entry)).unwrap();
        store.read_all(session, segment).unwrap();
        store.read_page(session, segment, 1, usize::MAX).unwrap();
        store.read_page_with(session, segment, PageRequest::new(2, usize::MAX)).unwrap();
        store.read_entry_count(session, segment).unwrap();
        store.exists(session, segment).unwrap();
        store.segment_info(session, segment).unwrap();
        store.list_sessions().unwrap();
        store.list_segments(session).unwrap();
        store.list_infos(&ListOptions::new()).unwrap();
        store.lookup_session_of(segment).unwrap();
        store.append_trace(session, segment, &TraceEntry::from_json("{}").unwrap()).unwrap();
        store.read_trace_page(session, segment, 0, usize::MAX).unwrap();
        let head = store.head(session, segment).unwrap().unwrap();
        store.truncate_if(session, segment, head, 3).unwrap();
        store.truncate(session, segment, 2).unwrap();
        store.create_segment(session, segment, &[entry]).unwrap();
        store.delete_segment(session, segment).unwrap();
        store.delete_session(session).unwrap();
        store.sync().unwrap_err();
    });
    let found: Vec<_> = spans.iter().map(describe).collect();
    let expected = [
        "append count=1 bytes=20 ok",
        "append_all count=2 bytes=40 ok",
        "head ok",
        "append_if count=1 bytes=20 ok",
        "read_all count=4 bytes=80 ok",
        "read_page count=3 bytes=60 ok",
        "read_page_with count=2 bytes=40 ok",
        "read_entry_count count=4 ok",
        "exists ok",
        "segment_info ok",
        "list_sessions count=1 ok",
        "list_segments count=1 ok",
        "list_infos count=1 ok",
        "lookup_session_of ok",
        "append_trace count=1 bytes=2 ok",
        "read_trace_page count=1 bytes=2 ok",
        "head ok",
        "truncate_if ok",
        "truncate ok",
        "create_segment count=1 bytes=20 ok",
        "delete_segment ok",
        "delete_session ok",
        "sync unsupported",
    ];
    assert_eq!(found, expected);
    let append = &spans[0].1;
    assert_eq!(append["session"], session.to_string());
    assert_eq!(append["segment"], segment.to_string());
}

#[test]
fn pods_are_spans_without_their_content() {
    let name: PodName = "coder".parse().unwrap();
    let spans = spans_of(|| {
        let store = Instrumented(MemoryStore::new());
        let pods = store.pods().unwrap();
        let pod = Pod::from_json(format!("{{\"note\":\"{CONTENT}\"}}")).unwrap();
        pods.put_pod(&name, &pod).unwrap();
        pods.put_pod_if(&name, None, &pod).unwrap_err();
        pods.read_pod(&name).unwrap();
        pods.list_pods().unwrap();
        pods.delete_pod(&name).unwrap();
        assert!(store.maintenance().is_none(), "a store in memory needs no maintenance");
    });
    let found: Vec<_> = spans.iter().map(describe).collect();
    let expected = [
        "put_pod bytes=20 ok",
        "put_pod_if bytes=20 pod_conflict",
        "read_pod bytes=20 ok",
        "list_pods count=1 ok",
        "delete_pod ok",
    ];
    assert_eq!(found, expected);
    assert_eq!(spans[0].1["pod"], "coder");
}

/// A store whose `read_all` returns an error that contains stored text.
struct RevealingStore(MemoryStore);

impl Store for RevealingStore {
    forward_store! { self => self.0;
        append list_sessions list_segments lookup_session_of create_segment exists
        read_entry_count append_trace append_if
    }

    fn read_all(&self, _: SessionId, _: SegmentId) -> Result<Vec<LogEntry>, StoreError> {
        Err(StoreError::Corrupt { line: 1, message: CONTENT.to_owned() })
    }
}

#[test]
fn the_text_of_an_error_is_not_in_a_span() {
    let (session, segment) = (SessionId::new(), SegmentId::new());
    let spans = spans_of(|| {
        let store = Instrumented(RevealingStore(MemoryStore::new()));
        store.append(session, segment, &entry()).unwrap();
        store.read_all(session, segment).unwrap_err();
        store.append_if(session, segment, None, &[entry()]).unwrap_err();
    });
    let found: Vec<_> = spans.iter().map(describe).collect();
    let expected =
        ["append count=1 bytes=20 ok", "read_all corrupt", "append_if count=1 bytes=20 conflict"];
    assert_eq!(found, expected);
}

#[test]
fn maintenance_makes_spans() {
    let folder = tempfile::tempdir().unwrap();
    let spans = spans_of(|| {
        let store = Instrumented(FsStore::open_or_create(folder.path()).unwrap());
        let maintenance = store.maintenance().unwrap();
        maintenance.check(&mut |_| {}).unwrap();
        maintenance.repair(&mut |_| {}).unwrap();
    });
    assert_eq!(spans.iter().map(describe).collect::<Vec<_>>(), ["check ok", "repair ok"]);
}
