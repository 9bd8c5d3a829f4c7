//! The `Store` trait: the contract of every backend, method by method.

use crate::{
    Capabilities, Capability, Head, ListOptions, LogEntry, Maintenance, Page, PageBudget,
    PageRequest, PodStore, SegmentId, SegmentInfo, SegmentKey, SessionId, StoreError, TraceEntry,
    TracePage,
};

/// A store of agent session logs.
///
/// A *session* is one conversation: a fork tree of *segments*. A *segment* is an append-only log of
/// entries. A *storage* is the place where the data is, such as a folder or a database. A *handle*
/// is one opened value of a type that implements this trait. Any number of handles and threads can
/// use the same storage at once ([A4](crate::contract#a4)). With [`Capability::MultiProcess`], any
/// number of processes can do so too. A call that returned `Ok` is *acknowledged*: every handle
/// sees its effect from then on ([A3](crate::contract#a3)).
///
/// The nine methods without a body are the base level. The other methods have provided bodies. Some
/// of these bodies work for every store, but slowly. The others return [`StoreError::Unsupported`].
/// A backend overrides the methods that it can implement better, and declares its promises beyond
/// the base level in [`capabilities`](Self::capabilities). A link such as [A4](crate::contract#a4)
/// leads to a clause of the [`contract`](crate::contract). The clause is the full text of a
/// promise.
///
/// The trait is synchronous because an append is one small write. Asynchronous callers wrap calls
/// in their runtime's `spawn_blocking`.
///
/// # Handles and processes
///
/// A handle is only for the process that opened it. After a `fork`, the child must not use the
/// handles of its parent, and must open the store again. Parent and child would share the locks,
/// files and connections of these handles. So the locks would not exclude the two processes from
/// each other, and the requests and replies of both processes would mix.
pub trait Store: Send + Sync {
    /// Appends one entry to the end of the segment's log.
    ///
    /// The call creates the segment and its session if they do not exist
    /// ([A2](crate::contract#a2)). Every handle sees the entry once the call returns
    /// ([A3](crate::contract#a3)). The entry follows all entries that were acknowledged before the
    /// call, and entries of one writer keep their order ([A1](crate::contract#a1),
    /// [A4](crate::contract#a4)). The entry is stored as a whole or not at all. The entry is never
    /// joined to an earlier entry that was written only in part ([A5](crate::contract#a5)).
    ///
    /// # Errors
    /// - [`StoreError::TooLarge`], [`StoreError::Io`], [`StoreError::Backend`]: nothing is changed,
    ///   and the next call works once the cause is gone ([A5](crate::contract#a5)).
    /// - [`StoreError::Indeterminate`]: the entry is stored once or not at all
    ///   ([A6](crate::contract#a6)). An implementation never sends an append again if the entry
    ///   could then be stored twice.
    fn append(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entry: &LogEntry,
    ) -> Result<(), StoreError>;

    /// Reads all entries of the segment's log, in order and byte for byte.
    ///
    /// An empty segment gives an empty list ([R1](crate::contract#r1)). Reading changes nothing
    /// ([R2](crate::contract#r2)). While other writers append, the result is a prefix of the
    /// results of later reads ([R3](crate::contract#r3)).
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an unknown segment. [`StoreError::Corrupt`] with the number of
    /// the line if stored bytes are not an entry ([R4](crate::contract#r4)). No line is skipped
    /// silently. A handle on files can check each line only once ([R8](crate::contract#r8)).
    fn read_all(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<Vec<LogEntry>, StoreError>;

    /// Returns the ids of all sessions that have at least one segment.
    ///
    /// Each id occurs once, in descending order of its bytes, so the newest session comes first
    /// ([L1](crate::contract#l1)). A trace or a pod alone does not make a session
    /// ([L3](crate::contract#l3)).
    ///
    /// # Errors
    /// [`StoreError::Io`] or [`StoreError::Backend`]. A corrupt log does not make a listing fail
    /// ([R4](crate::contract#r4)).
    fn list_sessions(&self) -> Result<Vec<SessionId>, StoreError>;

    /// Returns the ids of the session's segments, in the order of
    /// [`list_sessions`](Self::list_sessions).
    ///
    /// An unknown session has no segments ([L2](crate::contract#l2)).
    ///
    /// # Errors
    /// As [`list_sessions`](Self::list_sessions).
    fn list_segments(&self, session_id: SessionId) -> Result<Vec<SegmentId>, StoreError>;

    /// Returns a session that holds the segment now, or `None`.
    ///
    /// If several sessions have a segment with this id, the result is one of these sessions. The
    /// result is the same as long as this session holds the segment ([L5](crate::contract#l5),
    /// [A8](crate::contract#a8)).
    ///
    /// # Errors
    /// [`StoreError::Io`] or [`StoreError::Backend`].
    fn lookup_session_of(&self, segment_id: SegmentId) -> Result<Option<SessionId>, StoreError>;

    /// Creates a segment whose log is exactly `entries`, and **overwrites** an existing log.
    ///
    /// Without entries, the segment is empty, exists and is listed ([C1](crate::contract#c1)). If
    /// the segment exists, its whole log is replaced and its former entries are lost. Readers, and
    /// a process that starts after a crash, see the old log or the new one, never a mix
    /// ([C2](crate::contract#c2)). The trace is kept. To create a segment only if it does not
    /// exist, use [`append_if`](Self::append_if) with `None`.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    fn create_segment(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entries: &[LogEntry],
    ) -> Result<(), StoreError>;

    /// Returns whether the segment exists, even without entries. Creates nothing.
    ///
    /// A segment exists from its first create or append on ([C3](crate::contract#c3)).
    ///
    /// # Errors
    /// [`StoreError::Io`] or [`StoreError::Backend`].
    fn exists(&self, session_id: SessionId, segment_id: SegmentId) -> Result<bool, StoreError>;

    /// Returns the number of entries in the segment's log.
    ///
    /// The number includes every acknowledged append of any writer, so a writer can notice that
    /// other writers append to the segment ([C5](crate::contract#c5)). Lines are counted, but not
    /// validated ([C4](crate::contract#c4)). The cost does not grow with the log
    /// ([C6](crate::contract#c6)).
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an unknown segment.
    fn read_entry_count(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<usize, StoreError>;

    /// Appends one entry to the segment's debug trace, which is separate from the segment's log.
    ///
    /// The log, its number of entries, and the listings do not change, even if the call fails
    /// ([X1](crate::contract#x1)). The segment need not exist ([X2](crate::contract#x2)). Order,
    /// visibility and atomicity are the same as for [`append`](Self::append)
    /// ([X4](crate::contract#x4)).
    ///
    /// # Errors
    /// As [`append`](Self::append).
    fn append_trace(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entry: &TraceEntry,
    ) -> Result<(), StoreError>;

    /// Truncates the segment's log to its first `entries_len` entries.
    ///
    /// All later entries are deleted permanently ([T1](crate::contract#t1),
    /// [T4](crate::contract#t4)). Truncating to 0 leaves an empty segment. An append that starts
    /// after this call returns is kept. An append that runs concurrently is kept or deleted as a
    /// whole ([T5](crate::contract#t5)). The segment's trace is not changed
    /// ([T6](crate::contract#t6)).
    ///
    /// The provided body reads the whole log and replaces it with
    /// [`create_segment`](Self::create_segment), so appends that run concurrently can be lost. A
    /// backend with concurrent writers must override the method ([T7](crate::contract#t7)).
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an unknown segment, which is not created
    /// ([T3](crate::contract#t3)). [`StoreError::Corrupt`] with `line` = `entries_len` if the log
    /// has fewer entries, and nothing is changed ([T2](crate::contract#t2)).
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

    /// Returns the promises of the store beyond the base level. The provided body declares none.
    fn capabilities(&self) -> Capabilities {
        Capabilities::NONE
    }

    /// Returns the pods of the same storage, if the store keeps pods.
    ///
    /// A pod is a named agent with a pointer to its active session and segment.
    fn pods(&self) -> Option<&dyn PodStore> {
        None
    }

    /// Returns the checks and repairs of the storage, or `None` if the store does not have any.
    fn maintenance(&self) -> Option<&dyn Maintenance> {
        None
    }

    /// Appends the entries in order. No entries of other writers are stored between these entries.
    ///
    /// An empty slice changes nothing and creates nothing ([A7](crate::contract#a7)). With
    /// [`Capability::AtomicBatch`] all entries are stored or none, even if the process is killed.
    ///
    /// The provided body appends the entries one by one, so the entries of concurrent writers can
    /// be stored between these entries. A store that must prevent this overrides the method.
    ///
    /// # Errors
    /// As [`append`](Self::append) if nothing was stored. [`StoreError::Partial`] with the number
    /// of entries that were stored. The stored entries remain.
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

    /// Reads entries from the position `start` on, as many as fit in `max_bytes`.
    ///
    /// The size of an entry is the size of its text. The page has at least one entry, unless
    /// `start` is at or past the end of the log. The page also has the head of the log at the same
    /// moment ([R6](crate::contract#r6)). Pages in sequence equal [`read_all`](Self::read_all).
    ///
    /// The provided body reads the whole log for each page.
    ///
    /// # Errors
    /// As [`read_all`](Self::read_all). But a bad line causes [`StoreError::Corrupt`] only if the
    /// line is inside the page.
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

    /// Reads a page as [`read_page`](Self::read_page) does, with the options of a request.
    ///
    /// The head is `None` only if the request does not need the head. A store can then leave out
    /// the head to save work ([R6](crate::contract#r6)).
    ///
    /// The provided body calls `read_page`, and always returns the head.
    ///
    /// # Errors
    /// As [`read_page`](Self::read_page).
    fn read_page_with(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        request: PageRequest,
    ) -> Result<(Vec<LogEntry>, Option<Head>), StoreError> {
        let page = self.read_page(session_id, segment_id, request.start, request.max_bytes)?;
        Ok((page.entries, Some(page.head)))
    }

    /// Reads a page as [`read_page_with`](Self::read_page_with) does, and returns `None` for each
    /// entry that does not match.
    ///
    /// `matches` is called with the stored text of each entry. White space can surround this text.
    /// A search is faster with this method, because a store need not check whether a text that does
    /// not match is an entry. So the result for a bad line that does not match can be `None` too
    /// ([R7](crate::contract#r7)).
    ///
    /// The provided body checks every text.
    ///
    /// # Errors
    /// As [`read_page`](Self::read_page).
    fn read_page_matching(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        request: PageRequest,
        matches: &dyn Fn(&str) -> bool,
    ) -> Result<(Vec<Option<LogEntry>>, Option<Head>), StoreError> {
        let (entries, head) = self.read_page_with(session_id, segment_id, request)?;
        let matching = |entry: LogEntry| matches(entry.as_json()).then_some(entry);
        Ok((entries.into_iter().map(matching).collect(), head))
    }

    /// Returns the segment's head, or `None` for an unknown segment.
    ///
    /// The head consists of the number of entries and an opaque token. Conditional writes compare
    /// the head with the head that the caller expects ([H1](crate::contract#h1)).
    ///
    /// The provided body uses a constant token. So a log that was truncated and has grown back to
    /// its old length has the old head again.
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

    /// Returns facts about the segment, or `None` for an unknown segment. The log is not read.
    ///
    /// All facts are of the same moment ([L7](crate::contract#l7)). The provided body returns the
    /// head only.
    ///
    /// # Errors
    /// As [`head`](Self::head).
    fn segment_info(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<Option<SegmentInfo>, StoreError> {
        Ok(self.head(session_id, segment_id)?.map(SegmentInfo::new))
    }

    /// Returns facts about the segments of all sessions, or of the part that `options` select.
    ///
    /// The order is the same as in [`list_sessions`](Self::list_sessions) and
    /// [`list_segments`](Self::list_segments). To page through a large store, pass the last session
    /// of a page to [`ListOptions::after`] ([L8](crate::contract#l8)).
    ///
    /// The provided body calls [`segment_info`](Self::segment_info) for each segment.
    ///
    /// # Errors
    /// As [`list_sessions`](Self::list_sessions) and [`segment_info`](Self::segment_info). One
    /// damaged segment makes the whole call fail. The facts of the other segments can then be read
    /// with [`segment_info`](Self::segment_info).
    fn list_infos(
        &self,
        options: &ListOptions,
    ) -> Result<Vec<(SegmentKey, SegmentInfo)>, StoreError> {
        let mut infos = Vec::new();
        for session_id in options.select(self.list_sessions()?) {
            for segment_id in self.list_segments(session_id)? {
                // Leave out a segment that was deleted after the listing.
                if let Some(info) = self.segment_info(session_id, segment_id)? {
                    infos.push((SegmentKey { session_id, segment_id }, info));
                }
            }
        }
        Ok(infos)
    }

    /// Appends the entries if the segment's head equals `expected`, and returns the new head.
    ///
    /// `None` expects that the segment does not exist. The call then creates the segment, even
    /// without entries. The comparison and the append are one step: of several writers that expect
    /// the same head, exactly one writer succeeds ([H2](crate::contract#h2)). After a lost reply,
    /// the call can be repeated with the old head. The repetition cannot append the entries a
    /// second time ([H5](crate::contract#h5)).
    ///
    /// # Errors
    /// [`StoreError::Conflict`] with both heads, and nothing is changed.
    /// [`StoreError::Unsupported`] without [`Capability::ConditionalAppend`]
    /// ([H3](crate::contract#h3)). Otherwise as [`append_all`](Self::append_all).
    fn append_if(
        &self,
        _session_id: SessionId,
        _segment_id: SegmentId,
        _expected: Option<Head>,
        _entries: &[LogEntry],
    ) -> Result<Head, StoreError> {
        unsupported("append_if", Capability::ConditionalAppend)
    }

    /// Truncates the log if the segment's head equals `expected`, and returns the new head.
    ///
    /// With this method, a writer can remove its own entries without deleting entries of another
    /// writer ([H6](crate::contract#h6)).
    ///
    /// # Errors
    /// [`StoreError::Conflict`] with both heads, also for an unknown segment, and nothing is
    /// changed. [`StoreError::Unsupported`] without [`Capability::ConditionalAppend`]. Otherwise as
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

    /// Reads entries of the segment's trace from the position `start` on, as many as fit in
    /// `max_bytes`.
    ///
    /// The page has at least one entry unless `start` is at or past the end of the trace. An empty
    /// page is the end. A segment without a trace has an empty first page
    /// ([X3](crate::contract#x3)).
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for a bad line inside the page. [`StoreError::Unsupported`] without
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

    /// Deletes the segment's log and trace. Returns whether the log or the trace existed.
    ///
    /// Listings, lookup and `exists` agree at once that the segment is gone. An append that starts
    /// after this call returns creates a new segment ([D1](crate::contract#d1)).
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

    /// Deletes all segments of the session with their traces. Returns whether the session had a
    /// segment or a trace.
    ///
    /// # Errors
    /// [`StoreError::Unsupported`] without [`Capability::Delete`]. After another error, some
    /// segments can already be deleted, and the call can be repeated ([D1](crate::contract#d1)).
    fn delete_session(&self, _session_id: SessionId) -> Result<bool, StoreError> {
        unsupported("delete_session", Capability::Delete)
    }

    /// Makes all changes durable that this handle acknowledged before the call. Also makes all
    /// entries and pods durable that this handle has read.
    ///
    /// A durable change survives a power cut ([S4](crate::contract#s4)). The entries that a handle
    /// has read can be changes of another process, for example of a process that was killed before
    /// its own sync.
    ///
    /// # Errors
    /// [`StoreError::Unsupported`] without [`Capability::DurableSync`].
    /// [`StoreError::Indeterminate`] if a sync failed. After that, a second sync could return `Ok`
    /// although the operating system has dropped the data, so the handle refuses further changes.
    fn sync(&self) -> Result<(), StoreError> {
        unsupported("sync", Capability::DurableSync)
    }
}

fn unsupported<T>(operation: &'static str, capability: Capability) -> Result<T, StoreError> {
    Err(StoreError::Unsupported { operation, capability })
}
