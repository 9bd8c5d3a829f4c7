//! Bringing one log or trace up to a source: what is there already is compared, the rest is appended.

use std::error::Error;
use std::fmt;

use serde::{Serialize, Serializer};
use session_store_core::{
    Head, LogEntry, SegmentId, SessionId, Store, StoreError, TraceEntry, error_chain,
};

use crate::comparison::Difference;
use crate::entry::Entry;
use crate::memory::{MemoryBudget, Share};
use crate::read::Place;
use crate::side::Side;
use crate::target::{Log, Target, Trace, WritePolicy};
use crate::text::Text;

/// What an entry takes in memory beside its text, so that many small ones make no large batch.
const ENTRY_BYTES: usize = 64;

/// How far a log or trace was brought up to its source. It ends with `already + appended - cut` entries,
/// unless it stopped.
#[derive(Debug, Serialize)]
#[serde(bound = "E: Error + 'static")]
#[must_use]
#[non_exhaustive]
pub struct Extension<E = StoreError> {
    /// The entries that were there already and are equal to the source's first ones.
    pub already: usize,
    /// The entries that were cut from the end of what was there, or of what was appended before the source
    /// was cut itself.
    pub cut: usize,
    /// The entries that were appended.
    pub appended: usize,
    /// The bytes of the entries that were appended.
    #[serde(rename = "appended_bytes")]
    pub bytes: u64,
    /// Why it is not the whole source, if it is not. What was appended stays, a prefix of the source.
    #[serde(serialize_with = "error_text", skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Box<Stop<E>>>,
}

/// Why a log or trace does not equal its source.
#[derive(Debug)]
pub enum Stop<E = StoreError> {
    /// What is there is no prefix of the source. Nothing was written.
    Conflict(Difference),
    /// Somebody else wrote to the destination after it was compared. Their entries stay as they are.
    Moved {
        /// The head that was compared.
        expected: Option<Head>,
        /// The head that was found.
        actual: Option<Head>,
    },
    /// The source failed.
    Source(E),
    /// The destination failed.
    Destination(StoreError),
    /// It was not tried: a store had failed on every segment before it for too long.
    Aborted,
}

impl<E> Stop<E> {
    /// Whether the destination holds something else, rather than that a store failed.
    #[must_use]
    pub const fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict(_) | Self::Moved { .. })
    }
}

impl<E> fmt::Display for Stop<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict(difference) => write!(f, "conflict: {difference}"),
            Self::Moved { .. } => f.write_str("conflict: somebody else writes to the destination"),
            Self::Source(_) => f.write_str("the source failed"),
            Self::Destination(_) => f.write_str("the destination failed"),
            Self::Aborted => f.write_str("not tried, since all before it failed"),
        }
    }
}

impl<E: Error + 'static> Error for Stop<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Source(error) => Some(error),
            Self::Destination(error) => Some(error),
            _ => None,
        }
    }
}

fn error_text<S: Serializer, E: Error + 'static>(
    stop: &Option<Box<Stop<E>>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    stop.as_deref().map(|stop| error_chain(stop)).serialize(serializer)
}

/// Makes a segment hold the entries of `source`, if what it holds is a prefix of them: compares what is
/// there, and appends the rest with [`Store::append_if`], about 1 MiB at a time. A segment that is not there
/// is created, without entries too. An append whose outcome is unknown is settled by looking again (H5).
///
/// `to` needs [`Capability::ConditionalAppend`](session_store_core::Capability::ConditionalAppend); without
/// it the extension stops with [`StoreError::Unsupported`].
pub fn extend<E: Error>(
    to: &dyn Store,
    session_id: SessionId,
    segment_id: SegmentId,
    source: impl IntoIterator<Item = Result<LogEntry, E>>,
) -> Extension<E> {
    let budget = MemoryBudget::new(1);
    let share = Share::new(&budget);
    let place = Place { store: to, key: (session_id, segment_id), share: &share };
    match Log::open(place, WritePolicy::default()) {
        Ok(log) => Extension::of(log, source),
        Err(error) => Extension::stopped(Stop::Destination(error)),
    }
}

/// As [`extend()`], for the segment's trace, which needs
/// [`Capability::ReadTraces`](session_store_core::Capability::ReadTraces) instead. A trace has no head, so its
/// appends are not conditional: two that extend one trace at the same moment may both append.
pub fn extend_trace<E: Error>(
    to: &dyn Store,
    session_id: SessionId,
    segment_id: SegmentId,
    source: impl IntoIterator<Item = Result<TraceEntry, E>>,
) -> Extension<E> {
    let budget = MemoryBudget::new(1);
    let share = Share::new(&budget);
    let place = Place { store: to, key: (session_id, segment_id), share: &share };
    Extension::of(Trace { place, dry_run: false }, source)
}

impl<E> Extension<E> {
    pub(crate) fn new() -> Self {
        Self { already: 0, cut: 0, appended: 0, bytes: 0, stopped: None }
    }

    fn stopped(stop: Stop<E>) -> Self {
        Self { stopped: Some(Box::new(stop)), ..Self::new() }
    }

    fn of<T: Target>(mut target: T, source: impl IntoIterator<Item = Result<T::Entry, E>>) -> Self {
        let mut extension = Self::new();
        let run = extension.compare_and_append(&mut target, source.into_iter());
        extension.stopped = run.err().map(Box::new);
        extension
    }

    /// Whether nothing was there and nothing was to be done.
    pub(crate) fn is_empty(&self) -> bool {
        self.already + self.cut + self.appended == 0 && self.stopped.is_none()
    }

    /// Brings the whole target up to the source, which is read from its beginning.
    pub(crate) fn compare_and_append<T: Target>(
        &mut self,
        target: &mut T,
        mut source: impl Iterator<Item = Result<T::Entry, E>>,
    ) -> Result<(), Stop<E>> {
        let is_first = self.is_empty();
        let mut equal = 0;
        let unequal = pass_equal(target, &mut source, &mut equal);
        if is_first {
            self.already = equal;
        }
        let mut first = None;
        if let Some(Unequal { difference, entry }) = unequal? {
            if !target.may_cut(equal) {
                return Err(Stop::Conflict(difference));
            }
            self.cut += target.cut(equal).map_err(stop)?;
            first = entry;
        }
        self.append_rest(target, equal, first.map(Ok).into_iter().chain(source))
    }

    /// Appends the source after the first `at` entries of the target, which are all that it has.
    pub(crate) fn append_rest<T: Target>(
        &mut self,
        target: &mut T,
        mut at: usize,
        source: impl Iterator<Item = Result<T::Entry, E>>,
    ) -> Result<(), Stop<E>> {
        let mut batch = Batch::new(target.batch_bytes());
        for entry in source {
            match entry {
                Ok(entry) => batch.push(entry),
                Err(error) => {
                    self.append(target, at, &batch.entries)?;
                    return Err(Stop::Source(error));
                }
            }
            if batch.is_full() {
                self.append(target, at, &batch.entries)?;
                at += batch.entries.len();
                batch.clear();
            }
        }
        self.append(target, at, &batch.entries)?;
        target.finish().map_err(stop)
    }

    fn append<T: Target>(
        &mut self,
        target: &mut T,
        at: usize,
        batch: &[T::Entry],
    ) -> Result<(), Stop<E>> {
        if batch.is_empty() {
            return Ok(());
        }
        let result = target.append(at, batch);
        let appended = match &result {
            Ok(()) => batch.len(),
            Err(StoreError::Partial { appended, .. }) => *appended,
            Err(_) => 0,
        };
        self.appended += appended;
        self.bytes += batch[..appended].iter().map(|entry| entry.text().len() as u64).sum::<u64>();
        result.map_err(stop)
    }
}

/// Where a target goes on otherwise than its source.
struct Unequal<T> {
    difference: Difference,
    /// The source's entry there, if it has one; it was taken from the source.
    entry: Option<T>,
}

/// Reads what is there, entry by entry beside the source, up to the first difference; `equal` counts.
fn pass_equal<T: Target, E>(
    target: &T,
    source: &mut impl Iterator<Item = Result<T::Entry, E>>,
    equal: &mut usize,
) -> Result<Option<Unequal<T::Entry>>, Stop<E>> {
    for there in target.present() {
        let there = there.map_err(stop)?;
        let entry = source.next().transpose().map_err(Stop::Source)?;
        let difference = match &entry {
            None => Some(Difference::Ends { side: Side::Source, entries: *equal }),
            Some(entry) => Difference::between(*equal + 1, entry.text(), there.text()),
        };
        if let Some(difference) = difference {
            return Ok(Some(Unequal { difference, entry }));
        }
        *equal += 1;
    }
    Ok(None)
}

fn stop<E>(error: StoreError) -> Stop<E> {
    match error {
        StoreError::Conflict { expected, actual } => Stop::Moved { expected, actual },
        other => Stop::Destination(other),
    }
}

/// Entries that wait to be appended together.
struct Batch<T> {
    entries: Vec<T>,
    bytes: usize,
    max_bytes: usize,
}

impl<T: Entry> Batch<T> {
    fn new(max_bytes: usize) -> Self {
        Self { entries: Vec::new(), bytes: 0, max_bytes }
    }

    fn push(&mut self, entry: T) {
        self.bytes += entry.text().len() + ENTRY_BYTES;
        self.entries.push(entry);
    }

    /// A large entry is not kept waiting for others: see [`MemoryBudget`].
    fn is_full(&self) -> bool {
        self.bytes >= self.max_bytes
    }

    fn clear(&mut self) {
        self.entries.clear();
        self.bytes = 0;
    }
}
