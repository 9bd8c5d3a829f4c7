//! The pool of connections to a server, for the crates of stores on servers.

use std::mem;
use std::ops::{Deref, DerefMut};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The connections to one server, shared by all threads of a handle.
#[derive(Debug)]
pub struct ConnectionPool<C> {
    limit: usize,
    connections: Mutex<Connections<C>>,
    released: Condvar,
}

#[derive(Debug)]
struct Connections<C> {
    idle: Vec<C>,
    in_use: usize,
}

impl<C> ConnectionPool<C> {
    /// Creates a pool of at most `limit` connections. 0 counts as 1.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        let connections = Connections { idle: Vec::new(), in_use: 0 };
        Self { limit: limit.max(1), connections: connections.into(), released: Condvar::new() }
    }

    /// Takes an idle connection, or opens one with `open`.
    ///
    /// If all connections are in use, waits until another thread releases one.
    ///
    /// # Errors
    /// The error of `open`. If no connection is released before `deadline`, the error is the result
    /// of `exhausted`. The argument of `exhausted` is the number of connections.
    pub fn take<E>(
        &self,
        deadline: Instant,
        open: impl FnOnce() -> Result<C, E>,
        exhausted: impl FnOnce(usize) -> E,
    ) -> Result<Lease<'_, C>, E> {
        let mut connections = self.lock();
        while connections.in_use >= self.limit {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(exhausted(self.limit));
            }
            let waited = self.released.wait_timeout(connections, left);
            connections = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        connections.in_use += 1;
        let idle = connections.idle.pop();
        drop(connections);
        // The lease is created before the connection is opened. If opening fails, the lease is
        // dropped. This reduces the number of connections in use again.
        let mut lease = Lease { pool: self, connection: idle };
        if lease.connection.is_none() {
            lease.connection = Some(open()?);
        }
        Ok(lease)
    }

    /// Closes the idle connections. Call this method when a connection was lost, because the idle
    /// connections were most likely lost too.
    pub fn close_idle(&self) {
        let idle = mem::take(&mut self.lock().idle);
        // The lock is already released here. Closing takes a system call for each connection, and
        // other threads must not wait for these system calls.
        drop(idle);
    }

    fn lock(&self) -> MutexGuard<'_, Connections<C>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that one thread uses.
///
/// Only [`release`](Self::release) returns the connection to the pool. Dropping the lease closes
/// the connection, because the reply to a failed request can still arrive on this connection. The
/// next request would take this reply for its own.
#[derive(Debug)]
pub struct Lease<'a, C> {
    pool: &'a ConnectionPool<C>,
    connection: Option<C>,
}

impl<C> Lease<'_, C> {
    /// Returns the connection to the pool. Every reply must have been read, and every transaction
    /// must have ended.
    pub fn release(mut self) {
        let connection = self.connection.take();
        self.pool.lock().idle.extend(connection);
    }
}

impl<C> Drop for Lease<'_, C> {
    fn drop(&mut self) {
        // Close the connection before the number of connections is reduced. Otherwise another
        // thread could open a new connection first, and a server with the same limit would refuse
        // it.
        drop(self.connection.take());
        self.pool.lock().in_use -= 1;
        self.pool.released.notify_one();
    }
}

const HELD: &str = "the lease contains a connection until `release` consumes the lease";

impl<C> Deref for Lease<'_, C> {
    type Target = C;

    fn deref(&self) -> &C {
        self.connection.as_ref().expect(HELD)
    }
}

impl<C> DerefMut for Lease<'_, C> {
    fn deref_mut(&mut self) -> &mut C {
        self.connection.as_mut().expect(HELD)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::thread;
    use std::time::Duration;

    use super::*;

    const LATER: Duration = Duration::from_secs(60);

    /// Opens connections, which are numbered from 1.
    struct Server(Cell<usize>);

    impl Server {
        fn take<'a>(&self, pool: &'a ConnectionPool<usize>) -> Result<Lease<'a, usize>, usize> {
            let open = || {
                self.0.set(self.0.get() + 1);
                Ok(self.0.get())
            };
            pool.take(Instant::now(), open, |limit| limit)
        }
    }

    #[test]
    fn only_a_released_connection_is_used_again() {
        let (pool, server) = (ConnectionPool::new(2), Server(Cell::new(0)));
        let (first, second) = (server.take(&pool).unwrap(), server.take(&pool).unwrap());
        assert_eq!((*first, *second), (1, 2));
        assert_eq!(server.take(&pool).unwrap_err(), 2, "two connections are in use");
        first.release();
        drop(second);
        let (first, third) = (server.take(&pool).unwrap(), server.take(&pool).unwrap());
        assert_eq!((*first, *third), (1, 3));
        first.release();
        pool.close_idle();
        assert_eq!(*server.take(&pool).unwrap(), 4);
    }

    #[test]
    fn a_connection_that_cannot_be_opened_is_not_in_use() {
        let pool = ConnectionPool::<()>::new(0);
        for _ in 0..2 {
            let refused = pool.take(Instant::now(), || Err("refused"), |_| "exhausted");
            assert_eq!(refused.unwrap_err(), "refused");
        }
    }

    /// The pool has one connection. The new thread can take this connection only after the first
    /// thread has released it.
    #[test]
    fn a_thread_waits_for_a_released_connection() {
        let pool = ConnectionPool::new(1);
        let take = || pool.take(Instant::now() + LATER, || Ok(1), |_| "exhausted");
        let lease = take().unwrap();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| take().map(|lease| *lease));
            lease.release();
            assert_eq!(waiting.join().unwrap(), Ok(1));
        });
    }
}
