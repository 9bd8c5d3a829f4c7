//! The floor of the SQLite benchmarks: the same SQL statements as in the backend, directly on a
//! connection.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row};
use serde_json::value::RawValue;
use session_store_core::{Durability, SegmentId, SessionId};
use session_store_sqlite::SqliteStore;
use uuid::Uuid;

use crate::{Done, Fallible};

/// A connection to a file with the backend's pragmas and tables.
pub(crate) struct Raw(Connection);

/// The row of a segment: its number, the number of its entries, and its epoch.
type Log = (i64, i64, [u8; 16]);

impl Raw {
    /// Creates a new file.
    pub(crate) fn create(path: &Path, durability: Durability) -> Fallible<Self> {
        drop(SqliteStore::open_or_create(path)?);
        Self::open(path, durability)
    }

    pub(crate) fn open(path: &Path, durability: Durability) -> Fallible<Self> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(30))?;
        let synchronous = match durability {
            Durability::Process => "NORMAL",
            Durability::Power => "FULL",
        };
        connection.pragma_update(None, "synchronous", synchronous)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.set_prepared_statement_cache_capacity(32);
        Ok(Self(connection))
    }

    /// Appends the texts in one transaction.
    pub(crate) fn append<'a>(
        &self,
        session: SessionId,
        segment: SegmentId,
        texts: impl Iterator<Item = &'a str>,
    ) -> Done {
        self.run("BEGIN IMMEDIATE")?;
        let (number, mut entries, epoch) = match self.find(session, segment)? {
            Some(log) => log,
            None => self.insert_log(session, segment)?,
        };
        let mut insert = self.0.prepare_cached("INSERT INTO entry (id, text) VALUES (?1, ?2)")?;
        for text in texts {
            insert.execute((number << 32 | entries, text))?;
            entries += 1;
        }
        self.0
            .prepare_cached("UPDATE log SET entries = ?2, epoch = ?3 WHERE number = ?1")?
            .execute((number, entries, epoch))?;
        self.run("COMMIT")
    }

    /// Creates a table that has only the texts of entries.
    pub(crate) fn create_bare_table(&self) -> Done {
        self.run("CREATE TABLE entries (text TEXT NOT NULL)")
    }

    /// Inserts a text into the bare table, in a transaction of its own.
    pub(crate) fn insert_bare(&self, text: &str) -> Done {
        self.0.prepare_cached("INSERT INTO entries VALUES (?1)")?.execute([text])?;
        Ok(())
    }

    /// Reads a whole log and checks each text. Returns all texts joined, and the end of each text.
    pub(crate) fn read(
        &self,
        session: SessionId,
        segment: SegmentId,
    ) -> Fallible<(String, Vec<usize>)> {
        self.run("BEGIN")?;
        let (number, entries, _) = self.find(session, segment)?.ok_or("there is no such log")?;
        let mut select = self
            .0
            .prepare_cached("SELECT id, text FROM entry WHERE id BETWEEN ?1 AND ?2 ORDER BY id")?;
        let mut rows = select.query((number << 32, number << 32 | entries))?;
        let (mut text, mut ends) = (String::new(), Vec::new());
        while let Some(row) = rows.next()? {
            let entry = row.get_ref(1)?.as_str()?;
            serde_json::from_str::<&RawValue>(entry)?;
            text.push_str(entry);
            ends.push(text.len());
        }
        drop(rows);
        self.run("COMMIT")?;
        Ok((text, ends))
    }

    /// Returns the ids of all logs.
    pub(crate) fn logs(&self) -> Fallible<Vec<(SessionId, SegmentId)>> {
        let mut select =
            self.0.prepare("SELECT session_id, segment_id FROM log WHERE trace = 0")?;
        let id = |bytes| Uuid::from_bytes(bytes);
        let logs = select
            .query_map((), |row| Ok((id(row.get(0)?).into(), id(row.get(1)?).into())))?
            .collect::<Result<_, _>>()?;
        Ok(logs)
    }

    fn run(&self, statement: &str) -> Done {
        self.0.prepare_cached(statement)?.execute(())?;
        Ok(())
    }

    fn find(&self, session: SessionId, segment: SegmentId) -> Fallible<Option<Log>> {
        let mut select = self.0.prepare_cached(
            "SELECT number, entries, epoch FROM log
             WHERE session_id = ?1 AND segment_id = ?2 AND trace = ?3",
        )?;
        let key = (blob(session.into()), blob(segment.into()), 0);
        Ok(select.query_row(key, log).optional()?)
    }

    fn insert_log(&self, session: SessionId, segment: SegmentId) -> Fallible<Log> {
        let mut insert = self.0.prepare_cached(
            "INSERT INTO log (session_id, segment_id, trace, entries, epoch)
             VALUES (?1, ?2, 0, 0, ?3) RETURNING number, entries, epoch",
        )?;
        let row = (blob(session.into()), blob(segment.into()), blob(Uuid::nil()));
        Ok(insert.query_row(row, log)?)
    }
}

fn log(row: &Row<'_>) -> rusqlite::Result<Log> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
}

fn blob(id: Uuid) -> [u8; 16] {
    id.into_bytes()
}
