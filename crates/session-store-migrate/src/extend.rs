//! Makes one log or trace equal to a source of entries. Compares the stored entries with the
//! source, and appends the missing entries.

use std::error::Error;

use serde::{Serialize, Serializer};
use session_store_core::{
    Entry, Head, LogEntry, SegmentKey, Store, StoreError, StoreExt, TraceEntry, error_chain,
};

use crate::comparison::Difference;
use crate::memory::{MemoryBudget, Share};
use crate::options::WritePolicy;
use crate::side::Side;
use crate::target::{Log, Target, Trace};

/// The memory that an entry needs besides its text, in bytes. The size of a batch includes this
/// memory. Otherwise a batch of many small entries would need far more memory than its limit.
const ENTRY_BYTES: usize = 64;

/// The result of extending one log or trace. Unless the extension stopped, the log or trace has
/// `already + appended - cut` entries now.
#[derive(Debug, Serialize)]
#[serde(bound = "E: Error + 'static")]
#[must_use]
#[non_exhaustive]
pub struct Extension<E = StoreError> {
    /// The number of stored entries that were equal to the first entries of the source.
    pub already: usize,
    /// The number of entries that were truncated. Some of them differed from the source. The others
    /// were appended by this extension, and the source truncated them later.
    pub cut: usize,
    /// The number of entries that were appended.
    pub appended: usize,
    /// The bytes of the entries that were appended.
    #[serde(rename = "appended_bytes")]
    pub bytes: u64,
    /// The reason why the log or trace is not equal to the source, or `None` if it is equal. The
    /// entries that the extension appended before it stopped remain stored.
    #[serde(serialize_with = "error_text", skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Box<Stop<E>>>,
}

/// The reason why a log or trace is not equal to its source.
#[derive(Debug, thiserror::Error)]
pub enum Stop<E = StoreError> {
    /// The stored entries are not a prefix of the source. Nothing was written.
    #[error("conflict: {0}")]
    Conflict(Difference),
    /// Another writer changed the destination after the comparison. The extension did not change
    /// the entries of that writer.
    #[error("conflict: another writer changed the destination")]
    Moved {
        /// The head that the log had during the comparison.
        expected: Option<Head>,
        /// The head that the log had at the write.
        actual: Option<Head>,
    },
    /// The source failed.
    #[error("the source failed")]
    Source(#[source] E),
    /// The destination failed.
    #[error("the destination failed")]
    Destination(#[source] StoreError),
    /// The segment was not tried. The run was aborted, because a store had failed on every segment
    /// for longer than the limit.
    #[error("not tried: all earlier segments failed")]
    Aborted,
}

impl<E> Stop<E> {
    /// Returns whether the destination has entries that are missing in the source. The other
    /// reasons are a failure of a store, and a segment that was not tried.
    #[must_use]
    pub const fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict(_) | Self::Moved { .. })
    }
}

fn error_text<S: Serializer, E: Error + 'static>(
    stop: &Option<Box<Stop<E>>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    stop.as_deref().map(|stop| error_chain(stop)).serialize(serializer)
}

/// Appends to a log the entries of `source` that the log lacks.
///
/// The stored entries must be a prefix of the source. The function compares the stored entries, and
/// appends the rest with [`Store::append_if`] in batches of about 1 MiB. A segment that does not
/// exist is created, even if the source is empty. If the outcome of an append is unknown, the
/// function reads the log to find out whether the batch is stored
/// ([H5](session_store_core::contract#h5)).
///
/// `to` needs [`Capability::ConditionalAppend`](session_store_core::Capability::ConditionalAppend).
/// Without this capability the extension stops with [`StoreError::Unsupported`].
pub fn extend<E: Error>(
    to: &dyn Store,
    key: SegmentKey,
    source: impl IntoIterator<Item = Result<LogEntry, E>>,
) -> Extension<E> {
    extend_with(to, key, source, WritePolicy::default())
}

/// Appends to a log the entries of `source` that the log lacks. In contrast to [`extend()`], the
/// caller sets the rules for the writes.
///
/// With [`OnConflict::Replace`](crate::OnConflict::Replace), the log is truncated at the first
/// difference and then extended.
pub fn extend_with<E: Error>(
    to: &dyn Store,
    key: SegmentKey,
    source: impl IntoIterator<Item = Result<LogEntry, E>>,
    policy: WritePolicy,
) -> Extension<E> {
    let budget = MemoryBudget::new(1);
    let share = Share::new(&budget);
    match Log::open(to.at(key), &share, policy) {
        Ok(log) => Extension::of(log, source),
        Err(error) => Extension::stopped(Stop::Destination(error)),
    }
}

/// Appends to a trace the entries of `source` that the trace lacks, as [`extend()`] does for a log.
///
/// `to` needs [`Capability::ReadTraces`](session_store_core::Capability::ReadTraces). A trace has
/// no head, so the appends are not conditional. If two callers extend one trace at the same time,
/// both can append the same entries.
pub fn extend_trace<E: Error>(
    to: &dyn Store,
    key: SegmentKey,
    source: impl IntoIterator<Item = Result<TraceEntry, E>>,
) -> Extension<E> {
    extend_trace_with(to, key, source, WritePolicy::default())
}

/// Appends to a trace the entries of `source` that the trace lacks. In contrast to
/// [`extend_trace`], the caller sets the rules for the writes. A trace cannot be truncated, so a
/// trace that differs is always a conflict.
pub fn extend_trace_with<E: Error>(
    to: &dyn Store,
    key: SegmentKey,
    source: impl IntoIterator<Item = Result<TraceEntry, E>>,
    policy: WritePolicy,
) -> Extension<E> {
    let budget = MemoryBudget::new(1);
    let share = Share::new(&budget);
    let trace = Trace { segment: to.at(key), share: &share, dry_run: policy.dry_run };
    Extension::of(trace, source)
}

impl<E> Extension<E> {
    pub(crate) fn new() -> Self {
        Self { already: 0, cut: 0, appended: 0, bytes: 0, stopped: None }
    }

    pub(crate) fn stopped(stop: Stop<E>) -> Self {
        Self { stopped: Some(Box::new(stop)), ..Self::new() }
    }

    fn of<T: Target>(mut target: T, source: impl IntoIterator<Item = Result<T::Entry, E>>) -> Self {
        let mut extension = Self::new();
        let result = extension.compare_and_append(&mut target, source.into_iter());
        extension.stopped = result.err().map(Box::new);
        extension
    }

    /// Returns whether nothing was found, appended or truncated, and nothing failed.
    pub(crate) fn is_empty(&self) -> bool {
        self.already + self.cut + self.appended == 0 && self.stopped.is_none()
    }

    /// Compares the stored entries with the source, and appends the rest of the source.
    ///
    /// If the stored entries differ from the source, the target is truncated at the first
    /// difference, provided that the target permits the truncation.
    pub(crate) fn compare_and_append<T: Target>(
        &mut self,
        target: &mut T,
        mut source: impl Iterator<Item = Result<T::Entry, E>>,
    ) -> Result<(), Stop<E>> {
        let is_first = self.is_empty();
        let mut equal = 0;
        let mismatch = compare_stored(target, &mut source, &mut equal);
        // Only the first comparison counts. A later comparison also finds the entries that this
        // extension itself has appended.
        if is_first {
            self.already = equal;
        }
        let mut first = None;
        if let Some(Mismatch { difference, entry }) = mismatch? {
            let cut = target.cut(equal).map_err(stop)?;
            self.cut += cut.ok_or(Stop::Conflict(difference))?;
            first = entry;
        }
        self.append_rest(target, equal, first.map(Ok).into_iter().chain(source))
    }

    /// Appends the source to a target that has `position` entries.
    pub(crate) fn append_rest<T: Target>(
        &mut self,
        target: &mut T,
        mut position: usize,
        source: impl Iterator<Item = Result<T::Entry, E>>,
    ) -> Result<(), Stop<E>> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        for entry in source {
            match entry {
                Ok(entry) => {
                    bytes += entry.as_json().len() + ENTRY_BYTES;
                    batch.push(entry);
                }
                Err(error) => {
                    self.append(target, position, &batch)?;
                    return Err(Stop::Source(error));
                }
            }
            // Append a full batch before the next entry is read. One large entry also fills a
            // batch. The other jobs cannot read their large entries until this job has appended the
            // entry and released its memory ([`MemoryBudget`]).
            if bytes >= target.batch_bytes() {
                self.append(target, position, &batch)?;
                position += batch.len();
                batch.clear();
                bytes = 0;
            }
        }
        self.append(target, position, &batch)?;
        target.finish().map_err(stop)
    }

    fn append<T: Target>(
        &mut self,
        target: &mut T,
        position: usize,
        batch: &[T::Entry],
    ) -> Result<(), Stop<E>> {
        if batch.is_empty() {
            return Ok(());
        }
        let result = target.append(position, batch);
        let appended = match &result {
            Ok(()) => batch.len(),
            Err(StoreError::Partial { appended, .. }) => *appended,
            Err(_) => 0,
        };
        self.appended += appended;
        let bytes = batch[..appended].iter().map(|entry| entry.as_json().len() as u64);
        self.bytes += bytes.sum::<u64>();
        result.map_err(stop)
    }
}

/// The first difference between a target and its source.
struct Mismatch<T> {
    difference: Difference,
    /// The source's entry at the place of the difference, if the source has an entry there. The
    /// iterator has already returned this entry, so the entry must be appended before the rest of
    /// the iterator.
    entry: Option<T>,
}

/// Compares the stored entries with the source up to the first difference. Counts the equal entries
/// in `equal`, even if an error ends the comparison.
fn compare_stored<T: Target, E>(
    target: &T,
    source: &mut impl Iterator<Item = Result<T::Entry, E>>,
    equal: &mut usize,
) -> Result<Option<Mismatch<T::Entry>>, Stop<E>> {
    for stored in target.stored() {
        let stored = stored.map_err(stop)?;
        let entry = source.next().transpose().map_err(Stop::Source)?;
        let difference = match &entry {
            None => Some(Difference::Ends { side: Side::Source, entries: *equal }),
            Some(entry) => Difference::between(*equal + 1, entry.as_json(), stored.as_json()),
        };
        if let Some(difference) = difference {
            return Ok(Some(Mismatch { difference, entry }));
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
