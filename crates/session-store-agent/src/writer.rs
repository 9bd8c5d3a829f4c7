//! `SegmentWriter`: appends to the end of one segment. The writer detects other writers by the
//! *head*, a value that changes with every change of the log.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;
use session_store_core::{
    AppendAttempt, Capability, Head, LogEntry, Resolution, SegmentId, SegmentKey, SegmentRef,
    SessionId, Store, StoreError, StoreExt,
};

use crate::error::AgentError;
use crate::lineage::Origin;
use crate::record::count_turns;
use crate::state::RestoredState;

/// Appends to the end of one segment.
///
/// Every append fails if the head of the log is not the head that the writer saw last
/// ([`Store::append_if`]). If another writer has appended, [`append`](Self::append) returns
/// [`StoreError::Conflict`], and [`append_or_fork`](Self::append_or_fork) continues in a new
/// segment of the session. After a conflict, call [`reload`](Self::reload) to read the entries of
/// the other writer. Then this writer can append to the segment again.
///
/// # Unknown outcomes
///
/// If a store cannot determine whether an append happened ([`StoreError::Indeterminate`]), the
/// writer tries to find out, as [`AppendAttempt`] describes. If the writer cannot find out either,
/// the method returns `Indeterminate`. The caller must then **call the method again with the same
/// entries**. The entries are stored once in total. The second call can also contain further
/// entries after the same entries. A call that does not begin with the same entries first finds out
/// whether the entries of the earlier call are stored.
///
/// Two writers that append the same bytes at the same position cannot be distinguished. Entries
/// should therefore contain something unique to their writer, such as a time or an id.
///
/// # Secrets
///
/// [`map_entries`](Self::map_entries) changes entries before they are sent, for example to remove
/// secrets. Do not let the store change the entries instead. The stored entries would then differ
/// from the sent entries, and after a lost reply the writer would not recognize its own entries in
/// the log.
///
/// # Stores without conditional appends
///
/// The constructors return [`StoreError::Unsupported`] for a store without
/// [`Capability::ConditionalAppend`]. [`BestEffort`](crate::BestEffort) makes such a store usable.
pub struct SegmentWriter<S> {
    store: S,
    key: SegmentKey,
    end: KnownEnd,
    /// The entries of the last append, if the outcome of this append is unknown.
    indeterminate: Option<Vec<LogEntry>>,
    map: Option<EntryMap>,
}

/// A function that changes entries before they are sent.
type EntryMap = Box<dyn Fn(&LogEntry) -> LogEntry + Send + Sync>;

/// The position up to which a writer knows the log.
#[derive(Clone, Copy, Debug, Default)]
struct KnownEnd {
    /// The head to expect at the next append. `None` before the segment exists.
    head: Option<Head>,
    /// The number of entries that the writer knows. It can be greater than the number in `head`.
    /// This happens if another writer appended directly after an append of this writer: the head
    /// between the two appends is unknown, so `head` is an older head.
    entries: usize,
    /// The number of turns that end in the known entries.
    turns: usize,
}

impl KnownEnd {
    fn after(self, entries: &[LogEntry], head: Option<Head>) -> Self {
        let turns = self.turns + count_turns(entries);
        Self { head, entries: self.entries + entries.len(), turns }
    }
}

/// The segment in which a writer continues after an append.
#[must_use = "after a fork the writer is in another segment, so pointers to the old one must change"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendOutcome {
    /// The same segment as before.
    Stayed,
    /// A new segment of the session.
    Forked {
        /// The last turn boundary that the writer knew in the old segment.
        from: Origin,
    },
}

impl<S: Store> SegmentWriter<S> {
    /// Creates a segment in the session. The segment starts with the entries of `opening`.
    ///
    /// # Errors
    /// As [`Store::append_if`].
    pub fn create(
        store: S,
        session_id: SessionId,
        opening: &[LogEntry],
    ) -> Result<Self, StoreError> {
        Self::create_as(store, session_id, SegmentId::new(), opening)
    }

    /// Creates a segment like [`create`](Self::create), but with an id that the caller chooses.
    ///
    /// If several processes create the same segment at the same time, one process succeeds. The
    /// other processes receive [`StoreError::Conflict`] and can [`open`](Self::open) the segment.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the segment exists. Otherwise as [`Store::append_if`].
    pub fn create_as(
        store: S,
        session_id: SessionId,
        segment_id: SegmentId,
        opening: &[LogEntry],
    ) -> Result<Self, StoreError> {
        let mut writer = Self::at(store, session_id, segment_id, KnownEnd::default())?;
        writer.append_all(opening)?;
        Ok(writer)
    }

    /// Opens a segment at its end. Returns the writer and the entries of the segment.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]. [`StoreError::Corrupt`] if the log cannot be read as a whole.
    pub fn open(
        store: S,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<(Self, Vec<LogEntry>), StoreError> {
        let mut writer = Self::at(store, session_id, segment_id, KnownEnd::default())?;
        let entries = writer.reload()?;
        Ok((writer, entries))
    }

    /// Opens a segment like [`open`](Self::open), but returns only the entries that are not in
    /// `saved`.
    pub(crate) fn open_after(
        store: S,
        session_id: SessionId,
        segment_id: SegmentId,
        saved: &RestoredState,
    ) -> Result<(Self, Vec<LogEntry>), AgentError> {
        let known = KnownEnd { head: None, entries: saved.entry_count, turns: saved.turn_index };
        let mut writer = Self::at(store, session_id, segment_id, known)?;
        let entries = writer.read_after(known)?;
        let found = writer.end.head.map_or(0, |head| head.entries());
        if found < known.entries {
            return Err(AgentError::StateAhead { segment_id, saved: known.entries, found });
        }
        Ok((writer, entries))
    }

    /// Opens a segment if it has exactly `entry_count` entries, and forks it otherwise.
    ///
    /// The method is for callers that count the entries that they have read or written. If the
    /// segment has more entries, another writer has appended. If the segment has fewer entries or
    /// does not exist, entries were truncated or deleted. In both cases the writer continues in a
    /// new segment that starts with `opening`, as [`append_or_fork`](Self::append_or_fork)
    /// describes.
    ///
    /// The method compares only the count. So it cannot detect that a log was truncated and has
    /// then grown to its old length. A writer that stays open detects such a change by the head.
    ///
    /// # Errors
    /// The errors of `opening`, and otherwise as [`open`](Self::open) (except `NotFound`) and
    /// [`Store::append_if`].
    pub fn ensure_head_or_fork(
        store: S,
        session_id: SessionId,
        segment_id: SegmentId,
        entry_count: usize,
        opening: impl FnOnce(Origin) -> Result<Vec<LogEntry>, StoreError>,
    ) -> Result<(Self, AppendOutcome), StoreError> {
        let mut writer = Self::at(store, session_id, segment_id, KnownEnd::default())?;
        let entries = match writer.reload() {
            Err(error) if error.is_not_found() => Vec::new(),
            other => other?,
        };
        if writer.end.head.is_some() && entries.len() == entry_count {
            return Ok((writer, AppendOutcome::Stayed));
        }
        let known = &entries[..entry_count.min(entries.len())];
        writer.end = KnownEnd::default().after(known, None);
        let outcome = writer.fork(&[], opening)?;
        Ok((writer, outcome))
    }

    /// Sets a function that changes each entry before the entry is sent. The function also changes
    /// the entries at the start of a fork.
    ///
    /// The entries that were passed to the constructor are already stored, and are not changed.
    /// `map` must return the same result for the same entry, otherwise a repeated append could be
    /// stored twice. `map` must also keep the kind of an entry. With the feature `redact`,
    /// `Redactor::redact` fulfills both conditions.
    #[must_use]
    pub fn map_entries(
        mut self,
        map: impl Fn(&LogEntry) -> LogEntry + Send + Sync + 'static,
    ) -> Self {
        self.map = Some(Box::new(map));
        self
    }

    /// Appends an entry, if no other writer has appended.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if another writer has appended. Nothing is changed then. Otherwise
    /// as [`Store::append_if`].
    pub fn append(&mut self, entry: &LogEntry) -> Result<(), StoreError> {
        self.append_all(std::slice::from_ref(entry))
    }

    /// Appends a Rust value as an entry, like [`append`](Self::append).
    ///
    /// # Errors
    /// As [`append`](Self::append) and [`LogEntry::encode`].
    pub fn append_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), StoreError> {
        self.append(&LogEntry::encode(value)?)
    }

    /// Appends several entries like [`append`](Self::append). No entries of other writers are
    /// stored between these entries.
    ///
    /// # Errors
    /// As [`append`](Self::append). A store without [`Capability::AtomicBatch`] can also return
    /// [`StoreError::Partial`]. The writer then continues after the entries that are stored.
    pub fn append_all(&mut self, entries: &[LogEntry]) -> Result<(), StoreError> {
        let entries = &*self.map(entries);
        let is_retry = self.resolve_indeterminate(entries)?;
        let attempt = self.attempt(self.key, self.end, entries);
        let Resolution { appended, head, result } =
            if is_retry { attempt.retry() } else { attempt.append() };
        let (stored, rest) = entries.split_at(appended);
        self.end = self.end.after(stored, head);
        if result.as_ref().is_err_and(StoreError::is_indeterminate) {
            self.indeterminate = Some(rest.to_vec());
        }
        result
    }

    /// Appends the entries, or forks if another writer has appended.
    ///
    /// A fork is a new segment of the session. One append writes the result of `opening` and then
    /// the entries to the new segment. `opening` receives the origin of the fork, and returns the
    /// first entries of the new segment. The first of these entries must name the origin. Together
    /// they must contain everything that a reader of the new segment needs, including the items of
    /// the unfinished turn. [`RestoredState::start`] builds one entry that fulfills both
    /// conditions.
    ///
    /// The old segment is not changed. If the append to the new segment fails, the writer stays in
    /// the old segment. A part of the new segment can be stored then, but no entry refers to the
    /// new segment.
    ///
    /// # Errors
    /// The errors of `opening`, and the errors of [`append_all`](Self::append_all) except
    /// `Conflict`.
    pub fn append_or_fork(
        &mut self,
        entries: &[LogEntry],
        opening: impl FnOnce(Origin) -> Result<Vec<LogEntry>, StoreError>,
    ) -> Result<AppendOutcome, StoreError> {
        match self.append_all(entries) {
            Ok(()) => Ok(AppendOutcome::Stayed),
            Err(StoreError::Conflict { .. }) => self.fork(entries, opening),
            Err(error) => Err(error),
        }
    }

    /// Truncates the segment to its first `entries_len` entries, if no other writer has appended.
    ///
    /// A writer can therefore remove its own last entries, but never entries of another writer.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if another writer has appended, [`StoreError::NotFound`] if the
    /// segment does not exist, and [`StoreError::Corrupt`] if the segment has fewer entries. In
    /// these cases nothing is changed. [`StoreError::Indeterminate`] if the outcome is unknown and
    /// a second attempt fails. The caller must then [`reload`](Self::reload).
    pub fn roll_back(&mut self, entries_len: usize) -> Result<(), StoreError> {
        self.resolve_indeterminate(&[])?;
        let SegmentKey { session_id, segment_id } = self.key;
        let Some(head) = self.end.head else { return Err(StoreError::NotFound(segment_id)) };
        let removed =
            self.store.read_range(session_id, segment_id, entries_len..self.end.entries)?;
        let truncate = || self.segment().truncate_if(head, entries_len);
        let head = match truncate() {
            // Repeating the truncation is safe, because it expects the old head. If the first
            // truncation was executed, the head has changed, and the second truncation is a
            // conflict. But a conflict can also mean that another writer has changed the head. The
            // writer cannot distinguish the two cases, so the outcome remains unknown after a
            // conflict.
            Err(unknown) if unknown.is_indeterminate() => truncate().map_err(|_| unknown),
            other => other,
        }?;
        let turns = self.end.turns.saturating_sub(count_turns(&removed));
        self.end = KnownEnd { head: Some(head), entries: entries_len, turns };
        Ok(())
    }

    /// Reads the segment again. The next append then follows the entries of all writers. Returns
    /// all entries of the segment.
    ///
    /// # Errors
    /// As [`open`](Self::open). After an error, the writer is in the same state as before the call.
    pub fn reload(&mut self) -> Result<Vec<LogEntry>, StoreError> {
        let entries = self.read_after(KnownEnd::default())?;
        self.indeterminate = None;
        Ok(entries)
    }

    /// Returns the segment to which the next append goes. A fork changes this segment.
    #[must_use]
    pub const fn key(&self) -> SegmentKey {
        self.key
    }

    /// Returns the session.
    #[must_use]
    pub const fn session_id(&self) -> SessionId {
        self.key.session_id
    }

    /// Returns the id of the segment to which the next append goes. A fork changes this segment.
    #[must_use]
    pub const fn segment_id(&self) -> SegmentId {
        self.key.segment_id
    }

    /// Returns the number of entries that the writer has read or appended.
    #[must_use]
    pub const fn entry_count(&self) -> usize {
        self.end.entries
    }

    /// Returns the last turn boundary that the writer knows. A fork would have this boundary as its
    /// origin.
    #[must_use]
    pub const fn origin(&self) -> Origin {
        Origin { segment_id: self.key.segment_id, at_turn_index: self.end.turns }
    }

    /// Returns the store.
    #[must_use]
    pub const fn store(&self) -> &S {
        &self.store
    }

    fn at(
        store: S,
        session_id: SessionId,
        segment_id: SegmentId,
        end: KnownEnd,
    ) -> Result<Self, StoreError> {
        let capability = Capability::ConditionalAppend;
        if !store.capabilities().has(capability) {
            return Err(StoreError::Unsupported { operation: "SegmentWriter", capability });
        }
        let key = SegmentKey::new(session_id, segment_id);
        Ok(Self { store, key, end, indeterminate: None, map: None })
    }

    /// Applies the function of [`map_entries`](Self::map_entries) to the entries, if there is one.
    fn map<'a>(&self, entries: &'a [LogEntry]) -> Cow<'a, [LogEntry]> {
        let map = self.map.as_ref();
        map.map_or(Cow::Borrowed(entries), |map| entries.iter().map(map).collect())
    }

    fn segment(&self) -> SegmentRef<'_, S> {
        self.store.at(self.key)
    }

    /// Reads the entries after `known`. Reads them in one page, so that the head of the page is the
    /// head directly after these entries.
    fn read_after(&mut self, known: KnownEnd) -> Result<Vec<LogEntry>, StoreError> {
        let page = self.segment().read_page(known.entries, usize::MAX)?;
        self.end = known.after(&page.entries, Some(page.head));
        Ok(page.entries)
    }

    fn fork(
        &mut self,
        entries: &[LogEntry],
        opening: impl FnOnce(Origin) -> Result<Vec<LogEntry>, StoreError>,
    ) -> Result<AppendOutcome, StoreError> {
        let from = self.origin();
        let mut log = opening(from)?;
        log.extend_from_slice(entries);
        let log = self.map(&log).into_owned();
        let key = SegmentKey::new(self.key.session_id, SegmentId::new());
        let Resolution { head, result, .. } = self.attempt(key, KnownEnd::default(), &log).append();
        match result {
            Ok(()) => {
                self.end = KnownEnd::default().after(&log, head);
                self.key = key;
                Ok(AppendOutcome::Forked { from })
            }
            // The fork was stored only in part. No entry refers to the fork yet, so abandon it and
            // return the cause.
            Err(StoreError::Partial { source, .. }) => Err(*source),
            Err(error) => Err(error),
        }
    }

    fn attempt<'a>(
        &'a self,
        key: SegmentKey,
        end: KnownEnd,
        entries: &'a [LogEntry],
    ) -> AppendAttempt<'a, S> {
        AppendAttempt::new(self.store.at(key), end.head, end.entries, entries)
    }

    /// Resolves an earlier append whose outcome is unknown, before `entries` are appended. If
    /// `entries` begin with the entries of the earlier append, returns true, and the caller sends
    /// the earlier append again. Otherwise reads the log to find out which entries of the earlier
    /// append are stored.
    fn resolve_indeterminate(&mut self, entries: &[LogEntry]) -> Result<bool, StoreError> {
        let Some(sent) = &self.indeterminate else { return Ok(false) };
        if entries.starts_with(sent) {
            self.indeterminate = None;
            return Ok(true);
        }
        let Resolution { appended, head, .. } = self.attempt(self.key, self.end, sent).find()?;
        self.end = self.end.after(&sent[..appended], head);
        self.indeterminate = None;
        Ok(false)
    }
}

impl<S> fmt::Debug for SegmentWriter<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, end, .. } = self;
        f.debug_struct("SegmentWriter").field("key", key).field("end", end).finish_non_exhaustive()
    }
}
