//! The `Store` trait over the database: each method is one transaction.

use std::fmt;
use std::slice;
use std::sync::Arc;

use rusqlite::Connection;
use session_store_core::{
    Capabilities, Capability, Head, ListOptions, LogEntry, Maintenance, Page, PageRequest,
    PodStore, SegmentId, SegmentInfo, SegmentKey, SessionId, Store, StoreError, TraceEntry,
    TracePage,
};

use crate::database::Database;
use crate::entries;
use crate::error::DatabaseError;
use crate::listing;
use crate::log_row::{self, LogKind, SegmentRows};
use crate::quarantine;

/// The capabilities of every handle.
const CAPABILITIES: Capabilities = Capabilities::NONE
    .with(Capability::ConditionalAppend)
    .with(Capability::ReadTraces)
    .with(Capability::Delete)
    .with(Capability::DurableSync)
    .with(Capability::Epoch)
    .with(Capability::AtomicBatch)
    .with(Capability::Persistent)
    .with(Capability::ConditionalPut);

/// A store in one SQLite database file.
///
/// Every method is one transaction, so a batch ([A7](session_store_core::contract#a7)), a replaced
/// segment ([C2](session_store_core::contract#c2)), or a deleted session is visible completely or
/// not at all. Many threads can use one handle. Reads do not wait for changes, except as described
/// in [`busy_timeout`](crate::SqliteOptions::busy_timeout).
///
/// A process that was made by `fork` must open the store again
/// ([handles and processes](session_store_core::Store#handles-and-processes)): SQLite
/// connections and their locks do not survive a fork.
///
/// A clone shares the handle.
#[derive(Clone)]
pub struct SqliteStore {
    pub(crate) database: Arc<Database>,
}

impl SqliteStore {
    pub(crate) fn new(database: Database) -> Self {
        Self { database: database.into() }
    }

    /// Runs `query` on the rows of a segment. The verb names the operation in errors.
    fn read<T>(
        &self,
        verb: &str,
        session_id: SessionId,
        segment_id: SegmentId,
        query: impl Fn(SegmentRows<'_>) -> Result<T, DatabaseError>,
    ) -> Result<T, StoreError> {
        let key = SegmentKey { session_id, segment_id };
        let query = |connection: &_| query(SegmentRows { connection, key });
        self.database.read(format_args!("{verb} {key}"), query)
    }

    /// Runs `change` on the rows of a segment. The verb names the operation in errors.
    fn write<T>(
        &self,
        verb: &str,
        session_id: SessionId,
        segment_id: SegmentId,
        change: impl FnOnce(SegmentRows<'_>) -> Result<T, DatabaseError>,
    ) -> Result<T, StoreError> {
        let key = SegmentKey { session_id, segment_id };
        let change = |connection: &_| change(SegmentRows { connection, key });
        self.database.write(format_args!("{verb} {key}"), change)
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.database.path()).finish_non_exhaustive()
    }
}

impl Store for SqliteStore {
    fn append(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entry: &LogEntry,
    ) -> Result<(), StoreError> {
        self.append_all(session_id, segment_id, slice::from_ref(entry))
    }

    fn read_all(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<Vec<LogEntry>, StoreError> {
        self.read_page(session_id, segment_id, 0, usize::MAX).map(|page| page.entries)
    }

    fn list_sessions(&self) -> Result<Vec<SessionId>, StoreError> {
        self.database.read("list sessions", listing::sessions)
    }

    fn list_segments(&self, session_id: SessionId) -> Result<Vec<SegmentId>, StoreError> {
        let operation = format_args!("list segments of session {session_id}");
        self.database.read(operation, |connection| listing::segments(connection, session_id))
    }

    fn lookup_session_of(&self, segment_id: SegmentId) -> Result<Option<SessionId>, StoreError> {
        let operation = format_args!("look up segment {segment_id}");
        self.database.read(operation, |connection| listing::session_of(connection, segment_id))
    }

    fn create_segment(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entries: &[LogEntry],
    ) -> Result<(), StoreError> {
        self.write("create", session_id, segment_id, |segment| {
            let mut log = segment.find_or_create(LogKind::Log)?;
            log.cut(0)?;
            log.append(entries)
        })
    }

    fn exists(&self, session_id: SessionId, segment_id: SegmentId) -> Result<bool, StoreError> {
        self.head(session_id, segment_id).map(|head| head.is_some())
    }

    fn read_entry_count(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<usize, StoreError> {
        let head = self.head(session_id, segment_id)?;
        head.map(|head| head.entries()).ok_or(StoreError::NotFound(segment_id))
    }

    fn append_trace(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entry: &TraceEntry,
    ) -> Result<(), StoreError> {
        self.write("append to the trace of", session_id, segment_id, |segment| {
            segment.find_or_create(LogKind::Trace)?.append(slice::from_ref(entry))
        })
    }

    fn truncate(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entries_len: usize,
    ) -> Result<(), StoreError> {
        self.write("truncate", session_id, segment_id, |segment| {
            segment.find_log()?.truncate(entries_len)
        })
    }

    fn capabilities(&self) -> Capabilities {
        match self.database.settings.is_exclusive {
            true => CAPABILITIES,
            false => CAPABILITIES.with(Capability::MultiProcess),
        }
    }

    fn pods(&self) -> Option<&dyn PodStore> {
        Some(self)
    }

    fn maintenance(&self) -> Option<&dyn Maintenance> {
        Some(self)
    }

    fn append_all(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entries: &[LogEntry],
    ) -> Result<(), StoreError> {
        if entries.is_empty() {
            return Ok(());
        }
        self.write("append to", session_id, segment_id, |segment| {
            segment.find_or_create(LogKind::Log)?.append(entries)
        })
    }

    fn read_page(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        start: usize,
        max_bytes: usize,
    ) -> Result<Page, StoreError> {
        self.read("read", session_id, segment_id, |segment| {
            let log = segment.find_log()?;
            let entries = entries::read_page(&log, &LogEntry::from_block, start, max_bytes)?;
            Ok(Page::new(entries, log.head()))
        })
    }

    fn read_page_matching(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        PageRequest { start, max_bytes, .. }: PageRequest,
        matches: &dyn Fn(&str) -> bool,
    ) -> Result<(Vec<Option<LogEntry>>, Option<Head>), StoreError> {
        self.read("read", session_id, segment_id, |segment| {
            let log = segment.find_log()?;
            let build = entries::build_matching(matches);
            let entries = entries::read_page(&log, &build, start, max_bytes)?;
            Ok((entries, Some(log.head())))
        })
    }

    fn head(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<Option<Head>, StoreError> {
        self.read("read the head of", session_id, segment_id, |segment| {
            Ok(segment.find(LogKind::Log)?.map(|log| log.head()))
        })
    }

    fn segment_info(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<Option<SegmentInfo>, StoreError> {
        self.read("read the facts of", session_id, segment_id, |segment| {
            listing::segment_info(segment)
        })
    }

    fn list_infos(
        &self,
        options: &ListOptions,
    ) -> Result<Vec<(SegmentKey, SegmentInfo)>, StoreError> {
        self.database.read("list segments", |connection| listing::infos(connection, options))
    }

    fn append_if(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        expected: Option<Head>,
        entries: &[LogEntry],
    ) -> Result<Head, StoreError> {
        self.write("append to", session_id, segment_id, |segment| {
            segment.check_head(expected)?;
            let mut log = segment.find_or_create(LogKind::Log)?;
            log.append(entries)?;
            Ok(log.head())
        })
    }

    fn truncate_if(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        expected: Head,
        entries_len: usize,
    ) -> Result<Head, StoreError> {
        self.write("truncate", session_id, segment_id, |segment| {
            segment.check_head(Some(expected))?;
            let mut log = segment.find_log()?;
            log.truncate(entries_len)?;
            Ok(log.head())
        })
    }

    fn read_trace_page(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        start: usize,
        max_bytes: usize,
    ) -> Result<TracePage, StoreError> {
        self.read("read the trace of", session_id, segment_id, |segment| {
            let Some(trace) = segment.find(LogKind::Trace)? else {
                return Ok(TracePage::default());
            };
            let entries = entries::read_page(&trace, &TraceEntry::from_block, start, max_bytes)?;
            Ok(TracePage::new(entries))
        })
    }

    fn delete_segment(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<bool, StoreError> {
        self.write("delete", session_id, segment_id, |segment| {
            delete(segment.connection, session_id, Some(segment_id))
        })
    }

    fn delete_session(&self, session_id: SessionId) -> Result<bool, StoreError> {
        let operation = format_args!("delete session {session_id}");
        self.database.write(operation, |connection| delete(connection, session_id, None))
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.database.sync()
    }
}

/// Deletes segments with their quarantined rows. Returns whether a segment was deleted.
fn delete(
    connection: &Connection,
    session_id: SessionId,
    segment_id: Option<SegmentId>,
) -> Result<bool, DatabaseError> {
    quarantine::delete(connection, session_id, segment_id)?;
    log_row::delete(connection, session_id, segment_id)
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use rusqlite::limits::Limit;

    use super::*;

    fn fresh() -> (tempfile::TempDir, SqliteStore, SessionId, SegmentId) {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open_or_create(folder.path().join("sessions.db")).unwrap();
        (folder, store, SessionId::new(), SegmentId::new())
    }

    fn entry(size: usize) -> LogEntry {
        LogEntry::from_json(format!(r#"{{"x":"{}"}}"#, "y".repeat(size - 8))).unwrap()
    }

    #[test]
    fn a_panic_during_a_change_rolls_it_back() {
        let (_folder, store, session, segment) = fresh();
        let change = AssertUnwindSafe(|| {
            store.database.write("panic", |connection| -> Result<(), DatabaseError> {
                connection.execute("INSERT INTO pod VALUES ('half', '{}')", ())?;
                panic!("during the change");
            })
        });
        assert!(catch_unwind(change).is_err());
        let query = AssertUnwindSafe(|| {
            store
                .database
                .read("panic", |_| -> Result<(), DatabaseError> { panic!("during the query") })
        });
        assert!(catch_unwind(query).is_err());
        store.append(session, segment, &entry(8)).unwrap();
        assert_eq!(store.read_entry_count(session, segment).unwrap(), 1);
        assert!(store.pods().unwrap().list_pods().unwrap().is_empty());
    }

    #[test]
    fn an_entry_over_the_limit_is_too_large_and_nothing_is_stored() {
        let (_folder, store, session, segment) = fresh();
        let limited = store.database.write("limit", |connection| {
            Ok(connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, 10_512)?)
        });
        limited.unwrap();
        let log = [entry(10_000), entry(10_001)];
        let error = store.append_all(session, segment, &log).unwrap_err();
        assert!(matches!(error, StoreError::TooLarge { size: 10_001, limit: 10_000 }), "{error:?}");
        assert!(!store.exists(session, segment).unwrap());
        store.append(session, segment, &log[0]).unwrap();
    }

    #[test]
    fn a_database_that_cannot_grow_is_a_full_disk() {
        let (_folder, store, session, segment) = fresh();
        store.append(session, segment, &entry(8)).unwrap();
        let limit_pages = |pages: u32| {
            let pragma = format!("PRAGMA max_page_count = {pages}");
            let limited = store
                .database
                .write("limit", |connection| Ok(connection.query_row(&pragma, (), |_| Ok(()))?));
            limited.unwrap();
        };
        limit_pages(20);
        let batch = vec![entry(5_000); 50];
        let error = store.append_all(session, segment, &batch).unwrap_err();
        assert!(
            matches!(&error, StoreError::Io(io) if io.kind() == io::ErrorKind::StorageFull),
            "{error:?}"
        );
        assert_eq!(store.read_all(session, segment).unwrap(), [entry(8)]);
        limit_pages(1000);
        store.append_all(session, segment, &batch).unwrap();
        assert_eq!(store.read_entry_count(session, segment).unwrap(), 51);
    }
}
