//! The servers of one storage: the map from hash slots to servers, and the refresh of the map.
//!
//! A storage is the place that holds the data: one server, a master that Sentinels watch, or a
//! Cluster. Redis divides all keys into 16384 slots, and each slot of a Cluster has one server that
//! owns it. The map records these owners. If the storage is one server or a master, that server
//! owns all slots.
//!
//! This module only finds the server for a command. `delivery.rs` sends the command and retries it.

pub(crate) mod cluster;
pub(crate) mod connect;
pub(crate) mod node;
pub(crate) mod sentinel;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use redis::RedisResult;

use crate::keys::{SLOTS, Slot};
use crate::topology::cluster::Range;
use crate::topology::connect::{Address, Connector, other};
use crate::topology::node::Node;
use crate::topology::sentinel::Sentinels;
use crate::url::{Host, Place, RedisUrl};

/// The servers of one storage.
///
/// If a Cluster node does not own the slot of a command, it replies with a redirection, which names
/// the owner. This type does not resend the command, because only the sender knows whether
/// resending is harmless.
pub(crate) struct Topology {
    source: Source,
    connector: Connector,
    map: Mutex<Map>,
}

/// The source of the map.
enum Source {
    /// The only server, which owns all slots.
    Server(Address),
    /// The Sentinels that name the master. The master owns all slots.
    Sentinels(Sentinels),
    /// The seeds: the nodes of a Cluster that the URL names. Each node can report the whole map.
    Cluster(Vec<Host>),
}

#[derive(Default)]
struct Map {
    /// Maps the last slot of each range of slots to the first slot and the owner of the range.
    /// Empty until the first query.
    ranges: BTreeMap<Slot, (Slot, Arc<Node>)>,
    /// All known nodes: the owners of slots, the seeds that were queried, and the nodes that
    /// redirections named since the last query. An owner that still owns slots after a query is the
    /// same `Node`, so it keeps its open connections.
    nodes: HashMap<Address, Arc<Node>>,
    /// Whether the next thread that needs the map must refresh it.
    stale: bool,
    /// The number of queries so far, which selects the node or Sentinel to query first.
    queries: usize,
}

impl Map {
    /// Returns the server that owns a slot, or `None` if no range contains the slot.
    fn owner(&self, slot: Slot) -> Option<Arc<Node>> {
        let (_, (first, node)) = self.ranges.range(slot..).next()?;
        (*first <= slot).then(|| Arc::clone(node))
    }

    /// Returns the servers that own slots, each once, in the order of their addresses.
    fn owners(&self) -> Vec<Arc<Node>> {
        let mut owners: Vec<_> = self.ranges.values().map(|(_, node)| Arc::clone(node)).collect();
        owners.sort_by_cached_key(|node| node.address.to_string());
        owners.dedup_by(|a, b| Arc::ptr_eq(a, b));
        owners
    }
}

impl Topology {
    pub(crate) fn new(url: &RedisUrl, mut connector: Connector) -> Self {
        let source = match &url.place {
            Place::Server(host) => Source::Server(Address::Host(host.clone())),
            Place::Socket(path) => Source::Server(Address::Socket(path.clone())),
            Place::Sentinel { sentinels, service, login } => {
                let to_sentinels =
                    Connector { login: login.clone(), database: 0, ..connector.clone() };
                connector.masters_only = true;
                Source::Sentinels(Sentinels::new(sentinels.clone(), service.clone(), to_sentinels))
            }
            Place::Cluster(seeds) => Source::Cluster(seeds.clone()),
        };
        Self { source, connector, map: Mutex::default() }
    }

    /// Returns the server that owns a slot. Queries for the map first if the map is missing or
    /// stale.
    pub(crate) fn owner(&self, slot: Slot, deadline: Instant) -> RedisResult<Arc<Node>> {
        let owner = self.current(deadline)?.owner(slot);
        owner.ok_or_else(|| {
            self.mark_stale();
            other(format!("no node of the Cluster owns slot {slot}"))
        })
    }

    /// Returns whether the storage is one server that the URL names. If that server is a replica,
    /// no Sentinel and no other node can name its master.
    pub(crate) fn is_single_server(&self) -> bool {
        matches!(self.source, Source::Server(_))
    }

    /// Connects to the only server, or queries for the map.
    pub(crate) fn contact(&self, deadline: Instant) -> RedisResult<()> {
        let owners = self.owners(deadline)?;
        if self.is_single_server() {
            for server in owners {
                server.take(deadline)?.release();
            }
        }
        Ok(())
    }

    /// Returns all servers that own a slot.
    pub(crate) fn owners(&self, deadline: Instant) -> RedisResult<Vec<Arc<Node>>> {
        Ok(self.current(deadline)?.owners())
    }

    /// Marks the map as stale. Must be called when the connection to a server was lost, or when a
    /// server does not own a slot that the map assigns to it.
    pub(crate) fn mark_stale(&self) {
        self.lock().stale = true;
    }

    /// Returns the node whose address is in a redirection by the node `from`. Only the nodes of a
    /// Cluster redirect.
    ///
    /// If the address has a port but no host, the result has the host of `from`.
    pub(crate) fn redirected(&self, from: &Node, address: &str) -> Option<Arc<Node>> {
        let Source::Cluster(_) = self.source else { return None };
        let (name, port) = address.rsplit_once(':')?;
        let address = cluster::resolve(name, port.parse().ok()?, &from.address)?;
        Some(self.node(&mut self.lock(), address))
    }

    /// Returns the map, refreshed if it is stale.
    ///
    /// The first thread that finds the map stale clears the mark and refreshes the map. The thread
    /// does not hold the lock during its query, because a query can exceed the deadlines of other
    /// threads. Meanwhile the other threads use the old map, because the change often does not
    /// affect the servers that they need.
    fn current(&self, deadline: Instant) -> RedisResult<MutexGuard<'_, Map>> {
        let mut map = self.lock();
        if !std::mem::take(&mut map.stale) && !map.ranges.is_empty() {
            return Ok(map);
        }
        let turn = map.queries;
        map.queries += 1;
        let ranges = match &self.source {
            Source::Server(address) => {
                drop(map);
                Ok(vec![all_slots(address.clone())])
            }
            Source::Sentinels(sentinels) => {
                drop(map);
                let master = sentinels.query_any(turn, deadline);
                master.map(|host| vec![all_slots(Address::Host(host))])
            }
            Source::Cluster(seeds) => {
                let nodes = self.candidates(&mut map, seeds, turn);
                drop(map);
                cluster::query_any(&nodes, deadline)
            }
        };
        match ranges {
            Ok(ranges) => Ok(self.install(ranges)),
            Err(error) => {
                self.mark_stale();
                Err(error)
            }
        }
    }

    /// Replaces the map. A node that no longer owns a slot is dropped with its connections.
    fn install(&self, ranges: Vec<Range>) -> MutexGuard<'_, Map> {
        let mut map = self.lock();
        map.ranges.clear();
        for Range { first, last, address } in ranges {
            let node = self.node(&mut map, address);
            map.ranges.insert(last, (first, node));
        }
        let owners = map.owners();
        map.nodes.retain(|_, node| owners.iter().any(|owner| Arc::ptr_eq(owner, node)));
        map
    }

    /// Returns the nodes of a Cluster to query for the map: the known owners, then the seeds.
    ///
    /// Each call begins with a different owner. Otherwise an owner that is cut off from the Cluster
    /// would return the same outdated map each time.
    fn candidates(&self, map: &mut Map, seeds: &[Host], turn: usize) -> Vec<Arc<Node>> {
        let mut nodes = map.owners();
        let turn = turn % nodes.len().max(1);
        nodes.rotate_left(turn);
        for seed in seeds {
            let seed = self.node(map, Address::Host(seed.clone()));
            if !nodes.iter().any(|node| Arc::ptr_eq(node, &seed)) {
                nodes.push(seed);
            }
        }
        nodes
    }

    /// Returns the known node with this address, or adds a new node.
    fn node(&self, map: &mut Map, address: Address) -> Arc<Node> {
        let fresh = |address: &Address| Node::new(address.clone(), self.connector.clone());
        Arc::clone(map.nodes.entry(address).or_insert_with_key(|address| Arc::new(fresh(address))))
    }

    fn lock(&self) -> MutexGuard<'_, Map> {
        self.map.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the range of all slots, with one owner.
fn all_slots(address: Address) -> Range {
    Range { first: 0, last: (SLOTS - 1) as Slot, address }
}
