//! Tests of failovers: a replica takes over from a lost master, or a master hands its slots over to
//! its replica.
//!
//! If a master is lost, acknowledged entries can be lost too. A writer that appends conditionally
//! then gets a conflict, and no entry is stored twice or after a gap. If the master hands over its
//! slots on command, no entry is lost.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rstest::rstest;
use session_store_core::{Head, LogEntry, SegmentId, SessionId, Store};
use session_store_redis::{RedisOptions, RedisStore};
use test_deadlines::{RaiseAtEnd, wait_until};
use test_servers::{RedisCluster, RedisServer, SentinelGroup};

use crate::load::{self, Progress, WRITERS, amount};
use crate::maintenance::repair;

pub(crate) fn open(url: &str) -> RedisStore {
    let options = RedisOptions::new().response_timeout(Duration::from_millis(300));
    options.retry_for(Duration::from_secs(60)).create(true).open(url).unwrap()
}

fn entry(writer: usize, n: usize) -> LogEntry {
    LogEntry::from_json(format!(r#"{{"writer":{writer},"n":{n}}}"#)).unwrap()
}

/// A log with one entry, and the head that the log had after this entry.
struct Log<'a> {
    store: &'a RedisStore,
    session: SessionId,
    segment: SegmentId,
    first: Head,
}

impl<'a> Log<'a> {
    fn begin(store: &'a RedisStore) -> Self {
        let (session, segment) = (SessionId::new(), SegmentId::new());
        let first = store.append_if(session, segment, None, &[entry(0, 0)]).unwrap();
        Self { store, session, segment, first }
    }

    /// Appends an entry while the replica is cut off, and kills the master. Checks that the writer
    /// notices the loss.
    fn lose_an_entry(&self, master: &mut RedisServer, replica: &RedisServer) {
        let Self { store, session, segment, first } = *self;
        wait_until("the replica to be in step", || replica.is_in_step_with(master));
        replica.pause();
        let mut cut = redis::cmd("CLIENT");
        cut.arg(&["KILL", "TYPE", "replica"]);
        assert_eq!(cut.query::<i64>(&mut master.connection()).unwrap(), 1);
        let lost = store.append_if(session, segment, Some(first), &[entry(0, 1)]).unwrap();
        master.kill();
        replica.resume();

        let append = |head| store.append_if(session, segment, Some(head), &[entry(0, 2)]);
        let error = append(lost).unwrap_err();
        assert!(error.is_conflict(), "{error:?}");
        assert_eq!(store.head(session, segment).unwrap(), Some(first));
        assert_eq!(store.read_all(session, segment).unwrap(), [entry(0, 0)]);

        // The log has the same number of entries again, but another last entry.
        store.append(session, segment, &entry(1, 0)).unwrap();
        let error = append(lost).unwrap_err();
        assert!(error.is_conflict(), "{error:?}");
    }
}

#[test]
fn a_writer_gets_a_conflict_after_sentinels_lost_its_entry() {
    let mut group = SentinelGroup::start();
    let store = open(&group.url());
    Log::begin(&store).lose_an_entry(&mut group.master, &group.replica);
}

#[test]
fn a_writer_gets_a_conflict_after_a_cluster_lost_its_entry() {
    let mut cluster = RedisCluster::start_replicated(&[]);
    let store = open(&cluster.url());
    let log = Log::begin(&store);
    let index = cluster.master_with_key(&format!("*:log:{}:*", log.session));
    log.lose_an_entry(&mut cluster.masters[index], &cluster.replicas[index]);
}

#[test]
fn a_sentinel_failover_leaves_no_gap_and_no_duplicate() {
    let mut group = SentinelGroup::start();
    let store = open(&group.url());
    write_during(&store, |progress| {
        progress.wait_for_more(50);
        group.master.kill();
        wait_until("the replica to take over", || group.replica.is_master());
        progress.wait_for_more(50);
    });
}

#[rstest]
#[case::killed(RedisCluster::fail_over_killed_master)]
#[case::stalled(RedisCluster::fail_over_paused_master)]
fn cluster_failovers_leave_no_gap_and_no_duplicate(
    #[case] fail_over: fn(&mut RedisCluster, usize),
) {
    let mut cluster = RedisCluster::start_replicated(&[]);
    let store = open(&cluster.url());
    let failovers = amount("FAILOVERS", 2);
    write_during(&store, |progress| {
        for failover in 0..failovers {
            progress.wait_for_more(50);
            fail_over(&mut cluster, failover % 3);
        }
        progress.wait_for_more(50);
    });
}

#[test]
fn handovers_while_slots_move_lose_and_repeat_nothing() {
    // Without these options, a replica on a slow machine could take over without a command.
    let options = ["--cluster-replica-no-failover", "yes", "--cluster-node-timeout", "5000"];
    let mut cluster = RedisCluster::start_replicated(&options);
    let store = open(&cluster.url());
    let handovers = amount("HANDOVERS", 3);
    let mut moves = 0;
    let record = load::write_during(&store, || {
        for handover in 0..handovers {
            cluster.hand_over(handover % 3);
            for (slot, node) in cluster.used_slots() {
                cluster.move_slot(slot, node, (node + 1) % 3);
                moves += 1;
            }
        }
    });
    let count = record.check(&store);
    println!("{handovers} masters handed over, {moves} slots moved: {count:?}");
    assert_eq!((count.unknown, count.refused), (0, 0), "{count:?}");
    assert!(count.acknowledged > WRITERS, "{count:?}");
}

/// Runs 4 writers while `fault` runs. Each writer appends to a log of its own.
fn write_during(store: &RedisStore, fault: impl FnOnce(&Progress)) {
    let (progress, over) = (Progress::default(), AtomicBool::new(false));
    thread::scope(|scope| {
        let over = &over;
        let raised = RaiseAtEnd(over);
        let writers = progress.0.iter().enumerate();
        let writers: Vec<_> = writers
            .map(|(writer, count)| scope.spawn(move || write_until(over, store, writer, count)))
            .collect();
        fault(&progress);
        drop(raised);
        let written: Vec<_> = writers.into_iter().map(|writer| writer.join().unwrap()).collect();
        println!("entries and conflicts of each writer: {written:?}");
    });
    println!("{} lookups lost", repair(store).len());
    for session in store.list_sessions().unwrap() {
        let [segment] = store.list_segments(session).unwrap()[..] else { panic!("{session}") };
        assert_eq!(store.lookup_session_of(segment).unwrap(), Some(session));
    }
    assert_eq!(repair(store), []);
}

/// Appends to a new log until `over` is set. No other writer uses the log, so a conflict means that
/// a failover has lost entries. The remaining entries must be a prefix of the acknowledged ones.
/// Returns the number of entries and the number of conflicts.
fn write_until(
    over: &AtomicBool,
    store: &RedisStore,
    writer: usize,
    acknowledged: &AtomicUsize,
) -> (usize, usize) {
    let (session, segment) = (SessionId::new(), SegmentId::new());
    let (mut head, mut written, mut conflicts) = (None, Vec::new(), 0);
    for n in 0.. {
        if over.load(Ordering::SeqCst) {
            break;
        }
        match store.append_if(session, segment, head, &[entry(writer, n)]) {
            Ok(next) => {
                head = Some(next);
                written.push(entry(writer, n));
                acknowledged.fetch_add(1, Ordering::SeqCst);
            }
            Err(error) => {
                assert!(error.is_conflict(), "{error:?}");
                conflicts += 1;
                head = store.head(session, segment).unwrap();
                written.truncate(head.map_or(0, |head| head.entries()));
            }
        }
        assert_eq!(head.map_or(0, |head| head.entries()), written.len());
    }
    assert_eq!(store.read_all(session, segment).unwrap(), written);
    (written.len(), conflicts)
}
