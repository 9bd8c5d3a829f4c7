//! Tests of storages and handles of older versions. Those versions do not write the field `info` of
//! a log, which holds the size of the log and the time of its last change.
//!
//! The fixtures are a storage of an older version, and the scripts of that version. The tests run
//! these scripts in the place of an older handle.

use redis::{Cmd, Value};
use rstest::rstest;
use session_store_core::{
    ListOptions, LogEntry, PodName, PodStore, SegmentId, SegmentInfo, SessionId, Store,
};
use session_store_redis::RedisStore;
use uuid::Uuid;

use crate::shared::{Servers, unique_prefix};

/// The commands that write the older storage, one JSON array a line.
const STORAGE: &str = include_str!("../fixtures/without_info/storage.jsonl");
const APPEND: &str = include_str!("../fixtures/without_info/append.lua");
const TRUNCATE: &str = include_str!("../fixtures/without_info/truncate.lua");
const READ: &str = include_str!("../fixtures/without_info/read.lua");

/// Writes the older storage under a prefix, and opens it.
fn restore(servers: Servers, prefix: &str) -> RedisStore {
    for line in STORAGE.lines() {
        let words: Vec<String> = serde_json::from_str(line).unwrap();
        let mut command = redis::cmd(&words[0]);
        command.arg(words[1].replace("session-store:", &format!("{prefix}:")));
        servers.command(command.arg(&words[2..])).unwrap();
    }
    servers.open(prefix)
}

fn session(n: u8) -> SessionId {
    format!("0192f3a0-0000-7000-8000-0000000000{n:02x}").parse().unwrap()
}

fn segment(n: u8) -> SegmentId {
    format!("0192f3a0-1111-7000-8000-0000000000{n:02x}").parse().unwrap()
}

fn entry(text: &str) -> LogEntry {
    LogEntry::from_json(text).unwrap()
}

fn info(store: &RedisStore, session: SessionId, segment: SegmentId) -> SegmentInfo {
    store.segment_info(session, segment).unwrap().unwrap()
}

#[rstest]
fn an_older_storage_is_read_as_it_is(#[values(Servers::One, Servers::Cluster)] servers: Servers) {
    let store = restore(servers, &unique_prefix());
    assert_eq!(store.list_sessions().unwrap(), [session(3), session(2), session(1)]);
    assert_eq!(store.list_segments(session(1)).unwrap(), [segment(2), segment(1)]);
    assert_eq!(store.list_segments(session(4)).unwrap(), [], "a trace is not a segment");
    let log = |s, g| store.read_all(session(s), segment(g)).unwrap();
    let user_input = |n| entry(&format!(r#"{{"kind":"user_input","n":{n}}}"#));
    assert_eq!(log(1, 1), [user_input(0), user_input(1), user_input(2)]);
    assert_eq!(log(1, 2), [entry(r#"{"n":1.0,"text":"é ✓"}"#), entry("{}")]);
    assert_eq!(log(2, 3), []);
    assert_eq!(log(2, 4), [entry(r#"{"n":0}"#), entry(r#"{"n":1}"#)]);
    assert_eq!(log(3, 1), [entry(r#"{"session":3}"#)]);
    let trace = store.read_trace_page(session(4), segment(5), 0, 100).unwrap();
    assert_eq!(trace.entries[0].as_json(), r#"{"event":"alone"}"#);
    assert_eq!(store.lookup_session_of(segment(1)).unwrap(), Some(session(1)));
    assert_eq!(store.lookup_session_of(segment(6)).unwrap(), None);
    let pod = store.read_pod(&"coder".parse::<PodName>().unwrap()).unwrap().unwrap();
    assert_eq!(pod.active().unwrap().session_id, session(1));
    store.maintenance().unwrap().check(&mut |finding| panic!("{finding}")).unwrap();

    let infos = store.list_infos(&ListOptions::new()).unwrap();
    assert_eq!(infos.len(), 5);
    for (key, info) in infos {
        let head = store.head(key.session_id, key.segment_id).unwrap().unwrap();
        assert_eq!(info, SegmentInfo::new(head), "{key}");
    }
}

#[rstest]
fn an_older_log_gets_its_time_and_size_when_it_is_written(
    #[values(Servers::One, Servers::Cluster)] servers: Servers,
) {
    let store = restore(servers, &unique_prefix());
    let (session, segment) = (session(1), segment(1));
    store.append(session, segment, &entry("{}")).unwrap();
    let appended = info(&store, session, segment);
    assert_eq!((appended.head.entries(), appended.bytes), (4, None));
    assert!(appended.modified.is_some());
    store.truncate(session, segment, 2).unwrap();
    assert_eq!(info(&store, session, segment).bytes, Some(2 * 28));
    store.append(session, segment, &entry("{}")).unwrap();
    assert_eq!(info(&store, session, segment).bytes, Some(2 * 28 + 3));
}

/// A log that a new handle has written. An older handle then writes to it.
struct Shared {
    servers: Servers,
    prefix: String,
    store: RedisStore,
    session: SessionId,
    segment: SegmentId,
}

impl Shared {
    fn new(servers: Servers) -> Self {
        let prefix = unique_prefix();
        let store = servers.open(&prefix);
        let (session, segment) = (SessionId::new(), SegmentId::new());
        store.append_all(session, segment, &[entry("{}"), entry("{}")]).unwrap();
        assert_eq!(info(&store, session, segment).bytes, Some(6));
        Self { servers, prefix, store, session, segment }
    }

    fn info(&self) -> SegmentInfo {
        info(&self.store, self.session, self.segment)
    }

    fn key(&self, kind: &str) -> String {
        self.servers.key(&self.prefix, kind, self.session, self.segment).unwrap()
    }

    /// Returns the key that ends in `rest` and has the same hash tag as the log.
    fn key_beside(&self, rest: &str) -> String {
        let log = self.key("log");
        format!("{}:{rest}", &log[..log.find(":log:").unwrap()])
    }

    fn run(&self, script: &str, keys: &[String], args: &[&str]) -> Value {
        let mut eval: Cmd = redis::cmd("EVAL");
        eval.arg(script).arg(keys.len()).arg(keys).arg(args);
        self.servers.command(&eval).unwrap()
    }

    /// Appends an entry as a handle of an older version does.
    fn append_by_older(&self) {
        let (session, segment) = (self.session.to_string(), self.segment.to_string());
        let [token, stamp] = [Uuid::new_v4(), Uuid::new_v4()].map(|id| id.simple().to_string());
        let keys = [
            self.key_beside(&format!("writer:{token}")),
            self.key("log"),
            self.key("entries"),
            self.key_beside(&format!("segments:{session}")),
            self.key_beside("sessions"),
        ];
        let args =
            ["1", "0", "900000", &session, &segment, &stamp, "append", "", "", "0", r#"{"a":1}"#];
        self.run(APPEND, &keys, &args);
    }

    /// Truncates the log to one entry as a handle of an older version does.
    fn truncate_by_older(&self) {
        let [token, stamp] = [Uuid::new_v4(), Uuid::new_v4()].map(|id| id.simple().to_string());
        let keys = [
            self.key_beside(&format!("writer:{token}")),
            self.key("log"),
            self.key("entries"),
            self.key_beside("never"),
        ];
        self.run(TRUNCATE, &keys, &["1", "0", "900000", &stamp, "", "1"]);
    }
}

#[rstest]
fn a_write_of_an_older_handle_makes_size_and_time_unknown(
    #[values(Servers::One, Servers::Cluster)] servers: Servers,
    #[values(Shared::append_by_older, Shared::truncate_by_older)] write: fn(&Shared),
) {
    let log = Shared::new(servers);
    write(&log);
    let info = log.info();
    assert_eq!((info.bytes, info.modified), (None, None));
    let entries = log.store.read_all(log.session, log.segment).unwrap();
    assert_eq!(info.head.entries(), entries.len());
    assert_ne!(entries.len(), 2);

    // The next append by a new handle sets the time. The size stays unknown, because the stored
    // size is outdated.
    log.store.append(log.session, log.segment, &entry("{}")).unwrap();
    let info = log.info();
    assert_eq!((info.bytes, info.modified.is_some()), (None, true));
    log.store.create_segment(log.session, log.segment, &[entry("{}")]).unwrap();
    assert_eq!(log.info().bytes, Some(3));
}

#[rstest]
fn an_older_handle_reads_a_new_log(#[values(Servers::One, Servers::Cluster)] servers: Servers) {
    let log = Shared::new(servers);
    let Value::Array(reply) = log.run(READ, &[log.key("log"), log.key("entries")], &["0", "100"])
    else {
        panic!("the reply is not a list");
    };
    assert_eq!(reply[0], Value::BulkString(log.info().head.to_string().into()));
    assert_eq!(reply[2..], [Value::BulkString("{}".into()), Value::BulkString("{}".into())]);
}
