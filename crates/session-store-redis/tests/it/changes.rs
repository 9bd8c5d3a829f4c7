//! Tests of large changes during faults: staged batches, pushed batches, replaced logs and
//! truncated logs.
//!
//! Each change is stored as a whole or not at all ([A7](session_store_core::contract#a7),
//! [C2](session_store_core::contract#c2), [T6](session_store_core::contract#t6)). Only a failover
//! may undo acknowledged changes, the latest first.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use session_store_core::{Head, LogEntry, SegmentId, SessionId, Store, StoreError};
use session_store_redis::RedisStore;
use test_deadlines::RaiseAtEnd;
use test_servers::{RedisCluster, RedisServer};

use crate::failover::open;
use crate::load::{Progress, amount};

#[test]
fn killed_connections_leave_large_changes_whole() {
    let server = RedisServer::start_in_memory(&[]);
    let store = open(&server.url());
    let kills = amount("KILLS", 100);
    let lost = change_during(&store, |progress| {
        let mut raw = server.connection();
        let mut kill = redis::cmd("CLIENT");
        kill.arg(&["KILL", "TYPE", "normal"]);
        let mut killed = 0;
        while killed < kills {
            progress.wait_for_more(1);
            killed += kill.query::<usize>(&mut raw).unwrap();
        }
    });
    assert_eq!(lost, 0);
}

#[test]
fn crashes_leave_large_changes_whole() {
    let mut server = RedisServer::start_durable(&[]);
    let store = open(&server.url());
    let crashes = amount("CRASHES", 4);
    let lost = change_during(&store, |progress| {
        for _ in 0..crashes {
            progress.wait_for_more(3);
            server.kill();
            server.restart();
        }
        progress.wait_for_more(3);
    });
    assert_eq!(lost, 0);
}

#[test]
fn moving_slots_leave_large_changes_whole() {
    let cluster = RedisCluster::start_in_memory();
    let store = open(&cluster.url());
    let rounds = amount("ROUNDS", 3);
    let lost = change_during(&store, |progress| {
        for _ in 0..rounds {
            progress.wait_for_more(2);
            for (slot, node) in cluster.used_slots() {
                cluster.move_slot(slot, node, (node + 1) % 3);
            }
        }
    });
    assert_eq!(lost, 0);
}

#[test]
fn failovers_leave_large_changes_whole() {
    let mut cluster = RedisCluster::start_replicated(&[]);
    let store = open(&cluster.url());
    let failovers = amount("FAILOVERS", 2);
    change_during(&store, |progress| {
        for failover in 0..failovers {
            progress.wait_for_more(3);
            cluster.fail_over_killed_master(failover % 3);
        }
        progress.wait_for_more(3);
    });
}

/// Runs 4 writers while `fault` runs. Each writer changes a log of its own. Returns the number of
/// lost changes: changes that failed, or were acknowledged and then undone.
fn change_during(store: &RedisStore, fault: impl FnOnce(&Progress)) -> usize {
    let (progress, over) = (Progress::default(), AtomicBool::new(false));
    thread::scope(|scope| {
        let over = &over;
        let raised = RaiseAtEnd(over);
        let writers = progress.0.iter().map(|count| {
            scope.spawn(move || {
                let mut log = Log::new(store);
                log.change_until(over, count);
                log.lost
            })
        });
        let writers: Vec<_> = writers.collect();
        fault(&progress);
        drop(raised);
        let lost = writers.into_iter().map(|writer| writer.join().unwrap()).sum();
        println!("changes of each writer: {:?}, {lost} undone or failed", progress.0);
        lost
    })
}

/// A log that one writer changes.
struct Log<'a> {
    store: &'a RedisStore,
    session: SessionId,
    segment: SegmentId,
    /// The contents after each change that was not undone.
    states: Vec<Vec<LogEntry>>,
    head: Option<Head>,
    /// The number of changes that were undone or failed.
    lost: usize,
}

impl<'a> Log<'a> {
    fn new(store: &'a RedisStore) -> Self {
        let (session, segment) = (SessionId::new(), SegmentId::new());
        Self { store, session, segment, states: vec![Vec::new()], head: None, lost: 0 }
    }

    fn change_until(&mut self, over: &AtomicBool, acknowledged: &AtomicUsize) {
        for n in 0.. {
            if over.load(Ordering::SeqCst) {
                break;
            }
            let lost = self.lost;
            match self.change(n) {
                Ok(state) => {
                    self.states.push(state);
                    acknowledged.fetch_add(1, Ordering::SeqCst);
                    self.check();
                }
                Err(error) => {
                    assert!(error.is_conflict() || error.is_transient(), "{error:?}");
                    // The change failed because a failover has lost its staged entries: the entries
                    // of a large batch, which are sent before the change itself.
                    self.lost += usize::from(error.is_transient());
                    self.check();
                    assert!(self.lost > lost, "a conflict, but no change was undone: {error:?}");
                }
            }
        }
    }

    /// Makes a change, and returns the expected contents of the log.
    fn change(&self, n: usize) -> Result<Vec<LogEntry>, StoreError> {
        let Self { store, session, segment, .. } = *self;
        let last = self.states.last().expect("the first state is never removed");
        match (self.head, n % 4) {
            (Some(head), 1) => {
                let many = entries(n, 5_500, 0);
                store.append_if(session, segment, Some(head), &many)?;
                Ok([&last[..], &many].concat())
            }
            (Some(head), 2) => {
                let some = entries(n, 100, 500);
                store.append_if(session, segment, Some(head), &some)?;
                Ok([&last[..], &some].concat())
            }
            (Some(head), 3) => {
                store.truncate_if(session, segment, head, 100)?;
                Ok(last[..100].to_vec())
            }
            _ => {
                let new = entries(n, 200, 500);
                store.create_segment(session, segment, &new)?;
                Ok(new)
            }
        }
    }

    /// Reads the log, which must have the contents after the last change or after an earlier
    /// change.
    fn check(&mut self) {
        let found = match self.store.read_page(self.session, self.segment, 0, usize::MAX) {
            Ok(page) => {
                self.head = Some(page.head);
                page.entries
            }
            Err(error) => {
                assert!(error.is_not_found(), "{error:?}");
                self.head = None;
                Vec::new()
            }
        };
        let known = self.states.iter().rposition(|state| *state == found);
        let Some(known) = known else {
            panic!("the log has {} entries, but no change has left this content", found.len())
        };
        self.lost += self.states.len() - 1 - known;
        self.states.truncate(known + 1);
        self.check_size(&found);
    }

    /// Checks the stored size, unless a failover has changed the log since it was read.
    fn check_size(&self, found: &[LogEntry]) {
        let info = self.store.segment_info(self.session, self.segment).unwrap();
        if let Some(info) = info.filter(|info| Some(info.head) == self.head) {
            let bytes: usize = found.iter().map(|entry| entry.as_json().len() + 1).sum();
            assert_eq!(info.bytes, Some(bytes as u64));
        }
    }
}

fn entries(change: usize, count: usize, bytes: usize) -> Vec<LogEntry> {
    let filling = "x".repeat(bytes);
    let text = |n| format!(r#"{{"change":{change},"n":{n},"filling":"{filling}"}}"#);
    (0..count).map(|n| LogEntry::from_json(text(n)).unwrap()).collect()
}
