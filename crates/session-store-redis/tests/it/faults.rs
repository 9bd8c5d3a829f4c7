//! Tests of faults while 8 writers append: killed connections, paused servers and crashed servers.
//! No entry is lost or stored twice.

use std::thread;
use std::time::Duration;

use redis::RedisResult;
use rstest::rstest;
use session_store_redis::{RedisOptions, RedisStore};
use test_servers::{RedisCluster, RedisServer};

use crate::load::{WRITERS, amount, write_during};

/// The servers of a test.
enum Servers {
    One(RedisServer),
    Cluster(RedisCluster),
}

impl Servers {
    fn one() -> Self {
        Self::One(RedisServer::start_durable(&[]))
    }

    fn cluster() -> Self {
        Self::Cluster(RedisCluster::start_durable())
    }

    fn nodes(&mut self) -> &mut [RedisServer] {
        match self {
            Self::One(server) => std::slice::from_mut(server),
            Self::Cluster(cluster) => &mut cluster.masters,
        }
    }

    fn wait_until_complete(&self) {
        if let Self::Cluster(cluster) = self {
            cluster.wait_until_complete();
        }
    }

    fn open(&self) -> RedisStore {
        let url = match self {
            Self::One(server) => server.url(),
            Self::Cluster(cluster) => cluster.url(),
        };
        let options = RedisOptions::new().response_timeout(Duration::from_millis(300));
        options.retry_for(Duration::from_secs(20)).create(true).open(&url).unwrap()
    }
}

#[rstest]
#[case::server(Servers::one())]
#[case::cluster(Servers::cluster())]
fn killed_connections_lose_and_repeat_nothing(#[case] mut servers: Servers) {
    let store = servers.open();
    let kills = amount("KILLS", 500);
    let mut killed = 0;
    let record = write_during(&store, || {
        let mut connections: Vec<_> = servers.nodes().iter().map(RedisServer::connection).collect();
        while killed < kills {
            for connection in &mut connections {
                killed += kill_all(connection).unwrap();
            }
            // The pause lets commands get a reply between two faults.
            thread::sleep(Duration::from_millis(2));
        }
    });
    let count = record.check(&store);
    println!("{killed} connections killed: {count:?}");
    assert_eq!((count.unknown, count.refused), (0, 0), "{count:?}");
    assert!(count.acknowledged > WRITERS, "{count:?}");
}

/// Kills all connections but the one that sends the command.
fn kill_all(connection: &mut redis::Connection) -> RedisResult<usize> {
    redis::cmd("CLIENT").arg(&["KILL", "TYPE", "normal"]).query(connection)
}

#[rstest]
#[case::server(Servers::one())]
#[case::cluster(Servers::cluster())]
fn stalls_lose_and_repeat_nothing(#[case] mut servers: Servers) {
    let store = servers.open();
    let stalls = amount("STALLS", 4);
    let record = write_during(&store, || {
        for stall in 0..stalls {
            let nodes = servers.nodes();
            let node = &nodes[stall % nodes.len()];
            node.pause();
            thread::sleep(Duration::from_millis(700));
            node.resume();
            thread::sleep(Duration::from_millis(200));
        }
    });
    let count = record.check(&store);
    println!("{stalls} stalls: {count:?}");
    assert_eq!((count.unknown, count.refused), (0, 0), "{count:?}");
    assert!(count.acknowledged > WRITERS, "{count:?}");
}

#[rstest]
#[case::server(Servers::one())]
#[case::cluster(Servers::cluster())]
fn crashes_lose_and_repeat_nothing(#[case] mut servers: Servers) {
    let store = servers.open();
    let crashes = amount("CRASHES", 4);
    let record = write_during(&store, || {
        for crash in 0..crashes {
            let nodes = servers.nodes();
            let index = crash % nodes.len();
            nodes[index].kill();
            nodes[index].restart();
            servers.wait_until_complete();
            thread::sleep(Duration::from_millis(300));
        }
    });
    let count = record.check(&store);
    println!("{crashes} crashes: {count:?}");
    assert_eq!((count.unknown, count.refused), (0, 0), "{count:?}");
    assert!(count.acknowledged > WRITERS, "{count:?}");
}
