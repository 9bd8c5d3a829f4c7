//! Slots that move between nodes while writers write to them, and nodes that leave.

use std::thread;
use std::time::{Duration, Instant};

use session_store_core::{SegmentId, SessionId, Store};
use session_store_redis::{RedisOptions, RedisStore};

use crate::load::{WRITERS, amount, write_during};
use crate::servers::Server;
use crate::servers::cluster::Cluster;

#[test]
fn slots_move_under_writers_without_harm() {
    let cluster = Cluster::start();
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
    // A handle that knows the old places only, and one that knows none.
    for store in [store, RedisStore::open(&cluster.url()).unwrap()] {
        assert_eq!(store.list_sessions().unwrap().len(), 4);
    }
}

#[test]
fn a_node_that_is_not_in_the_cluster_any_more_is_not_believed() {
    let cluster = Cluster::start();
    let alone = Server::start_fleeting(&["--cluster-enabled", "yes"]);
    let members = cluster.url();
    let members = members.trim_start_matches("redis-cluster://");
    let url = format!("redis-cluster://127.0.0.1:{},{members}", alone.port);
    // Whom a handle asks was chance once.
    for _ in 0..10 {
        let mut options = RedisOptions::new();
        let store = options.create(true).retry_for(Duration::from_secs(1)).open(&url).unwrap();
        store.create_segment(SessionId::new(), SegmentId::new(), &[]).unwrap();
    }
}
