//! `Connection`: one connection, on which a thread executes statements and waits for the replies.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use tokio::task::AbortHandle;
use tokio_postgres::{Client, Error, Row, RowStream, Statement};

use crate::block_on::block_on;
use crate::error::{Cause, RequestError};
use crate::statement::{Parameter, Placeholders};

/// A connection and the statements that were prepared on it.
pub(crate) struct Connection {
    client: Client,
    /// Stops the task that drives the connection.
    task: AbortHandle,
    prepared: HashMap<&'static str, Statement>,
    placeholders: Arc<Placeholders>,
    response_timeout: Option<Duration>,
    is_unnamed: bool,
}

impl Connection {
    pub(crate) fn new(
        (client, task): (Client, AbortHandle),
        placeholders: Arc<Placeholders>,
        response_timeout: Duration,
        is_unnamed: bool,
    ) -> Self {
        let response_timeout = Some(response_timeout);
        Self { client, task, prepared: HashMap::new(), placeholders, response_timeout, is_unnamed }
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

    /// Executes a statement and calls `visit` with each row. The limit of the time for a reply
    /// applies to each row.
    pub(crate) fn query_each(
        &mut self,
        statement: &'static str,
        parameters: &[Parameter<'_>],
        visit: &mut dyn FnMut(Row) -> Result<(), RequestError>,
    ) -> Result<(), RequestError> {
        let rows = if self.is_unnamed {
            let text = self.placeholders.fill(statement);
            let parameters = parameters.iter().map(|(value, kind)| (*value, kind.clone()));
            self.wait(self.client.query_typed_raw(&text, parameters))?
        } else {
            let prepared = self.prepare(statement, parameters)?;
            let values = parameters.iter().map(|(value, _)| *value);
            self.wait(self.client.query_raw(&prepared, values))?
        };
        self.visit_rows(rows, visit)
    }

    fn visit_rows(
        &self,
        rows: RowStream,
        visit: &mut dyn FnMut(Row) -> Result<(), RequestError>,
    ) -> Result<(), RequestError> {
        let mut rows = pin!(rows);
        while let Some(row) = self.wait_for(rows.next())? {
            visit(row.map_err(RequestError::of_reply)?)?;
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
        let text = self.placeholders.fill(statement);
        let types: Vec<_> = parameters.iter().map(|(_, kind)| kind.clone()).collect();
        let prepared = self.wait(self.client.prepare_typed(&text, &types))?;
        self.prepared.insert(statement, prepared.clone());
        Ok(prepared)
    }

    /// Executes statements that have no parameters and return no rows.
    pub(crate) fn execute(&self, statements: &str) -> Result<(), RequestError> {
        self.wait(self.client.batch_execute(&self.placeholders.fill(statements)))
    }

    /// Executes statements in one transaction. Rolls back if `work` fails.
    ///
    /// The isolation level does not depend on the server's default, because the statements after a
    /// lock must see the changes of the transaction that held the lock before.
    pub(crate) fn transaction<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, RequestError>,
    ) -> Result<T, RequestError> {
        self.execute("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")?;
        match work(self) {
            Ok(result) => self.execute("COMMIT").map(|()| result),
            Err(error @ RequestError::ReplyLost(_)) => Err(error),
            Err(error) => self.execute("ROLLBACK").and(Err(error)),
        }
    }

    /// Executes work whose statements can take any time.
    pub(crate) fn unlimited<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, RequestError>,
    ) -> Result<T, RequestError> {
        let timeout = self.response_timeout.take();
        let result = work(self);
        self.response_timeout = timeout;
        result
    }

    /// Stops using the connection at once, without a farewell to the server.
    pub(crate) fn abort(&self) {
        self.task.abort();
    }

    fn wait<T>(&self, reply: impl Future<Output = Result<T, Error>>) -> Result<T, RequestError> {
        self.wait_for(reply)?.map_err(RequestError::of_reply)
    }

    fn wait_for<F: Future>(&self, reply: F) -> Result<F::Output, RequestError> {
        let deadline = self.response_timeout.map(|timeout| Instant::now() + timeout);
        let lost = || {
            let waited = self.response_timeout.unwrap_or_default();
            RequestError::ReplyLost(Cause::NoReply(waited))
        };
        block_on(reply, deadline).ok_or_else(lost)
    }
}
