//! The connection pool of one server, shared by all threads of a handle.

use std::io;
use std::ops::{Deref, DerefMut};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use redis::{Connection, RedisError, RedisResult};

use crate::topology::connect::{Address, Connector, explain_timeout};

/// One server and its connections. A connection is opened if there is no idle connection.
pub(crate) struct Node {
    pub(crate) address: Address,
    connector: Connector,
    connections: Mutex<Connections>,
    released: Condvar,
}

#[derive(Default)]
struct Connections {
    idle: Vec<Connection>,
    in_use: usize,
}

impl Node {
    pub(crate) fn new(address: Address, connector: Connector) -> Self {
        let (connections, released) = Default::default();
        Self { address, connector, connections, released }
    }

    /// Takes an idle connection, or opens one.
    ///
    /// If the maximum number of connections is in use, waits until another thread releases a
    /// connection.
    ///
    /// # Errors
    /// The server cannot be reached, or no connection was released before `deadline`. Only the
    /// login was sent, so the caller can retry its command.
    pub(crate) fn take(&self, deadline: Instant) -> RedisResult<Lease<'_>> {
        let mut connections = self.lock();
        let limit = self.connector.connections.max(1);
        while connections.in_use >= limit {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let reason = format!("all {limit} connections to {} are in use", self.address);
                return Err(io::Error::new(io::ErrorKind::TimedOut, reason).into());
            }
            let waited = self.released.wait_timeout(connections, left);
            connections = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        connections.in_use += 1;
        let idle = connections.idle.pop();
        drop(connections);
        // The lease is created before the connection is opened. If opening fails, dropping the
        // lease counts the connection as no longer in use.
        let mut lease = Lease { node: self, connection: idle };
        if lease.connection.is_none() {
            lease.connection = Some(self.connector.connect(&self.address)?);
        }
        Ok(lease)
    }

    /// Adds the server and the timeout to the error of a command that got no reply in time.
    ///
    /// The message of the operating system for a timeout, "resource temporarily unavailable", is
    /// not clear enough.
    pub(crate) fn explain(&self, error: RedisError) -> RedisError {
        let waited = self.connector.timeouts.response;
        explain_timeout(error, format_args!("no reply from {} within {waited:?}", self.address))
    }

    /// Closes the idle connections. Must be called when a connection was lost, because the other
    /// connections to the same server were most likely lost too.
    pub(crate) fn close_idle(&self) {
        let idle = std::mem::take(&mut self.lock().idle);
        // The lock is already released here. Closing takes a system call for each connection, and
        // other threads must not wait for it.
        drop(idle);
    }

    fn lock(&self) -> MutexGuard<'_, Connections> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that one thread uses.
///
/// Dropping the lease closes the connection, because a late reply to a failed command may still
/// arrive. The next command on the connection would then read the wrong reply. Only
/// [`Lease::release`] returns the connection to the pool.
pub(crate) struct Lease<'a> {
    node: &'a Node,
    connection: Option<Connection>,
}

impl Lease<'_> {
    /// Returns the connection to the pool. Every reply must have been read.
    pub(crate) fn release(mut self) {
        let connection = self.connection.take();
        self.node.lock().idle.extend(connection);
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.node.lock().in_use -= 1;
        self.node.released.notify_one();
    }
}

const HELD: &str = "the lease contains a connection until `release` consumes the lease";

impl Deref for Lease<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect(HELD)
    }
}

impl DerefMut for Lease<'_> {
    fn deref_mut(&mut self) -> &mut Connection {
        self.connection.as_mut().expect(HELD)
    }
}
