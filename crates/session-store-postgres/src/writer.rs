//! Writers: the ids that make it harmless to send a change again.
//!
//! A writer has a row in the table `writer`, and numbers its changes. A change locks the row of its
//! writer, and does nothing if the row already has its number. Otherwise it writes its number and
//! its result into the row, in the same transaction. So a second copy of a change does nothing and
//! returns the result of the first copy. A second copy waits while the first copy is being
//! executed, because the first copy has locked the row.
//!
//! The row contains the last change only. A writer therefore has one change in flight, and starts
//! the next change only when it knows the outcome of the last change.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio_postgres::Row;
use uuid::Uuid;

use crate::connection::Connection;
use crate::error::{Cause, RequestError};
use crate::statement::{int, uuid};

/// Rows of writers that are older than this are deleted.
///
/// A change does not create the row of its writer. So a copy that arrives after the row was deleted
/// is not executed.
const REGISTER: &str = "WITH outdated AS (
        DELETE FROM {s}.writer WHERE token IN (
            SELECT token FROM {s}.writer WHERE changed < now() - interval '7 days'
            LIMIT 100 FOR UPDATE SKIP LOCKED))
    INSERT INTO {s}.writer (token, sequence, result, changed) VALUES ($1, 0, 0, now())";

/// The result in the row of a change that must not be executed any more.
const FENCED: i64 = -1;

const FENCE: &str = "UPDATE {s}.writer SET sequence = $2, result = -1, changed = now()
    WHERE token = $1 AND sequence < $2 RETURNING 1";

const FIND: &str = "SELECT sequence, result FROM {s}.writer WHERE token = $1";

/// One writer, used by one thread at a time.
#[derive(Debug)]
pub(crate) struct Writer {
    token: Uuid,
    sequence: i64,
}

/// The id of a change. The copies of a change have the same id.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChangeId {
    pub(crate) token: Uuid,
    pub(crate) sequence: i64,
    /// A random mark of the change, which becomes the token of the head.
    pub(crate) stamp: Uuid,
}

/// Locks the row of the writer, and sets how the commit of the transaction waits.
const BEGIN: &str = "SELECT sequence, result, {commit} FROM {s}.writer WHERE token = $1 FOR UPDATE";

const RECORD: &str = "UPDATE {s}.writer SET sequence = $2, result = $3, changed = now()
    WHERE token = $1";

/// The outcome of [`ChangeId::fence`].
pub(crate) enum Fenced {
    /// No copy of the change was executed, and none will be.
    NotExecuted,
    /// A copy was executed with this result.
    Executed(i64),
}

impl Writer {
    /// Inserts the row of a new writer.
    pub(crate) fn register(connection: &mut Connection) -> Result<Self, RequestError> {
        let token = Uuid::new_v4();
        connection.query(REGISTER, &[uuid(&token)])?;
        Ok(Self { token, sequence: 0 })
    }

    /// Returns the id of the next change.
    pub(crate) fn next(&mut self) -> ChangeId {
        self.sequence += 1;
        ChangeId { token: self.token, sequence: self.sequence, stamp: Uuid::new_v4() }
    }
}

impl ChangeId {
    /// Makes the change in a transaction, unless an earlier copy was executed. `work` returns the
    /// result, which is recorded.
    pub(crate) fn transaction(
        self,
        connection: &mut Connection,
        work: impl FnOnce(&mut Connection) -> Result<i64, RequestError>,
    ) -> Result<i64, RequestError> {
        connection.transaction(|connection| {
            let rows = connection.query(BEGIN, &[uuid(&self.token)])?;
            if let Some(result) = self.recorded(rows.first())? {
                return Ok(result);
            }
            let result = work(connection)?;
            let record = [uuid(&self.token), int(&self.sequence), int(&result)];
            connection.query(RECORD, &record)?;
            Ok(result)
        })
    }

    /// Returns the result of an earlier copy of the change, from the first two columns of a row:
    /// those of the writer before this copy.
    pub(crate) fn recorded(self, row: Option<&Row>) -> Result<Option<i64>, RequestError> {
        let row = row.ok_or(RequestError::UnknownWriter)?;
        if row.get::<_, i64>(0) < self.sequence {
            return Ok(None);
        }
        match row.get(1) {
            FENCED => Err(RequestError::Prevented),
            result => Ok(Some(result)),
        }
    }

    /// Prevents the execution of all copies of the change, unless one was executed.
    pub(crate) fn fence(self, connection: &mut Connection) -> Result<Fenced, RequestError> {
        if !connection.query(FENCE, &[uuid(&self.token), int(&self.sequence)])?.is_empty() {
            return Ok(Fenced::NotExecuted);
        }
        match connection.query(FIND, &[uuid(&self.token)])?.first() {
            Some(row) => Ok(match row.get(1) {
                FENCED => Fenced::NotExecuted,
                result => Fenced::Executed(result),
            }),
            None => Err(RequestError::ReplyLost(Cause::RecordLost)),
        }
    }
}

/// The writers of a handle. Each change takes a writer while it runs.
#[derive(Default)]
pub(crate) struct Writers(Mutex<State>);

#[derive(Default)]
struct State {
    idle: Vec<Writer>,
    /// The last acknowledged change of each writer, since the last sync.
    acknowledged: HashMap<Uuid, i64>,
}

impl Writers {
    /// Takes an idle writer, if there is one.
    pub(crate) fn take(&self) -> Option<Writer> {
        self.lock().idle.pop()
    }

    /// Adds a writer to the idle ones. The outcome of its last change must be known.
    pub(crate) fn put_back(&self, writer: Writer, is_acknowledged: bool) {
        let mut state = self.lock();
        if is_acknowledged {
            state.acknowledged.insert(writer.token, writer.sequence);
        }
        state.idle.push(writer);
    }

    /// Returns the last acknowledged change of each writer.
    pub(crate) fn acknowledged(&self) -> HashMap<Uuid, i64> {
        self.lock().acknowledged.clone()
    }

    /// Forgets changes that are durable.
    pub(crate) fn forget(&self, durable: &HashMap<Uuid, i64>) {
        self.lock().acknowledged.retain(|token, sequence| durable.get(token) != Some(sequence));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
