//! The `Store` trait: the contract of every backend, method by method. The letters and numbers in
//! brackets are the clauses of CONTRACT.md, which the conformance kit checks.

use crate::{
    Capabilities, Capability, Head, LogEntry, Page, PageBudget, PodStore, SegmentId, SessionId,
    StoreError, TraceEntry, TracePage,
};

/// A store of agent session logs.
///
/// A *session* is one conversation: a fork tree of *segments*. A *segment* is an append-only log of
/// entries. A *handle* is one value of a type that implements this trait; any number of handles, threads
/// and, with [`Capability::MultiProcess`], processes may use the same storage at once (A4). A call that
/// returned `Ok` is *acknowledged*: every handle sees its effect from then on (A3).
///
/// The nine methods without a body are the base level. The others have bodies that are right for any
/// store, slowly, or that answer [`StoreError::Unsupported`]; a backend replaces those that it can do
/// better, and declares in [`capabilities`](Self::capabilities) what it promises beyond the base level.
///
/// The trait is synchronous on purpose: an append is one small write. Asynchronous callers wrap calls in
/// their runtime's `spawn_blocking`.
pub trait Store: Send + Sync {
    /// Appends one entry to the end of the segment's log, creating segment and session with it (A2).
    ///
    /// The entry is visible to every handle once the call returns (A3), after all entries that were
    /// acknowledged before the call, and in the writer's own order (A1, A4). It is stored whole or not at
    /// all, and never glued to the remains of another (A5).
    ///
    /// # Errors
    /// [`StoreError::TooLarge`], [`StoreError::Io`], [`StoreError::Backend`]: nothing was changed, and the
    /// next call works once the cause is gone (A5). [`StoreError::Indeterminate`]: the entry is there once
    /// or not at all (A6). No implementation resends by itself where that could append twice.
    fn append(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entry: &LogEntry,
    ) -> Result<(), StoreError>;

    /// All entries of the segment's log, in order, byte for byte (A1, E1). An empty segment gives an empty
    /// list (R1). Reading changes nothing (R2), and what it returns is a prefix of what later reads
    /// return, whatever writers do meanwhile, truncate, replace and delete aside (R3).
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an unknown segment; [`StoreError::Corrupt`] with the line where stored
    /// bytes are no entry (R4). Nothing is skipped in silence.
    fn read_all(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<Vec<LogEntry>, StoreError>;

    /// The ids of all sessions with at least one segment, each once, in descending order of their bytes,
    /// so that the newest comes first (L1). Traces and pods make no session (L3).
    ///
    /// # Errors
    /// [`StoreError::Io`] or [`StoreError::Backend`]. A broken log does not make listing fail (R4).
    fn list_sessions(&self) -> Result<Vec<SessionId>, StoreError>;

    /// The ids of the session's segments, in the order of [`list_sessions`](Self::list_sessions); none for
    /// an unknown session (L2).
    ///
    /// # Errors
    /// As [`list_sessions`](Self::list_sessions).
    fn list_segments(&self, session_id: SessionId) -> Result<Vec<SegmentId>, StoreError>;

    /// A session that holds the segment now, or `None`. While that session holds it, the answer stays the
    /// same (L5), also where other sessions have a segment of the same id (A8).
    ///
    /// # Errors
    /// [`StoreError::Io`] or [`StoreError::Backend`].
    fn lookup_session_of(&self, segment_id: SegmentId) -> Result<Option<SessionId>, StoreError>;

    /// Makes a segment whose log is exactly `entries`; with none, an empty segment that exists and is
    /// listed (C1).
    ///
    /// **It overwrites.** On a segment that exists, the whole log is replaced and its former entries are
    /// gone. Readers, and a crash, see the old log or the new one, never a mix (C2); its traces stay. To
    /// create only where nothing is, use [`append_if`](Self::append_if) with `None`.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    fn create_segment(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entries: &[LogEntry],
    ) -> Result<(), StoreError>;

    /// Whether the segment exists: from its first create or append on, empty or not. Never creates
    /// anything (C3).
    ///
    /// # Errors
    /// [`StoreError::Io`] or [`StoreError::Backend`].
    fn exists(&self, session_id: SessionId, segment_id: SegmentId) -> Result<bool, StoreError>;

    /// The number of entries in the segment's log. It includes every acknowledged append of any writer
    /// (C5), so a writer learns from it that it is not alone; it counts lines and does not check them (C4),
    /// and its cost does not grow with the log (C6).
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an unknown segment.
    fn read_entry_count(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<usize, StoreError>;

    /// Appends one entry to the segment's debug trace, which is separate from its log: log, count,
    /// existence and listing stay as they are, even if this call fails (X1). The segment need not exist
    /// (X2). Order, visibility and wholeness are as for [`append`](Self::append) (X4).
    ///
    /// # Errors
    /// As [`append`](Self::append).
    fn append_trace(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entry: &TraceEntry,
    ) -> Result<(), StoreError>;

    /// Keeps the first `entries_len` entries of the log and drops the rest for good (T1, T4). With 0 an
    /// empty segment remains. An append that begins after this call returned is kept; one that overlaps it
    /// is kept or cut, whole (T5). Traces stay (T6).
    ///
    /// The body given here reads the log and creates the segment anew. It is right for a store that has
    /// no better way (T7), except that appends which overlap it may be lost.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an unknown segment, which is not created (T3);
    /// [`StoreError::Corrupt`] with `line` = `entries_len` if there are fewer entries, and nothing is
    /// changed (T2).
    fn truncate(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entries_len: usize,
    ) -> Result<(), StoreError> {
        let entries = self.read_all(session_id, segment_id)?;
        match entries.get(..entries_len) {
            None => Err(StoreError::past_the_end(segment_id, entries_len, entries.len())),
            Some(all) if all.len() == entries.len() => Ok(()),
            Some(kept) => self.create_segment(session_id, segment_id, kept),
        }
    }

    /// What the store promises beyond the base level: nothing, unless it says otherwise.
    fn capabilities(&self) -> Capabilities {
        Capabilities::NONE
    }

    /// The pods of the same storage, if the store keeps any.
    fn pods(&self) -> Option<&dyn PodStore> {
        None
    }

    /// Appends the entries in order and contiguously (A7). An empty slice does nothing and creates
    /// nothing. With [`Capability::AtomicBatch`] all entries are stored or none, under a crash too.
    ///
    /// The body given here appends one by one; a store must replace it to be contiguous under concurrent
    /// writers.
    ///
    /// # Errors
    /// As [`append`](Self::append), if nothing was stored; [`StoreError::Partial`] says how many were, and
    /// stay.
    fn append_all(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entries: &[LogEntry],
    ) -> Result<(), StoreError> {
        for (appended, entry) in entries.iter().enumerate() {
            self.append(session_id, segment_id, entry).map_err(|error| match appended {
                0 => error,
                _ => StoreError::Partial { appended, source: Box::new(error) },
            })?;
        }
        Ok(())
    }

    /// The entries from position `start` on whose texts fit in `max_bytes`, at least one if any is there,
    /// and the head of the same moment (R6). Past the end the page is empty. Pages in sequence equal
    /// [`read_all`](Self::read_all).
    ///
    /// The body given here reads the whole log for each page.
    ///
    /// # Errors
    /// As [`read_all`](Self::read_all), but [`StoreError::Corrupt`] only for a bad line inside the page.
    fn read_page(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        start: usize,
        max_bytes: usize,
    ) -> Result<Page, StoreError> {
        let all = self.read_all(session_id, segment_id)?;
        let head = Head::new(all.len(), 0);
        let mut budget = PageBudget::new(max_bytes);
        let fits = |entry: &LogEntry| budget.admits(entry.as_json().len());
        Ok(Page::new(all.into_iter().skip(start).take_while(fits).collect(), head))
    }

    /// The segment's head, or `None` for an unknown segment (H1).
    ///
    /// The body given here has no epoch: its token is constant.
    ///
    /// # Errors
    /// [`StoreError::Io`] or [`StoreError::Backend`].
    fn head(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<Option<Head>, StoreError> {
        match self.read_entry_count(session_id, segment_id) {
            Ok(entries) => Ok(Some(Head::new(entries, 0))),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Appends the entries if the segment's head still is `expected`, and returns the new head. `None`
    /// expects that the segment does not exist, and creates it, with no entries too. Comparison and append
    /// are one step: of any number of writers that hold the same head, exactly one wins (H2). After a lost
    /// reply the call may be repeated with the old head; it cannot append twice (H5).
    ///
    /// # Errors
    /// [`StoreError::Conflict`] with both heads, and nothing is changed; [`StoreError::Unsupported`]
    /// without [`Capability::ConditionalAppend`] (H3); else as [`append_all`](Self::append_all).
    fn append_if(
        &self,
        _session_id: SessionId,
        _segment_id: SegmentId,
        _expected: Option<Head>,
        _entries: &[LogEntry],
    ) -> Result<Head, StoreError> {
        unsupported("append_if", Capability::ConditionalAppend)
    }

    /// Truncates if the segment's head still is `expected`, and returns the new head: a writer can roll
    /// back its own entries without cutting another's (H6).
    ///
    /// # Errors
    /// [`StoreError::Conflict`] with both heads, for an unknown segment too, and nothing is changed;
    /// [`StoreError::Unsupported`] without [`Capability::ConditionalAppend`]; else as
    /// [`truncate`](Self::truncate).
    fn truncate_if(
        &self,
        _session_id: SessionId,
        _segment_id: SegmentId,
        _expected: Head,
        _entries_len: usize,
    ) -> Result<Head, StoreError> {
        unsupported("truncate_if", Capability::ConditionalAppend)
    }

    /// The trace entries from position `start` on whose texts fit in `max_bytes`, at least one if any is
    /// there (X3). An empty page is the end; a segment without a trace has an empty first page.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for a bad line inside the page; [`StoreError::Unsupported`] without
    /// [`Capability::ReadTraces`].
    fn read_trace_page(
        &self,
        _session_id: SessionId,
        _segment_id: SegmentId,
        _start: usize,
        _max_bytes: usize,
    ) -> Result<TracePage, StoreError> {
        unsupported("read_trace_page", Capability::ReadTraces)
    }

    /// Deletes the segment's log and trace, and says whether there was either (D1). Listing, lookup and
    /// `exists` agree at once. An append that begins afterwards makes a new segment.
    ///
    /// # Errors
    /// [`StoreError::Unsupported`] without [`Capability::Delete`].
    fn delete_segment(
        &self,
        _session_id: SessionId,
        _segment_id: SegmentId,
    ) -> Result<bool, StoreError> {
        unsupported("delete_segment", Capability::Delete)
    }

    /// Deletes all segments of the session with their traces, and says whether there was anything (D1).
    ///
    /// # Errors
    /// [`StoreError::Unsupported`] without [`Capability::Delete`]. After another error some segments may
    /// be deleted already; the call can be repeated.
    fn delete_session(&self, _session_id: SessionId) -> Result<bool, StoreError> {
        unsupported("delete_session", Capability::Delete)
    }

    /// Makes everything durable, through a power cut, that this handle acknowledged before the call (S4).
    ///
    /// # Errors
    /// [`StoreError::Unsupported`] without [`Capability::DurableSync`]; [`StoreError::Indeterminate`] if a
    /// sync failed: it cannot be repeated, so the handle refuses further changes.
    fn sync(&self) -> Result<(), StoreError> {
        unsupported("sync", Capability::DurableSync)
    }
}

fn unsupported<T>(operation: &'static str, capability: Capability) -> Result<T, StoreError> {
    Err(StoreError::Unsupported { operation, capability })
}
