//! A master behind Sentinels: querying its address, and remembering it.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use redis::{ErrorKind, RedisError, RedisResult};

use crate::topology::connect::{Address, Connector};
use crate::topology::pool::Node;
use crate::url::{Host, Login};

/// A master behind Sentinels, which is named by its service.
pub(crate) struct Sentinel {
    sentinels: Vec<Host>,
    service: String,
    /// The connector for the Sentinels, which have a login of their own.
    to_sentinels: Connector,
    to_masters: Connector,
    known: Mutex<Known>,
}

/// The last reported master.
#[derive(Default)]
struct Known {
    master: Option<Arc<Node>>,
    stale: bool,
    /// The number of queries so far. It selects the Sentinel that is queried first.
    queries: usize,
}

impl Sentinel {
    /// Returns the service; `login` is for the Sentinels, the connector's own login for the master.
    pub(crate) fn new(
        sentinels: Vec<Host>,
        service: String,
        login: Login,
        connector: Connector,
    ) -> Self {
        let to_sentinels = Connector { login, database: 0, ..connector.clone() };
        let to_masters = Connector { masters_only: true, ..connector };
        Self { sentinels, service, to_sentinels, to_masters, known: Mutex::default() }
    }

    pub(crate) fn master(&self, deadline: Instant) -> RedisResult<Arc<Node>> {
        let mut known = self.lock();
        if let Known { master: Some(master), stale: false, .. } = &*known {
            return Ok(Arc::clone(master));
        }
        let turn = known.queries;
        known.queries += 1;
        // Query without the lock. A thread that waited for another thread's query could miss its
        // own deadline.
        drop(known);
        let address = Address::Host(self.query_any(turn, deadline)?);
        let mut known = self.lock();
        known.stale = false;
        // A master that is named again keeps its connections.
        let same = known.master.take().filter(|master| master.address == address);
        let fresh = || Arc::new(Node::new(address, self.to_masters.clone()));
        let master = same.unwrap_or_else(fresh);
        known.master = Some(Arc::clone(&master));
        Ok(master)
    }

    pub(crate) fn mark_stale(&self) {
        self.lock().stale = true;
    }

    /// Returns the answer of the first Sentinel that has one.
    ///
    /// The Sentinels take turns at being the first. One that is cut off from the others keeps
    /// naming a master that is gone.
    fn query_any(&self, turn: usize, deadline: Instant) -> RedisResult<Host> {
        let (later, first) = self.sentinels.split_at(turn % self.sentinels.len().max(1));
        let mut last = None;
        for sentinel in first.iter().chain(later) {
            match self.query(sentinel) {
                Ok(host) => return Ok(host),
                Err(error) => last = Some(explain_login(sentinel, error)),
            }
            if Instant::now() >= deadline {
                break;
            }
        }
        Err(last.unwrap_or_else(|| other("the URL names no Sentinel")))
    }

    fn query(&self, sentinel: &Host) -> RedisResult<Host> {
        let mut connection = self.to_sentinels.connect(&Address::Host(sentinel.clone()))?;
        let mut query = redis::cmd("SENTINEL");
        query.arg("get-master-addr-by-name").arg(&self.service);
        let named: Option<(String, u16)> = query.query(&mut connection)?;
        let (name, port) =
            named.ok_or_else(|| other("the Sentinel does not watch this service"))?;
        Ok(Host { name, port })
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds to a refused login that the one before the hosts in the URL is not for the Sentinels.
fn explain_login(sentinel: &Host, error: RedisError) -> RedisError {
    let refused = error.kind() == ErrorKind::AuthenticationFailed
        || matches!(error.code(), Some("NOAUTH" | "WRONGPASS" | "NOPERM"));
    if !refused {
        return error;
    }
    let advice = "a Sentinel has a login of its own, sentinel_password and sentinel_username";
    (ErrorKind::AuthenticationFailed, advice, format!("{sentinel}: {error}")).into()
}

fn other(reason: &'static str) -> RedisError {
    io::Error::other(reason).into()
}
