//! Tests of the protocol: the page that describes the protocol, calls at the same time, broken
//! pipes, and errors.

mod kit;

use std::io::{self, BufRead, BufReader, PipeReader, PipeWriter, Write, pipe};
use std::process::Command;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use rstest::rstest;
use session_store_core::{
    BaseLevel, Capabilities, Capability, Head, ListOptions, LogEntry, SegmentId, SessionId, Store,
    StoreError, TraceEntry, forward_store,
};
use session_store_memory::MemoryStore;
use session_store_protocol::{RemoteStore, Service, serve, serve_in_order};

/// The longest time that a test waits for a reply.
const LIMIT: Option<Duration> = Some(Duration::from_secs(30));

/// A server in a thread. The fields are the client's ends of the two pipes.
struct Server {
    requests: PipeWriter,
    replies: BufReader<PipeReader>,
    thread: thread::JoinHandle<io::Result<()>>,
}

fn start(store: impl Store + 'static) -> Server {
    start_service(Service::of(Arc::new(store)))
}

fn start_service(service: Service<'static>) -> Server {
    let ((input, requests), (replies, output)) = (pipe().unwrap(), pipe().unwrap());
    let thread = thread::spawn(move || serve(&service, BufReader::new(input), output));
    Server { requests, replies: BufReader::new(replies), thread }
}

fn connect(server: Server) -> RemoteStore {
    RemoteStore::connect(server.replies, server.requests, LIMIT).unwrap()
}

fn entry(number: usize) -> LogEntry {
    LogEntry::from_json(format!(r#"{{"n":{number}}}"#)).unwrap()
}

fn next_line(replies: &mut impl BufRead) -> String {
    let mut line = String::new();
    loop {
        line.clear();
        replies.read_line(&mut line).unwrap();
        if line != "\n" {
            return line.trim_end().to_owned();
        }
    }
}

#[test]
fn the_page_shows_what_a_server_writes() {
    let page = include_str!("../../../../docs/PROTOCOL.md");
    let (_, transcript) = page.split_once("```transcript\n").unwrap();
    let (transcript, _) = transcript.split_once("```").unwrap();
    let mut server = start(MemoryStore::new());
    for line in transcript.lines() {
        match line.split_at(2) {
            ("> ", request) => writeln!(server.requests, "{request}").unwrap(),
            (_, reply) => assert_eq!(next_line(&mut server.replies), reply),
        }
    }
}

/// A store whose appends wait for each other.
struct AppendsInPairs(MemoryStore, Barrier);

impl Store for AppendsInPairs {
    forward_store! { self => self.0;
        read_all list_sessions list_segments lookup_session_of create_segment exists
        read_entry_count append_trace
    }

    fn append(&self, s: SessionId, g: SegmentId, entry: &LogEntry) -> Result<(), StoreError> {
        self.1.wait();
        self.0.append(s, g, entry)
    }
}

#[test]
fn calls_of_several_threads_are_made_at_once() {
    let store = connect(start(AppendsInPairs(MemoryStore::new(), Barrier::new(2))));
    let (session, segment) = (SessionId::new(), SegmentId::new());
    thread::scope(|scope| {
        scope.spawn(|| store.append(session, segment, &entry(1)).unwrap());
        store.append(session, segment, &entry(2)).unwrap();
    });
    assert_eq!(store.read_entry_count(session, segment).unwrap(), 2);
}

#[test]
fn a_client_that_reads_late_gets_every_reply() {
    const REQUESTS: usize = 20_000;
    let Server { mut requests, mut replies, thread } = start(MemoryStore::new());
    let writer = thread::spawn(move || {
        for id in 0..REQUESTS {
            writeln!(requests, r#"{{"id":{id},"call":"list_sessions"}}"#).unwrap();
        }
    });
    next_line(&mut replies);
    let mut ids: Vec<String> = (0..REQUESTS).map(|_| next_line(&mut replies)).collect();
    writer.join().unwrap();
    thread.join().unwrap().unwrap();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), REQUESTS);
}

#[test]
fn a_request_that_was_cut_off_is_not_made() {
    let (store, segment) = (MemoryStore::new(), SegmentId::new());
    let mut server = start(store.clone());
    let session = SessionId::new();
    let request = format!(
        r#"{{"id":1,"call":"append","session_id":"{session}","segment_id":"{segment}","entry":"{{}}"}}"#
    );
    write!(server.requests, "{request}").unwrap();
    drop(server.requests);
    server.thread.join().unwrap().unwrap();
    assert!(!store.exists(session, segment).unwrap());
}

#[test]
fn calls_under_way_are_answered_after_the_input_ends() {
    let mut server = start(MemoryStore::new());
    writeln!(server.requests, r#"{{"id":1,"call":"list_sessions"}}"#).unwrap();
    drop(server.requests);
    server.thread.join().unwrap().unwrap();
    next_line(&mut server.replies);
    assert_eq!(next_line(&mut server.replies), r#"{"id":1,"ok":[]}"#);
}

#[rstest]
#[case("not json", "null")]
#[case(r#"{"id":7,"call":"fly"}"#, "7")]
#[case(r#"{"id":7,"call":"read_pod","name":3}"#, "7")]
#[case(r#"{"call":"list_sessions"}"#, "null")]
fn a_request_that_cannot_be_read_is_answered(#[case] request: &str, #[case] id: &str) {
    let mut server = start(MemoryStore::new());
    writeln!(server.requests, "{request}").unwrap();
    next_line(&mut server.replies);
    let reply = next_line(&mut server.replies);
    let start = format!(
        r#"{{"id":{id},"error":{{"kind":"invalid","message":"the request cannot be read: "#
    );
    assert!(reply.starts_with(&start), "{reply}");
}

#[test]
fn a_store_is_opened_by_its_address() {
    let store = connect(start_service(Service::opening(|address| match address {
        "memory" => Ok(Box::new(MemoryStore::new())),
        _ => Err(StoreError::NoStore { place: address.to_owned(), found: "nothing".to_owned() }),
    })));
    let error = store.list_sessions().unwrap_err();
    assert_eq!(error.to_string(), "I/O error: no store is open; call open first");
    let error = store.open("tape").unwrap_err();
    assert!(matches!(error, StoreError::NoStore { .. }), "{error}");
    store.open("memory").unwrap();
    assert!(store.capabilities().has(Capability::ConditionalAppend));
    assert_eq!(store.list_sessions().unwrap(), []);
}

#[test]
fn a_server_in_order_makes_every_call_in_the_current_thread() {
    let current = thread::current().id();
    let service = Service::opening(move |_| {
        assert_eq!(thread::current().id(), current);
        Ok(Box::new(MemoryStore::new()))
    });
    let open = |id| format!("{{\"id\":{id},\"call\":\"open\",\"address\":\"memory:\"}}\n");
    let requests: String = (0..50).map(open).collect();
    let mut output = Vec::new();
    serve_in_order(&service, requests.as_bytes(), &mut output).unwrap();
    let replies = String::from_utf8(output).unwrap();
    let replies: Vec<_> = replies.lines().filter(|line| line.contains("\"ok\"")).collect();
    let starts: Vec<_> = (0..50).map(|id| format!("{{\"id\":{id},")).collect();
    assert!(replies.iter().zip(&starts).all(|(reply, start)| reply.starts_with(start)));
    assert_eq!(replies.len(), starts.len());
}

#[test]
fn a_server_of_one_store_opens_no_other() {
    let store = connect(start(MemoryStore::new()));
    let error = store.open("memory").unwrap_err();
    assert_eq!(error.to_string(), "I/O error: this server serves one store only");
}

#[test]
fn the_server_answers_and_continues_after_a_panic_of_the_store() {
    let store = connect(start(Fails(|| panic!("a panic that the test provokes"))));
    // Each panic must leave a thread usable, so cause more panics than the server has threads.
    for _ in 0..20 {
        let error = store.read_all(SessionId::new(), SegmentId::new()).unwrap_err();
        assert!(error.is_indeterminate(), "{error}");
    }
    assert_eq!(store.list_sessions().unwrap(), []);
}

/// A store that fails every read with a given error.
struct Fails(fn() -> StoreError);

impl Store for Fails {
    forward_store! { self => MemoryStore::new();
        append list_sessions list_segments lookup_session_of create_segment exists
        read_entry_count append_trace
    }

    fn read_all(&self, _: SessionId, _: SegmentId) -> Result<Vec<LogEntry>, StoreError> {
        Err((self.0)())
    }
}

fn partial() -> StoreError {
    StoreError::Partial { appended: 2, source: Box::new(io::Error::other("disk full").into()) }
}

fn busy() -> StoreError {
    io::Error::new(io::ErrorKind::ResourceBusy, "the database is locked").into()
}

#[rstest]
#[case(|| StoreError::NotFound(SegmentId::from_bytes([7; 16])))]
#[case(|| StoreError::Corrupt { line: 3, message: "no object".to_owned() })]
#[case(|| StoreError::Conflict { expected: None, actual: Some(Head::new(2, 9)) })]
#[case(|| StoreError::PodConflict { name: "a".to_owned() })]
#[case(|| StoreError::indeterminate("call another process", busy()))]
#[case(partial)]
#[case(busy)]
#[case(|| StoreError::TooLarge { size: 5, limit: 4 })]
#[case(|| StoreError::NoStore { place: "p".to_owned(), found: "f".to_owned() })]
#[case(|| StoreError::NotAStore { place: "p".to_owned(), found: "f".to_owned() })]
#[case(|| StoreError::NewerFormat { place: "p".to_owned(), found: 9, supported: 1 })]
#[case(|| StoreError::InvalidPodName("too long".to_owned()))]
#[case(|| StoreError::Unsupported { operation: "sync", capability: Capability::DurableSync })]
fn errors_arrive_as_they_were_sent(#[case] error: fn() -> StoreError) {
    let store = connect(start(Fails(error)));
    let (sent, received) = (error(), store.read_all(SessionId::new(), SegmentId::new()));
    let received = received.unwrap_err();
    assert_eq!(format!("{received}"), format!("{sent}"));
    assert_eq!(std::mem::discriminant(&received), std::mem::discriminant(&sent));
    assert_eq!(received.is_transient(), sent.is_transient());
    assert_eq!(received.is_indeterminate(), sent.is_indeterminate());
}

/// Connects to a server that answers the first request with `lines` and then ends.
fn scripted(greeting: &str, lines: &str) -> io::Result<RemoteStore> {
    let ((input, mut output), (requests, writer)) = (pipe()?, pipe()?);
    writeln!(output, "running 1 test\n{greeting}")?;
    let lines = lines.to_owned();
    thread::spawn(move || {
        next_line(&mut BufReader::new(requests));
        output.write_all(lines.as_bytes()).unwrap();
    });
    RemoteStore::connect(BufReader::new(input), writer, LIMIT)
}

const BASE_LEVEL: &str = r#"{"session_store":1,"store":{"calls":[],"capabilities":["flight"]}}"#;

#[test]
fn a_call_that_the_server_does_not_list_uses_the_provided_body() {
    let entries = r#"{"id":1,"ok":["{\"n\":1}","{\"n\":2}","{\"n\":3}"]}"#;
    let store = scripted(BASE_LEVEL, &format!("{entries}\n")).unwrap();
    let page = store.read_page(SessionId::new(), SegmentId::new(), 1, 7).unwrap();
    assert_eq!(page.entries, [entry(2)]);
    assert_eq!(page.head, Head::new(3, 0));
    assert_eq!(store.capabilities(), Capabilities::NONE);
    assert!(store.pods().is_none() && store.maintenance().is_none());
    let error = store.sync().unwrap_err();
    assert!(matches!(error, StoreError::Unsupported { .. }), "{error}");
}

#[rstest]
#[case::ends("")]
#[case::is_cut_off(r#"{"id":1,"ok":[]}"#)]
#[case::has_no_message("{}{}\n")]
#[case::has_a_later_kind("{\"id\":1,\"error\":{\"kind\":\"eclipse\",\"message\":\"dark\"}}\n")]
#[case::has_another_type("{\"id\":1,\"ok\":7}\n")]
fn a_reply_that_is_missing_or_unknown_leaves_the_outcome_unknown(#[case] lines: &str) {
    let store = scripted(BASE_LEVEL, lines).unwrap();
    let error = store.list_sessions().unwrap_err();
    assert!(error.is_indeterminate(), "{error}");
}

#[test]
fn another_version_is_refused() {
    let error = scripted(r#"{"session_store":2}"#, "").unwrap_err();
    let text = "the server speaks version 2 of the protocol; this program speaks version 1";
    assert_eq!(error.to_string(), text);
}

const SOON: Option<Duration> = Some(Duration::from_millis(50));

fn shell(script: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", script]);
    shell
}

#[test]
fn a_process_without_a_greeting_is_an_error() {
    let error = RemoteStore::start_with_limit(shell("exec sleep 100"), SOON).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    let error = RemoteStore::start(shell("exit 1")).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
}

#[test]
fn a_call_that_hangs_has_an_unknown_outcome() {
    let script = format!("echo '{BASE_LEVEL}'; exec sleep 100");
    let store =
        RemoteStore::start_with_limit(shell(&script), Some(Duration::from_secs(1))).unwrap();
    let error = store.list_sessions().unwrap_err();
    assert!(error.is_indeterminate(), "{error}");
    assert!(error.to_string().contains("no reply within 1 seconds"), "{error}");
}

#[test]
fn every_call_reaches_the_store() {
    let local = MemoryStore::new();
    let remote = connect(start(local.clone()));
    let (s, g) = (SessionId::new(), SegmentId::new());
    remote.append_all(s, g, &[entry(1), entry(2), entry(3)]).unwrap();
    let head = remote.append_if(s, g, remote.head(s, g).unwrap(), &[entry(4)]).unwrap();
    assert_eq!(local.head(s, g).unwrap(), Some(head));
    let head = remote.truncate_if(s, g, head, 3).unwrap();
    remote.truncate(s, g, 2).unwrap();
    assert!(remote.append_if(s, g, Some(head), &[]).unwrap_err().is_conflict());
    assert_eq!(remote.read_all(s, g).unwrap(), local.read_all(s, g).unwrap());
    assert_eq!(remote.segment_info(s, g).unwrap().unwrap().bytes, Some(16));
    assert_eq!(remote.list_infos(&ListOptions::new().limit(1)).unwrap().len(), 1);
    remote.append_trace(s, g, &TraceEntry::from_json("{}").unwrap()).unwrap();
    assert_eq!(remote.read_trace_page(s, g, 0, 10).unwrap().entries.len(), 1);
    assert_eq!(BaseLevel(&remote).read_page(s, g, 0, 10).unwrap().entries.len(), 1);
    assert!(remote.delete_segment(s, g).unwrap());
    assert!(!remote.delete_session(s).unwrap());
    assert_eq!(local.list_sessions().unwrap(), []);
}
