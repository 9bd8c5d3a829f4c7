//! Writers. If the reply to a change is lost, the row of the writer shows whether the change was
//! executed.
//!
//! A writer has a row in the table `writer`, and gives its changes sequence numbers. The
//! transaction of a change locks the row of the writer, and writes the number and the result of the
//! change to the row. A change is executed only if the row has the preceding number. So if the
//! server has lost a change of a writer, later changes of the writer are not executed, and a sync
//! finds the loss in the row.
//!
//! After a lost reply, a fence finds the outcome: it writes the number of the change to the row,
//! unless the row already has this number. The fence waits while the change is being executed,
//! because the change has locked the row. There are two cases after the fence. If the row already
//! had the number, the change was executed, and the row has its result. Otherwise the change will
//! never be executed, because the row no longer has the preceding number.
//!
//! The row contains only the last change. So a writer starts the next change only when it knows the
//! outcome of the last change.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use uuid::Uuid;

use crate::connection::Connection;
use crate::error::RequestError;
use crate::statement::{Parameter, int, uuid};

/// Inserts the row of a new writer. Deletes the rows of writers that have made no change for 7
/// days.
///
/// The 7 days are longer than [`COMPARED_FOR`], so a sync finds each row that it compares.
///
/// A change does not create the row of its writer. So a change that arrives after the row was
/// deleted is not executed.
const REGISTER: &str = "WITH outdated AS (
        DELETE FROM {s}.writer WHERE token IN (
            SELECT token FROM {s}.writer WHERE changed < now() - interval '7 days'
            LIMIT 100 FOR UPDATE SKIP LOCKED))
    INSERT INTO {s}.writer (token, sequence, result, changed) VALUES ($1, 0, 0, now())";

/// The maximum age of a change that a sync compares with the row of its writer. An older change has
/// been on disk for days. Also, another handle may have deleted the row.
const COMPARED_FOR: Duration = Duration::from_secs(6 * 24 * 60 * 60);

/// Prevents a change that was not executed yet. Returns the result of a change that was executed.
///
/// The statement changes the row in both cases. So the commit of the fence waits for the disk, as
/// the commit of the change would.
const FENCE: &str = "WITH found AS MATERIALIZED (
        SELECT sequence, result, {commit} FROM {s}.writer WHERE token = $1 FOR UPDATE
    ), fenced AS (
        UPDATE {s}.writer SET sequence = $2, changed = now(),
            result = CASE WHEN found.sequence < $2 THEN -1 ELSE found.result END
        FROM found WHERE token = $1 AND found.sequence >= $2 - 1
    )
    SELECT result FROM found WHERE sequence = $2 AND result >= 0";

/// One writer, used by one thread at a time.
#[derive(Debug)]
pub(crate) struct Writer {
    token: Uuid,
    /// The number that the row of the writer has.
    sequence: i64,
}

/// The id of a change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChangeId {
    token: Uuid,
    sequence: i64,
    /// A random mark of the change. It becomes the token of the log's head.
    pub(crate) stamp: Uuid,
}

/// Locks the row of the writer, and sets for what the commit of the transaction waits.
const BEGIN: &str =
    "SELECT {commit} FROM {s}.writer WHERE token = $1 AND sequence = $2 - 1 FOR UPDATE";

const RECORD: &str = "UPDATE {s}.writer SET sequence = $2, result = $3, changed = now()
    WHERE token = $1";

impl Writer {
    /// Inserts the row of a new writer.
    pub(crate) fn register(connection: &mut Connection) -> Result<Self, RequestError> {
        let token = Uuid::new_v4();
        connection.query(REGISTER, &[uuid(&token)])?;
        Ok(Self { token, sequence: 0 })
    }

    /// Returns the id of the next change. If the server has refused a change, the next change gets
    /// the same number.
    pub(crate) fn next(&self) -> ChangeId {
        ChangeId { token: self.token, sequence: self.sequence + 1, stamp: Uuid::new_v4() }
    }

    /// Records that the row has the number of a change.
    pub(crate) fn advance(&mut self, id: ChangeId) {
        self.sequence = id.sequence;
    }
}

impl ChangeId {
    /// The first two parameters of each statement of a change.
    pub(crate) fn parameters(&self) -> [Parameter<'_>; 2] {
        [uuid(&self.token), int(&self.sequence)]
    }

    /// Executes a statement that locks and changes the row of the writer. The result of the
    /// statement is null if it has changed nothing.
    pub(crate) fn execute(
        &self,
        connection: &mut Connection,
        statement: &'static str,
        parameters: &[Parameter<'_>],
    ) -> Result<Option<i64>, RequestError> {
        let rows = connection.query(statement, parameters)?;
        Ok(rows.first().ok_or(RequestError::UnknownWriter)?.get(0))
    }

    /// Makes the change in a transaction. `work` returns the result, which the transaction writes
    /// to the row of the writer.
    pub(crate) fn transaction(
        &self,
        connection: &mut Connection,
        work: impl FnOnce(&mut Connection) -> Result<i64, RequestError>,
    ) -> Result<i64, RequestError> {
        connection.transaction(|connection| {
            if connection.query(BEGIN, &self.parameters())?.is_empty() {
                return Err(RequestError::UnknownWriter);
            }
            let result = work(connection)?;
            let [token, sequence] = self.parameters();
            connection.query(RECORD, &[token, sequence, int(&result)])?;
            Ok(result)
        })
    }

    /// Waits until the change has been executed or can never be executed. Returns the result of an
    /// executed change.
    pub(crate) fn fence(&self, connection: &mut Connection) -> Result<Option<i64>, RequestError> {
        let rows = connection.query(FENCE, &self.parameters())?;
        Ok(rows.first().map(|row| row.get(0)))
    }
}

/// The writers of a handle. Each change takes a writer while it runs.
#[derive(Default)]
pub(crate) struct Writers(Mutex<State>);

#[derive(Default)]
struct State {
    idle: Vec<Writer>,
    /// The last acknowledged change of each writer and its time, since the last sync.
    acknowledged: HashMap<Uuid, (i64, SystemTime)>,
}

impl Writers {
    /// Takes an idle writer, if there is one.
    pub(crate) fn take(&self) -> Option<Writer> {
        self.lock().idle.pop()
    }

    /// Adds a writer to the idle writers. The outcome of the writer's last change must be known.
    pub(crate) fn put_back(&self, writer: Writer, is_acknowledged: bool) {
        let mut state = self.lock();
        if is_acknowledged {
            state.acknowledged.insert(writer.token, (writer.sequence, SystemTime::now()));
        }
        state.idle.push(writer);
    }

    /// Returns the last acknowledged change of each writer. Leaves out changes that are older than
    /// [`COMPARED_FOR`].
    pub(crate) fn acknowledged(&self, now: SystemTime) -> HashMap<Uuid, i64> {
        let mut state = self.lock();
        let is_old = |time| now.duration_since(time).is_ok_and(|age| age > COMPARED_FOR);
        state.acknowledged.retain(|_, (_, time)| !is_old(*time));
        state.acknowledged.iter().map(|(token, (sequence, _))| (*token, *sequence)).collect()
    }

    /// Removes changes from `acknowledged`, because they are durable now.
    pub(crate) fn forget(&self, durable: &HashMap<Uuid, i64>) {
        self.lock().acknowledged.retain(|token, (last, _)| durable.get(token) != Some(last));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_of_deleted_rows_are_not_compared() {
        let writers = Writers::default();
        let token = Uuid::new_v4();
        writers.put_back(Writer { token, sequence: 3 }, true);
        let days = |days: u64| SystemTime::now() + Duration::from_secs(days * 24 * 60 * 60);
        assert_eq!(writers.acknowledged(days(5)), HashMap::from([(token, 3)]));
        assert_eq!(writers.acknowledged(days(7)), HashMap::new());
    }
}
