//! A Cluster: which node has which slot, as far as is known.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use redis::{RedisError, RedisResult, Value};

use crate::connect::{Address, Connector};
use crate::keys::{SLOTS, Slot};
use crate::pool::Node;
use crate::url::Host;

/// The nodes of a Cluster. Redirections are followed by whoever sends a command, never here: only the
/// sender knows whether a command may be sent again.
pub(crate) struct Cluster {
    seeds: Vec<Host>,
    connector: Connector,
    most: usize,
    map: Mutex<Map>,
}

#[derive(Default)]
struct Map {
    /// Empty until the first node has been asked.
    owners: Vec<Option<Arc<Node>>>,
    /// All that have slots, and who was named since, so that none loses its connections to a new map.
    nodes: HashMap<Host, Arc<Node>>,
    doubted: bool,
    /// How often nodes were asked for the map.
    questions: usize,
}

impl Map {
    /// The nodes that have slots, each once, in the order of their addresses.
    fn masters(&self) -> Vec<Arc<Node>> {
        let mut masters: Vec<_> = self.owners.iter().flatten().cloned().collect();
        masters.dedup_by(|a, b| Arc::ptr_eq(a, b));
        masters.sort_by_key(|node| node.address.to_string());
        masters.dedup_by(|a, b| Arc::ptr_eq(a, b));
        masters
    }
}

impl Cluster {
    pub(crate) fn new(seeds: Vec<Host>, connector: Connector, most: usize) -> Self {
        Self { seeds, connector, most, map: Mutex::default() }
    }

    pub(crate) fn owner(&self, slot: Slot, deadline: Instant) -> RedisResult<Arc<Node>> {
        let map = self.known(deadline)?;
        let owner = map.owners.get(usize::from(slot)).cloned().flatten();
        owner.ok_or_else(|| {
            drop(map);
            self.doubt();
            failed(format!("no node of the Cluster has slot {slot}"))
        })
    }

    pub(crate) fn owners(&self, deadline: Instant) -> RedisResult<Vec<Arc<Node>>> {
        Ok(self.known(deadline)?.masters())
    }

    pub(crate) fn doubt(&self) {
        self.lock().doubted = true;
    }

    /// The node at an address as redirections write it; without a host it is the sender's.
    pub(crate) fn node_named(&self, from: &Node, address: &str) -> Option<Arc<Node>> {
        let (name, port) = address.rsplit_once(':')?;
        let host = named(name, port.parse().ok()?, &from.address)?;
        Some(self.node(&mut self.lock(), host))
    }

    /// The map, brought up to date if it is doubted. One thread does so; the others go on with the old map
    /// meanwhile, since the nodes that they need may be well.
    fn known(&self, deadline: Instant) -> RedisResult<MutexGuard<'_, Map>> {
        let mut map = self.lock();
        if !std::mem::take(&mut map.doubted) && !map.owners.is_empty() {
            return Ok(map);
        }
        let nodes = self.askable(&mut map);
        drop(map);
        match ask_any(&nodes, deadline) {
            Ok(ranges) => Ok(self.install(ranges)),
            Err(error) => {
                self.doubt();
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

    /// The nodes that have slots, as far as is known, then the seeds. The nodes take turns at being the
    /// first, since one that has lost touch with the others goes on giving the same wrong answer.
    fn askable(&self, map: &mut Map) -> Vec<Arc<Node>> {
        let mut nodes = map.masters();
        let turn = map.questions % nodes.len().max(1);
        nodes.rotate_left(turn);
        map.questions += 1;
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
        let fresh = || Arc::new(Node::new(address, self.connector.clone(), self.most));
        Arc::clone(map.nodes.entry(host).or_insert_with(fresh))
    }

    fn lock(&self) -> MutexGuard<'_, Map> {
        self.map.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The answer of the first node that knows who has each slot, or else of the one that knows most: one that
/// has left the Cluster knows nothing.
fn ask_any(nodes: &[Arc<Node>], deadline: Instant) -> RedisResult<Vec<Range>> {
    let mut best = Err(failed(String::from("the Cluster has no nodes")));
    for node in nodes {
        let answer = ask(node, deadline);
        if best.is_err() || covered(&best) < covered(&answer) {
            best = answer;
        }
        if covered(&best) == SLOTS || Instant::now() >= deadline {
            break;
        }
    }
    best
}

/// For how many slots an answer names a node.
fn covered(answer: &RedisResult<Vec<Range>>) -> usize {
    let slots = |range: &Range| usize::from(range.last - range.first) + 1;
    answer.as_ref().map_or(0, |ranges| ranges.iter().map(slots).sum())
}

fn ask(node: &Node, deadline: Instant) -> RedisResult<Vec<Range>> {
    let mut connection = node.take(deadline)?;
    let ranges = redis::cmd("CLUSTER").arg("SLOTS").query(&mut *connection)?;
    connection.put_back();
    parse(&ranges, &node.address)
}

/// Slots in a row, and who has them.
#[derive(Debug, PartialEq, Eq)]
struct Range {
    first: Slot,
    last: Slot,
    host: Host,
}

/// What `CLUSTER SLOTS` answers: first, last, master, replicas; of a node, its host and port come first.
fn parse(ranges: &Value, from: &Address) -> RedisResult<Vec<Range>> {
    let wrong = || failed(format!("{from} answers CLUSTER SLOTS with {ranges:?}"));
    let Value::Array(items) = ranges else { return Err(wrong()) };
    items.iter().map(|item| range(item, from).ok_or_else(wrong)).collect()
}

fn range(item: &Value, from: &Address) -> Option<Range> {
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
    let host = named(name, u16::try_from(*port).ok()?, from)?;
    (first <= last).then_some(Range { first, last, host })
}

/// A node that does not know its own name, or keeps it to itself, is where it was asked.
fn named(name: &str, port: u16, from: &Address) -> Option<Host> {
    if !matches!(name, "" | "?") {
        return Some(Host { name: name.to_owned(), port });
    }
    match from {
        Address::Host(host) => Some(Host { name: host.name.clone(), port }),
        Address::Socket(_) => None,
    }
}

fn failed(reason: String) -> RedisError {
    io::Error::other(reason).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, port: i64) -> Value {
        Value::Array(vec![Value::BulkString(name.into()), Value::Int(port)])
    }

    fn answer(first: i64, last: i64, master: Value) -> Value {
        let replica = node("replica", 9);
        Value::Array(vec![Value::Array(vec![Value::Int(first), Value::Int(last), master, replica])])
    }

    fn asked() -> Address {
        Address::Host(Host { name: String::from("asked"), port: 1 })
    }

    #[test]
    fn ranges_name_their_master() {
        for (name, meant) in [("10.0.0.1", "10.0.0.1"), ("", "asked"), ("?", "asked")] {
            let ranges = parse(&answer(5, 7, node(name, 2)), &asked()).unwrap();
            let host = Host { name: meant.to_owned(), port: 2 };
            assert_eq!(ranges, [Range { first: 5, last: 7, host }]);
        }
    }

    #[test]
    fn nonsense_is_an_error() {
        for nonsense in [
            Value::Nil,
            answer(7, 5, node("a", 2)),
            answer(0, 16_384, node("a", 2)),
            answer(0, 1, node("a", 70_000)),
            answer(0, 1, Value::Array(Vec::new())),
        ] {
            assert!(parse(&nonsense, &asked()).is_err(), "{nonsense:?}");
        }
    }
}
