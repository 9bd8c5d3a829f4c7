//! Bringing one log or trace up to a source: what is there already is compared, the rest is appended.

use std::error::Error;

use session_store_core::{
    Head, LogEntry, PageBudget, SegmentId, SessionId, Store, StoreError, StoreExt, TraceEntry,
};

use crate::text::Text;
use crate::{Difference, Side};

/// How many bytes of entries are appended at a time.
const BATCH_BYTES: usize = 1024 * 1024;

/// How far a log or trace was brought up to its source.
#[derive(Debug)]
#[non_exhaustive]
pub struct Extension<E = StoreError> {
    /// The entries that were there already and are equal to the source's first ones.
    pub already: usize,
    /// The entries that were appended after them.
    pub appended: usize,
    /// The bytes of the entries that were appended.
    pub bytes: u64,
    /// Why it is not the whole source, if it is not. What was appended stays, a prefix of the source.
    pub stopped: Option<Stop<E>>,
}

/// Why a log or trace does not equal its source.
#[derive(Debug, thiserror::Error)]
pub enum Stop<E> {
    /// What is there is no prefix of the source. Nothing was written.
    #[error("conflict: {0}")]
    Conflict(Difference),
    /// Somebody else wrote to the destination after it was compared. Their entries stay as they are.
    #[error("conflict: somebody else writes to the destination")]
    Moved {
        /// The head that was compared.
        expected: Option<Head>,
        /// The head that was found.
        actual: Option<Head>,
    },
    /// The source failed.
    #[error("the source failed")]
    Source(#[source] E),
    /// The destination failed.
    #[error("the destination failed")]
    Destination(#[source] StoreError),
}

/// Makes a segment hold the entries of `source`, if what it holds is a prefix of them: compares what is
/// there, and appends the rest with [`Store::append_if`], about 1 MiB at a time. A segment that is not there
/// is created, without entries too.
///
/// `to` needs [`Capability::ConditionalAppend`](session_store_core::Capability::ConditionalAppend); without
/// it the extension stops with [`StoreError::Unsupported`].
pub fn extend<E: Error>(
    to: &dyn Store,
    session_id: SessionId,
    segment_id: SegmentId,
    source: impl IntoIterator<Item = Result<LogEntry, E>>,
) -> Extension<E> {
    let key = (session_id, segment_id);
    match to.head(session_id, segment_id) {
        Ok(head) => run(&mut Log { store: to, key, head }, source.into_iter()),
        Err(error) => Extension::stopped(Stop::Destination(error)),
    }
}

/// As [`extend()`], for the segment's trace. Traces have no head, so the appends are not conditional.
pub(crate) fn extend_trace<E>(
    to: &dyn Store,
    session_id: SessionId,
    segment_id: SegmentId,
    source: impl Iterator<Item = Result<TraceEntry, E>>,
) -> Extension<E> {
    run(&mut Trace { store: to, key: (session_id, segment_id) }, source)
}

fn run<T: Target, E>(
    target: &mut T,
    source: impl Iterator<Item = Result<T::Entry, E>>,
) -> Extension<E> {
    let mut extension = Extension { already: 0, appended: 0, bytes: 0, stopped: None };
    extension.stopped = extension.advance(target, source).err();
    extension
}

impl<E> Extension<E> {
    fn stopped(stop: Stop<E>) -> Self {
        Self { already: 0, appended: 0, bytes: 0, stopped: Some(stop) }
    }

    fn advance<T: Target>(
        &mut self,
        target: &mut T,
        mut source: impl Iterator<Item = Result<T::Entry, E>>,
    ) -> Result<(), Stop<E>> {
        self.pass_equal(target, &mut source)?;
        let mut batch = Batch::new();
        for entry in source {
            match entry {
                Ok(entry) => {
                    if let Some(full) = batch.push(entry) {
                        self.append(target, &full)?;
                    }
                }
                Err(error) => {
                    self.append(target, &batch.entries)?;
                    return Err(Stop::Source(error));
                }
            }
        }
        self.append(target, &batch.entries)?;
        target.finish().map_err(stop)
    }

    /// Reads what is there, entry by entry beside the source, and fails at the first difference.
    fn pass_equal<T: Target>(
        &mut self,
        target: &T,
        source: &mut impl Iterator<Item = Result<T::Entry, E>>,
    ) -> Result<(), Stop<E>> {
        for there in target.present() {
            let there = there.map_err(Stop::Destination)?;
            let Some(entry) = source.next().transpose().map_err(Stop::Source)? else {
                let ends = Difference::Ends { side: Side::Source, entries: self.already };
                return Err(Stop::Conflict(ends));
            };
            let number = self.already + 1;
            match Difference::between(number, entry.text(), there.text()) {
                Some(difference) => return Err(Stop::Conflict(difference)),
                None => self.already = number,
            }
        }
        Ok(())
    }

    fn append<T: Target>(&mut self, target: &mut T, batch: &[T::Entry]) -> Result<(), Stop<E>> {
        if batch.is_empty() {
            return Ok(());
        }
        let result = target.append(batch);
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

fn stop<E>(error: StoreError) -> Stop<E> {
    match error {
        StoreError::Conflict { expected, actual } => Stop::Moved { expected, actual },
        other => Stop::Destination(other),
    }
}

/// What is extended.
trait Target {
    type Entry: Text;

    fn present(&self) -> impl Iterator<Item = Result<Self::Entry, StoreError>>;
    fn append(&mut self, batch: &[Self::Entry]) -> Result<(), StoreError>;
    fn finish(&mut self) -> Result<(), StoreError>;
}

struct Log<'a> {
    store: &'a dyn Store,
    key: (SessionId, SegmentId),
    head: Option<Head>,
}

impl Target for Log<'_> {
    type Entry = LogEntry;

    /// No further than the head: what is appended from then on makes the first write a conflict.
    fn present(&self) -> impl Iterator<Item = Result<LogEntry, StoreError>> {
        let count = self.head.map_or(0, |head| head.entries());
        self.store.entries(self.key.0, self.key.1, 0).take(count)
    }

    fn append(&mut self, batch: &[LogEntry]) -> Result<(), StoreError> {
        self.head = Some(self.store.append_if(self.key.0, self.key.1, self.head, batch)?);
        Ok(())
    }

    /// Creates the segment where the source had no entries to create it.
    fn finish(&mut self) -> Result<(), StoreError> {
        if self.head.is_none() { self.append(&[]) } else { Ok(()) }
    }
}

struct Trace<'a> {
    store: &'a dyn Store,
    key: (SessionId, SegmentId),
}

impl Target for Trace<'_> {
    type Entry = TraceEntry;

    fn present(&self) -> impl Iterator<Item = Result<TraceEntry, StoreError>> {
        self.store.trace_entries(self.key.0, self.key.1, 0)
    }

    fn append(&mut self, batch: &[TraceEntry]) -> Result<(), StoreError> {
        for (appended, entry) in batch.iter().enumerate() {
            self.store
                .append_trace(self.key.0, self.key.1, entry)
                .map_err(|error| StoreError::Partial { appended, source: Box::new(error) })?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Entries that wait to be appended together.
struct Batch<T> {
    entries: Vec<T>,
    budget: PageBudget,
}

impl<T: Text> Batch<T> {
    fn new() -> Self {
        Self { entries: Vec::new(), budget: PageBudget::new(BATCH_BYTES) }
    }

    /// Adds an entry; where it no longer fits, hands out the full batch and begins the next one with it.
    fn push(&mut self, entry: T) -> Option<Vec<T>> {
        let mut full = None;
        if !self.budget.admits(entry.text().len()) {
            full = Some(std::mem::replace(self, Self::new()).entries);
            self.budget.admits(entry.text().len());
        }
        self.entries.push(entry);
        full
    }
}
