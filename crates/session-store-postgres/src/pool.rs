//! The connection pool of a handle, shared by all its threads.

use std::ops::{Deref, DerefMut};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::connection::Connection;
use crate::connector::Connector;
use crate::error::{Cause, RequestError};

/// The connections of a handle. A connection is opened when no idle one is left.
pub(crate) struct Pool {
    connector: Connector,
    limit: usize,
    connections: Mutex<Connections>,
    released: Condvar,
}

#[derive(Default)]
struct Connections {
    idle: Vec<Connection>,
    in_use: usize,
}

impl Pool {
    pub(crate) fn new(connector: Connector, limit: usize) -> Self {
        let (connections, released) = Default::default();
        Self { connector, limit, connections, released }
    }

    /// Takes an idle connection, or opens one. If the maximum number of connections is in use, this
    /// waits until another thread releases one.
    pub(crate) fn take(&self, deadline: Instant) -> Result<Lease<'_>, RequestError> {
        let mut connections = self.lock();
        while connections.in_use >= self.limit {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let reason = format!("all {} connections of the pool are in use", self.limit);
                return Err(RequestError::Later(Cause::Text(reason)));
            }
            let waited = self.released.wait_timeout(connections, left);
            connections = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        connections.in_use += 1;
        let idle = connections.idle.pop();
        drop(connections);
        // The lease is created before the connection is opened. If opening fails, dropping the
        // lease counts the connection as no longer in use.
        let mut lease = Lease { pool: self, connection: idle };
        if lease.connection.is_none() {
            lease.connection = Some(self.connector.connect(deadline)?);
        }
        Ok(lease)
    }

    /// Closes the idle connections. Call it when a connection was lost, because the other
    /// connections were most likely lost as well.
    pub(crate) fn close_idle(&self) {
        // The lock is released before the connections are dropped.
        let idle = std::mem::take(&mut self.lock().idle);
        drop(idle);
    }

    fn lock(&self) -> MutexGuard<'_, Connections> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that one thread uses.
///
/// Dropping the lease closes the connection, because a statement or a transaction can still be open
/// on it. Only [`Lease::release`] returns the connection to the pool.
pub(crate) struct Lease<'a> {
    pool: &'a Pool,
    connection: Option<Connection>,
}

impl Lease<'_> {
    /// Returns the connection to the pool. No transaction may be open.
    pub(crate) fn release(mut self) {
        let connection = self.connection.take();
        self.pool.lock().idle.extend(connection);
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.pool.lock().in_use -= 1;
        self.pool.released.notify_one();
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
