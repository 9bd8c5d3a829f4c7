//! Tests of the check and the repair of the indexes. Indexes are the keys that list sessions,
//! segments and traces. The keys `holders` are indexes too: they list the sessions of a segment.

use rstest::rstest;
use session_store_core::{
    Finding, ListOptions, LogEntry, Maintenance, SegmentId, SegmentKey, SessionId, Severity, Store,
    TraceEntry,
};
use session_store_redis::RedisStore;
use test_servers::{RedisCluster, RedisServer};

use crate::permissions::slot_of_log;
use crate::shared::{Servers, unique_prefix};

pub(crate) fn check(maintenance: &dyn Maintenance) -> Vec<Finding> {
    let mut findings = Vec::new();
    maintenance.check(&mut |finding| findings.push(finding)).unwrap();
    findings
}

pub(crate) fn repair(maintenance: &dyn Maintenance) -> Vec<Finding> {
    let mut findings = Vec::new();
    maintenance.repair(&mut |finding| findings.push(finding)).unwrap();
    findings
}

/// A storage with two sessions: the first has two segments, the second has one.
struct Setup {
    servers: Servers,
    prefix: String,
    store: RedisStore,
    keys: [SegmentKey; 3],
}

impl Setup {
    fn new(servers: Servers) -> Self {
        let prefix = unique_prefix();
        let store = servers.open(&prefix);
        let (first, second) = (SessionId::new(), SessionId::new());
        let keys = [first, first, second].map(|id| SegmentKey::new(id, SegmentId::new()));
        for SegmentKey { session_id, segment_id } in keys {
            store.append_all(session_id, segment_id, &[entry(0), entry(1)]).unwrap();
            store.append_trace(session_id, segment_id, &trace()).unwrap();
        }
        let empty = SegmentId::new();
        store.create_segment(second, empty, &[]).unwrap();
        Self { servers, prefix, store, keys }
    }

    /// Deletes the key `name` of every bucket, as an eviction can do.
    fn delete(&self, name: &str) {
        for bucket in 0..=255 {
            let key = format!("{}:{{{bucket:02x}}}:{name}", self.prefix);
            self.servers.command(redis::cmd("DEL").arg(key)).unwrap();
        }
    }

    fn check(&self) -> Vec<Finding> {
        sorted(check(self.store.maintenance().unwrap()))
    }

    fn repair(&self) -> Vec<Finding> {
        sorted(repair(self.store.maintenance().unwrap()))
    }

    /// Returns everything that the listings and lookups return.
    fn listed(&self) -> Vec<(SegmentKey, Option<SessionId>)> {
        let mut listed = Vec::new();
        for session_id in self.store.list_sessions().unwrap() {
            for segment_id in self.store.list_segments(session_id).unwrap() {
                let found = self.store.lookup_session_of(segment_id).unwrap();
                listed.push((SegmentKey::new(session_id, segment_id), found));
            }
        }
        let infos = self.store.list_infos(&ListOptions::new()).unwrap();
        let keys: Vec<_> = infos.iter().map(|(key, _)| *key).collect();
        assert_eq!(keys, listed.iter().map(|(key, _)| *key).collect::<Vec<_>>());
        listed
    }

    /// Asserts that a check reports findings at the `expected` places. Then repairs the storage,
    /// and asserts that the listings equal `before`.
    fn must_be_repaired(&self, expected: &[String], before: &[(SegmentKey, Option<SessionId>)]) {
        for _ in 0..2 {
            let found = self.check();
            assert!(found.iter().all(|f| f.severity == Severity::Fault && f.remedy.is_some()));
            assert_eq!(places(&found), expected, "{found:?}");
        }
        self.repair();
        assert_eq!((self.check(), self.repair()), (Vec::new(), Vec::new()));
        assert_eq!(self.listed(), before);
        for key in self.keys {
            let log = self.store.read_all(key.session_id, key.segment_id).unwrap();
            assert_eq!(log, [entry(0), entry(1)]);
        }
    }
}

fn entry(n: usize) -> LogEntry {
    LogEntry::from_json(format!(r#"{{"n":{n}}}"#)).unwrap()
}

fn trace() -> TraceEntry {
    TraceEntry::from_json("{}").unwrap()
}

fn sorted(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by(|a, b| a.place.cmp(&b.place));
    findings
}

fn places(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|finding| finding.place.clone()).collect()
}

#[rstest]
fn lost_holders_are_found_and_added(#[values(Servers::One, Servers::Cluster)] servers: Servers) {
    let at = Setup::new(servers);
    assert_eq!(at.check(), []);
    let before = at.listed();
    let mut lost = [at.keys[0], at.keys[2]].map(|key| key.to_string());
    lost.sort_unstable();
    for key in [at.keys[0], at.keys[2]] {
        at.delete(&format!("holders:{}", key.segment_id));
        assert_eq!(at.store.lookup_session_of(key.segment_id).unwrap(), None);
    }
    at.must_be_repaired(&lost, &before);
}

#[rstest]
fn a_lost_list_of_segments_is_found_and_written_again(
    #[values(Servers::One, Servers::Cluster)] servers: Servers,
) {
    let at = Setup::new(servers);
    let before = at.listed();
    let session_id = at.keys[0].session_id;
    at.delete(&format!("segments:{session_id}"));
    assert_eq!(at.store.list_sessions().unwrap(), [at.keys[2].session_id]);
    let first = at.store.list_infos(&ListOptions::new().limit(1)).unwrap();
    let second = at.keys[2].session_id;
    assert_eq!(first[0].0.session_id, second, "the limit counts a session without segments");
    let mut lost = vec![at.keys[0].to_string(), at.keys[1].to_string()];
    lost.push(format!("session {session_id}"));
    lost.sort_unstable();
    at.must_be_repaired(&lost, &before);
}

#[rstest]
fn lost_lists_of_sessions_are_found_and_written_again(
    #[values(Servers::One, Servers::Cluster)] servers: Servers,
) {
    let at = Setup::new(servers);
    let before = at.listed();
    at.delete("sessions");
    assert_eq!(at.store.list_sessions().unwrap(), []);
    let mut lost = [at.keys[0], at.keys[2]].map(|key| format!("session {}", key.session_id));
    lost.sort_unstable();
    at.must_be_repaired(&lost, &before);
}

#[rstest]
fn a_lost_list_of_traces_is_found_and_written_again(
    #[values(Servers::One, Servers::Cluster)] servers: Servers,
) {
    let at = Setup::new(servers);
    let before = at.listed();
    let session_id = at.keys[0].session_id;
    at.delete(&format!("traces:{session_id}"));
    let mut lost = [at.keys[0], at.keys[1]].map(|key| format!("trace of {key}"));
    lost.sort_unstable();
    at.must_be_repaired(&lost, &before);
    // Deleting the session also deletes its traces. A new segment with the same ids has an empty
    // trace.
    at.store.delete_session(session_id).unwrap();
    let SegmentKey { session_id, segment_id } = at.keys[0];
    let trace = at.store.read_trace_page(session_id, segment_id, 0, usize::MAX).unwrap();
    assert_eq!(trace.entries, []);
}

#[rstest]
fn a_lost_log_and_a_lost_trace_are_removed_from_the_lists(
    #[values(Servers::One, Servers::Cluster)] servers: Servers,
) {
    let at = Setup::new(servers);
    for key in &at.keys[..2] {
        let ids = format!("{}:{}", key.session_id, key.segment_id);
        ["log", "entries"].into_iter().for_each(|kind| at.delete(&format!("{kind}:{ids}")));
    }
    at.delete(&format!("trace:{}:{}", at.keys[0].session_id, at.keys[0].segment_id));
    let mut lost = vec![at.keys[0].to_string(), at.keys[1].to_string()];
    lost.push(format!("trace of {}", at.keys[0]));
    lost.sort_unstable();
    assert_eq!(places(&at.check()), lost);
    assert_eq!(places(&at.repair()), lost);
    assert_eq!(at.check(), []);
    assert_eq!(at.store.list_sessions().unwrap(), [at.keys[2].session_id]);
}

#[rstest]
fn a_log_without_its_entries_is_not_removed(
    #[values(Servers::One, Servers::Cluster)] servers: Servers,
    #[values("log", "entries")] lost: &str,
) {
    let at = Setup::new(servers);
    let SegmentKey { session_id, segment_id } = at.keys[0];
    at.delete(&format!("{lost}:{session_id}:{segment_id}"));
    assert_eq!((at.check(), at.repair()), (Vec::new(), Vec::new()));
    at.delete(&format!("segments:{session_id}"));
    at.delete("sessions");
    at.repair();
    assert_eq!(at.check(), []);
    assert!(at.store.list_segments(session_id).unwrap().contains(&segment_id));
    let error = at.store.read_all(session_id, segment_id).unwrap_err();
    assert!(error.to_string().contains("missing"), "{error}");
}

#[rstest]
fn an_append_lists_its_segment_and_session_again(
    #[values(Servers::One, Servers::Cluster)] servers: Servers,
    #[values(true, false)] conditional: bool,
) {
    let at = Setup::new(servers);
    let before = at.listed();
    at.delete("sessions");
    for SegmentKey { session_id, segment_id } in at.keys {
        at.delete(&format!("segments:{session_id}"));
        if conditional {
            let head = at.store.head(session_id, segment_id).unwrap();
            at.store.append_if(session_id, segment_id, head, &[entry(2)]).unwrap();
        } else {
            at.store.append(session_id, segment_id, &entry(2)).unwrap();
        }
        assert!(at.store.list_segments(session_id).unwrap().contains(&segment_id));
        assert!(at.store.list_sessions().unwrap().contains(&session_id));
    }
    at.repair();
    assert_eq!(at.listed(), before);
}

/// The prefix has letters that are special in a pattern, and other programs use similar keys.
#[test]
fn only_the_keys_under_the_prefix_are_checked() {
    let prefix = format!(r"{}*?[a]\", unique_prefix());
    let (servers, similar) = (Servers::One, prefix.replace('*', "x"));
    let stores = [servers.open(&prefix), servers.open(&similar)];
    let (session, segment) = (SessionId::new(), SegmentId::new());
    stores.iter().for_each(|store| store.create_segment(session, segment, &[]).unwrap());
    let key = servers.key(&similar, "log", session, segment).unwrap();
    let segments = key.replace("log", "segments").replace(&format!(":{segment}"), "");
    servers.command(redis::cmd("DEL").arg(segments)).unwrap();
    let key = servers.key(&prefix, "log", session, segment).unwrap();
    let foreign = key.replace(&segment.to_string(), "x");
    servers.command(redis::cmd("SET").arg(foreign).arg("x")).unwrap();
    assert_eq!(check(stores[0].maintenance().unwrap()), []);
    assert_eq!(check(stores[1].maintenance().unwrap()).len(), 2);
}

#[test]
fn a_check_beside_writers_finds_nothing() {
    let at = Setup::new(Servers::One);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for n in 0..300 {
                let (session, segment) = (at.keys[n % 2 * 2].session_id, SegmentId::new());
                at.store.append(session, segment, &entry(n)).unwrap();
                at.store.append_trace(session, segment, &trace()).unwrap();
                at.store.delete_segment(session, segment).unwrap();
                let session = SessionId::new();
                at.store.create_segment(session, segment, &[]).unwrap();
                at.store.delete_session(session).unwrap();
            }
        });
        while !writer.is_finished() {
            assert_eq!((at.check(), at.repair()), (Vec::new(), Vec::new()));
        }
    });
}

/// Creates a storage without a part of an index. A check of this storage reports one finding.
fn damaged(server: &RedisServer) -> RedisStore {
    let store = RedisStore::open_or_create(&server.url()).unwrap();
    store.create_segment(SessionId::new(), SegmentId::new(), &[]).unwrap();
    let mut raw = server.connection();
    let holders: Vec<String> = redis::cmd("KEYS").arg("*:holders:*").query(&mut raw).unwrap();
    redis::cmd("DEL").arg(holders).exec(&mut raw).unwrap();
    store
}

#[test]
fn a_check_during_a_restart_of_the_server_fails() {
    let mut server = RedisServer::start_durable(&[]);
    let store = damaged(&server);
    let maintenance = store.maintenance().unwrap();
    let mut findings = 0;
    let checked = maintenance.check(&mut |_| {
        findings += 1;
        server.kill();
        server.restart();
    });
    let error = checked.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("run it again"), "{error}");
    assert_eq!((findings, check(maintenance).len()), (1, 1));
}

#[test]
fn a_check_during_a_move_of_a_slot_fails() {
    let cluster = RedisCluster::start_in_memory();
    let store = RedisStore::open_or_create(&cluster.url()).unwrap();
    let (session, segment) = (SessionId::new(), SegmentId::new());
    store.create_segment(session, segment, &[]).unwrap();
    for bucket in 0..=255 {
        let key = format!("session-store:{{{bucket:02x}}}:holders:{segment}");
        cluster.command(redis::cmd("DEL").arg(key)).unwrap();
    }
    let (slot, master) = slot_of_log(&cluster);
    let maintenance = store.maintenance().unwrap();
    // The check can report the segment again after the move, so the slot is moved only once.
    let mut is_moved = false;
    let checked = maintenance.check(&mut |_| {
        if !std::mem::replace(&mut is_moved, true) {
            cluster.move_slot(slot, master, (master + 1) % 3);
        }
    });
    let error = checked.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("run it again"), "{error}");
    assert_eq!(repair(maintenance).len(), 1);
    assert_eq!(check(maintenance), []);
}
