//! Copies one segment. In later passes over the source, copies the changes of the segment.

use std::time::Instant;

use session_store_core::{Checkpoint, Entry, LogEntry, StoreError, TraceEntry};

use crate::extend::{Extension, Stop};
use crate::memory::{MemoryBudget, Share};
use crate::meter::Meter;
use crate::options::OnConflict;
use crate::options::WritePolicy;
use crate::pair::Pair;
use crate::progress::Progress;
use crate::read::Reader;
use crate::report::{Moved, SegmentCheckpoint, SegmentCopy};
use crate::side::Side;
use crate::target::{Log, Target, Trace};

/// The maximum number of attempts to copy a log. A log that is replaced during an attempt is copied
/// again. If writers replace a log faster than the copy reads it, only a pause of the writers
/// helps.
const ROUNDS: usize = 5;

/// The shared settings of all jobs that copy segments.
pub(crate) struct Copier<'a> {
    pub(crate) pair: Pair<'a>,
    pub(crate) budget: &'a MemoryBudget,
    pub(crate) policy: WritePolicy,
    pub(crate) with_traces: bool,
}

impl Copier<'_> {
    /// Copies a segment, or its changes since the last visit. Returns whether anything changed.
    pub(crate) fn visit(&self, copy: &mut SegmentCopy, meter: &mut Meter<'_>) -> bool {
        let is_first = !copy.checkpoint.visited;
        let is_retry = copy.stops().any(|stop| !stop.is_conflict());
        if is_first || is_retry {
            return self.copy(copy, meter) || is_first;
        }
        // A log in conflict is not copied again. A conflict of the trace does not stop the copy of
        // the log.
        copy.log.stopped.is_none() && timed(copy, |copy| self.catch_up(copy, meter))
    }

    /// Compares a segment from its beginning and copies the missing entries. Returns whether
    /// anything changed.
    pub(crate) fn copy(&self, copy: &mut SegmentCopy, meter: &mut Meter<'_>) -> bool {
        timed(copy, |copy| {
            copy.checkpoint.visited = true;
            copy.log.stopped = self.copy_log(copy, Checkpoint::START, meter).err().map(Box::new);
            self.copy_trace(copy, Checkpoint::START, meter);
        })
    }

    /// Returns whether a change of the source may explain a difference between the two logs.
    ///
    /// The result is true if the source's head has changed since the copy, or if the destination's
    /// head has not changed. In the remaining case, only the destination has changed: it has lost
    /// entries, or another writer has written to it. Copying the segment again would then hide this
    /// change.
    pub(crate) fn is_behind(&self, copy: &SegmentCopy) -> bool {
        let head = |side| self.pair.segment(side, copy.key).head().ok();
        head(Side::Source) != Some(copy.checkpoint.source.head())
            || head(Side::Destination) == Some(copy.checkpoint.destination)
    }

    fn catch_up(&self, copy: &mut SegmentCopy, meter: &mut Meter<'_>) {
        match self.pair.segment(Side::Source, copy.key).head() {
            Err(error) => copy.log.stopped = Some(Box::new(Stop::Source(error))),
            Ok(None) => copy.moved.deleted = true,
            Ok(head) => {
                if head != copy.checkpoint.source.head() {
                    let start = copy.checkpoint.source;
                    copy.log.stopped = self.copy_log(copy, start, meter).err().map(Box::new);
                }
                self.copy_trace(copy, copy.checkpoint.trace, meter);
            }
        }
    }

    /// Copies the source's log from `start` on.
    ///
    /// If the source's log was truncated or replaced after `start` was read, the copy starts again
    /// from the beginning of the log. The copy also starts again if another writer has changed the
    /// destination and the options permit replacing the destination's log.
    fn copy_log(
        &self,
        copy: &mut SegmentCopy,
        mut start: Checkpoint,
        meter: &mut Meter<'_>,
    ) -> Result<(), Stop> {
        let share = Share::new(self.budget);
        let [source, to] = Side::BOTH.map(|side| self.pair.segment(side, copy.key));
        let first = source.head().map_err(Stop::Source)?;
        let Some(first) = first else {
            copy.moved.deleted = true;
            return Ok(());
        };
        let entries = first.entries().saturating_sub(start.entries());
        meter.report(Progress::Started { entries });
        // Entries after this number were appended after the copy of this segment began.
        let expected = if start.entries() > 0 { start.entries() } else { first.entries() };
        let SegmentCheckpoint { destination, existing, .. } = copy.checkpoint;
        let mut target =
            Log { segment: to, share: &share, policy: self.policy, head: destination, existing };
        let mut rounds = ROUNDS;
        loop {
            rounds -= 1;
            match copy_round(copy, Reader::new(source, &share, start), &mut target, start, meter) {
                Ok(entries) => {
                    copy.moved.grown += entries.saturating_sub(expected);
                    return Ok(());
                }
                Err(Stop::Source(StoreError::NotFound(_))) => {
                    copy.moved.deleted = true;
                    return Ok(());
                }
                Err(Stop::Source(StoreError::Conflict { .. })) if rounds > 0 => {
                    copy.moved.rewritten += 1;
                }
                Err(Stop::Moved { .. })
                    if rounds > 0 && self.policy.on_conflict == OnConflict::Replace => {}
                Err(stop) => return Err(stop),
            }
            start = Checkpoint::START;
        }
    }

    fn copy_trace(&self, copy: &mut SegmentCopy, start: Checkpoint, meter: &mut Meter<'_>) {
        // A trace in conflict is not copied again. The trace of a log in conflict is not copied
        // either. The trace describes the source's log, so it would be misleading next to another
        // log.
        if !self.with_traces || copy.stops().any(Stop::is_conflict) {
            return;
        }
        let share = Share::new(self.budget);
        let [source, to] = Side::BOTH.map(|side| self.pair.segment(side, copy.key));
        let mut target = Trace { segment: to, share: &share, dry_run: self.policy.dry_run };
        let mut trace = copy.trace.take().unwrap_or_else(|| Box::new(Extension::new()));
        let mut copy_from = |start| {
            let mut reader = Reader::<TraceEntry>::new(source, &share, start);
            let result = extend_from(&mut trace, &mut target, &mut reader, start, meter);
            result.map(|()| reader.checkpoint())
        };
        let result = match copy_from(start) {
            // The source has another trace now, so compare the traces from the beginning.
            Err(Stop::Source(StoreError::Conflict { .. })) => copy_from(Checkpoint::START),
            result => result,
        };
        trace.stopped = result.map(|end| copy.checkpoint.trace = end).err().map(Box::new);
        copy.trace = (!trace.is_empty()).then_some(trace);
    }
}

/// Copies the source's log from `start` to the current end of the log. Returns the number of
/// entries that the log has at this end.
fn copy_round(
    copy: &mut SegmentCopy,
    mut source: Reader<'_, LogEntry>,
    target: &mut Log<'_>,
    start: Checkpoint,
    meter: &mut Meter<'_>,
) -> Result<usize, Stop> {
    if start.entries() == 0 {
        target.refresh().map_err(Stop::Destination)?;
    }
    let result = extend_from(&mut copy.log, target, &mut source, start, meter);
    copy.checkpoint.destination = target.head;
    copy.checkpoint.existing = target.existing;
    result?;
    copy.checkpoint.source = source.checkpoint();
    Ok(source.checkpoint().entries())
}

/// Appends the entries of `reader`, which begin after `start`. Both sides must be equal up to
/// `start`.
fn extend_from<G: Target>(
    extension: &mut Extension,
    target: &mut G,
    reader: &mut Reader<'_, G::Entry>,
    start: Checkpoint,
    meter: &mut Meter<'_>,
) -> Result<(), Stop> {
    let source = reader.inspect(|entry| {
        if let Ok(entry) = entry {
            meter.count(entry.as_json().len());
        }
    });
    match start.entries() {
        0 => extension.compare_and_append(target, source),
        at => extension.append_rest(target, at, source),
    }
}

/// Adds the time of `work` to the copy. Returns whether `work` changed anything.
///
/// Only the first visit counts even if it changes nothing. `follow` makes many later visits without
/// a change, and adding their time would hide the duration of the copy.
fn timed(copy: &mut SegmentCopy, work: impl FnOnce(&mut SegmentCopy)) -> bool {
    let (began, before) = (Instant::now(), progress_of(copy));
    work(copy);
    let has_changed = progress_of(copy) != before;
    if has_changed || copy.took.is_zero() {
        copy.took += began.elapsed();
    }
    has_changed
}

/// Returns the state of a copy as numbers. A visit that changes anything also changes at least one
/// of these numbers.
fn progress_of(copy: &SegmentCopy) -> (usize, usize, usize, Moved) {
    let traced = copy.trace.as_ref().map_or(0, |trace| trace.appended);
    (copy.log.appended, copy.log.cut, traced, copy.moved)
}
