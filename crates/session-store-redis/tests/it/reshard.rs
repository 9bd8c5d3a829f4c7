//! Tests of slots that move between nodes during writes, and of nodes that were removed from the
//! Cluster.

use std::time::{Duration, Instant};
use std::{slice, thread};

use rstest::rstest;
use session_store_core::{LogEntry, SegmentId, SessionId, Store, TraceEntry};
use session_store_redis::{RedisOptions, RedisStore};
use test_servers::{RedisCluster, RedisServer};

use crate::load::{WRITERS, amount, write_during};

#[test]
fn moving_slots_lose_and_repeat_nothing() {
    let cluster = RedisCluster::start_in_memory();
    let store = RedisOptions::new().create(true).open(&cluster.url()).unwrap();
    let seconds = amount("RESHARD_SECONDS", 3);
    let mut moves = 0;
    let record = write_during(&store, || {
        let until = Instant::now() + Duration::from_secs(seconds as u64);
        while Instant::now() < until {
            for (slot, node) in cluster.used_slots() {
                cluster.move_slot(slot, node, (node + 1) % 3);
                moves += 1;
            }
            thread::sleep(Duration::from_millis(20));
        }
    });
    let count = record.check(&store);
    println!("{moves} moves of slots in use: {count:?}");
    assert_eq!((count.unknown, count.refused), (0, 0), "{count:?}");
    assert!(count.acknowledged > WRITERS && moves >= 3, "{count:?}");
    // The old handle knows the old owners of the slots. The new handle knows none.
    for store in [store, RedisStore::open(&cluster.url()).unwrap()] {
        assert_eq!(store.list_sessions().unwrap().len(), 4);
    }
}

#[derive(Clone, Copy, Debug)]
enum Change {
    Replace,
    ReplaceByNothing,
    TruncateToNothing,
    DeleteSegment,
    DeleteSession,
}

#[rstest]
fn a_change_that_deletes_keys_waits_for_a_moving_slot(
    #[values(
        Change::Replace,
        Change::ReplaceByNothing,
        Change::TruncateToNothing,
        Change::DeleteSegment,
        Change::DeleteSession
    )]
    change: Change,
) {
    let cluster = RedisCluster::start_in_memory();
    let options = RedisOptions::new();
    let store = options.create(true).retry_for(Duration::from_millis(200)).open(&cluster.url());
    let (store, session, segment) = (store.unwrap(), SessionId::new(), SegmentId::new());
    let entry = LogEntry::from_json("{}").unwrap();
    store.create_segment(session, segment, &[entry.clone(), entry.clone()]).unwrap();
    store.append_trace(session, segment, &TraceEntry::from_json("{}").unwrap()).unwrap();
    let make = || match change {
        Change::Replace => store.create_segment(session, segment, slice::from_ref(&entry)),
        Change::ReplaceByNothing => store.create_segment(session, segment, &[]),
        Change::TruncateToNothing => store.truncate(session, segment, 0),
        Change::DeleteSegment => store.delete_segment(session, segment).map(drop),
        Change::DeleteSession => store.delete_session(session).map(drop),
    };

    let from = cluster.master_with_key("*:log:*");
    let slots = cluster.used_slots().into_iter().filter(|&(_, node)| node == from);
    let slots: Vec<_> = slots.map(|(slot, _)| slot).collect();
    let to = (from + 1) % 3;
    slots.iter().for_each(|&slot| cluster.start_slot_migration(slot, from, to));
    let error = make().unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    assert_eq!(store.read_entry_count(session, segment).unwrap(), 2);
    assert_eq!(store.list_sessions().unwrap(), [session]);
    // An append deletes no keys, so it works during the move.
    store.append(session, segment, &entry).unwrap();
    let large = LogEntry::from_json(format!(r#"{{"x":"{}"}}"#, "y".repeat(20_000))).unwrap();
    store.append(session, segment, &large).unwrap();

    slots.iter().for_each(|&slot| cluster.finish_slot_migration(slot, from, to));
    make().unwrap();
    let left = store.list_segments(session).unwrap().len();
    assert_eq!(left, usize::from(!matches!(change, Change::DeleteSegment | Change::DeleteSession)));
    assert_eq!(store.list_sessions().unwrap().len(), left);
}

#[rstest]
fn a_page_of_a_moving_slot_is_whole(#[values("log", "entries")] moved_first: &str) {
    let cluster = RedisCluster::start_in_memory();
    let options = RedisOptions::new();
    let store = options.create(true).retry_for(Duration::from_millis(200)).open(&cluster.url());
    let (store, session, segment) = (store.unwrap(), SessionId::new(), SegmentId::new());
    let entry = LogEntry::from_json("{}").unwrap();
    store.create_segment(session, segment, &vec![entry; 10]).unwrap();
    // A handle that has read the log reads its pages by plain commands.
    let page = |start| store.read_page(session, segment, start, 6);
    page(0).unwrap();

    let from = cluster.master_with_key("*:log:*");
    let mut source = cluster.masters[from].connection();
    let pattern = format!("*:{moved_first}:*");
    let key: Vec<String> = redis::cmd("KEYS").arg(pattern).query(&mut source).unwrap();
    let slot = redis::cmd("CLUSTER").arg("KEYSLOT").arg(&key[0]).query(&mut source).unwrap();
    let to = (from + 1) % 3;
    cluster.start_slot_migration(slot, from, to);
    assert_eq!(page(2).unwrap().entries.len(), 3);
    let mut migrate = redis::cmd("MIGRATE");
    migrate.arg(("127.0.0.1", cluster.masters[to].port(), &key[0], 0, 5000));
    migrate.exec(&mut source).unwrap();
    let error = page(4).unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    let error = store.head(session, segment).unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    cluster.finish_slot_migration(slot, from, to);
    let page = page(6).unwrap();
    assert_eq!((page.entries.len(), page.head.entries()), (3, 10));
}

#[test]
fn a_node_that_has_left_the_cluster_is_not_trusted() {
    let cluster = RedisCluster::start_in_memory();
    let alone = RedisServer::start_in_memory(&["--cluster-enabled", "yes"]);
    let members = cluster.url();
    let members = members.trim_start_matches("redis-cluster://");
    let url = format!("redis-cluster://127.0.0.1:{},{members}", alone.port());
    // The node that a handle queries first may depend on chance.
    for _ in 0..10 {
        let options = RedisOptions::new();
        let store = options.create(true).retry_for(Duration::from_secs(1)).open(&url).unwrap();
        store.create_segment(SessionId::new(), SegmentId::new(), &[]).unwrap();
    }
}
