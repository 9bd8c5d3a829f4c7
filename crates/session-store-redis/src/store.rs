//! `RedisStore` as a `Store`. Each method names its operation for messages, and calls the module
//! that performs the operation.

use std::fmt;
use std::slice;
use std::sync::Arc;

use session_store_core::{
    Capabilities, Capability, Head, ListOptions, LogEntry, Maintenance, Page, PodStore, SegmentId,
    SegmentInfo, SegmentKey, SessionId, Store, StoreError, TraceEntry, TracePage,
};

use crate::client::Client;
use crate::write::{Expected, Mode, Write};
use crate::{info, listing, lookup, read, remove, write};

const CAPABILITIES: Capabilities = Capabilities::NONE
    .with(Capability::ConditionalAppend)
    .with(Capability::ConditionalPut)
    .with(Capability::ReadTraces)
    .with(Capability::Delete)
    .with(Capability::Epoch)
    .with(Capability::AtomicBatch)
    .with(Capability::Persistent)
    .with(Capability::MultiProcess);

/// A store in Redis: one server, a master behind Sentinels, or a Cluster.
///
/// Every change is one script or one transaction. A batch, a replaced segment or a deleted session
/// is therefore stored as a whole or not at all ([A7](session_store_core::contract#a7),
/// [C2](session_store_core::contract#c2)). Threads can share a handle, which has a few connections
/// to each server. The handle replaces a lost connection and sends the command again. A change that
/// arrives twice is made once ([A6](session_store_core::contract#a6)).
///
/// A process that was made by `fork` must open the store again ([handles and
/// processes](session_store_core::Store#handles-and-processes)). A handle from before the fork
/// shares the connections of the parent process. One process could then read the replies to
/// commands of the other process.
///
/// A clone shares the handle and its connections.
#[derive(Clone)]
pub struct RedisStore {
    pub(crate) client: Arc<Client>,
    warnings: Arc<[String]>,
}

impl RedisStore {
    pub(crate) fn new(client: Client, warnings: Vec<String>) -> Self {
        Self { client: client.into(), warnings: warnings.into() }
    }

    /// Returns the server settings that can lose data, as of the opening of the store.
    ///
    /// A warning names a server that may evict stored data, or that can lose acknowledged changes
    /// in a crash or a power cut.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    fn write(
        &self,
        operation: &str,
        key: SegmentKey,
        (mode, expected): (Mode, Expected),
        entries: &[LogEntry],
    ) -> Result<Head, StoreError> {
        self.client.perform(format_args!("{operation} {key}"), |client| {
            Write { client, key, mode, expected, entries }.run()
        })
    }

    fn truncate_to(
        &self,
        key: SegmentKey,
        expected: Expected,
        entries_len: usize,
    ) -> Result<Head, StoreError> {
        self.client.perform(format_args!("truncate {key}"), |client| {
            remove::truncate(client, key, expected, entries_len)
        })
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("url", &self.client.place()).finish_non_exhaustive()
    }
}

impl Store for RedisStore {
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
        self.client.perform("list sessions", listing::sessions)
    }

    fn list_segments(&self, session_id: SessionId) -> Result<Vec<SegmentId>, StoreError> {
        let operation = format_args!("list the segments of session {session_id}");
        let listed =
            self.client.perform(operation, |client| listing::segments(client, &[session_id]));
        listed.map(|segments| segments.concat())
    }

    fn lookup_session_of(&self, segment_id: SegmentId) -> Result<Option<SessionId>, StoreError> {
        self.client.perform(format_args!("look up segment {segment_id}"), |client| {
            lookup::session_of(client, segment_id)
        })
    }

    fn create_segment(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entries: &[LogEntry],
    ) -> Result<(), StoreError> {
        let (key, how) = ((session_id, segment_id).into(), (Mode::Replace, Expected::Any));
        self.write("create", key, how, entries).map(drop)
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
        let key = SegmentKey { session_id, segment_id };
        self.client.perform(format_args!("append to the trace of {key}"), |client| {
            write::trace(client, key, entry)
        })
    }

    fn truncate(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entries_len: usize,
    ) -> Result<(), StoreError> {
        self.truncate_to((session_id, segment_id).into(), Expected::Any, entries_len).map(drop)
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
        let (key, how) = ((session_id, segment_id).into(), (Mode::Append, Expected::Any));
        self.write("append to", key, how, entries).map(drop)
    }

    fn read_page(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        start: usize,
        max_bytes: usize,
    ) -> Result<Page, StoreError> {
        let key = SegmentKey { session_id, segment_id };
        self.client
            .perform(format_args!("read {key}"), |client| read::page(client, key, start, max_bytes))
    }

    fn head(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<Option<Head>, StoreError> {
        Ok(self.segment_info(session_id, segment_id)?.map(|info| info.head))
    }

    fn segment_info(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<Option<SegmentInfo>, StoreError> {
        let key = SegmentKey { session_id, segment_id };
        self.client.perform(format_args!("read the metadata of {key}"), |client| {
            Ok(info::of(client, &[key])?.pop().flatten())
        })
    }

    fn list_infos(
        &self,
        options: &ListOptions,
    ) -> Result<Vec<(SegmentKey, SegmentInfo)>, StoreError> {
        self.client.perform("list segments", |client| info::list(client, *options))
    }

    fn append_if(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        expected: Option<Head>,
        entries: &[LogEntry],
    ) -> Result<Head, StoreError> {
        let how = (Mode::Append, Expected::Exactly(expected));
        self.write("append to", (session_id, segment_id).into(), how, entries)
    }

    fn truncate_if(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        expected: Head,
        entries_len: usize,
    ) -> Result<Head, StoreError> {
        let expected = Expected::Exactly(Some(expected));
        self.truncate_to((session_id, segment_id).into(), expected, entries_len)
    }

    fn read_trace_page(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        start: usize,
        max_bytes: usize,
    ) -> Result<TracePage, StoreError> {
        let key = SegmentKey { session_id, segment_id };
        self.client.perform(format_args!("read the trace of {key}"), |client| {
            read::trace_page(client, key, start, max_bytes).map(TracePage::new)
        })
    }

    fn delete_segment(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<bool, StoreError> {
        let key = SegmentKey { session_id, segment_id };
        self.client.perform(format_args!("delete {key}"), |client| remove::segment(client, key))
    }

    fn delete_session(&self, session_id: SessionId) -> Result<bool, StoreError> {
        self.client.perform(format_args!("delete session {session_id}"), |client| {
            remove::session(client, session_id)
        })
    }
}
