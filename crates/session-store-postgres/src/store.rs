//! The `Store` trait over the server.

use std::fmt;
use std::slice;
use std::sync::Arc;

use session_store_core::{
    Capabilities, Capability, Entry, Head, ListOptions, LogEntry, Maintenance, Page, PodStore,
    SegmentId, SegmentInfo, SegmentKey, SessionId, Store, StoreError, TraceEntry, TracePage,
};

use crate::append;
use crate::client::{Changed, Client};
use crate::listing;
use crate::read;
use crate::rewrite;
use crate::segment::{LogName, head};
use crate::write::{Expected, Write};

const CAPABILITIES: Capabilities = Capabilities::NONE
    .with(Capability::ConditionalAppend)
    .with(Capability::ReadTraces)
    .with(Capability::Delete)
    .with(Capability::DurableSync)
    .with(Capability::Epoch)
    .with(Capability::AtomicBatch)
    .with(Capability::Persistent)
    .with(Capability::MultiProcess)
    .with(Capability::ConditionalPut);

/// A store in a schema of a PostgreSQL database.
///
/// Every method executes one statement or one transaction. Many threads can use one handle. Each
/// call that runs at the same time uses a connection of its own. Calls block the thread, also
/// inside an asynchronous runtime.
///
/// A process that was made by `fork` must open the store again
/// ([handles and processes](session_store_core::Store#handles-and-processes)).
///
/// A clone shares the handle and its connections.
#[derive(Clone)]
pub struct PostgresStore {
    pub(crate) client: Arc<Client>,
    warnings: Arc<[String]>,
}

impl PostgresStore {
    pub(crate) fn new(client: Client, warnings: Vec<String>) -> Self {
        Self { client: client.into(), warnings: warnings.into() }
    }

    /// Returns warnings about settings of the server that can lose changes, and about triggers and
    /// rules on the tables. The warnings are from the moment when the store was opened.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    fn append_to<E: Entry>(
        &self,
        verb: &str,
        log: LogName,
        expected: Expected,
        entries: &[E],
    ) -> Result<Changed, StoreError> {
        let write = Write { log, expected, texts: entries.iter().map(E::as_json).collect() };
        write.check_sizes()?;
        self.client.change(format_args!("{verb} {log}"), |connection, id| {
            append::append(connection, id, &write)
        })
    }

    fn truncate_to(
        &self,
        key: SegmentKey,
        expected: Expected,
        kept: usize,
    ) -> Result<Changed, StoreError> {
        self.client.change(format_args!("truncate {key}"), |connection, id| {
            rewrite::truncate(connection, id, LogName::log(key), expected, kept)
        })
    }

    fn page<E: read::Stored>(
        &self,
        log: LogName,
        start: usize,
        max_bytes: usize,
    ) -> Result<Option<(Vec<E>, Head)>, StoreError> {
        self.client.read(format_args!("read the {log}"), |connection| {
            read::page(connection, log, start, max_bytes)
        })
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("url", &self.client.place()).finish_non_exhaustive()
    }
}

impl Store for PostgresStore {
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
        self.client.read("list sessions", listing::sessions)
    }

    fn list_segments(&self, session_id: SessionId) -> Result<Vec<SegmentId>, StoreError> {
        let operation = format_args!("list segments of session {session_id}");
        self.client.read(operation, |connection| listing::segments(connection, session_id))
    }

    fn lookup_session_of(&self, segment_id: SegmentId) -> Result<Option<SessionId>, StoreError> {
        let operation = format_args!("look up segment {segment_id}");
        self.client.read(operation, |connection| listing::session_of(connection, segment_id))
    }

    fn create_segment(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entries: &[LogEntry],
    ) -> Result<(), StoreError> {
        let key = SegmentKey { session_id, segment_id };
        let texts = entries.iter().map(LogEntry::as_json).collect();
        let write = Write { log: LogName::log(key), expected: Expected::Any, texts };
        write.check_sizes()?;
        let replace = |connection: &mut _, id| rewrite::replace(connection, id, &write);
        self.client.change(format_args!("create {key}"), replace).map(drop)
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
        let log = LogName::trace(SegmentKey { session_id, segment_id });
        self.append_to("append to the", log, Expected::Any, slice::from_ref(entry)).map(drop)
    }

    fn truncate(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entries_len: usize,
    ) -> Result<(), StoreError> {
        let key = SegmentKey { session_id, segment_id };
        self.truncate_to(key, Expected::Any, entries_len).map(drop)
    }

    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
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
        let log = LogName::log(SegmentKey { session_id, segment_id });
        self.append_to("append to the", log, Expected::Any, entries).map(drop)
    }

    fn read_page(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        start: usize,
        max_bytes: usize,
    ) -> Result<Page, StoreError> {
        let log = LogName::log(SegmentKey { session_id, segment_id });
        let page = self.page(log, start, max_bytes)?;
        let (entries, head) = page.ok_or(StoreError::NotFound(segment_id))?;
        Ok(Page::new(entries, head))
    }

    fn head(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<Option<Head>, StoreError> {
        let key = SegmentKey { session_id, segment_id };
        self.client.read(format_args!("read the head of {key}"), |connection| {
            read::head_of(connection, LogName::log(key))
        })
    }

    fn segment_info(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<Option<SegmentInfo>, StoreError> {
        let key = SegmentKey { session_id, segment_id };
        self.client.read(format_args!("read the facts of {key}"), |connection| {
            listing::info(connection, key)
        })
    }

    fn list_infos(
        &self,
        options: &ListOptions,
    ) -> Result<Vec<(SegmentKey, SegmentInfo)>, StoreError> {
        self.client.read("list segments", |connection| listing::infos(connection, options))
    }

    fn append_if(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        expected: Option<Head>,
        entries: &[LogEntry],
    ) -> Result<Head, StoreError> {
        if let (Some(head), true) = (expected, entries.is_empty()) {
            let actual = self.head(session_id, segment_id)?;
            let conflict = StoreError::Conflict { expected, actual };
            return if actual == expected { Ok(head) } else { Err(conflict) };
        }
        let log = LogName::log(SegmentKey { session_id, segment_id });
        let expected = Expected::Exactly(expected);
        let Changed { result, stamp } = self.append_to("append to the", log, expected, entries)?;
        Ok(head(result, stamp))
    }

    fn truncate_if(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        expected: Head,
        entries_len: usize,
    ) -> Result<Head, StoreError> {
        let key = SegmentKey { session_id, segment_id };
        let changed = self.truncate_to(key, Expected::Exactly(Some(expected)), entries_len)?;
        let is_unchanged = entries_len == expected.entries();
        Ok(if is_unchanged { expected } else { head(changed.result, changed.stamp) })
    }

    fn read_trace_page(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        start: usize,
        max_bytes: usize,
    ) -> Result<TracePage, StoreError> {
        let log = LogName::trace(SegmentKey { session_id, segment_id });
        let page = self.page(log, start, max_bytes)?;
        Ok(page.map_or_else(TracePage::default, |(entries, _)| TracePage::new(entries)))
    }

    fn delete_segment(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<bool, StoreError> {
        let key = SegmentKey { session_id, segment_id };
        let deleted = self.client.change(format_args!("delete {key}"), |connection, id| {
            rewrite::delete(connection, id, session_id.into(), Some(segment_id.into()))
        });
        Ok(deleted?.result > 0)
    }

    fn delete_session(&self, session_id: SessionId) -> Result<bool, StoreError> {
        let operation = format_args!("delete session {session_id}");
        let deleted = self.client.change(operation, |connection, id| {
            rewrite::delete(connection, id, session_id.into(), None)
        });
        Ok(deleted?.result > 0)
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.client.sync()
    }
}
