//! Queries the Sentinels for the address of the master.
//!
//! Sentinels are processes that watch a master and its replicas. When the master fails, they name a
//! new master.

use std::time::Instant;

use redis::{ErrorKind, RedisError, RedisResult};

use crate::topology::connect::{Address, Connector, other};
use crate::url::Host;

/// The Sentinels that watch a service.
pub(crate) struct Sentinels {
    hosts: Vec<Host>,
    service: String,
    /// Opens connections to the Sentinels. Their login is not the login of the master.
    connector: Connector,
}

impl Sentinels {
    pub(crate) fn new(hosts: Vec<Host>, service: String, connector: Connector) -> Self {
        Self { hosts, service, connector }
    }

    /// Returns the master that a Sentinel names. The Sentinels are queried in order until one
    /// answers.
    ///
    /// `turn` selects the Sentinel to query first. `turn` must be different each time, because a
    /// Sentinel that is cut off from the others always names an outdated master.
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

/// Explains the error of a refused login: a Sentinel has its own login. The user and password
/// before the hosts of the URL are only for the master.
fn explain_login(sentinel: &Host, error: RedisError) -> RedisError {
    let refused = error.kind() == ErrorKind::AuthenticationFailed
        || matches!(error.code(), Some("NOAUTH" | "WRONGPASS" | "NOPERM"));
    if !refused {
        return error;
    }
    let advice = "a Sentinel has a login of its own, sentinel_password and sentinel_username";
    (ErrorKind::AuthenticationFailed, advice, format!("{sentinel}: {error}")).into()
}
