//! The servers of one storage: the map from slots to servers, and refreshing it.
//!
//! A storage is one server, a master behind Sentinels, or a Cluster. The first two are maps with
//! one owner. Sending a command, and sending it again, is in `delivery.rs`.

pub(crate) mod cluster;
pub(crate) mod connect;
pub(crate) mod pool;
pub(crate) mod sentinel;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use redis::RedisResult;

use crate::keys::{SLOTS, Slot};
use crate::topology::cluster::Range;
use crate::topology::connect::{Address, Connector, other};
use crate::topology::pool::Node;
use crate::topology::sentinel::Sentinels;
use crate::url::{Host, Place, RedisUrl};

/// The servers of one storage.
///
/// Redirections are not followed here: only the sender of a command knows whether the command may
/// be sent again.
pub(crate) struct Topology {
    source: Source,
    connector: Connector,
    map: Mutex<Map>,
}

/// The source of the map.
enum Source {
    Server(Address),
    Sentinels(Sentinels),
    /// The nodes of a Cluster that the URL names.
    Cluster(Vec<Host>),
}

#[derive(Default)]
struct Map {
    /// The owners of ranges of slots, by the last slot of the range. Empty until the first query.
    ranges: BTreeMap<Slot, (Slot, Arc<Node>)>,
    /// The owners, and the nodes that redirections and seeds have named since the last query. A
    /// node that stays in a new map keeps its connections.
    nodes: HashMap<Address, Arc<Node>>,
    stale: bool,
    /// The number of queries so far. It selects the server that is queried first.
    queries: usize,
}

impl Map {
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

    /// Returns the server that owns a slot. It first queries for a map that is missing or stale.
    pub(crate) fn owner(&self, slot: Slot, deadline: Instant) -> RedisResult<Arc<Node>> {
        let owner = self.current(deadline)?.owner(slot);
        owner.ok_or_else(|| {
            self.mark_stale();
            other(format!("no node of the Cluster owns slot {slot}"))
        })
    }

    /// Returns whether the URL names one server. No other server can then name the master.
    pub(crate) fn is_single_server(&self) -> bool {
        matches!(self.source, Source::Server(_))
    }

    /// Returns all servers that own a slot.
    pub(crate) fn owners(&self, deadline: Instant) -> RedisResult<Vec<Arc<Node>>> {
        Ok(self.current(deadline)?.owners())
    }

    /// Marks the map as stale, because a server was lost or does not own the slot.
    pub(crate) fn mark_stale(&self) {
        self.lock().stale = true;
    }

    /// Returns the node that a redirection from `from` names. Only a Cluster redirects.
    ///
    /// An address without a host means the sender's host.
    pub(crate) fn redirected(&self, from: &Node, address: &str) -> Option<Arc<Node>> {
        let Source::Cluster(_) = self.source else { return None };
        let (name, port) = address.rsplit_once(':')?;
        let address = cluster::resolve(name, port.parse().ok()?, &from.address)?;
        Some(self.node(&mut self.lock(), address))
    }

    /// Returns the map, refreshed if it is stale.
    ///
    /// The thread that finds the map stale clears the mark and refreshes the map without the lock,
    /// which can take longer than another thread has time. Other threads use the old map meanwhile,
    /// since the servers that they need may be well.
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
                Ok(vec![everything(address.clone())])
            }
            Source::Sentinels(sentinels) => {
                drop(map);
                let master = sentinels.query_any(turn, deadline);
                master.map(|host| vec![everything(Address::Host(host))])
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
    /// The owners take turns at being the first. One that is cut off from the others keeps giving
    /// the same outdated answer.
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

    fn node(&self, map: &mut Map, address: Address) -> Arc<Node> {
        let fresh = |address: &Address| Node::new(address.clone(), self.connector.clone());
        Arc::clone(map.nodes.entry(address).or_insert_with_key(|address| Arc::new(fresh(address))))
    }

    fn lock(&self) -> MutexGuard<'_, Map> {
        self.map.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the range of all slots, with one owner.
fn everything(address: Address) -> Range {
    Range { first: 0, last: (SLOTS - 1) as Slot, address }
}
