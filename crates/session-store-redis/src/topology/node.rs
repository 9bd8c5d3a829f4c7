//! One server and its connections, shared by all threads of a handle.

use std::io;
use std::time::Instant;

use redis::{Connection, RedisError, RedisResult};
use session_store_core::connection_pool::{ConnectionPool, Lease};

use crate::topology::connect::{Address, Connector, explain_timeout};

/// One server and its connections.
pub(crate) struct Node {
    pub(crate) address: Address,
    connector: Connector,
    pub(crate) connections: ConnectionPool<Connection>,
}

impl Node {
    pub(crate) fn new(address: Address, connector: Connector) -> Self {
        let connections = ConnectionPool::new(connector.connections);
        Self { address, connector, connections }
    }

    /// Takes an idle connection, or opens one, or waits for one.
    ///
    /// # Errors
    /// The server cannot be reached, or no connection was released before `deadline`. Only the
    /// login was sent, so the caller can retry its command.
    pub(crate) fn take(&self, deadline: Instant) -> RedisResult<Lease<'_, Connection>> {
        let exhausted = |limit| {
            let reason = format!("all {limit} connections to {} are in use", self.address);
            io::Error::new(io::ErrorKind::TimedOut, reason).into()
        };
        self.connections.take(deadline, || self.connector.connect(&self.address), exhausted)
    }

    /// Adds the server and the timeout to the error of a command that got no reply in time.
    ///
    /// The message of the operating system for a timeout, "resource temporarily unavailable", is
    /// not clear enough.
    pub(crate) fn explain(&self, error: RedisError) -> RedisError {
        let waited = self.connector.timeouts.response;
        explain_timeout(error, format_args!("no reply from {} within {waited:?}", self.address))
    }
}
