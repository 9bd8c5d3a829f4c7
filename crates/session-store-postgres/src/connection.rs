//! `Connection`: one connection to the server. The calling thread executes statements on the
//! connection and waits for the replies.

use std::collections::HashMap;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio_postgres::{Client, Error, Row, SimpleQueryMessage, Statement};

use crate::error::RequestError;
use crate::socket::Socket;
use crate::statement::{Parameter, Placeholders};

/// A connection, and the statements that were prepared on this connection.
pub(crate) struct Connection {
    client: Client,
    driver: Driver,
    prepared: HashMap<&'static str, Statement>,
    settings: Arc<Settings>,
}

/// The part of a connection that sends the requests and receives the replies.
pub(crate) struct Driver {
    pub(crate) socket: Socket,
    /// `None` after the connection was closed.
    pub(crate) messages: Option<Messages>,
}

/// A future that sends the requests and receives the replies, until the connection is closed.
type Messages = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// The settings that all connections of a handle have.
pub(crate) struct Settings {
    pub(crate) placeholders: Placeholders,
    pub(crate) response_timeout: Duration,
    /// Whether statements are sent unnamed instead of prepared. This is necessary behind a pooler
    /// that can execute the next transaction on another connection. A prepared statement does not
    /// exist on that connection.
    pub(crate) is_unnamed: bool,
}

impl Driver {
    /// Waits until a reply has arrived, or the connection is closed.
    fn wait<T>(&mut self, reply: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let (mut reply, mut cause) = (pin!(reply), None);
        let messages = &mut self.messages;
        self.socket.drive(|context: &mut Context<'_>| {
            match reply.as_mut().poll(context) {
                // The client library reports only to `messages` why the connection was closed, so
                // return the error of `messages`.
                Poll::Ready(Err(error)) if error.is_closed() => {
                    return Poll::Ready(Err(cause.take().unwrap_or(error)));
                }
                Poll::Ready(reply) => return Poll::Ready(reply),
                Poll::Pending => {}
            }
            let closed = messages.as_mut().map(|messages| messages.as_mut().poll(context));
            if let Some(Poll::Ready(closed)) = closed {
                cause = closed.err();
                // This error ends the reply, unless the last part of the reply has already arrived.
                *messages = None;
            }
            Poll::Pending
        })
    }
}

impl Connection {
    pub(crate) fn new(client: Client, driver: Driver, settings: Arc<Settings>) -> Self {
        Self { client, driver, prepared: HashMap::new(), settings }
    }

    /// Executes a statement and returns its rows.
    pub(crate) fn query(
        &mut self,
        statement: &'static str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, RequestError> {
        let mut rows = Vec::new();
        self.query_each(statement, parameters, &mut |row| {
            rows.push(row);
            Ok(())
        })?;
        Ok(rows)
    }

    /// Executes a statement and calls `visit` with each row.
    pub(crate) fn query_each(
        &mut self,
        statement: &'static str,
        parameters: &[Parameter<'_>],
        visit: &mut dyn FnMut(Row) -> Result<(), RequestError>,
    ) -> Result<(), RequestError> {
        let rows = if self.settings.is_unnamed {
            let text = self.settings.placeholders.fill(statement);
            let parameters = parameters.iter().map(|(value, kind)| (*value, kind.clone()));
            self.driver.wait(self.client.query_typed_raw(&text, parameters))
        } else {
            let prepared = self.prepare(statement, parameters)?;
            let values = parameters.iter().map(|(value, _)| *value);
            self.driver.wait(self.client.query_raw(&prepared, values))
        };
        let mut rows = pin!(rows.map_err(RequestError::of_reply)?);
        let mut next = || self.driver.wait(async { rows.next().await.transpose() });
        while let Some(row) = next().map_err(RequestError::of_reply)? {
            visit(row)?;
        }
        Ok(())
    }

    fn prepare(
        &mut self,
        statement: &'static str,
        parameters: &[Parameter<'_>],
    ) -> Result<Statement, RequestError> {
        if let Some(prepared) = self.prepared.get(statement) {
            return Ok(prepared.clone());
        }
        let text = self.settings.placeholders.fill(statement);
        let types: Vec<_> = parameters.iter().map(|(_, kind)| kind.clone()).collect();
        let prepared = self.driver.wait(self.client.prepare_typed(&text, &types));
        let prepared = prepared.map_err(RequestError::of_reply)?;
        self.prepared.insert(statement, prepared.clone());
        Ok(prepared)
    }

    /// Executes statements that have no parameters.
    pub(crate) fn execute(
        &mut self,
        statements: &str,
    ) -> Result<Vec<SimpleQueryMessage>, RequestError> {
        let text = self.settings.placeholders.fill(statements);
        self.driver.wait(self.client.simple_query(&text)).map_err(RequestError::of_reply)
    }

    /// Executes statements in one transaction. Rolls back if `work` fails.
    ///
    /// The isolation level is set explicitly, so that the server's default does not matter. With
    /// READ COMMITTED, the statements after a lock see the changes of the transaction that held the
    /// lock before.
    pub(crate) fn transaction<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, RequestError>,
    ) -> Result<T, RequestError> {
        self.execute("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")?;
        match work(self) {
            Ok(result) => self.execute("COMMIT").map(|_| result),
            Err(error @ RequestError::ReplyLost(_)) => Err(error),
            Err(error) => self.execute("ROLLBACK").and(Err(error)),
        }
    }

    /// Executes work whose statements can take any time.
    pub(crate) fn unlimited<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, RequestError>,
    ) -> Result<T, RequestError> {
        self.set_timeout(None)?;
        let result = work(self);
        self.set_timeout(Some(self.settings.response_timeout))?;
        result
    }

    /// Sets how long to wait for each part of a reply.
    pub(crate) fn set_timeout(&self, timeout: Option<Duration>) -> Result<(), RequestError> {
        Ok(self.driver.socket.set_timeout(timeout)?)
    }
}
