//! The servers of one storage: the server that owns a slot, and the connections to each server.
//!
//! A storage is one server, a master behind Sentinels, or a Cluster. Sending a command, and sending
//! it again, is in `delivery.rs`.

pub(crate) mod cluster;
pub(crate) mod connect;
pub(crate) mod pool;
pub(crate) mod sentinel;

use std::sync::Arc;
use std::time::Instant;

use redis::RedisResult;

use crate::keys::Slot;
use crate::topology::cluster::Cluster;
use crate::topology::connect::{Address, Connector};
use crate::topology::pool::Node;
use crate::topology::sentinel::Sentinel;
use crate::url::{Place, RedisUrl};

/// The servers of one storage.
pub(crate) enum Topology {
    Server(Arc<Node>),
    Sentinel(Sentinel),
    Cluster(Cluster),
}

impl Topology {
    pub(crate) fn new(url: &RedisUrl, connector: Connector) -> Self {
        match &url.place {
            Place::Server(host) => Self::server(Address::Host(host.clone()), connector),
            Place::Socket(path) => Self::server(Address::Socket(path.clone()), connector),
            Place::Sentinel { sentinels, service, login } => {
                let (sentinels, service) = (sentinels.clone(), service.clone());
                Self::Sentinel(Sentinel::new(sentinels, service, login.clone(), connector))
            }
            Place::Cluster(seeds) => Self::Cluster(Cluster::new(seeds.clone(), connector)),
        }
    }

    fn server(address: Address, connector: Connector) -> Self {
        Self::Server(Arc::new(Node::new(address, connector)))
    }

    /// Returns the server that owns a slot, by the latest known state.
    ///
    /// It queries the Sentinels or the Cluster first if that state is missing or stale.
    pub(crate) fn owner(&self, slot: Slot, deadline: Instant) -> RedisResult<Arc<Node>> {
        match self {
            Self::Server(node) => Ok(Arc::clone(node)),
            Self::Sentinel(sentinel) => sentinel.master(deadline),
            Self::Cluster(cluster) => cluster.owner(slot, deadline),
        }
    }

    /// Returns all servers that own a slot.
    pub(crate) fn owners(&self, deadline: Instant) -> RedisResult<Vec<Arc<Node>>> {
        match self {
            Self::Server(node) => Ok(vec![Arc::clone(node)]),
            Self::Sentinel(sentinel) => Ok(vec![sentinel.master(deadline)?]),
            Self::Cluster(cluster) => cluster.owners(deadline),
        }
    }

    /// Marks the known state as stale, because a server was lost or does not own the slot.
    pub(crate) fn mark_stale(&self) {
        match self {
            Self::Server(_) => {}
            Self::Sentinel(sentinel) => sentinel.mark_stale(),
            Self::Cluster(cluster) => cluster.mark_stale(),
        }
    }

    /// Returns the node that a redirection from `from` names. Only a Cluster redirects.
    pub(crate) fn redirected(&self, from: &Node, address: &str) -> Option<Arc<Node>> {
        match self {
            Self::Cluster(cluster) => cluster.node_named(from, address),
            Self::Server(_) | Self::Sentinel(_) => None,
        }
    }
}
