//! Three masters as a Cluster, with replicas or without, and what tests do to slots and masters.

use std::collections::BTreeMap;
use std::mem;
use std::time::{Duration, Instant};

use redis::{Cmd, Connection, FromRedisValue, RedisResult, ToRedisArgs, Value};

use super::{Server, wait_for};

/// The hash slots of every Cluster.
const SLOTS: usize = 16_384;

/// What every node is started with.
const OWN: [&str; 6] = [
    "--cluster-enabled",
    "yes",
    "--cluster-config-file",
    "nodes.conf",
    "--cluster-node-timeout",
    "2000",
];

pub(crate) struct Cluster {
    /// The masters.
    pub(crate) nodes: Vec<Server>,
    /// A replica of each master, or none of any.
    pub(crate) replicas: Vec<Server>,
}

impl Cluster {
    /// Masters that start empty, and have joined when this returns.
    pub(crate) fn start() -> Self {
        Self::start_with(&["--appendonly", "no"])
    }

    pub(crate) fn start_with(options: &[&str]) -> Self {
        let nodes: Vec<_> = (0..3).map(|_| Server::start(&[&OWN, options].concat())).collect();
        for (index, node) in nodes.iter().enumerate() {
            let mut connection = node.connection();
            let (first, last) = (index * SLOTS / 3, (index + 1) * SLOTS / 3 - 1);
            let mut told = |words: &[String]| ask::<Value>(&mut connection, words).unwrap();
            told(&["SET-CONFIG-EPOCH".to_owned(), (index + 1).to_string()]);
            told(&["ADDSLOTSRANGE".to_owned(), first.to_string(), last.to_string()]);
            told(&["MEET".to_owned(), "127.0.0.1".to_owned(), nodes[0].port.to_string()]);
        }
        let cluster = Self { nodes, replicas: Vec::new() };
        cluster.wait_until_whole();
        cluster
    }

    /// The same, and a replica of each master, which is in step when this returns.
    pub(crate) fn start_replicated(options: &[&str]) -> Self {
        let mut cluster = Self::start_with(options);
        for _ in 0..3 {
            let replica = cluster.start_node(options);
            cluster.replicas.push(replica);
        }
        cluster.wait_until_whole();
        for (master, replica) in cluster.nodes.iter().zip(&cluster.replicas) {
            let id: String = ask(&mut master.connection(), "MYID").unwrap();
            ask::<Value>(&mut replica.connection(), ("REPLICATE", id)).unwrap();
        }
        for index in 0..3 {
            cluster.wait_until_in_step(index);
        }
        cluster
    }

    /// A node without slots, which has been told of the others.
    pub(crate) fn start_node(&self, options: &[&str]) -> Server {
        let node = Server::start(&[&OWN, options].concat());
        let meet = ("MEET", "127.0.0.1", self.nodes[0].port);
        ask::<Value>(&mut node.connection(), meet).unwrap();
        node
    }

    pub(crate) fn wait_until_whole(&self) {
        let nodes = || self.nodes.iter().chain(&self.replicas);
        let number = nodes().count();
        wait_for("the Cluster to be whole", || nodes().all(|node| is_whole(node, number)));
    }

    fn wait_until_in_step(&self, index: usize) {
        let (master, replica) = (&self.nodes[index], &self.replicas[index]);
        wait_for("a replica to be in step", || replica.is_in_step_with(master));
    }

    /// Kills a master, waits until its replica has taken its place, and makes it the replica's replica.
    pub(crate) fn lose_master(&mut self, index: usize) {
        self.nodes[index].kill();
        self.wait_until_taken_over(index);
        self.replicas[index].restart();
        self.wait_until_in_step(index);
        self.wait_until_whole();
    }

    /// Stalls a master for so long that its replica takes its place.
    pub(crate) fn stall_master(&mut self, index: usize) {
        self.nodes[index].signal("STOP");
        self.wait_until_taken_over(index);
        self.replicas[index].signal("CONT");
        self.wait_until_in_step(index);
        self.wait_until_whole();
    }

    /// Lets a master hand over to its replica, as an operator does who takes a machine out of service.
    pub(crate) fn hand_over(&mut self, index: usize) {
        let mut asked: Option<Instant> = None;
        wait_for("a replica to be handed the slots", || {
            let replica = &self.replicas[index];
            // A master waits for 5 seconds at most, and goes on if it could not hand over by then.
            if asked.is_none_or(|asked| asked.elapsed() > Duration::from_secs(6))
                && ask::<Value>(&mut replica.connection(), "FAILOVER").is_ok()
            {
                asked = Some(Instant::now());
            }
            replica.is_master()
        });
        mem::swap(&mut self.nodes[index], &mut self.replicas[index]);
        self.wait_until_in_step(index);
        self.wait_until_whole();
    }

    fn wait_until_taken_over(&mut self, index: usize) {
        wait_for("a replica to take over", || self.replicas[index].is_master());
        mem::swap(&mut self.nodes[index], &mut self.replicas[index]);
    }

    pub(crate) fn url(&self) -> String {
        let seeds: Vec<_> =
            self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        format!("redis-cluster://{}", seeds.join(","))
    }

    /// Which master has a key that looks like this.
    pub(crate) fn node_with(&self, pattern: &str) -> usize {
        let has = |node: &Server| {
            let mut keys = redis::cmd("KEYS");
            !keys.arg(pattern).query::<Vec<String>>(&mut node.connection()).unwrap().is_empty()
        };
        self.nodes.iter().position(has).expect("a node has the key")
    }

    /// The slots that have keys, and the nodes that have the slots.
    pub(crate) fn used_slots(&self) -> BTreeMap<u16, usize> {
        let mut used = BTreeMap::new();
        for (index, node) in self.nodes.iter().enumerate() {
            let mut connection = node.connection();
            let keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut connection).unwrap();
            for key in keys {
                let slot = ask(&mut connection, ("KEYSLOT", key)).unwrap();
                used.insert(slot, index);
            }
        }
        used
    }

    /// Moves a slot with its keys from one node to another, as `redis-cli --cluster reshard` does, while
    /// others use it.
    pub(crate) fn move_slot(&self, slot: u16, from: usize, to: usize) {
        self.begin_to_move(slot, from, to);
        self.end_the_move(slot, from, to);
    }

    /// Tells both nodes that the slot is on its way.
    pub(crate) fn begin_to_move(&self, slot: u16, from: usize, to: usize) {
        // A node that takes a slot counts itself the newest owner, by what it has heard of the others.
        wait_for("the nodes to agree", || {
            self.nodes.iter().all(|node| epoch(node) == epoch(&self.nodes[to]))
        });
        self.set_slot(from, slot, "MIGRATING", to);
        self.set_slot(to, slot, "IMPORTING", from);
    }

    /// Moves the keys, and tells all masters that the slot is where it should be.
    pub(crate) fn end_the_move(&self, slot: u16, from: usize, to: usize) {
        while self.move_a_key(slot, from, to) {}
        for index in [to, (to + 1) % 3, (to + 2) % 3] {
            self.set_slot(index, slot, "NODE", to);
        }
    }

    fn set_slot(&self, told: usize, slot: u16, state: &str, of: usize) {
        let id: String = ask(&mut self.nodes[of].connection(), "MYID").unwrap();
        let state = ("SETSLOT", slot, state, id);
        ask::<Value>(&mut self.nodes[told].connection(), state).unwrap();
    }

    /// Moves one key, so that a segment's keys are apart for a while, and says whether there was one.
    fn move_a_key(&self, slot: u16, from: usize, to: usize) -> bool {
        let mut source = self.nodes[from].connection();
        let keys: Vec<String> = ask(&mut source, ("GETKEYSINSLOT", slot, 1)).unwrap();
        let Some(key) = keys.first() else { return false };
        let (port, timeout_ms) = (self.nodes[to].port, 5000);
        let mut migrate = redis::cmd("MIGRATE");
        migrate.arg(("127.0.0.1", port, key, 0, timeout_ms)).exec(&mut source).unwrap();
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

/// Whether a node knows of so many, and of one for each slot.
fn is_whole(node: &Server, number: usize) -> bool {
    let info: RedisResult<String> = ask(&mut node.connection(), "INFO");
    let known = format!("cluster_known_nodes:{number}");
    info.is_ok_and(|info| {
        ["cluster_state:ok", &known, "cluster_slots_assigned:16384"]
            .iter()
            .all(|line| info.contains(line))
    })
}

/// The newest state of the Cluster that a node has heard of.
fn epoch(node: &Server) -> Option<String> {
    let info: String = ask(&mut node.connection(), "INFO").unwrap();
    info.lines().find_map(|line| line.strip_prefix("cluster_current_epoch:").map(str::to_owned))
}

pub(crate) fn ask<T: FromRedisValue>(
    connection: &mut Connection,
    words: impl ToRedisArgs,
) -> RedisResult<T> {
    redis::cmd("CLUSTER").arg(words).query(connection)
}
