//! Three masters as a Cluster, and what tests do to its slots.

use std::collections::BTreeMap;

use redis::{Cmd, Connection, FromRedisValue, RedisResult, ToRedisArgs, Value};

use super::{Server, wait_for};

/// The hash slots of every Cluster.
const SLOTS: usize = 16_384;

pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Server>,
}

impl Cluster {
    /// Masters that start empty, and have joined when this returns.
    pub(crate) fn start() -> Self {
        Self::start_with(&["--appendonly", "no"])
    }

    pub(crate) fn start_with(options: &[&str]) -> Self {
        let own = [
            "--cluster-enabled",
            "yes",
            "--cluster-config-file",
            "nodes.conf",
            "--cluster-node-timeout",
            "2000",
        ];
        let nodes: Vec<_> = (0..3).map(|_| Server::start(&[&own, options].concat())).collect();
        for (index, node) in nodes.iter().enumerate() {
            let mut connection = node.connection();
            let (first, last) = (index * SLOTS / 3, (index + 1) * SLOTS / 3 - 1);
            let mut told = |words: &[String]| cluster::<Value>(&mut connection, words).unwrap();
            told(&["SET-CONFIG-EPOCH".to_owned(), (index + 1).to_string()]);
            told(&["ADDSLOTSRANGE".to_owned(), first.to_string(), last.to_string()]);
            told(&["MEET".to_owned(), "127.0.0.1".to_owned(), nodes[0].port.to_string()]);
        }
        let cluster = Self { nodes };
        cluster.wait_until_whole();
        cluster
    }

    pub(crate) fn wait_until_whole(&self) {
        wait_for("the Cluster to be whole", || self.nodes.iter().all(is_whole));
    }

    pub(crate) fn url(&self) -> String {
        let seeds: Vec<_> =
            self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        format!("redis-cluster://{}", seeds.join(","))
    }

    /// The slots that have keys, and the nodes that have the slots.
    pub(crate) fn used_slots(&self) -> BTreeMap<u16, usize> {
        let mut used = BTreeMap::new();
        for (index, node) in self.nodes.iter().enumerate() {
            let mut connection = node.connection();
            let keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut connection).unwrap();
            for key in keys {
                let slot = cluster(&mut connection, ("KEYSLOT", key)).unwrap();
                used.insert(slot, index);
            }
        }
        used
    }

    /// Moves a slot with its keys from one node to another, as `redis-cli --cluster reshard` does, while
    /// others use it.
    pub(crate) fn move_slot(&self, slot: u16, from: usize, to: usize) {
        let mut connections: Vec<_> = self.nodes.iter().map(Server::connection).collect();
        let mut id = |index: usize| -> String { cluster(&mut connections[index], "MYID").unwrap() };
        let (source, target) = (id(from), id(to));
        let set = |connection: &mut Connection, state: &str, id: &str| {
            cluster::<Value>(connection, ("SETSLOT", slot, state, id)).unwrap();
        };
        set(&mut connections[to], "IMPORTING", &source);
        set(&mut connections[from], "MIGRATING", &target);
        while self.move_keys(&mut connections[from], slot, to) {}
        for index in [to, from, 3 - from - to] {
            set(&mut connections[index], "NODE", &target);
        }
    }

    /// Moves one key, so that a segment's keys are apart for a while, and says whether there was one.
    fn move_keys(&self, source: &mut Connection, slot: u16, to: usize) -> bool {
        let keys: Vec<String> = cluster(source, ("GETKEYSINSLOT", slot, 1)).unwrap();
        let Some(key) = keys.first() else { return false };
        let (port, timeout_ms) = (self.nodes[to].port, 5000);
        let mut migrate = redis::cmd("MIGRATE");
        migrate.arg(("127.0.0.1", port, key, 0, timeout_ms)).exec(source).unwrap();
        true
    }

    /// Sends a command to the node that has it obeyed.
    pub(crate) fn command(&self, command: &Cmd) -> RedisResult<Value> {
        let mut answer = Ok(Value::Nil);
        for node in &self.nodes {
            answer = command.query(&mut node.connection());
            if answer.is_ok() {
                break;
            }
        }
        answer
    }
}

fn is_whole(node: &Server) -> bool {
    let info: RedisResult<String> = redis::cmd("CLUSTER").arg("INFO").query(&mut node.connection());
    info.is_ok_and(|info| {
        ["cluster_state:ok", "cluster_known_nodes:3", "cluster_slots_assigned:16384"]
            .iter()
            .all(|line| info.contains(line))
    })
}

fn cluster<T: FromRedisValue>(
    connection: &mut Connection,
    words: impl ToRedisArgs,
) -> RedisResult<T> {
    redis::cmd("CLUSTER").arg(words).query(connection)
}
