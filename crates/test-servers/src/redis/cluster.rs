//! A Redis Cluster of three masters. A test can move slots between masters, and make a replica take
//! over from its master.

use std::collections::BTreeMap;
use std::mem;
use std::time::{Duration, Instant};

use redis::{Cmd, Connection, FromRedisValue, RedisResult, ToRedisArgs, Value};
use test_deadlines::wait_until;

use super::server::RedisServer;

/// The number of hash slots in every Cluster. Each key belongs to one slot, and each slot belongs
/// to one master.
const SLOTS: usize = 16_384;

/// The options of every node. A node that is silent for 2 seconds counts as failed.
const NODE_OPTIONS: [&str; 6] = [
    "--cluster-enabled",
    "yes",
    "--cluster-config-file",
    "nodes.conf",
    "--cluster-node-timeout",
    "2000",
];

/// Three masters that share the slots of a Cluster. Each master can have a replica.
#[derive(Debug)]
pub struct RedisCluster {
    /// The three masters.
    pub masters: Vec<RedisServer>,
    /// The replica of each master, in the order of the masters. Empty if the masters have no
    /// replicas.
    pub replicas: Vec<RedisServer>,
}

impl RedisCluster {
    /// Starts three masters that keep their data in memory only.
    #[must_use]
    pub fn start_in_memory() -> Self {
        Self::start(RedisServer::start_in_memory, &[])
    }

    /// Starts three masters that sync every change to disk before they reply.
    #[must_use]
    pub fn start_durable() -> Self {
        Self::start(RedisServer::start_durable, &[])
    }

    /// Starts three durable masters, each with a replica. Returns when every replica has its
    /// master's data. `options` are further arguments of `redis-server`.
    #[must_use]
    pub fn start_replicated(options: &[&str]) -> Self {
        let mut cluster = Self::start(RedisServer::start_durable, options);
        let options = [&NODE_OPTIONS, options].concat();
        for _ in 0..3 {
            let replica = RedisServer::start_durable(&options);
            let meet = ("MEET", "127.0.0.1", cluster.masters[0].port());
            cluster_command::<Value>(&mut replica.connection(), meet).unwrap();
            cluster.replicas.push(replica);
        }
        cluster.wait_until_complete();
        for (master, replica) in cluster.masters.iter().zip(&cluster.replicas) {
            let id: String = cluster_command(&mut master.connection(), "MYID").unwrap();
            cluster_command::<Value>(&mut replica.connection(), ("REPLICATE", id)).unwrap();
        }
        for index in 0..3 {
            cluster.wait_until_in_step(index);
        }
        cluster
    }

    fn start(start_node: impl Fn(&[&str]) -> RedisServer, options: &[&str]) -> Self {
        let options = [&NODE_OPTIONS, options].concat();
        let masters: Vec<_> = (0..3).map(|_| start_node(&options)).collect();
        for (index, node) in masters.iter().enumerate() {
            let mut connection = node.connection();
            let mut command = |words: &[String]| {
                cluster_command::<Value>(&mut connection, words).unwrap();
            };
            let (first, last) = (index * SLOTS / 3, (index + 1) * SLOTS / 3 - 1);
            command(&["SET-CONFIG-EPOCH".to_owned(), (index + 1).to_string()]);
            command(&["ADDSLOTSRANGE".to_owned(), first.to_string(), last.to_string()]);
            let port = masters[0].port().to_string();
            command(&["MEET".to_owned(), "127.0.0.1".to_owned(), port]);
        }
        let cluster = Self { masters, replicas: Vec::new() };
        cluster.wait_until_complete();
        cluster
    }

    /// The URL of the Cluster. Its seeds (the addresses where a client starts) are all masters.
    #[must_use]
    pub fn url(&self) -> String {
        let seed = |node: &RedisServer| format!("127.0.0.1:{}", node.port());
        let seeds: Vec<_> = self.masters.iter().map(seed).collect();
        format!("redis-cluster://{}", seeds.join(","))
    }

    /// Waits until every node knows every other node and an owner of each slot.
    pub fn wait_until_complete(&self) {
        let nodes = || self.masters.iter().chain(&self.replicas);
        let count = nodes().count();
        wait_until("the Cluster to be complete", || nodes().all(|node| is_complete(node, count)));
    }

    fn wait_until_in_step(&self, index: usize) {
        let (master, replica) = (&self.masters[index], &self.replicas[index]);
        wait_until("a replica to be in step", || replica.is_in_step_with(master));
    }

    /// Kills a master, waits until its replica is the new master, and restarts the old master as a
    /// replica.
    pub fn fail_over_killed_master(&mut self, index: usize) {
        self.masters[index].kill();
        self.wait_until_replaced(index);
        self.replicas[index].restart();
        self.wait_until_in_step(index);
        self.wait_until_complete();
    }

    /// Pauses a master until its replica is the new master. Then lets the old master continue as a
    /// replica.
    pub fn fail_over_paused_master(&mut self, index: usize) {
        self.masters[index].pause();
        self.wait_until_replaced(index);
        self.replicas[index].resume();
        self.wait_until_in_step(index);
        self.wait_until_complete();
    }

    /// Makes a master hand over its role to its replica, as an operator does before maintenance.
    pub fn hand_over(&mut self, index: usize) {
        let mut sent: Option<Instant> = None;
        wait_until("a replica to take over", || {
            let replica = &self.replicas[index];
            // A master tries to hand over for 5 seconds, and then continues as the master. FAILOVER
            // can be sent again only after that.
            if sent.is_none_or(|sent| sent.elapsed() > Duration::from_secs(6))
                && cluster_command::<Value>(&mut replica.connection(), "FAILOVER").is_ok()
            {
                sent = Some(Instant::now());
            }
            replica.is_master()
        });
        self.swap_roles(index);
        self.wait_until_in_step(index);
        self.wait_until_complete();
    }

    fn wait_until_replaced(&mut self, index: usize) {
        wait_until("a replica to take over", || self.replicas[index].is_master());
        self.swap_roles(index);
    }

    fn swap_roles(&mut self, index: usize) {
        mem::swap(&mut self.masters[index], &mut self.replicas[index]);
    }

    /// The index of a master with a key that matches the pattern.
    #[must_use]
    pub fn master_with_key(&self, pattern: &str) -> usize {
        let has_key = |node: &RedisServer| !keys_of(&mut node.connection(), pattern).is_empty();
        self.masters.iter().position(has_key).expect("a master has the key")
    }

    /// The slots that contain keys, each with the index of its master.
    #[must_use]
    pub fn used_slots(&self) -> BTreeMap<u16, usize> {
        let mut used = BTreeMap::new();
        for (index, node) in self.masters.iter().enumerate() {
            let mut connection = node.connection();
            for key in keys_of(&mut connection, "*") {
                let slot = cluster_command(&mut connection, ("KEYSLOT", key)).unwrap();
                used.insert(slot, index);
            }
        }
        used
    }

    /// Moves a slot with its keys to another master while clients use it, as
    /// `redis-cli --cluster reshard` does.
    pub fn move_slot(&self, slot: u16, from: usize, to: usize) {
        self.start_slot_migration(slot, from, to);
        self.finish_slot_migration(slot, from, to);
    }

    /// Marks the slot as migrating, without moving a key.
    pub fn start_slot_migration(&self, slot: u16, from: usize, to: usize) {
        // If two nodes claim a slot, the node with the higher configuration epoch wins. A node that
        // receives a slot takes a new epoch: the highest epoch in its view of the Cluster, plus
        // one. If it has not seen a higher epoch of the other node, the other node would win and
        // keep the slot. So wait until all nodes have seen the same highest epoch.
        wait_until("the nodes to agree on an epoch", || {
            self.masters.iter().all(|node| epoch(node) == epoch(&self.masters[to]))
        });
        self.set_slot(from, slot, "MIGRATING", to);
        self.set_slot(to, slot, "IMPORTING", from);
    }

    /// Moves the keys of a migrating slot, and assigns the slot to its new master.
    pub fn finish_slot_migration(&self, slot: u16, from: usize, to: usize) {
        while self.move_one_key(slot, from, to) {}
        for index in [to, (to + 1) % 3, (to + 2) % 3] {
            self.set_slot(index, slot, "NODE", to);
        }
    }

    /// Sets the state of a slot on the master `at`. The state names a second master, `of`: the
    /// other side of a migration, or the owner of the slot.
    fn set_slot(&self, at: usize, slot: u16, state: &str, of: usize) {
        let id: String = cluster_command(&mut self.masters[of].connection(), "MYID").unwrap();
        let state = ("SETSLOT", slot, state, id);
        cluster_command::<Value>(&mut self.masters[at].connection(), state).unwrap();
    }

    /// Moves one key of the slot. Returns whether the slot had a key. The keys are moved one by
    /// one. So for a while, the keys of one segment are on different nodes.
    fn move_one_key(&self, slot: u16, from: usize, to: usize) -> bool {
        let mut source = self.masters[from].connection();
        let keys: Vec<String> = cluster_command(&mut source, ("GETKEYSINSLOT", slot, 1)).unwrap();
        let Some(key) = keys.first() else { return false };
        let (port, timeout_ms) = (self.masters[to].port(), 5000);
        let mut migrate = redis::cmd("MIGRATE");
        migrate.arg(("127.0.0.1", port, key, 0, timeout_ms)).exec(&mut source).unwrap();
        true
    }

    /// Sends a command to one master after the other, until a master executes the command.
    ///
    /// # Errors
    /// The error of the last master, if all masters refuse the command.
    pub fn command(&self, command: &Cmd) -> RedisResult<Value> {
        let mut reply = Ok(Value::Nil);
        for node in &self.masters {
            reply = command.query(&mut node.connection());
            if reply.is_ok() {
                break;
            }
        }
        reply
    }
}

/// Whether a node knows this number of nodes, and an owner of each slot.
fn is_complete(node: &RedisServer, nodes: usize) -> bool {
    let info: RedisResult<String> = cluster_command(&mut node.connection(), "INFO");
    let nodes = format!("cluster_known_nodes:{nodes}");
    let slots = format!("cluster_slots_assigned:{SLOTS}");
    let lines = ["cluster_state:ok", &nodes, &slots];
    info.is_ok_and(|info| lines.iter().all(|line| info.contains(line)))
}

/// The highest configuration epoch that a node has seen.
fn epoch(node: &RedisServer) -> Option<String> {
    let info: String = cluster_command(&mut node.connection(), "INFO").unwrap();
    info.lines().find_map(|line| line.strip_prefix("cluster_current_epoch:").map(str::to_owned))
}

fn keys_of(connection: &mut Connection, pattern: &str) -> Vec<String> {
    redis::cmd("KEYS").arg(pattern).query(connection).unwrap()
}

/// Sends the command `CLUSTER` with these arguments.
fn cluster_command<T: FromRedisValue>(
    connection: &mut Connection,
    arguments: impl ToRedisArgs,
) -> RedisResult<T> {
    redis::cmd("CLUSTER").arg(arguments).query(connection)
}
