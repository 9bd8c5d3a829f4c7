//! Tests of a URL that names a replica. Reads succeed, and changes fail at once.

use std::time::{Duration, Instant};

use session_store_core::{LogEntry, SegmentId, SessionId, Store, StoreError};
use session_store_redis::RedisStore;
use test_deadlines::wait_until;
use test_servers::RedisServer;

use crate::open::works;

/// A master that has a store with one segment, and its replica.
struct Setup {
    master: RedisServer,
    replica: RedisServer,
    session: SessionId,
    segment: SegmentId,
}

impl Setup {
    fn new() -> Self {
        let master = RedisServer::start_in_memory(&[]);
        let store = RedisStore::open_or_create(&master.url()).unwrap();
        let (session, segment) = (SessionId::new(), SegmentId::new());
        store.append(session, segment, &entry()).unwrap();
        let port = master.port().to_string();
        let replica = RedisServer::start_in_memory(&["--replicaof", "127.0.0.1", &port]);
        wait_until("the replica to be in step", || replica.is_in_step_with(&master));
        Self { master, replica, session, segment }
    }
}

fn entry() -> LogEntry {
    LogEntry::from_json("{}").unwrap()
}

/// Asserts that a change is refused at once.
fn must_fail_at_once<T: std::fmt::Debug>(change: impl FnOnce() -> Result<T, StoreError>) {
    let begin = Instant::now();
    let error = change().unwrap_err();
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    assert!(!error.is_transient() && !error.is_indeterminate(), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("is a replica") && text.contains("URL of its master"), "{text}");
}

#[test]
fn a_change_to_a_replica_fails_at_once_and_reads_work() {
    let at = Setup::new();
    let (session, segment) = (at.session, at.segment);
    must_fail_at_once(|| RedisStore::open_or_create(&at.replica.url()));
    let store = RedisStore::open(&at.replica.url()).unwrap();
    assert_eq!(store.read_all(session, segment).unwrap(), [entry()]);
    assert_eq!(store.list_sessions().unwrap(), [session]);
    must_fail_at_once(|| store.append(session, segment, &entry()));
    must_fail_at_once(|| store.create_segment(session, segment, &[]));
    must_fail_at_once(|| store.append(session, SegmentId::new(), &entry()));
    must_fail_at_once(|| store.delete_session(session));
    let mut findings = 0;
    store.maintenance().unwrap().check(&mut |_| findings += 1).unwrap();
    assert_eq!(findings, 0);
}

#[test]
fn a_replica_that_becomes_the_master_is_used() {
    let at = Setup::new();
    let store = RedisStore::open(&at.replica.url()).unwrap();
    must_fail_at_once(|| store.append(at.session, at.segment, &entry()));
    let mut promote = redis::cmd("REPLICAOF");
    promote.arg(("NO", "ONE")).exec(&mut at.replica.connection()).unwrap();
    works(&store);
    drop(at.master);
}
