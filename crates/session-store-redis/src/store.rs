//! The `Store` trait over the client: what each method asks of the server.

use std::fmt;
use std::slice;
use std::time::Instant;

use session_store_core::{
    Capabilities, Capability, Head, LogEntry, Page, PodStore, SegmentId, SessionId, Store,
    StoreError, TraceEntry, TracePage,
};

use crate::RedisOptions;
use crate::answer::Answer;
use crate::client::Client;
use crate::write::{Expected, Extent, Mode, Write};
use crate::{listing, lookup, read, write};

const CAPABILITIES: Capabilities = Capabilities::NONE
    .with(Capability::ConditionalAppend)
    .with(Capability::ReadTraces)
    .with(Capability::Delete)
    .with(Capability::Epoch)
    .with(Capability::AtomicBatch)
    .with(Capability::Persistent)
    .with(Capability::MultiProcess);

/// A store in Redis: one server, a master behind Sentinels, or a Cluster.
///
/// Every change is one script, so also a batch, a replaced segment and a deleted session are there whole or
/// not at all (A7, C2). A handle is made for many threads, which share a few connections to each server.
/// A connection that is lost is replaced, and what was under way is sent again; a change that arrives twice
/// is done once (A6).
pub struct RedisStore {
    pub(crate) client: Client,
    warnings: Vec<String>,
}

impl RedisStore {
    pub(crate) fn new(client: Client, warnings: Vec<String>) -> Self {
        Self { client, warnings }
    }

    /// Opens the store at a URL, as [`RedisUrl`](crate::RedisUrl) has them, which must exist; a mistyped
    /// prefix or database is an error, and nothing is created (S7).
    ///
    /// # Errors
    /// As [`RedisOptions::open`].
    pub fn open(url: &str) -> Result<Self, StoreError> {
        RedisOptions::new().open(url)
    }

    /// Opens the store at a URL, and makes it first if nothing is there.
    ///
    /// # Errors
    /// As [`RedisOptions::open`].
    pub fn open_or_create(url: &str) -> Result<Self, StoreError> {
        RedisOptions::new().create(true).open(url)
    }

    /// What an operator should know about the servers' configuration, as it was when the store was opened:
    /// whether they may evict what is stored, and what a power cut can lose. Nothing, if all is well.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Writes down again, for every segment, which session holds it, and returns how many were missing.
    /// Nothing else is changed, and others may use the store meanwhile.
    ///
    /// Lookups need this after a failover of one node of a Cluster has lost what it had been told last,
    /// while the segments, on other nodes, were kept.
    ///
    /// # Errors
    /// [`StoreError::Io`] or [`StoreError::Backend`]; the call can be repeated.
    pub fn rebuild_lookups(&self) -> Result<usize, StoreError> {
        lookup::rebuild(&self.client)
    }

    fn write(
        &self,
        attempt: fmt::Arguments<'_>,
        key: (SessionId, SegmentId),
        (mode, expected): (Mode, Expected),
        entries: &[LogEntry],
    ) -> Result<Head, StoreError> {
        Write { client: &self.client, key, mode, expected, entries }.run(attempt)
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
        listing::sessions(&self.client)
    }

    fn list_segments(&self, session_id: SessionId) -> Result<Vec<SegmentId>, StoreError> {
        listing::segments(&self.client, session_id)
    }

    fn lookup_session_of(&self, segment_id: SegmentId) -> Result<Option<SessionId>, StoreError> {
        lookup::session_of(&self.client, segment_id)
    }

    fn create_segment(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entries: &[LogEntry],
    ) -> Result<(), StoreError> {
        let attempt = format_args!("create segment {segment_id}");
        let how = (Mode::Replace, Expected::Any);
        self.write(attempt, (session_id, segment_id), how, entries).map(drop)
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
        write::trace(&self.client, (session_id, segment_id), entry.as_json())
    }

    fn truncate(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entries_len: usize,
    ) -> Result<(), StoreError> {
        let key = (session_id, segment_id);
        write::truncate(&self.client, key, Expected::Any, entries_len).map(drop)
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
        let attempt = format_args!("append to segment {segment_id}");
        let how = (Mode::Append, Expected::Any);
        self.write(attempt, (session_id, segment_id), how, entries).map(drop)
    }

    fn read_page(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        start: usize,
        max_bytes: usize,
    ) -> Result<Page, StoreError> {
        read::page(&self.client, (session_id, segment_id), start, max_bytes)
    }

    fn head(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<Option<Head>, StoreError> {
        read::head(&self.client, (session_id, segment_id))
    }

    fn append_if(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        expected: Option<Head>,
        entries: &[LogEntry],
    ) -> Result<Head, StoreError> {
        let attempt = format_args!("append to segment {segment_id}");
        let how = (Mode::Append, Expected::Exactly(expected));
        self.write(attempt, (session_id, segment_id), how, entries)
    }

    fn truncate_if(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        expected: Head,
        entries_len: usize,
    ) -> Result<Head, StoreError> {
        let expected = Expected::Exactly(Some(expected));
        write::truncate(&self.client, (session_id, segment_id), expected, entries_len)
    }

    fn read_trace_page(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        start: usize,
        max_bytes: usize,
    ) -> Result<TracePage, StoreError> {
        let key = (session_id, segment_id);
        read::trace_page(&self.client, key, start, max_bytes).map(TracePage::new)
    }

    fn delete_segment(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<bool, StoreError> {
        let attempt = format_args!("delete segment {segment_id}");
        let answer = write::delete(&self.client, attempt, session_id, Extent::Part, &[segment_id])?;
        Ok(answer == Answer::Done)
    }

    fn delete_session(&self, session_id: SessionId) -> Result<bool, StoreError> {
        let attempt = format_args!("delete session {session_id}");
        let deadline = self.client.deadline();
        loop {
            let mut all = listing::segments(&self.client, session_id)?;
            all.extend(listing::traces(&self.client, session_id)?);
            all.sort_unstable();
            all.dedup();
            match write::delete(&self.client, attempt, session_id, Extent::Whole, &all)? {
                Answer::Grown if Instant::now() < deadline => {}
                Answer::Grown => {
                    let reason = "it got new segments again and again meanwhile";
                    return Err(self.client.unlucky(attempt, reason));
                }
                answer => return Ok(answer == Answer::Done),
            }
        }
    }
}
