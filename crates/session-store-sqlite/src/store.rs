//! The `Store` trait over the database: each method is one transaction.

use std::fmt;
use std::path::Path;
use std::slice;

use session_store_core::{
    Capabilities, Capability, Head, LogEntry, Page, PodStore, SegmentId, SessionId, Store,
    StoreError, TraceEntry, TracePage,
};

use crate::SqliteOptions;
use crate::database::Database;
use crate::entries::{self, Origin};
use crate::log::{self, Log, Part};

const CAPABILITIES: Capabilities = Capabilities::NONE
    .with(Capability::ConditionalAppend)
    .with(Capability::ReadTraces)
    .with(Capability::Delete)
    .with(Capability::DurableSync)
    .with(Capability::Epoch)
    .with(Capability::AtomicBatch)
    .with(Capability::Persistent)
    .with(Capability::MultiProcess);

/// A store in one SQLite database file.
///
/// Every method is one transaction, so also a batch, a replaced segment and a deleted session are there
/// whole or not at all (A7, C2). A handle is made for many threads: reads wait for nothing, changes for
/// other changes.
pub struct SqliteStore {
    pub(crate) database: Database,
}

impl SqliteStore {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }

    /// Opens the store at `path`, which must exist; a mistyped path is an error, and nothing is created
    /// (S7).
    ///
    /// # Errors
    /// As [`SqliteOptions::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        SqliteOptions::new().open(path)
    }

    /// Opens the store at `path`, and makes it first if nothing is there. Its folder must exist.
    ///
    /// # Errors
    /// As [`SqliteOptions::open`].
    pub fn open_or_create(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        SqliteOptions::new().create(true).open(path)
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
        self.database.read("list sessions", log::sessions)
    }

    fn list_segments(&self, session_id: SessionId) -> Result<Vec<SegmentId>, StoreError> {
        let attempt = format_args!("list segments of session {session_id}");
        self.database.read(attempt, |connection| log::segments(connection, session_id))
    }

    fn lookup_session_of(&self, segment_id: SegmentId) -> Result<Option<SessionId>, StoreError> {
        let attempt = format_args!("look up segment {segment_id}");
        self.database.read(attempt, |connection| log::session_of(connection, segment_id))
    }

    fn create_segment(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entries: &[LogEntry],
    ) -> Result<(), StoreError> {
        self.database.write(format_args!("create segment {segment_id}"), |connection| {
            let mut log = log::find_or_create(connection, (session_id, segment_id), Part::Log)?;
            log.cut(connection, 0)?;
            log.append(connection, entries.iter().map(LogEntry::as_json))
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
        let attempt = format_args!("append to the trace of segment {segment_id}");
        self.database.write(attempt, |connection| {
            let mut trace = log::find_or_create(connection, (session_id, segment_id), Part::Trace)?;
            trace.append(connection, [entry.as_json()].into_iter())
        })
    }

    fn truncate(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entries_len: usize,
    ) -> Result<(), StoreError> {
        self.database.write(format_args!("truncate segment {segment_id}"), |connection| {
            let mut log = log::known(connection, (session_id, segment_id))?;
            log.truncate(connection, segment_id, entries_len)
        })
    }

    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    fn pods(&self) -> Option<&dyn PodStore> {
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
        self.database.write(format_args!("append to segment {segment_id}"), |connection| {
            let mut log = log::find_or_create(connection, (session_id, segment_id), Part::Log)?;
            log.append(connection, entries.iter().map(LogEntry::as_json))
        })
    }

    fn read_page(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        start: usize,
        max_bytes: usize,
    ) -> Result<Page, StoreError> {
        self.database.read(format_args!("read segment {segment_id}"), |connection| {
            let log = log::known(connection, (session_id, segment_id))?;
            let origin = Origin { segment_id, part: Part::Log };
            let build = LogEntry::from_block;
            let entries = entries::read(connection, &log, origin, build, start, max_bytes)?;
            Ok(Page::new(entries, log.head()))
        })
    }

    fn head(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<Option<Head>, StoreError> {
        self.database.read(format_args!("look at segment {segment_id}"), |connection| {
            let log = log::find(connection, (session_id, segment_id), Part::Log)?;
            Ok(log.as_ref().map(Log::head))
        })
    }

    fn append_if(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        expected: Option<Head>,
        entries: &[LogEntry],
    ) -> Result<Head, StoreError> {
        let key = (session_id, segment_id);
        self.database.write(format_args!("append to segment {segment_id}"), |connection| {
            expect(log::find(connection, key, Part::Log)?.as_ref(), expected)?;
            let mut log = log::find_or_create(connection, key, Part::Log)?;
            log.append(connection, entries.iter().map(LogEntry::as_json))?;
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
        let key = (session_id, segment_id);
        self.database.write(format_args!("truncate segment {segment_id}"), |connection| {
            expect(log::find(connection, key, Part::Log)?.as_ref(), Some(expected))?;
            let mut log = log::known(connection, key)?;
            log.truncate(connection, segment_id, entries_len)?;
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
        let attempt = format_args!("read the trace of segment {segment_id}");
        self.database.read(attempt, |connection| {
            let Some(trace) = log::find(connection, (session_id, segment_id), Part::Trace)? else {
                return Ok(TracePage::default());
            };
            let origin = Origin { segment_id, part: Part::Trace };
            let build = TraceEntry::from_block;
            let entries = entries::read(connection, &trace, origin, build, start, max_bytes)?;
            Ok(TracePage::new(entries))
        })
    }

    fn delete_segment(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<bool, StoreError> {
        let attempt = format_args!("delete segment {segment_id}");
        self.database
            .write(attempt, |connection| log::delete(connection, session_id, Some(segment_id)))
    }

    fn delete_session(&self, session_id: SessionId) -> Result<bool, StoreError> {
        let attempt = format_args!("delete session {session_id}");
        self.database.write(attempt, |connection| log::delete(connection, session_id, None))
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.database.sync()
    }
}

/// Fails unless the head of `log` is `expected` (H2).
fn expect(log: Option<&Log>, expected: Option<Head>) -> Result<(), StoreError> {
    let actual = log.map(Log::head);
    if actual == expected { Ok(()) } else { Err(StoreError::Conflict { expected, actual }) }
}
