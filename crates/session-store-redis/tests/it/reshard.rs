//! Slots that move between nodes while writers write to them.

use std::thread;
use std::time::{Duration, Instant};

use session_store_core::Store;
use session_store_redis::{RedisOptions, RedisStore};

use crate::load::{WRITERS, amount, write_during};
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
