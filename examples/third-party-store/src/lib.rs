//! A session store over the embedded database redb.
//!
//! The store implements only the nine required methods of the trait `Store`, and declares no
//! capabilities. All other methods have the provided bodies of the trait. The README explains the
//! decisions.

use std::path::Path;

use redb::{Database, ReadableDatabase, ReadableTable, Table, TableDefinition};
use session_store_core::{
    BackendError, LogEntry, SegmentId, SessionId, Store, StoreError, TraceEntry,
};
use uuid::Uuid;

/// The ids of a session and a segment, as integers, which sort in the same order as the bytes of
/// the ids.
type RowKey = (u128, u128);

/// The number of entries of each segment.
const SEGMENTS: TableDefinition<RowKey, u64> = TableDefinition::new("segments");
/// The text of each entry, by session, segment and position.
const ENTRIES: TableDefinition<(u128, u128, u64), &str> = TableDefinition::new("entries");
/// The text of each trace entry, by session, segment and position.
const TRACES: TableDefinition<(u128, u128, u64), &str> = TableDefinition::new("traces");
/// For each segment id, the first session that had a segment with this id.
const HOLDERS: TableDefinition<u128, u128> = TableDefinition::new("holders");

/// A store in one file. redb cannot open a file twice, so share the store in an `Arc`.
pub struct RedbStore {
    database: Database,
}

fn key(session_id: SessionId, segment_id: SegmentId) -> RowKey {
    (Uuid::from(session_id).as_u128(), Uuid::from(segment_id).as_u128())
}

/// Returns a function that adds the operation to any error of redb.
fn failed<E: Into<redb::Error>>(operation: &'static str) -> impl FnOnce(E) -> StoreError {
    move |error| BackendError::new(operation, false, error.into()).into()
}

impl RedbStore {
    /// Opens the file, or creates it if it does not exist.
    ///
    /// # Errors
    /// If redb cannot open or create the file.
    pub fn open_or_create(path: &Path) -> Result<Self, StoreError> {
        let store = Self { database: Database::create(path).map_err(failed("open the database"))? };
        // All tables exist from now on, so reading needs no special case.
        store.write("create the tables", |tables| {
            tables.open_table(SEGMENTS)?;
            tables.open_table(ENTRIES)?;
            tables.open_table(TRACES)?;
            tables.open_table(HOLDERS)?;
            Ok(())
        })?;
        Ok(store)
    }

    /// Runs `change` in one transaction, which applies the whole change or nothing. redb runs one
    /// write transaction at a time, so concurrent appends are executed one after the other.
    fn write<T>(
        &self,
        operation: &'static str,
        change: impl FnOnce(&redb::WriteTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, StoreError> {
        let run = || {
            let transaction = self.database.begin_write()?;
            let result = change(&transaction)?;
            transaction.commit()?;
            Ok(result)
        };
        run().map_err(failed::<redb::Error>(operation))
    }

    /// Runs `read` on a snapshot of the database.
    fn read<T>(
        &self,
        operation: &'static str,
        read: impl FnOnce(&redb::ReadTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, StoreError> {
        let run = || read(&self.database.begin_read()?);
        run().map_err(failed::<redb::Error>(operation))
    }

    fn count(&self, key: RowKey) -> Result<Option<u64>, StoreError> {
        self.read("count entries", |tables| {
            Ok(tables.open_table(SEGMENTS)?.get(key)?.map(|count| count.value()))
        })
    }
}

/// Appends a text to a segment, and returns the new number of texts.
fn push(
    table: &mut Table<'_, (u128, u128, u64), &str>,
    (session, segment): RowKey,
    text: &str,
) -> Result<u64, redb::Error> {
    let all = (session, segment, 0)..=(session, segment, u64::MAX);
    let last = table.range(all)?.next_back().transpose()?;
    let next = last.map_or(0, |(key, _)| key.value().2 + 1);
    table.insert((session, segment, next), text)?;
    Ok(next + 1)
}

/// Stores the number of entries of a segment, and its session if no session has had a segment with
/// this id.
fn set_count(tables: &redb::WriteTransaction, key: RowKey, count: u64) -> Result<(), redb::Error> {
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
        self.write("append an entry", |tables| {
            let count = push(&mut tables.open_table(ENTRIES)?, key, entry.as_json())?;
            set_count(tables, key, count)
        })
    }

    fn read_all(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<Vec<LogEntry>, StoreError> {
        let (session, segment) = key(session_id, segment_id);
        let texts = self.read("read a log", |tables| {
            if tables.open_table(SEGMENTS)?.get((session, segment))?.is_none() {
                return Ok(None);
            }
            let entries = tables.open_table(ENTRIES)?;
            let all = (session, segment, 0)..=(session, segment, u64::MAX);
            let range = entries.range(all)?;
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
        let (session, segment) = key(session_id, segment_id);
        self.write("create a segment", |tables| {
            let mut table = tables.open_table(ENTRIES)?;
            let all = (session, segment, 0)..=(session, segment, u64::MAX);
            table.retain_in(all, |_, _| false)?;
            for (position, entry) in (0..).zip(entries) {
                table.insert((session, segment, position), entry.as_json())?;
            }
            set_count(tables, (session, segment), entries.len() as u64)
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
        self.write("append a trace entry", |tables| {
            push(&mut tables.open_table(TRACES)?, key, entry.as_json()).map(drop)
        })
    }
}
