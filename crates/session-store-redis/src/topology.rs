//! Which server answers for a slot: the only one, the one that Sentinels name, or one of a Cluster.

use std::sync::Arc;
use std::time::Instant;

use redis::RedisResult;

use crate::cluster::Cluster;
use crate::connect::{Address, Connector};
use crate::keys::Slot;
use crate::pool::Node;
use crate::sentinel::Sentinel;
use crate::url::{Place, RedisUrl};

/// The servers of one storage.
pub(crate) enum Topology {
    Server(Arc<Node>),
    Sentinel(Sentinel),
    Cluster(Cluster),
}

impl Topology {
    pub(crate) fn new(url: &RedisUrl, mut connector: Connector, most: usize) -> Self {
        match &url.place {
            Place::Server { host, tls } => {
                connector.tls = *tls;
                Self::Server(Arc::new(Node::new(Address::Host(host.clone()), connector, most)))
            }
            Place::Socket(path) => {
                Self::Server(Arc::new(Node::new(Address::Socket(path.clone()), connector, most)))
            }
            Place::Sentinel { sentinels, service, login, tls } => {
                connector.tls = *tls;
                let (sentinels, service) = (sentinels.clone(), service.clone());
                let login = login.clone();
                Self::Sentinel(Sentinel::new(sentinels, service, login, connector, most))
            }
            Place::Cluster { seeds, tls } => {
                connector.tls = *tls;
                Self::Cluster(Cluster::new(seeds.clone(), connector, most))
            }
        }
    }

    /// The server to ask about a slot, as far as is known. It may ask Sentinels or a Cluster first.
    pub(crate) fn owner(&self, slot: Slot, deadline: Instant) -> RedisResult<Arc<Node>> {
        match self {
            Self::Server(node) => Ok(Arc::clone(node)),
            Self::Sentinel(sentinel) => sentinel.master(deadline),
            Self::Cluster(cluster) => cluster.owner(slot, deadline),
        }
    }

    /// All servers that hold a part of the storage.
    pub(crate) fn owners(&self, deadline: Instant) -> RedisResult<Vec<Arc<Node>>> {
        match self {
            Self::Server(node) => Ok(vec![Arc::clone(node)]),
            Self::Sentinel(sentinel) => Ok(vec![sentinel.master(deadline)?]),
            Self::Cluster(cluster) => cluster.owners(deadline),
        }
    }

    /// What is known may be old: a server was lost, or said that it is the wrong one.
    pub(crate) fn doubt(&self) {
        match self {
            Self::Server(_) => {}
            Self::Sentinel(sentinel) => sentinel.doubt(),
            Self::Cluster(cluster) => cluster.doubt(),
        }
    }

    /// The node that `from` has named as `address` in a redirection, where redirections are known.
    pub(crate) fn redirected(&self, from: &Node, address: &str) -> Option<Arc<Node>> {
        match self {
            Self::Cluster(cluster) => cluster.node_named(from, address),
            Self::Server(_) | Self::Sentinel(_) => None,
        }
    }
}
