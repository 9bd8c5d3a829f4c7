//! The connections to one server: a few, shared by all threads.

use std::io;
use std::ops::{Deref, DerefMut};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use redis::{Connection, RedisResult};

use crate::connect::{Address, Connector};

/// One server and the connections to it. They are made when they are needed.
pub(crate) struct Node {
    pub(crate) address: Address,
    connector: Connector,
    most: usize,
    connections: Mutex<Connections>,
    one_less: Condvar,
}

#[derive(Default)]
struct Connections {
    idle: Vec<Connection>,
    in_use: usize,
}

impl Node {
    /// `most` is how many connections there may be at once.
    pub(crate) fn new(address: Address, connector: Connector, most: usize) -> Self {
        let (connections, one_less) = Default::default();
        Self { address, connector, most: most.max(1), connections, one_less }
    }

    /// A connection for the caller alone, one that idles or a new one. It waits for another thread to be
    /// done where there may be no more.
    ///
    /// # Errors
    /// None could be made, or none became free until `deadline`. Nothing was sent but the login.
    pub(crate) fn take(&self, deadline: Instant) -> RedisResult<Lease<'_>> {
        let mut connections = self.lock();
        while connections.in_use >= self.most {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let reason =
                    format!("all {} connections to {} are in use", self.most, self.address);
                return Err(io::Error::new(io::ErrorKind::TimedOut, reason).into());
            }
            let waited = self.one_less.wait_timeout(connections, left);
            connections = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        connections.in_use += 1;
        let idle = connections.idle.pop();
        drop(connections);
        let mut lease = Lease { node: self, connection: idle };
        if lease.connection.is_none() {
            lease.connection = Some(self.connector.connect(&self.address)?);
        }
        Ok(lease)
    }

    /// Closes the connections that idle: where one was lost, they most likely were too.
    pub(crate) fn drop_idle(&self) {
        let idle = std::mem::take(&mut self.lock().idle);
        drop(idle);
    }

    fn lock(&self) -> MutexGuard<'_, Connections> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection taken from its node. Dropped, it is closed, since nobody knows what still comes on it.
pub(crate) struct Lease<'a> {
    node: &'a Node,
    connection: Option<Connection>,
}

impl Lease<'_> {
    /// Puts the connection back, for the next one who needs it. Every reply must have been read.
    pub(crate) fn put_back(mut self) {
        let connection = self.connection.take();
        self.node.lock().idle.extend(connection);
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.node.lock().in_use -= 1;
        self.node.one_less.notify_one();
    }
}

const TAKEN: &str = "a lease has its connection until it is put back";

impl Deref for Lease<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect(TAKEN)
    }
}

impl DerefMut for Lease<'_> {
    fn deref_mut(&mut self) -> &mut Connection {
        self.connection.as_mut().expect(TAKEN)
    }
}
