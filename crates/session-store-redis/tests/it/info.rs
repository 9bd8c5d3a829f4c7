//! Tests of the sizes and modification times of segments, which are read one by one and in bulk.

use std::time::{Duration, SystemTime};

use rstest::rstest;
use session_store_core::{
    ListOptions, LogEntry, SegmentId, SegmentInfo, SegmentKey, SessionId, Store, TraceEntry,
};
use session_store_redis::RedisStore;
use test_servers::RedisServer;

use crate::log::calls;
use crate::shared::{Servers, unique_prefix};

/// Returns entries of exactly `bytes` bytes each.
fn entries(count: usize, bytes: usize) -> Vec<LogEntry> {
    let text = format!(r#"{{"x":"{}"}}"#, "y".repeat(bytes - 8));
    assert_eq!(text.len(), bytes);
    (0..count).map(|_| LogEntry::from_json(text.clone()).unwrap()).collect()
}

/// A segment in a store.
struct Log<'a> {
    store: &'a RedisStore,
    session: SessionId,
    segment: SegmentId,
}

impl<'a> Log<'a> {
    fn new(store: &'a RedisStore) -> Self {
        Self { store, session: SessionId::new(), segment: SegmentId::new() }
    }

    fn info(&self) -> SegmentInfo {
        self.store.segment_info(self.session, self.segment).unwrap().unwrap()
    }

    fn create(&self, entries: &[LogEntry]) {
        self.store.create_segment(self.session, self.segment, entries).unwrap();
    }

    fn append(&self, entries: &[LogEntry]) {
        self.store.append_all(self.session, self.segment, entries).unwrap();
    }

    fn truncate(&self, entries_len: usize) {
        self.store.truncate(self.session, self.segment, entries_len).unwrap();
    }
}

#[rstest]
fn the_size_is_known_after_every_kind_of_change(
    #[values(Servers::One, Servers::Cluster)] servers: Servers,
) {
    let store = servers.open(&unique_prefix());
    let log = Log::new(&store);
    assert_eq!(store.segment_info(log.session, log.segment).unwrap(), None);

    log.append(&entries(1, 20));
    assert_eq!(log.info().bytes, Some(21));
    log.append(&entries(2, 9));
    assert_eq!(log.info().bytes, Some(21 + 2 * 10));
    let head = store.append_if(log.session, log.segment, Some(log.info().head), &entries(1, 99));
    assert_eq!(log.info().head, head.unwrap());
    assert_eq!(log.info().bytes, Some(21 + 2 * 10 + 100));
    log.truncate(2);
    assert_eq!(log.info().bytes, Some(21 + 10));
    // Too many entries for one call: they are staged.
    log.append(&entries(6000, 19));
    assert_eq!(log.info().bytes, Some(21 + 10 + 6000 * 20));
    // Few of many entries are cut.
    log.truncate(5900);
    assert_eq!(log.info().bytes, Some(21 + 10 + 5898 * 20));
    log.truncate(0);
    assert_eq!(log.info().bytes, Some(0));
    // The entries of this new log are staged by a list command.
    log.create(&entries(200, 999));
    assert_eq!(log.info().bytes, Some(200 * 1000));
    log.create(&[]);
    assert_eq!(log.info().bytes, Some(0));
    assert_eq!(log.info().head.entries(), 0);
}

#[rstest]
fn the_time_is_that_of_the_last_change(#[values(Servers::One, Servers::Cluster)] servers: Servers) {
    let store = servers.open(&unique_prefix());
    let log = Log::new(&store);
    let begin = SystemTime::now() - Duration::from_millis(1);
    let mut last = begin;
    let changes: [&dyn Fn(); 5] = [
        &|| log.append(&entries(3, 20)),
        &|| log.append(&entries(1, 20)),
        &|| log.truncate(1),
        &|| log.create(&entries(1, 20)),
        &|| log.truncate(0),
    ];
    for change in changes {
        change();
        let modified = log.info().modified.unwrap();
        assert!(modified > last, "{modified:?}, {last:?}");
        assert!(modified < SystemTime::now() + Duration::from_millis(1));
        last = modified;
    }
    // Calls that change nothing keep the time.
    let info = log.info();
    log.truncate(0);
    store.append_if(log.session, log.segment, Some(info.head), &[]).unwrap();
    store.append_trace(log.session, log.segment, &TraceEntry::from_json("{}").unwrap()).unwrap();
    assert_eq!(log.info(), info);
}

#[test]
fn a_truncate_reads_few_entries_or_forgets_the_size() {
    let server = RedisServer::start_in_memory(&[]);
    let store = RedisStore::open_or_create(&server.url()).unwrap();
    let log = Log::new(&store);
    let reads = || calls(&server, &["lrange"]);

    log.create(&entries(10_000, 99));
    let before = reads();
    log.truncate(5000);
    assert_eq!(reads(), before, "the truncate has read many entries");
    assert_eq!(log.info().bytes, None);
    assert!(log.info().modified.is_some());
    log.append(&entries(1, 99));
    assert_eq!(log.info().bytes, None);
    // The kept entries are few, so the size is known again.
    log.truncate(100);
    assert_eq!(log.info().bytes, Some(100 * 100));

    // Few entries, but many bytes.
    log.create(&entries(20, 200_000));
    log.truncate(10);
    assert_eq!(log.info().bytes, None);
    let before = reads();
    log.truncate(0);
    assert_eq!((log.info().bytes, reads()), (Some(0), before));
}

#[rstest]
fn list_infos_returns_the_listed_segments(
    #[values(Servers::One, Servers::Cluster)] servers: Servers,
) {
    let store = servers.open(&unique_prefix());
    assert_eq!(store.list_infos(&ListOptions::new()).unwrap(), []);
    // More segments in one session than one call reads.
    let large = SessionId::new();
    for n in 0..300 {
        store.append_all(large, SegmentId::new(), &entries(1 + n % 3, 20)).unwrap();
    }
    for n in 0..20 {
        let log = Log::new(&store);
        log.create(&entries(n % 4, 30));
    }
    let trace_alone = (SessionId::new(), SegmentId::new());
    let trace = TraceEntry::from_json("{}").unwrap();
    store.append_trace(trace_alone.0, trace_alone.1, &trace).unwrap();

    let sessions = store.list_sessions().unwrap();
    let listed = |sessions: &[SessionId]| -> Vec<_> {
        let of_session = |&session: &SessionId| {
            let segments = store.list_segments(session).unwrap();
            segments.into_iter().map(move |segment| SegmentKey::new(session, segment))
        };
        let info = |key: SegmentKey| store.segment_info(key.session_id, key.segment_id).unwrap();
        let keys = sessions.iter().flat_map(of_session);
        keys.map(|key| (key, info(key).unwrap())).collect()
    };
    assert_eq!(store.list_infos(&ListOptions::new()).unwrap(), listed(&sessions));
    let part = ListOptions::new().after(sessions[4]).limit(3);
    assert_eq!(store.list_infos(&part).unwrap(), listed(&sessions[5..8]));
    let rest = ListOptions::new().after(sessions[18]).limit(100);
    assert_eq!(store.list_infos(&rest).unwrap(), listed(&sessions[19..]));
}
