//! Large changes in trouble: batches that are staged, logs that are replaced and cut. Each is there whole or
//! not at all (A7, C2, T6), and nothing that was acknowledged is undone but by a takeover, in order.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use session_store_core::{Head, LogEntry, SegmentId, SessionId, Store, StoreError};
use session_store_redis::RedisStore;
use test_servers::{RedisCluster, RedisServer};

use crate::failover::open;
use crate::load::{Progress, RaiseAtEnd, amount};

#[test]
fn connections_that_are_killed_break_no_large_change() {
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
fn crashes_break_no_large_change() {
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
fn slots_that_move_break_no_large_change() {
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
fn takeovers_break_no_large_change() {
    let mut cluster = RedisCluster::start_replicated(&[]);
    let store = open(&cluster.url());
    let takeovers = amount("TAKEOVERS", 2);
    change_during(&store, |progress| {
        for takeover in 0..takeovers {
            progress.wait_for_more(3);
            cluster.fail_over_killed_master(takeover % 3);
        }
        progress.wait_for_more(3);
    });
}

/// Lets 4 writers change a log each while `trouble` goes on, and returns how many changes were undone after
/// they had been acknowledged, or refused.
fn change_during(store: &RedisStore, trouble: impl FnOnce(&Progress)) -> usize {
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
        trouble(&progress);
        drop(raised);
        let lost = writers.into_iter().map(|writer| writer.join().unwrap()).sum();
        println!("changes of each writer: {:?}, {lost} undone or refused", progress.0);
        lost
    })
}

/// A log that one writer changes.
struct Log<'a> {
    store: &'a RedisStore,
    session: SessionId,
    segment: SegmentId,
    /// All that it held so far, of what was not undone.
    states: Vec<Vec<LogEntry>>,
    head: Option<Head>,
    /// How many changes were undone or refused.
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
                    self.look();
                }
                Err(error) => {
                    assert!(error.is_conflict() || error.is_transient(), "{error:?}");
                    // What was staged for it can be lost in a takeover too.
                    self.lost += usize::from(error.is_transient());
                    self.look();
                    assert!(self.lost > lost, "{error:?}, although nothing is lost");
                }
            }
        }
    }

    /// Makes a change, and returns what the log should hold then.
    fn change(&self, n: usize) -> Result<Vec<LogEntry>, StoreError> {
        let Self { store, session, segment, .. } = *self;
        let last = self.states.last().expect("there is a first state");
        match (self.head, n % 3) {
            (Some(head), 1) => {
                let many = entries(n, 5_500, 0);
                store.append_if(session, segment, Some(head), &many)?;
                Ok([&last[..], &many].concat())
            }
            (Some(head), 2) => {
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

    /// Reads the log, which must be as the last change left it, or an earlier one.
    fn look(&mut self) {
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
        let Some(known) = known else { panic!("{} entries that never were", found.len()) };
        self.lost += self.states.len() - 1 - known;
        self.states.truncate(known + 1);
    }
}

fn entries(change: usize, count: usize, bytes: usize) -> Vec<LogEntry> {
    let filling = "x".repeat(bytes);
    let text = |n| format!(r#"{{"change":{change},"n":{n},"filling":"{filling}"}}"#);
    (0..count).map(|n| LogEntry::from_json(text(n)).unwrap()).collect()
}
