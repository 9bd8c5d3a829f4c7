//! Tests of servers whose memory is full, and which do not evict keys. Reads, truncates and
//! deletions work. Other changes fail and change nothing.

use std::io::ErrorKind;

use rstest::rstest;
use session_store_core::{
    LogEntry, PageRequest, Pod, PodName, PodStore, SegmentId, SessionId, Store, StoreError,
    TraceEntry,
};
use session_store_redis::RedisStore;
use test_servers::{RedisCluster, RedisServer};

use crate::open::{kind, works};

/// The number of sessions. Each session has one segment.
const SESSIONS: u8 = 12;

/// The single server or the masters that a test fills.
struct Place {
    url: String,
    servers: Vec<RedisServer>,
}

impl Place {
    fn server() -> Self {
        let server = RedisServer::start_in_memory(&[]);
        Self { url: server.url(), servers: vec![server] }
    }

    fn cluster() -> Self {
        let cluster = RedisCluster::start_in_memory();
        Self { url: cluster.url(), servers: cluster.masters }
    }

    fn limit_memory(&self, limit: &str) {
        let mut set = redis::cmd("CONFIG");
        set.arg(("SET", "maxmemory", limit));
        self.servers.iter().for_each(|server| set.exec(&mut server.connection()).unwrap());
    }
}

/// Returns `count` entries of about 1,000 bytes.
fn entries(count: usize) -> Vec<LogEntry> {
    let entry = |n| LogEntry::from_json(format!(r#"{{"n":{n},"x":"{}"}}"#, "y".repeat(1000)));
    (0..count).map(|n| entry(n).unwrap()).collect()
}

fn ids(n: u8) -> (SessionId, SegmentId) {
    (SessionId::from_bytes([n; 16]), SegmentId::from_bytes([n; 16]))
}

fn coder() -> (PodName, Pod) {
    ("coder".parse().unwrap(), Pod::new(ids(0).0, None))
}

/// Reads the storage by every method that reads. Returns all results as one text.
fn read_everything(store: &RedisStore) -> Result<String, StoreError> {
    let mut texts = vec![format!("{:?}", store.list_infos(&Default::default())?)];
    texts.push(format!("{:?} {:?}", store.list_sessions()?, store.list_pods()?));
    texts.push(format!("{:?}", store.read_pod(&coder().0)?));
    for (session, segment) in (0..SESSIONS).map(ids) {
        // After the first read of a log, a handle reads pages by other commands.
        for _ in 0..2 {
            texts.push(format!("{:?}", store.read_page(session, segment, 1, 3000)?));
            texts.push(format!("{:?}", store.read_all(session, segment)?));
        }
        let request = PageRequest::new(0, 3000);
        texts.push(format!("{:?}", store.read_page_with(session, segment, request)?));
        let matching = store.read_page_matching(session, segment, request, &|_| true);
        texts.push(format!("{:?}", matching?));
        texts.push(format!("{:?}", store.read_trace_page(session, segment, 0, usize::MAX)?));
        texts.push(format!("{:?}", store.segment_info(session, segment)?));
        texts.push(format!("{:?}", store.head(session, segment)?));
        texts.push(format!("{:?}", store.read_entry_count(session, segment)?));
        texts.push(format!("{:?}", store.list_segments(session)?));
        texts.push(format!("{:?}", store.lookup_session_of(segment)?));
        assert!(store.exists(session, segment)?);
        assert!(!store.exists(session, SegmentId::new())?);
    }
    let maintenance = store.maintenance().expect("the store has maintenance");
    maintenance.check(&mut |finding| panic!("{finding}"))?;
    Ok(texts.join("\n"))
}

#[rstest]
#[case::server(Place::server())]
#[case::cluster(Place::cluster())]
fn a_full_server_refuses_only_changes_that_need_memory(#[case] place: Place) {
    let store = RedisStore::open_or_create(&place.url).unwrap();
    let (name, pod) = coder();
    store.put_pod(&name, &pod).unwrap();
    let trace = TraceEntry::from_json("{}").unwrap();
    for (session, segment) in (0..SESSIONS).map(ids) {
        store.append_all(session, segment, &entries(100)).unwrap();
        store.append_trace(session, segment, &trace).unwrap();
    }
    let before = read_everything(&store).unwrap();

    place.limit_memory("1");
    // A new handle has not read the logs yet.
    let new_handle = RedisStore::open(&place.url).unwrap();
    for store in [&store, &new_handle] {
        assert!(read_everything(store).unwrap() == before);
    }
    let (session, segment) = ids(0);
    let head = store.head(session, segment).unwrap();
    let (entry, other) = (&entries(1), SegmentId::new());
    for refused in [
        store.append_all(session, segment, entry),
        store.append_all(session, segment, &entries(100)),
        store.append_all(session, segment, &entries(5100)),
        store.append_all(session, other, entry),
        store.append_if(session, segment, head, entry).map(drop),
        store.append_if(session, other, None, entry).map(drop),
        store.create_segment(session, segment, entry),
        store.create_segment(session, other, &[]),
        store.append_trace(session, segment, &trace),
        store.put_pod(&name, &pod),
        store.put_pod_if(&name, Some(&pod), &pod),
    ] {
        let error = refused.unwrap_err();
        assert_eq!(kind(&error), Some(ErrorKind::StorageFull), "{error:?}");
    }
    assert!(read_everything(&store).unwrap() == before);
    place.limit_memory("0");
    assert!(read_everything(&store).unwrap() == before);

    place.limit_memory("1");
    store.truncate(session, segment, 50).unwrap();
    let head = store.head(session, segment).unwrap().unwrap();
    store.truncate_if(session, segment, head, 2).unwrap();
    assert!(store.read_all(session, segment).unwrap() == entries(2));
    assert!(store.delete_segment(session, segment).unwrap());
    assert!(store.delete_session(ids(1).0).unwrap());
    assert!(store.delete_pod(&name).unwrap());
    place.limit_memory("0");
    works(&store);
    store.append(session, segment, &entries(1)[0]).unwrap();
}

#[test]
fn a_full_server_gives_a_definite_error_and_can_be_freed() {
    let server = RedisServer::start_in_memory(&["--maxmemory", "8mb"]);
    let store = RedisStore::open_or_create(&server.url()).unwrap();
    let (session, segment) = (SessionId::new(), SegmentId::new());
    let entry = LogEntry::from_json(format!(r#"{{"x":"{}"}}"#, "y".repeat(100_000))).unwrap();
    let mut stored = 0;
    let error = loop {
        match store.append(session, segment, &entry) {
            Ok(()) => stored += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(kind(&error), Some(ErrorKind::StorageFull), "{error:?}");
    assert_eq!(store.read_entry_count(session, segment).unwrap(), stored);

    let set_limit = |limit: &str| {
        let mut set = redis::cmd("CONFIG");
        set.arg(("SET", "maxmemory", limit)).exec(&mut server.connection()).unwrap();
    };
    set_limit("1mb");
    let other = SegmentId::new();
    assert_eq!(
        kind(&store.append(session, other, &entry).unwrap_err()),
        Some(ErrorKind::StorageFull)
    );
    store.truncate(session, segment, 1).unwrap();
    assert!(store.delete_session(session).unwrap());
    set_limit("8mb");
    store.append(session, segment, &entry).unwrap();
}
