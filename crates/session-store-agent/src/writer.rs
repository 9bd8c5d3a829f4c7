//! The writer: it owns the tail of one segment until somebody else writes there.

use std::fmt;

use serde::Serialize;
use session_store_core::{
    Capability, Head, LogEntry, SegmentId, SessionId, Store, StoreError, StoreExt,
};

use crate::record::turns_in;
use crate::settle::{Attempt, Landing};
use crate::{AgentError, Origin, RestoredState};

/// Writes to the end of one segment, and knows where that is.
///
/// Every append is conditional on the head that the writer last saw ([`Store::append_if`]), so it never
/// builds on what somebody else wrote unseen: [`append`](Self::append) answers
/// [`StoreError::Conflict`], and [`append_or_fork`](Self::append_or_fork) goes on in a new segment of the
/// session. After a conflict the segment is not lost to the writer: [`reload`](Self::reload) takes over
/// what is there.
///
/// # Lost replies
///
/// Where a store can't say whether an append happened ([`StoreError::Indeterminate`]), the writer finds out:
/// it repeats the append, which can't append twice (H5), and on a conflict looks for its entries at their
/// place. Only while that fails too does it return `Indeterminate`. Then **call again with the same
/// entries**: they are appended once in all. A call with other entries first looks whether the former are
/// there. Two writers that append the same bytes at the same place can't be told apart, so entries should
/// hold something of their writer's own: a time, an id.
///
/// # Stores without conditional appends
///
/// are refused with [`StoreError::Unsupported`]; [`BestEffort`](crate::BestEffort) admits one by name.
pub struct SegmentWriter<S> {
    store: S,
    session_id: SessionId,
    segment_id: SegmentId,
    tail: Tail,
    /// The entries of the last append, while nobody knows whether they are there.
    doubt: Option<Vec<LogEntry>>,
}

/// Where the writer's entries end.
#[derive(Clone, Copy, Debug, Default)]
struct Tail {
    /// What the store has to answer for the next append to happen. None before the segment exists.
    head: Option<Head>,
    /// How many entries the writer knows. More than in the head, once others have written after them.
    entries: usize,
    /// How many turns end in them.
    turns: usize,
}

impl Tail {
    fn after(self, entries: &[LogEntry], head: Option<Head>) -> Self {
        Self { head, entries: self.entries + entries.len(), turns: self.turns + turns_in(entries) }
    }
}

/// Whether a writer still writes where it did.
#[must_use = "after a fork the writer is in another segment, and whoever points at it must be told"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// In the same segment.
    Stayed,
    /// In a new segment of the session, which goes on from there.
    Forked {
        /// The end of what the writer knows, at its last turn boundary.
        from: Origin,
    },
}

impl<S: Store> SegmentWriter<S> {
    /// Makes a new segment of the session that begins with `opening`.
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

    /// As [`create`](Self::create), under an id of the caller's. Of any number of processes that do so at
    /// once, one creates the segment; the others get the conflict, and can [`open`](Self::open) it.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the segment exists; else as [`Store::append_if`].
    pub fn create_as(
        store: S,
        session_id: SessionId,
        segment_id: SegmentId,
        opening: &[LogEntry],
    ) -> Result<Self, StoreError> {
        let mut writer = Self::to_create(store, session_id, segment_id)?;
        writer.append_all(opening)?;
        Ok(writer)
    }

    /// A writer whose first append creates the segment.
    pub(crate) fn to_create(
        store: S,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<Self, StoreError> {
        Self::at(store, session_id, segment_id, Tail::default())
    }

    /// Opens a segment at its end, and returns its entries with the writer.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Corrupt`] where it can't be read whole.
    pub fn open(
        store: S,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<(Self, Vec<LogEntry>), StoreError> {
        let mut writer = Self::to_create(store, session_id, segment_id)?;
        let entries = writer.reload()?;
        Ok((writer, entries))
    }

    /// As [`open`](Self::open), for a caller whose state has the first entries of the segment already and
    /// gets those that follow.
    pub(crate) fn open_after(
        store: S,
        session_id: SessionId,
        segment_id: SegmentId,
        saved: &RestoredState,
    ) -> Result<(Self, Vec<LogEntry>), AgentError> {
        let known = Tail { head: None, entries: saved.entry_count, turns: saved.turn_index };
        let mut writer = Self::at(store, session_id, segment_id, known)?;
        let entries = writer.read_on(known)?;
        let found = writer.tail.head.map_or(0, |head| head.entries());
        if found < known.entries {
            return Err(AgentError::StateAhead { segment_id, saved: known.entries, found });
        }
        Ok((writer, entries))
    }

    /// For a caller who keeps its own tally of the entries that it has read or written: opens the segment if
    /// it has exactly `tally` entries. If it has more, somebody else has written; if it has fewer, or is
    /// gone, entries were cut or lost. Either way the writer forks and starts with `opening`, as
    /// [`append_or_fork`](Self::append_or_fork) does. A tally can't see a log that was cut and has grown
    /// back; who keeps a writer can.
    ///
    /// # Errors
    /// As [`open`](Self::open), [`Store::append_if`], and those of `opening`.
    pub fn ensure_head_or_fork(
        store: S,
        session_id: SessionId,
        segment_id: SegmentId,
        tally: usize,
        opening: impl FnOnce(Origin) -> Result<Vec<LogEntry>, StoreError>,
    ) -> Result<(Self, Course), StoreError> {
        let mut writer = Self::to_create(store, session_id, segment_id)?;
        let entries = match writer.reload() {
            Err(error) if error.is_not_found() => Vec::new(),
            other => other?,
        };
        if writer.tail.head.is_some() && entries.len() == tally {
            return Ok((writer, Course::Stayed));
        }
        let known = &entries[..tally.min(entries.len())];
        writer.tail = Tail::default().after(known, None);
        let course = writer.fork(&[], opening)?;
        Ok((writer, course))
    }

    /// Appends one entry, if nobody else has written.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if somebody has, and nothing is changed; else as [`Store::append_if`].
    pub fn append(&mut self, entry: &LogEntry) -> Result<(), StoreError> {
        self.append_all(std::slice::from_ref(entry))
    }

    /// As [`append`](Self::append), a value of the caller's type.
    ///
    /// # Errors
    /// As [`append`](Self::append) and [`LogEntry::encode`].
    pub fn append_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), StoreError> {
        self.append(&LogEntry::encode(value)?)
    }

    /// As [`append`](Self::append), several entries in a row, nothing between them.
    ///
    /// # Errors
    /// As [`append`](Self::append). [`StoreError::Partial`] says how many were appended, on a store without
    /// [`Capability::AtomicBatch`]; the writer is then behind those.
    pub fn append_all(&mut self, entries: &[LogEntry]) -> Result<(), StoreError> {
        let sent_before = self.settle_doubt(entries)?;
        let Landing { appended, head, result } =
            self.attempt(self.segment_id, self.tail, entries).run(sent_before);
        let (landed, rest) = entries.split_at(appended);
        self.tail = self.tail.after(landed, head);
        if result.as_ref().is_err_and(StoreError::is_indeterminate) {
            self.doubt = Some(rest.to_vec());
        }
        result
    }

    /// Appends the entries, here if nobody else has written, else to a new segment of the session that
    /// begins with `opening`. That is told the origin to name in its first entry, and supplies what the new
    /// segment has to know to be read alone, the unfinished turn included, as
    /// [`RestoredState::start`](crate::RestoredState::start) does. `opening` and `entries` are one append.
    ///
    /// The segment left behind is not touched. If the append to the new one fails, the writer stays where it
    /// was, and what was stored of the new segment, if anything, remains as a branch that nobody uses.
    ///
    /// # Errors
    /// Those of [`append_all`](Self::append_all), except `Conflict`, and those of `opening`.
    pub fn append_or_fork(
        &mut self,
        entries: &[LogEntry],
        opening: impl FnOnce(Origin) -> Result<Vec<LogEntry>, StoreError>,
    ) -> Result<Course, StoreError> {
        match self.append_all(entries) {
            Ok(()) => Ok(Course::Stayed),
            Err(StoreError::Conflict { .. }) => self.fork(entries, opening),
            Err(error) => Err(error),
        }
    }

    /// Cuts the segment back to its first `entries_len` entries, if nobody else has written: a writer takes
    /// back its own entries, never another's.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if somebody has written, [`StoreError::NotFound`] if the segment is gone,
    /// [`StoreError::Corrupt`] if there are fewer entries; nothing is changed.
    /// [`StoreError::Indeterminate`] after a lost reply, if the head has changed since:
    /// [`reload`](Self::reload) then.
    pub fn roll_back(&mut self, entries_len: usize) -> Result<(), StoreError> {
        self.settle_doubt(&[])?;
        let (session_id, segment_id) = (self.session_id, self.segment_id);
        let Some(head) = self.tail.head else { return Err(StoreError::NotFound(segment_id)) };
        let cut = self.store.read_range(session_id, segment_id, entries_len..self.tail.entries)?;
        let truncate = || self.store.truncate_if(session_id, segment_id, head, entries_len);
        let head = match truncate() {
            // Repeating is safe, since a cut changes the head; but nothing tells whose cut changed it.
            Err(lost) if lost.is_indeterminate() => truncate().map_err(|_| lost),
            other => other,
        }?;
        let turns = self.tail.turns.saturating_sub(turns_in(&cut));
        self.tail = Tail { head: Some(head), entries: entries_len, turns };
        Ok(())
    }

    /// Takes the segment as it is in the store, whoever wrote it, and returns its entries.
    ///
    /// # Errors
    /// As [`open`](Self::open); the writer is then where it was.
    pub fn reload(&mut self) -> Result<Vec<LogEntry>, StoreError> {
        let entries = self.read_on(Tail::default())?;
        self.doubt = None;
        Ok(entries)
    }

    /// The session.
    #[must_use]
    pub const fn session_id(&self) -> SessionId {
        self.session_id
    }

    /// The segment that the next append goes to. A fork changes it.
    #[must_use]
    pub const fn segment_id(&self) -> SegmentId {
        self.segment_id
    }

    /// How many entries of the segment the writer knows: those that it found and those that it wrote.
    #[must_use]
    pub const fn entry_count(&self) -> usize {
        self.tail.entries
    }

    /// The last turn boundary that the writer knows: where a fork of it would come from.
    #[must_use]
    pub const fn origin(&self) -> Origin {
        Origin { segment_id: self.segment_id, at_turn_index: self.tail.turns }
    }

    /// The store.
    #[must_use]
    pub const fn store(&self) -> &S {
        &self.store
    }

    fn at(
        store: S,
        session_id: SessionId,
        segment_id: SegmentId,
        tail: Tail,
    ) -> Result<Self, StoreError> {
        let capability = Capability::ConditionalAppend;
        if !store.capabilities().has(capability) {
            return Err(StoreError::Unsupported { operation: "SegmentWriter", capability });
        }
        Ok(Self { store, session_id, segment_id, tail, doubt: None })
    }

    /// Reads the entries after `known`, all in one page so that the head is theirs.
    fn read_on(&mut self, known: Tail) -> Result<Vec<LogEntry>, StoreError> {
        let page =
            self.store.read_page(self.session_id, self.segment_id, known.entries, usize::MAX)?;
        self.tail = known.after(&page.entries, Some(page.head));
        Ok(page.entries)
    }

    fn fork(
        &mut self,
        entries: &[LogEntry],
        opening: impl FnOnce(Origin) -> Result<Vec<LogEntry>, StoreError>,
    ) -> Result<Course, StoreError> {
        let from = self.origin();
        let mut log = opening(from)?;
        log.extend_from_slice(entries);
        let segment_id = SegmentId::new();
        let Landing { head, result, .. } =
            self.attempt(segment_id, Tail::default(), &log).run(false);
        match result {
            Ok(()) => {
                self.tail = Tail::default().after(&log, head);
                self.segment_id = segment_id;
                Ok(Course::Forked { from })
            }
            // How much of a segment is there that nobody knows of is nothing to go on with.
            Err(StoreError::Partial { source, .. }) => Err(*source),
            Err(error) => Err(error),
        }
    }

    fn attempt<'a>(
        &'a self,
        segment_id: SegmentId,
        tail: Tail,
        entries: &'a [LogEntry],
    ) -> Attempt<'a, S> {
        let Self { store, session_id, .. } = self;
        let (expected, place) = (tail.head, tail.entries);
        Attempt { store, session_id: *session_id, segment_id, expected, place, entries }
    }

    /// Whether these very entries were sent before and may be there. If others were, this looks for them.
    fn settle_doubt(&mut self, entries: &[LogEntry]) -> Result<bool, StoreError> {
        let Some(sent) = &self.doubt else { return Ok(false) };
        if sent == entries {
            self.doubt = None;
            return Ok(true);
        }
        let Landing { appended, head, .. } =
            self.attempt(self.segment_id, self.tail, sent).look()?;
        self.tail = self.tail.after(&sent[..appended], head);
        self.doubt = None;
        Ok(false)
    }
}

impl<S> fmt::Debug for SegmentWriter<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { session_id, segment_id, tail, .. } = self;
        f.debug_struct("SegmentWriter")
            .field("session_id", session_id)
            .field("segment_id", segment_id)
            .field("tail", tail)
            .finish_non_exhaustive()
    }
}
