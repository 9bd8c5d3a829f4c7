//! Sentinels: querying them for the address of the master.

use std::time::Instant;

use redis::{ErrorKind, RedisError, RedisResult};

use crate::topology::connect::{Address, Connector, other};
use crate::url::Host;

/// The Sentinels that watch a service.
pub(crate) struct Sentinels {
    hosts: Vec<Host>,
    service: String,
    /// The connector for the Sentinels, which have a login of their own.
    connector: Connector,
}

impl Sentinels {
    pub(crate) fn new(hosts: Vec<Host>, service: String, connector: Connector) -> Self {
        Self { hosts, service, connector }
    }

    /// Returns the master that the first Sentinel with an answer names.
    ///
    /// The Sentinels take turns at being the first. One that is cut off from the others keeps
    /// naming a master that is gone.
    pub(crate) fn query_any(&self, turn: usize, deadline: Instant) -> RedisResult<Host> {
        let (later, first) = self.hosts.split_at(turn % self.hosts.len().max(1));
        let mut named = Err(other("the URL names no Sentinel"));
        for sentinel in first.iter().chain(later) {
            named = self.query(sentinel).map_err(|error| explain_login(sentinel, error));
            if named.is_ok() || Instant::now() >= deadline {
                break;
            }
        }
        named
    }

    fn query(&self, sentinel: &Host) -> RedisResult<Host> {
        let mut connection = self.connector.connect(&Address::Host(sentinel.clone()))?;
        let mut query = redis::cmd("SENTINEL");
        query.arg("get-master-addr-by-name").arg(&self.service);
        let named: Option<(String, u16)> = query.query(&mut connection)?;
        let (name, port) =
            named.ok_or_else(|| other("the Sentinel does not watch this service"))?;
        Ok(Host { name, port })
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
