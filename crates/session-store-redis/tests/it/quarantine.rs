//! Tests of the repair of logs and traces with items that are not entries
//! ([M7](session_store_core::contract#m7), [M8](session_store_core::contract#m8)).

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use redis::Value;
use rstest::rstest;
use session_store_core::{
    Finding, LogEntry, Maintenance, SegmentId, SessionId, Severity, Store, TraceEntry,
};
use session_store_redis::RedisStore;
use test_deadlines::RaiseAtEnd;

use crate::maintenance::{check, repair};
use crate::shared::{Servers, unique_prefix};

/// A storage with one segment.
struct Setup {
    servers: Servers,
    prefix: String,
    store: RedisStore,
    session: SessionId,
    segment: SegmentId,
}

impl Setup {
    /// Creates a segment whose log and trace have this number of entries each.
    fn new(servers: Servers, count: usize) -> Self {
        let prefix = unique_prefix();
        let store = servers.open(&prefix);
        let (session, segment) = (SessionId::new(), SegmentId::new());
        store.create_segment(session, segment, &entries(0..count)).unwrap();
        for entry in entries(0..count) {
            let trace = TraceEntry::from_json(entry.as_json()).unwrap();
            store.append_trace(session, segment, &trace).unwrap();
        }
        Self { servers, prefix, store, session, segment }
    }

    fn key(&self, kind: &str) -> Option<String> {
        self.servers.key(&self.prefix, kind, self.session, self.segment)
    }

    /// Overwrites an item of the log (`entries`) or of the trace (`trace`), as another program
    /// could.
    fn damage(&self, kind: &str, index: usize, text: &[u8]) {
        let key = self.key(kind).unwrap();
        self.servers.command(redis::cmd("LSET").arg(key).arg(index).arg(text)).unwrap();
    }

    fn log(&self) -> Vec<LogEntry> {
        self.store.read_all(self.session, self.segment).unwrap()
    }

    fn trace(&self) -> Vec<TraceEntry> {
        self.store.read_trace_page(self.session, self.segment, 0, usize::MAX).unwrap().entries
    }

    /// Returns the texts in the quarantine.
    fn quarantined(&self) -> Vec<Vec<u8>> {
        let Some(key) = self.key("quarantine") else { return Vec::new() };
        let reply = self.servers.command(redis::cmd("LRANGE").arg(key).arg(0).arg(-1)).unwrap();
        let Value::Array(items) = reply else { panic!("{reply:?}") };
        let text =
            |item| if let Value::BulkString(text) = item { text } else { panic!("{item:?}") };
        items.into_iter().map(text).collect()
    }

    fn check(&self) -> Vec<Finding> {
        check(self.maintenance())
    }

    fn repair(&self) -> Vec<Finding> {
        repair(self.maintenance())
    }

    fn maintenance(&self) -> &dyn Maintenance {
        self.store.maintenance().unwrap()
    }

    /// Asserts that the size of the log is known and right.
    fn size_must_be_right(&self) {
        let bytes: usize = self.log().iter().map(|entry| entry.as_json().len() + 1).sum();
        let info = self.store.segment_info(self.session, self.segment).unwrap().unwrap();
        assert_eq!(info.bytes, Some(bytes as u64));
    }
}

fn entries(numbers: impl IntoIterator<Item = usize>) -> Vec<LogEntry> {
    let entry = |n| LogEntry::from_json(format!(r#"{{"n":{n}}}"#)).unwrap();
    numbers.into_iter().map(entry).collect()
}

#[rstest]
fn a_repair_moves_bad_items_out_of_a_log(
    #[values(Servers::One, Servers::Cluster)] servers: Servers,
) {
    let at = Setup::new(servers, 6);
    at.damage("entries", 0, b"");
    at.damage("entries", 2, b"garbage");
    at.damage("entries", 5, b"{\"n\":\"\xff\"}");
    let before = at.store.head(at.session, at.segment).unwrap();
    let trace = at.trace();
    assert_eq!(at.check(), []);

    let [repaired] = &at.repair()[..] else { panic!("one log was damaged") };
    assert_eq!(repaired.severity, Severity::Note);
    assert!(repaired.place.contains(&at.segment.to_string()), "{repaired}");
    assert!(repaired.cause.contains("moved 3 "), "{repaired}");
    assert!(repaired.cause.ends_with(&at.key("quarantine").unwrap()), "{repaired}");
    let moved = [&b"log 1 "[..], b"log 3 garbage", b"log 6 {\"n\":\"\xff\"}"];
    assert_eq!(at.quarantined(), moved);

    assert_eq!(at.log(), entries([1, 3, 4]));
    assert_eq!(at.trace(), trace);
    at.size_must_be_right();
    at.store.append_all(at.session, at.segment, &entries(6..9)).unwrap();
    assert_eq!(at.log(), entries([1, 3, 4, 6, 7, 8]));
    at.size_must_be_right();
    // The log has the same number of entries as before the repair.
    let conflict = at.store.append_if(at.session, at.segment, before, &entries([9])).unwrap_err();
    assert!(conflict.is_conflict(), "{conflict:?}");

    assert_eq!(at.repair(), [], "a second repair changes nothing");
    let [note] = &at.check()[..] else { panic!("the check notes the quarantine") };
    assert_eq!((note.severity, note.is_left_behind()), (Severity::Note, false));
    let cause = format!("3 bad items are in the key {}", at.key("quarantine").unwrap());
    assert_eq!(note.cause, cause);
}

#[rstest]
fn a_repair_moves_bad_items_out_of_a_trace(
    #[values(Servers::One, Servers::Cluster)] servers: Servers,
) {
    let at = Setup::new(servers, 2);
    at.damage("trace", 1, b"bad");
    let head = at.store.head(at.session, at.segment).unwrap();
    at.repair();
    assert_eq!(at.trace().len(), 1);
    at.damage("trace", 0, b"bad too");
    at.repair();
    assert_eq!(at.trace(), []);
    assert_eq!(at.quarantined(), [&b"trace 2 bad"[..], b"trace 1 bad too"]);
    assert_eq!(at.store.head(at.session, at.segment).unwrap(), head);
    assert!(at.check().iter().all(|finding| finding.severity == Severity::Note));
    assert_eq!(at.repair(), [], "the list of traces does not name an empty trace");
}

/// The list of traces still names the trace, so the deletion finds the quarantine.
#[rstest]
fn a_deleted_session_without_a_log_leaves_no_quarantine(
    #[values(Servers::One, Servers::Cluster)] servers: Servers,
    #[values(true, false)] whole_session: bool,
) {
    let at = Setup::new(servers, 0);
    at.store.delete_segment(at.session, at.segment).unwrap();
    at.store.append_trace(at.session, at.segment, &TraceEntry::from_json("{}").unwrap()).unwrap();
    at.damage("trace", 0, b"bad");
    at.repair();
    assert_eq!(at.trace(), []);
    assert_eq!(at.quarantined(), [&b"trace 1 bad"[..]]);
    assert!(at.check().iter().all(|finding| finding.severity == Severity::Note));
    assert_eq!(at.repair(), []);
    assert!(!if whole_session {
        at.store.delete_session(at.session).unwrap()
    } else {
        at.store.delete_segment(at.session, at.segment).unwrap()
    });
    assert_eq!(at.key("quarantine"), None);
    assert_eq!(at.check(), []);
}

#[rstest]
fn a_log_of_bad_items_is_empty_after_a_repair(
    #[values(Servers::One, Servers::Cluster)] servers: Servers,
) {
    let at = Setup::new(servers, 2);
    at.damage("entries", 0, b"[]");
    at.damage("entries", 1, b"[]");
    at.repair();
    assert_eq!(at.log(), []);
    at.size_must_be_right();
    assert_eq!(at.quarantined().len(), 2);
    at.store.append(at.session, at.segment, &entries([2])[0]).unwrap();
    assert_eq!(at.log(), entries([2]));
}

#[rstest]
fn a_deleted_segment_leaves_no_quarantine(
    #[values(Servers::One, Servers::Cluster)] servers: Servers,
    #[values(true, false)] whole_session: bool,
) {
    let at = Setup::new(servers, 2);
    at.damage("entries", 0, b"bad");
    at.repair();
    assert!(at.key("quarantine").is_some());
    assert!(if whole_session {
        at.store.delete_session(at.session).unwrap()
    } else {
        at.store.delete_segment(at.session, at.segment).unwrap()
    });
    assert_eq!(at.key("quarantine"), None);
    assert_eq!(at.check(), []);
}

/// The texts that were moved out of the old log stay in the quarantine.
#[test]
fn a_replaced_log_keeps_its_quarantine() {
    let at = Setup::new(Servers::One, 2);
    at.damage("entries", 0, b"bad");
    at.repair();
    at.store.create_segment(at.session, at.segment, &[]).unwrap();
    assert_eq!(at.quarantined(), [b"log 1 bad"]);
}

/// One call moves at most 1,000 items, and at most 4 MiB unless it moves one item.
#[rstest]
#[case::many_items(2_500, 3)]
#[case::large_items(3, 3_000_000)]
fn more_bad_items_than_one_call_moves_are_moved(#[case] count: usize, #[case] bytes: usize) {
    let at = Setup::new(Servers::One, 3);
    let key = at.key("entries").unwrap();
    let text = "x".repeat(bytes);
    for _ in 0..count {
        at.servers.command(redis::cmd("RPUSH").arg(&key).arg(&text).arg(r#"{"n":3}"#)).unwrap();
    }
    let [repaired] = &at.repair()[..] else { panic!("one log was damaged") };
    assert!(repaired.cause.contains(&format!("moved {count} ")), "{repaired}");
    assert_eq!(at.log(), [entries(0..3), entries(vec![3; count])].concat());
    at.size_must_be_right();
    let quarantined = at.quarantined();
    assert_eq!(quarantined.len(), count);
    assert!(quarantined.iter().all(|moved| moved.ends_with(text.as_bytes())));
}

#[test]
fn a_repair_beside_writers_loses_nothing() {
    const DAMAGED: usize = 20;
    let at = Setup::new(Servers::One, 100);
    let over = AtomicBool::new(false);
    let appended = thread::scope(|scope| {
        let raised = RaiseAtEnd(&over);
        let writers: Vec<_> = (1..=2)
            .map(|writer| {
                let (store, over) = (at.servers.open(&at.prefix), &over);
                scope.spawn(move || {
                    let mut numbers =
                        (writer * 1_000_000..).take_while(|_| !over.load(Ordering::SeqCst));
                    let append =
                        |n| store.append(at.session, at.segment, &entries([n])[0]).unwrap();
                    numbers.by_ref().map(append).count()
                })
            })
            .collect();
        for n in 0..DAMAGED {
            at.damage("entries", n * 3, b"bad");
            at.repair();
        }
        drop(raised);
        writers.into_iter().map(|writer| writer.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(at.quarantined().len(), DAMAGED);
    let log = at.log();
    assert_eq!(log.len(), 100 - DAMAGED + appended.iter().sum::<usize>());
    for (writer, appended) in (1..).zip(appended) {
        let first = writer * 1_000_000;
        let mut expected = entries(first..first + appended);
        expected.reverse();
        for entry in &log {
            if expected.last() == Some(entry) {
                expected.pop();
            }
        }
        assert_eq!(expected, [], "an entry of writer {writer} is missing or out of order");
    }
}

/// The positions that a repair has read are outdated when another program replaces the list.
#[rstest]
fn a_repair_moves_no_entry_of_a_new_list(#[values("entries", "trace")] kind: &str) {
    let at = Setup::new(Servers::One, 10);
    let bad = at.key("entries").unwrap().replace(":entries:", &format!(":{kind}:"));
    let raw = || at.servers.command(redis::cmd("LSET").arg(&bad).arg(5).arg("bad"));
    thread::scope(|scope| {
        let replacing = scope.spawn(|| {
            for _ in 0..200 {
                raw().unwrap();
                at.store.delete_segment(at.session, at.segment).unwrap();
                at.store.create_segment(at.session, at.segment, &entries(0..10)).unwrap();
                let trace = TraceEntry::from_json("{}").unwrap();
                let append = |_| at.store.append_trace(at.session, at.segment, &trace).unwrap();
                (0..10).for_each(append);
            }
        });
        while !replacing.is_finished() {
            at.repair();
        }
    });
    assert_eq!(at.log(), entries(0..10));
    assert_eq!(at.trace().len(), 10);
}
