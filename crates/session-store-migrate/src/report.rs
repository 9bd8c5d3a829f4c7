//! The report of a migration.

use std::time::Duration;

use serde::Serialize;
use session_store_core::{Checkpoint, Finding, Head, PodName, SegmentKey, StoreError};

use crate::comparison::{Difference, VerifyReport};
use crate::error::Failure;
use crate::extend::{Extension, Stop};
use crate::options::{OnConflict, Options};
use crate::side::Gap;

/// The report of a migration, with the proof that the destination equals the source.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub struct MigrateReport {
    /// The options of the run.
    pub options: Options,
    /// Every segment of the source, in ascending order of the ids.
    pub segments: Vec<SegmentCopy>,
    /// Every pod of the source, by name.
    pub pods: Vec<PodCopy>,
    /// The kinds of data that were not copied, because a store does not support them.
    pub gaps: Vec<Gap>,
    /// Failures that affect more than one segment: a store could not be listed, or a store could
    /// not be opened again for the proof.
    pub failures: Vec<Failure>,
    /// The findings of the source's own check, if the whole source is selected.
    ///
    /// If [`Finding::is_left_behind`] is true for a finding, the copy lacks data. An example is
    /// data that the source does not list.
    pub findings: Vec<Finding>,
    /// The failure to sync the destination. A power cut could then lose copied entries.
    ///
    /// `None` if the sync succeeded or if the destination does not support syncs.
    pub sync_failure: Option<Failure>,
    /// The comparison of both stores after the copy.
    ///
    /// The comparison covers all parts that were copied or were already equal, but not the parts in
    /// conflict. `None` after a dry run, and if a store could not be opened again for the proof.
    pub proof: Option<VerifyReport>,
    /// Whether the proof used new handles ([`Migration::reopen`](crate::Migration::reopen)).
    ///
    /// Otherwise the proof used the handles of the copy, which may have returned cached data.
    pub reopened: bool,
}

/// The sums over all segments and pods of a migration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Totals {
    /// The number of segments.
    pub segments: usize,
    /// The number of segments that are complete.
    pub complete: usize,
    /// The number of segments in conflict.
    pub conflicts: usize,
    /// The number of log entries that were appended to the destination.
    pub entries_copied: usize,
    /// The size of these entries, in bytes.
    pub bytes_copied: u64,
    /// The number of log entries that the destination already had.
    pub entries_already: usize,
    /// The number of log entries that were truncated in the destination.
    pub entries_cut: usize,
    /// The number of trace entries that were appended to the destination.
    pub trace_entries_copied: usize,
    /// The number of pods.
    pub pods: usize,
}

/// The copy of one segment.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub struct SegmentCopy {
    /// The ids of the session and the segment.
    pub key: SegmentKey,
    /// The copy of the log.
    pub log: Extension,
    /// The copy of the trace.
    ///
    /// `None` if the trace is empty, if traces are not selected, or if a store does not support
    /// them ([`gaps`](MigrateReport::gaps)). Also `None` if the log is in conflict: the source's
    /// trace belongs to the source's log, and the destination has another log.
    pub trace: Option<Box<Extension>>,
    /// The changes of the source during the run.
    pub moved: Moved,
    /// The duration of the copy, without the proof.
    pub took: Duration,
    pub(crate) checkpoint: SegmentCheckpoint,
}

/// The changes of a source segment during the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Moved {
    /// The number of entries that were appended to the source during the copy of the segment. These
    /// entries were copied too.
    pub grown: usize,
    /// The number of times that the log was truncated or replaced. The destination was changed in
    /// the same way.
    pub rewritten: usize,
    /// The number of entries that were appended to the source after the last pass. These entries
    /// were not copied.
    pub since: usize,
    /// Whether the segment was deleted from the source. The copy stays in the destination.
    pub deleted: bool,
}

/// The state of both sides at the end of a visit. The next visit continues from this state.
#[derive(Debug)]
pub(crate) struct SegmentCheckpoint {
    /// A position in the source's log. Up to this position both logs are equal.
    pub(crate) source: Checkpoint,
    /// The head of the destination's log.
    pub(crate) destination: Option<Head>,
    /// The number of entries that the destination's log had before the run. Only later entries may
    /// be truncated.
    pub(crate) existing: usize,
    /// A position in the source's trace. Up to this position both traces are equal.
    pub(crate) trace: Checkpoint,
    /// Whether the segment was visited.
    pub(crate) visited: bool,
}

/// The copy of one pod.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub struct PodCopy {
    /// The name of the pod.
    pub name: PodName,
    /// The result.
    pub outcome: PodOutcome,
}

/// The result of copying one pod.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub enum PodOutcome {
    /// The pod was written to the destination.
    ///
    /// Before that, the destination did not have the pod, or had an earlier version of it. This run
    /// itself had copied the earlier version, or had found it equal.
    Copied,
    /// The destination already had the same pod, byte for byte.
    Equal,
    /// The destination had another pod of that name. It was replaced, as the options request.
    Replaced(Difference),
    /// The destination has another pod of that name. It was not changed.
    Conflict(Difference),
    /// The source deleted the pod after the pod was copied. The destination keeps its copy.
    Deleted,
    /// One store failed.
    Failed(Failure),
}

impl MigrateReport {
    /// Returns whether the proof found all selected data in the destination.
    ///
    /// After a dry run, returns whether nothing prevents the copy. Conflicts do not count if the
    /// options say to skip conflicts.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.gaps.is_empty()
            && self.failures.is_empty()
            && self.sync_failure.is_none()
            && !self.findings.iter().any(Finding::is_left_behind)
            && self.segments.iter().all(|copy| copy.is_complete() || self.is_skipped(copy))
            && self.pods.iter().all(|pod| pod.is_complete() || self.is_skipped_pod(pod))
            && self.proof.as_ref().is_none_or(VerifyReport::is_equal)
    }

    /// Returns whether the segment is in conflict and was skipped, as the options request.
    #[must_use]
    pub fn is_skipped(&self, copy: &SegmentCopy) -> bool {
        self.options.on_conflict == OnConflict::Skip && copy.is_conflict()
    }

    /// Returns whether the pod is in conflict and was skipped, as the options request.
    #[must_use]
    pub fn is_skipped_pod(&self, pod: &PodCopy) -> bool {
        self.options.on_conflict == OnConflict::Skip && pod.is_conflict()
    }

    /// Returns the number of log entries that were appended to the destination.
    #[must_use]
    pub fn entries_copied(&self) -> usize {
        self.totals().entries_copied
    }

    /// Returns the sums over all segments and pods.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let mut totals =
            Totals { segments: self.segments.len(), pods: self.pods.len(), ..Totals::default() };
        for copy in &self.segments {
            totals.complete += usize::from(copy.is_complete());
            totals.conflicts += usize::from(copy.is_conflict());
            totals.entries_copied += copy.log.appended;
            totals.bytes_copied += copy.log.bytes;
            totals.entries_already += copy.log.already;
            totals.entries_cut += copy.log.cut;
            totals.trace_entries_copied += copy.trace.as_ref().map_or(0, |trace| trace.appended);
        }
        totals
    }
}

impl SegmentCopy {
    pub(crate) fn new(key: SegmentKey) -> Self {
        Self {
            key,
            log: Extension::new(),
            trace: None,
            moved: Moved::default(),
            took: Duration::ZERO,
            checkpoint: SegmentCheckpoint {
                source: Checkpoint::START,
                destination: None,
                existing: 0,
                trace: Checkpoint::START,
                visited: false,
            },
        }
    }

    /// Returns whether the copies of the log and of the trace ended without a conflict or a
    /// failure.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.stops().next().is_none()
    }

    /// Returns whether conflicts are the only reason why the log or the trace is not complete.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.stops().next().is_some() && self.stops().all(Stop::is_conflict)
    }

    /// Iterates over the reasons why the log and the trace are not complete.
    pub fn stops(&self) -> impl Iterator<Item = &Stop> {
        let trace = self.trace.as_ref().and_then(|trace| trace.stopped.as_deref());
        self.log.stopped.as_deref().into_iter().chain(trace)
    }

    /// Iterates over the errors of the stores.
    pub(crate) fn errors(&self) -> impl Iterator<Item = &StoreError> {
        self.stops().filter_map(|stop| match stop {
            Stop::Source(error) | Stop::Destination(error) => Some(error),
            _ => None,
        })
    }
}

impl PodCopy {
    /// Returns whether the destination has the source's pod now, or the source has deleted the pod.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        !matches!(self.outcome, PodOutcome::Conflict(_) | PodOutcome::Failed(_))
    }

    /// Returns whether the destination has another pod of that name and keeps it.
    #[must_use]
    pub const fn is_conflict(&self) -> bool {
        matches!(self.outcome, PodOutcome::Conflict(_))
    }
}
