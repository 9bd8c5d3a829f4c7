//! A session store over the embedded database redb: the nine methods that a store must have, and no more.
//! What it declares is the base level; everything beyond is the trait's own.

use std::path::Path;

use redb::{Database, ReadableDatabase, ReadableTable, Table, TableDefinition};
use session_store_core::{
    BackendError, LogEntry, SegmentId, SessionId, Store, StoreError, TraceEntry,
};
use uuid::Uuid;

/// Session and segment. Integers sort as their big-endian bytes do, which is the order of ids.
type Key = (u128, u128);

/// How many entries each segment has.
const SEGMENTS: TableDefinition<Key, u64> = TableDefinition::new("segments");
/// Session, segment and position, and the text.
const ENTRIES: TableDefinition<(u128, u128, u64), &str> = TableDefinition::new("entries");
/// The same for traces.
const TRACES: TableDefinition<(u128, u128, u64), &str> = TableDefinition::new("traces");
/// The session that came to hold a segment first.
const HOLDERS: TableDefinition<u128, u128> = TableDefinition::new("holders");

/// A store in one file. Share it in an `Arc`: redb lets a file be opened once.
pub struct RedbStore {
    database: Database,
}

fn key(session_id: SessionId, segment_id: SegmentId) -> Key {
    (Uuid::from(session_id).as_u128(), Uuid::from(segment_id).as_u128())
}

/// Says what was tried, whatever of redb's errors it was.
fn failed<E: Into<redb::Error>>(attempt: &'static str) -> impl FnOnce(E) -> StoreError {
    move |error| BackendError::new(attempt, false, error.into()).into()
}

impl RedbStore {
    /// Opens the file, and makes it if it is not there.
    ///
    /// # Errors
    /// What redb says.
    pub fn open_or_create(path: &Path) -> Result<Self, StoreError> {
        let store = Self { database: Database::create(path).map_err(failed("open the database"))? };
        // Tables that exist need no special case when they are read.
        store.write("make the tables", |tables| {
            (tables.open_table(SEGMENTS)?, tables.open_table(ENTRIES)?);
            (tables.open_table(TRACES)?, tables.open_table(HOLDERS)?);
            Ok(())
        })?;
        Ok(store)
    }

    /// One transaction: all of `change` or nothing. redb lets one writer in at a time.
    fn write<T>(
        &self,
        attempt: &'static str,
        change: impl FnOnce(&redb::WriteTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, StoreError> {
        let tried = || {
            let transaction = self.database.begin_write()?;
            let result = change(&transaction)?;
            transaction.commit()?;
            Ok(result)
        };
        tried().map_err(failed::<redb::Error>(attempt))
    }

    /// One moment of the database.
    fn read<T>(
        &self,
        attempt: &'static str,
        look: impl FnOnce(&redb::ReadTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, StoreError> {
        let tried = || look(&self.database.begin_read()?);
        tried().map_err(failed::<redb::Error>(attempt))
    }

    fn count(&self, key: Key) -> Result<Option<u64>, StoreError> {
        self.read("count", |tables| {
            Ok(tables.open_table(SEGMENTS)?.get(key)?.map(|count| count.value()))
        })
    }
}

/// Puts a text behind the last one.
fn push(
    table: &mut Table<'_, (u128, u128, u64), &str>,
    (s, g): Key,
    text: &str,
) -> Result<u64, redb::Error> {
    let last = table.range((s, g, 0)..=(s, g, u64::MAX))?.next_back().transpose()?;
    let next = last.map_or(0, |(place, _)| place.value().2 + 1);
    table.insert((s, g, next), text)?;
    Ok(next + 1)
}

/// Notes the first holder, and the count.
fn note(tables: &redb::WriteTransaction, key: Key, count: u64) -> Result<(), redb::Error> {
    tables.open_table(SEGMENTS)?.insert(key, count)?;
    let mut holders = tables.open_table(HOLDERS)?;
    if holders.get(key.1)?.is_none() {
        holders.insert(key.1, key.0)?;
    }
    Ok(())
}

impl Store for RedbStore {
    fn append(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entry: &LogEntry,
    ) -> Result<(), StoreError> {
        let key = key(session_id, segment_id);
        self.write("append", |tables| {
            let count = push(&mut tables.open_table(ENTRIES)?, key, entry.as_json())?;
            note(tables, key, count)
        })
    }

    fn read_all(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<Vec<LogEntry>, StoreError> {
        let (s, g) = key(session_id, segment_id);
        let texts = self.read("read a log", |tables| {
            if tables.open_table(SEGMENTS)?.get((s, g))?.is_none() {
                return Ok(None);
            }
            let entries = tables.open_table(ENTRIES)?;
            let range = entries.range((s, g, 0)..=(s, g, u64::MAX))?;
            let texts: Result<Vec<_>, _> =
                range.map(|row| row.map(|(_, text)| text.value().to_owned())).collect();
            Ok(Some(texts?))
        })?;
        let texts = texts.ok_or(StoreError::NotFound(segment_id))?;
        let entry = |(line, text)| {
            LogEntry::from_json(text).map_err(|error| StoreError::Corrupt {
                line,
                message: format!("segment {segment_id}, entry {line}: {error}"),
            })
        };
        (1..).zip(texts).map(entry).collect()
    }

    fn list_sessions(&self) -> Result<Vec<SessionId>, StoreError> {
        self.read("list sessions", |tables| {
            let mut sessions = Vec::new();
            for row in tables.open_table(SEGMENTS)?.iter()?.rev() {
                let session = SessionId::from(Uuid::from_u128(row?.0.value().0));
                if sessions.last() != Some(&session) {
                    sessions.push(session);
                }
            }
            Ok(sessions)
        })
    }

    fn list_segments(&self, session_id: SessionId) -> Result<Vec<SegmentId>, StoreError> {
        let session = Uuid::from(session_id).as_u128();
        self.read("list segments", |tables| {
            let segments = tables.open_table(SEGMENTS)?;
            let own = segments.range((session, 0)..=(session, u128::MAX))?.rev();
            own.map(|row| Ok(SegmentId::from(Uuid::from_u128(row?.0.value().1)))).collect()
        })
    }

    fn lookup_session_of(&self, segment_id: SegmentId) -> Result<Option<SessionId>, StoreError> {
        self.read("look up a segment", |tables| {
            let holder = tables.open_table(HOLDERS)?.get(Uuid::from(segment_id).as_u128())?;
            Ok(holder.map(|session| Uuid::from_u128(session.value()).into()))
        })
    }

    fn create_segment(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entries: &[LogEntry],
    ) -> Result<(), StoreError> {
        let (s, g) = key(session_id, segment_id);
        self.write("create a segment", |tables| {
            let mut table = tables.open_table(ENTRIES)?;
            table.retain_in((s, g, 0)..=(s, g, u64::MAX), |_, _| false)?;
            for (n, entry) in (0..).zip(entries) {
                table.insert((s, g, n), entry.as_json())?;
            }
            note(tables, (s, g), entries.len() as u64)
        })
    }

    fn exists(&self, session_id: SessionId, segment_id: SegmentId) -> Result<bool, StoreError> {
        Ok(self.count(key(session_id, segment_id))?.is_some())
    }

    fn read_entry_count(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<usize, StoreError> {
        let count = self.count(key(session_id, segment_id))?;
        count.map(|count| count as usize).ok_or(StoreError::NotFound(segment_id))
    }

    fn append_trace(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entry: &TraceEntry,
    ) -> Result<(), StoreError> {
        let key = key(session_id, segment_id);
        self.write("append a trace", |tables| {
            push(&mut tables.open_table(TRACES)?, key, entry.as_json()).map(drop)
        })
    }
}
