//! The proof of a copy: reads both stores again and compares them. If a log of the source was
//! truncated or replaced after the copy, the proof copies the log again.

use crate::breaker::CircuitBreaker;
use crate::comparison::{Comparison, SegmentComparison, VerifyReport};
use crate::copy::Copier;
use crate::memory::MemoryBudget;
use crate::meter::Meter;
use crate::options::WritePolicy;
use crate::pair::{Pair, sync};
use crate::pods::Pods;
use crate::progress::Progress;
use crate::report::{MigrateReport, PodCopy, PodOutcome, SegmentCopy};
use crate::side::{Gap, Side};
use crate::verify::{Comparer, compare_all};

/// The maximum number of times that the proof copies a segment again. The proof does so if the
/// segment was truncated or replaced in the source after the copy.
const REPEATS: usize = 3;

/// Compares all parts that the run copied or found equal. Adds the result to the report.
///
/// Other segments of the destination are not compared. If the proof copies something, the
/// destination is synced again.
pub(crate) fn prove(
    pair: Pair<'_>,
    report: &mut MigrateReport,
    progress: &mut dyn FnMut(Progress<'_>),
) {
    let options = &report.options;
    let copied_before = report.totals();
    let budget = MemoryBudget::new(options.jobs);
    let with_traces =
        options.selection.traces && !report.gaps.iter().any(|gap| matches!(gap, Gap::Traces(_)));
    let prover = Prover {
        comparer: Comparer { pair, budget: &budget, with_traces },
        copier: Copier {
            pair,
            budget: &budget,
            policy: WritePolicy { on_conflict: options.on_conflict, dry_run: false },
            with_traces,
        },
        breaker: CircuitBreaker::new(options.abort_after),
    };
    let is_copied = |copy: &&mut SegmentCopy| copy.log.stopped.is_none() && !copy.moved.deleted;
    let copies: Vec<_> = report.segments.iter_mut().filter(is_copied).collect();
    let compare = |copy, meter: &mut Meter<'_>| prover.segment(copy, meter);
    let segments = compare_all(options.jobs, copies, compare, progress);
    let is_copied_pod =
        |pod: &&PodCopy| pod.is_complete() && !matches!(pod.outcome, PodOutcome::Deleted);
    let copied_pods = report.pods.iter().filter(is_copied_pod).map(|pod| pod.name.clone());
    let pods = Pods { pair, of_sessions: None }.compare_all(copied_pods);
    let names = Side::NAMES.map(str::to_owned);
    report.proof =
        Some(VerifyReport { segments, pods, gaps: Vec::new(), findings: Vec::new(), names });
    if report.totals() != copied_before && report.sync_failure.is_none() {
        report.sync_failure = sync(pair.destination).err();
    }
}

struct Prover<'a> {
    comparer: Comparer<'a>,
    copier: Copier<'a>,
    breaker: CircuitBreaker,
}

impl Prover<'_> {
    /// Compares a segment.
    ///
    /// Returns `None` if the source has deleted the segment. Also returns `None` if the segment had
    /// to be copied again, and this copy stopped with a conflict or a failure. `copy` then has the
    /// reason.
    fn segment(&self, copy: &mut SegmentCopy, meter: &mut Meter<'_>) -> Option<SegmentComparison> {
        if self.breaker.is_open() {
            return Some(SegmentComparison {
                key: copy.key,
                log: Comparison::Aborted,
                trace: None,
            });
        }
        let mut compared = self.compare(copy, meter);
        for _ in 0..REPEATS {
            if compared.is_equal() || !self.copier.is_behind(copy) {
                break;
            }
            self.copy_again(copy, meter);
            if copy.log.stopped.is_some() || copy.moved.deleted {
                return None;
            }
            compared = self.compare(copy, meter);
        }
        self.breaker.record(compared.errors());
        Some(compared)
    }

    /// Copies the segment again. Copies nothing if the source meanwhile has its old entries again.
    fn copy_again(&self, copy: &mut SegmentCopy, meter: &mut Meter<'_>) {
        let cut = copy.log.cut;
        self.copier.copy(copy, meter);
        copy.moved.rewritten += usize::from(copy.log.cut > cut);
    }

    /// Compares the copied entries. Counts later entries of the source in
    /// [`Moved::since`](crate::Moved::since).
    fn compare(&self, copy: &mut SegmentCopy, meter: &mut Meter<'_>) -> SegmentComparison {
        let key = copy.key;
        let log = self.comparer.log(key, copy.checkpoint.source.entries(), meter);
        let since = &mut copy.moved.since;
        let log = self.comparer.check_counts(key, log, |side, counted, read| match side {
            Side::Source => {
                *since = counted.saturating_sub(read);
                counted >= read
            }
            Side::Destination => counted == read,
        });
        // If the trace was not copied, `copy` already has the reason.
        let trace = if copy.is_complete() {
            self.comparer.trace(key, copy.checkpoint.trace.entries(), meter)
        } else {
            None
        };
        SegmentComparison { key, log, trace }
    }
}
