//! `Client`: executes the reads and changes of a handle. Repeats a failed request until the
//! deadline.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use session_store_core::StoreError;
use session_store_core::backoff::Backoff;
use session_store_core::connection_pool::ConnectionPool;
use uuid::Uuid;

use crate::connection::Connection;
use crate::connector::Connector;
use crate::error::{Cause, RequestError};
use crate::statement::{ints, uuids};
use crate::writer::{ChangeId, Writer, Writers};

/// The access of a handle to its storage.
pub(crate) struct Client {
    connector: Connector,
    connections: ConnectionPool<Connection>,
    writers: Writers,
    place: String,
    retry: Duration,
    /// Whether this handle has read anything since the last sync. A read can return a change of a
    /// process that was killed before its own sync, so the next sync of this handle must make the
    /// change durable.
    has_read: AtomicBool,
}

/// The outcome of an executed change.
pub(crate) struct Changed {
    /// The result that the change wrote to the row of the writer.
    pub(crate) result: i64,
    pub(crate) stamp: Uuid,
}

impl Client {
    /// Creates a client that uses at most `connections` connections at the same time.
    pub(crate) fn new(
        connector: Connector,
        connections: usize,
        place: String,
        retry: Duration,
    ) -> Self {
        let (writers, has_read) = Default::default();
        let connections = ConnectionPool::new(connections);
        Self { connector, connections, writers, place, retry, has_read }
    }

    /// The URL of the storage, without a password.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// Executes work. The work must change nothing, or be harmless if it is executed several times.
    pub(crate) fn read<T>(
        &self,
        operation: impl Display,
        work: impl FnMut(&mut Connection) -> Result<T, RequestError>,
    ) -> Result<T, StoreError> {
        let result = self.repeat(work).map_err(|error| self.during(operation, error))?;
        self.has_read.store(true, Ordering::Release);
        Ok(result)
    }

    /// Makes a change, and returns what `change` has recorded in the row of the writer.
    ///
    /// `change` must first lock the writer's row, see [`ChangeId`]. If a reply was lost and the
    /// change was not executed, `change` is called again with another id.
    pub(crate) fn change(
        &self,
        operation: impl Display,
        change: impl FnMut(&mut Connection, ChangeId) -> Result<i64, RequestError>,
    ) -> Result<Changed, StoreError> {
        self.execute(change).map_err(|error| self.during(operation, error))
    }

    /// Waits until all changes that this handle has acknowledged or read are on disk.
    ///
    /// When a commit is on disk, all earlier commits are on disk too. So this call makes a commit
    /// and waits until this commit is on disk. The call fails if the server has lost a change in a
    /// crash: the row of the writer then has a smaller sequence number than the last acknowledged
    /// change.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        let has_read = self.has_read.swap(false, Ordering::AcqRel);
        let synced = self.sync_changes(has_read);
        self.has_read.fetch_or(synced.is_err(), Ordering::AcqRel);
        synced.map_err(|error| self.during("sync", error))
    }

    fn sync_changes(&self, has_read: bool) -> Result<(), RequestError> {
        let acknowledged = self.writers.acknowledged(SystemTime::now());
        if acknowledged.is_empty() {
            let sync = |connection: &mut Connection| connection.query(SYNC_READS, &[]).map(drop);
            return if has_read { self.repeat(sync) } else { Ok(()) };
        }
        let (tokens, sequences) = acknowledged.iter().map(|(token, last)| (*token, *last)).unzip();
        let found = self.repeat(|connection| {
            Ok(connection.query(SYNC, &[uuids(&tokens), ints(&sequences)])?.len())
        })?;
        if found < acknowledged.len() {
            return Err(RequestError::ReplyLost(Cause::RecordLost));
        }
        self.writers.forget(&acknowledged);
        Ok(())
    }

    fn during(&self, operation: impl Display, error: RequestError) -> StoreError {
        error.during(format_args!("{operation} in {}", self.place))
    }

    /// Executes work as [`read`](Self::read) does, but returns the error without the operation.
    pub(crate) fn repeat<T>(
        &self,
        mut work: impl FnMut(&mut Connection) -> Result<T, RequestError>,
    ) -> Result<T, RequestError> {
        let (mut backoff, deadline) = (Backoff::default(), self.deadline());
        loop {
            let error = match self.once(&mut work) {
                Err(error) => error.without_change(),
                done => return done,
            };
            if !matches!(error, RequestError::Later(_)) || !backoff.wait(deadline) {
                return Err(error);
            }
        }
    }

    fn execute(
        &self,
        mut change: impl FnMut(&mut Connection, ChangeId) -> Result<i64, RequestError>,
    ) -> Result<Changed, RequestError> {
        let (mut backoff, deadline) = (Backoff::default(), self.deadline());
        let mut writer = self.writer()?;
        loop {
            let id = writer.next();
            let outcome = match self.once(|connection| change(connection, id)) {
                // If `resolve` fails, the server may still execute the change later. So the writer
                // is dropped and makes no other change.
                Err(RequestError::ReplyLost(cause)) => {
                    let outcome = self.resolve(id, cause, &mut backoff, deadline)?;
                    writer.advance(id);
                    outcome
                }
                outcome => outcome,
            };
            match outcome {
                Err(RequestError::UnknownWriter) if backoff.wait(deadline) => {
                    writer = self.repeat(Writer::register)?;
                }
                Err(RequestError::Later(_)) if backoff.wait(deadline) => {}
                outcome => {
                    if outcome.is_ok() {
                        writer.advance(id);
                    }
                    self.writers.put_back(writer, outcome.is_ok());
                    return outcome.map(|result| Changed { result, stamp: id.stamp });
                }
            }
        }
    }

    /// Finds the outcome of a change whose reply was lost. Fails if the change can still be
    /// executed at the deadline.
    fn resolve(
        &self,
        id: ChangeId,
        cause: Cause,
        backoff: &mut Backoff,
        deadline: Instant,
    ) -> Result<Result<i64, RequestError>, RequestError> {
        while backoff.wait(deadline) {
            match self.once(|connection| id.fence(connection)) {
                Ok(Some(result)) => return Ok(Ok(result)),
                Ok(None) => return Ok(Err(RequestError::Later(cause))),
                Err(_) => {}
            }
        }
        Err(RequestError::ReplyLost(cause))
    }

    /// Returns the deadline of a request that starts now. After the deadline, the request is not
    /// sent again.
    fn deadline(&self) -> Instant {
        Instant::now() + self.retry
    }

    fn writer(&self) -> Result<Writer, RequestError> {
        self.writers.take().map_or_else(|| self.repeat(Writer::register), Ok)
    }

    /// Executes work once, on a connection of the pool.
    fn once<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, RequestError>,
    ) -> Result<T, RequestError> {
        let deadline = self.deadline();
        let exhausted = |limit| {
            let reason = format!("all {limit} connections of the pool are in use");
            RequestError::Later(Cause::Text(reason))
        };
        let open = || self.connector.connect(deadline);
        let mut connection = self.connections.take(deadline, open, exhausted)?;
        let result = work(&mut connection);
        match &result {
            Err(RequestError::ReplyLost(_)) => {
                drop(connection);
                self.connections.close_idle();
            }
            _ => connection.release(),
        }
        result
    }
}

/// The statement of a sync. It compares the sequence number of each writer with the number of its
/// last acknowledged change. It also writes something, because the commit of a transaction that
/// changes nothing does not wait for the disk.
const SYNC: &str = "WITH power AS MATERIALIZED (SELECT {power})
    UPDATE {s}.writer SET changed = now()
    FROM unnest($1::uuid[], $2::bigint[]) AS last (token, sequence), power
    WHERE writer.token = last.token AND writer.sequence >= last.sequence
    RETURNING 1";

/// A statement for a sync of a handle that has only read. It writes a message to the write-ahead
/// log, so that the commit waits for the disk. Such a message needs no permission to change a
/// table.
const SYNC_READS: &str =
    "SELECT {power}, pg_logical_emit_message(true, 'session-store', 'sync')::text";
