//! A Cluster: the map from slots to nodes, and refreshing it.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use redis::{RedisError, RedisResult, Value};

use crate::keys::{SLOTS, Slot};
use crate::topology::connect::{Address, Connector};
use crate::topology::pool::Node;
use crate::url::Host;

/// The nodes of a Cluster.
///
/// Redirections are not followed here: only the sender of a command knows whether the command may
/// be sent again.
pub(crate) struct Cluster {
    seeds: Vec<Host>,
    connector: Connector,
    map: Mutex<Map>,
}

#[derive(Default)]
struct Map {
    /// The owner of each slot. Empty until the first query.
    owners: Vec<Option<Arc<Node>>>,
    /// The owners, and the nodes that redirections and seeds have named since the last query. A
    /// node that stays in a new map keeps its connections.
    nodes: HashMap<Host, Arc<Node>>,
    stale: bool,
    /// The number of queries so far. It selects the node that is queried first.
    queries: usize,
}

impl Map {
    /// Returns the nodes that own slots, each once, in the order of their addresses.
    fn masters(&self) -> Vec<Arc<Node>> {
        let mut masters: Vec<_> = self.owners.iter().flatten().cloned().collect();
        // The first pass is an optimization: it leaves few of the 16,384 owners to sort.
        masters.dedup_by(|a, b| Arc::ptr_eq(a, b));
        masters.sort_by_key(|node| node.address.to_string());
        masters.dedup_by(|a, b| Arc::ptr_eq(a, b));
        masters
    }
}

impl Cluster {
    pub(crate) fn new(seeds: Vec<Host>, connector: Connector) -> Self {
        Self { seeds, connector, map: Mutex::default() }
    }

    pub(crate) fn owner(&self, slot: Slot, deadline: Instant) -> RedisResult<Arc<Node>> {
        let map = self.current(deadline)?;
        let owner = map.owners.get(usize::from(slot)).cloned().flatten();
        owner.ok_or_else(|| {
            drop(map);
            self.mark_stale();
            other(format!("no node of the Cluster owns slot {slot}"))
        })
    }

    pub(crate) fn owners(&self, deadline: Instant) -> RedisResult<Vec<Arc<Node>>> {
        Ok(self.current(deadline)?.masters())
    }

    pub(crate) fn mark_stale(&self) {
        self.lock().stale = true;
    }

    /// Returns the node at an address as redirections write it. An address without a host means the
    /// sender's host.
    pub(crate) fn node_named(&self, from: &Node, address: &str) -> Option<Arc<Node>> {
        let (name, port) = address.rsplit_once(':')?;
        let host = resolve(name, port.parse().ok()?, &from.address)?;
        Some(self.node(&mut self.lock(), host))
    }

    /// Returns the map, refreshed if it is stale.
    ///
    /// The thread that finds the map stale clears the mark and refreshes the map without the lock.
    /// Other threads use the old map meanwhile, since the nodes that they need may be well.
    fn current(&self, deadline: Instant) -> RedisResult<MutexGuard<'_, Map>> {
        let mut map = self.lock();
        if !std::mem::take(&mut map.stale) && !map.owners.is_empty() {
            return Ok(map);
        }
        let nodes = self.candidates(&mut map);
        drop(map);
        match query_any(&nodes, deadline) {
            Ok(ranges) => Ok(self.install(ranges)),
            Err(error) => {
                self.mark_stale();
                Err(error)
            }
        }
    }

    fn install(&self, ranges: Vec<Range>) -> MutexGuard<'_, Map> {
        let mut map = self.lock();
        map.owners = vec![None; SLOTS];
        for Range { first, last, host } in ranges {
            let node = self.node(&mut map, host);
            map.owners[usize::from(first)..=usize::from(last)].fill(Some(node));
        }
        let masters = map.masters();
        map.nodes.retain(|_, node| masters.iter().any(|master| Arc::ptr_eq(master, node)));
        map
    }

    /// Returns the nodes to query for the map: the known masters, then the seeds.
    ///
    /// The masters take turns at being the first. One that is cut off from the others keeps giving
    /// the same outdated answer.
    fn candidates(&self, map: &mut Map) -> Vec<Arc<Node>> {
        let mut nodes = map.masters();
        let turn = map.queries % nodes.len().max(1);
        nodes.rotate_left(turn);
        map.queries += 1;
        for seed in &self.seeds {
            let seed = self.node(map, seed.clone());
            if !nodes.iter().any(|node| Arc::ptr_eq(node, &seed)) {
                nodes.push(seed);
            }
        }
        nodes
    }

    fn node(&self, map: &mut Map, host: Host) -> Arc<Node> {
        let address = Address::Host(host.clone());
        let fresh = || Arc::new(Node::new(address, self.connector.clone()));
        Arc::clone(map.nodes.entry(host).or_insert_with(fresh))
    }

    fn lock(&self) -> MutexGuard<'_, Map> {
        self.map.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the first answer that names an owner for every slot, or else the one that covers most
/// slots.
///
/// A node that has left the Cluster answers too, but names no owners.
fn query_any(nodes: &[Arc<Node>], deadline: Instant) -> RedisResult<Vec<Range>> {
    let mut best = Err(other(String::from("the Cluster has no nodes")));
    for node in nodes {
        let answer = query(node, deadline);
        if best.is_err() || covered(&best) < covered(&answer) {
            best = answer;
        }
        if covered(&best) == SLOTS || Instant::now() >= deadline {
            break;
        }
    }
    best
}

/// Returns the number of slots for which an answer names an owner.
fn covered(answer: &RedisResult<Vec<Range>>) -> usize {
    let slots = |range: &Range| usize::from(range.last - range.first) + 1;
    answer.as_ref().map_or(0, |ranges| ranges.iter().map(slots).sum())
}

fn query(node: &Node, deadline: Instant) -> RedisResult<Vec<Range>> {
    let mut connection = node.take(deadline)?;
    let ranges = redis::cmd("CLUSTER").arg("SLOTS").query(&mut *connection)?;
    connection.release();
    parse(&ranges, &node.address)
}

/// A range of slots with one owner.
#[derive(Debug, PartialEq, Eq)]
struct Range {
    first: Slot,
    last: Slot,
    host: Host,
}

/// Parses the reply to `CLUSTER SLOTS`. Each item is the first slot, the last slot, the master and
/// the replicas; a node begins with its host and port.
fn parse(ranges: &Value, from: &Address) -> RedisResult<Vec<Range>> {
    let unexpected = || other(format!("unexpected reply of {from} to CLUSTER SLOTS: {ranges:?}"));
    let Value::Array(items) = ranges else { return Err(unexpected()) };
    items.iter().map(|item| parse_range(item, from).ok_or_else(unexpected)).collect()
}

fn parse_range(item: &Value, from: &Address) -> Option<Range> {
    let Value::Array(parts) = item else { return None };
    let [Value::Int(first), Value::Int(last), Value::Array(master), ..] = &parts[..] else {
        return None;
    };
    let name = match master.first()? {
        Value::BulkString(name) => str::from_utf8(name).ok()?,
        _ => "",
    };
    let Value::Int(port) = master.get(1)? else { return None };
    let slot = |number: i64| Slot::try_from(number).ok().filter(|&s| usize::from(s) < SLOTS);
    let (first, last) = (slot(*first)?, slot(*last)?);
    let host = resolve(name, u16::try_from(*port).ok()?, from)?;
    (first <= last).then_some(Range { first, last, host })
}

/// Returns the host that `from` has named. A node that does not know its own name writes none, or
/// `?`. It is reached under the name by which it was queried.
fn resolve(name: &str, port: u16, from: &Address) -> Option<Host> {
    if !matches!(name, "" | "?") {
        return Some(Host { name: name.to_owned(), port });
    }
    match from {
        Address::Host(host) => Some(Host { name: host.name.clone(), port }),
        Address::Socket(_) => None,
    }
}

fn other(reason: String) -> RedisError {
    io::Error::other(reason).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, port: i64) -> Value {
        Value::Array(vec![Value::BulkString(name.into()), Value::Int(port)])
    }

    fn reply(first: i64, last: i64, master: Value) -> Value {
        let replica = node("replica", 9);
        Value::Array(vec![Value::Array(vec![Value::Int(first), Value::Int(last), master, replica])])
    }

    fn queried() -> Address {
        Address::Host(Host { name: String::from("queried"), port: 1 })
    }

    #[test]
    fn a_range_names_its_master() {
        for (name, expected) in [("10.0.0.1", "10.0.0.1"), ("", "queried"), ("?", "queried")] {
            let ranges = parse(&reply(5, 7, node(name, 2)), &queried()).unwrap();
            let host = Host { name: expected.to_owned(), port: 2 };
            assert_eq!(ranges, [Range { first: 5, last: 7, host }]);
        }
    }

    #[test]
    fn an_unexpected_reply_is_an_error() {
        for unexpected in [
            Value::Nil,
            reply(7, 5, node("a", 2)),
            reply(0, 16_384, node("a", 2)),
            reply(0, 1, node("a", 70_000)),
            reply(0, 1, Value::Array(Vec::new())),
        ] {
            assert!(parse(&unexpected, &queried()).is_err(), "{unexpected:?}");
        }
    }
}
