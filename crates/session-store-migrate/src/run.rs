//! The passes of a migration over its source. The comparison after the last pass is in `prove`.

use std::collections::BTreeMap;

use session_store_core::SegmentKey;

use crate::breaker::CircuitBreaker;
use crate::copy::Copier;
use crate::error::Failure;
use crate::extend::Stop;
use crate::inventory::{self, Presence};
use crate::jobs::run_parallel;
use crate::memory::MemoryBudget;
use crate::meter::Meter;
use crate::options::Options;
use crate::options::WritePolicy;
use crate::pair::{Pair, sync};
use crate::pods::{CopiedPods, Pods};
use crate::progress::{Phase, Progress};
use crate::report::{MigrateReport, SegmentCopy};
use crate::side::{Gap, Side};

type Report<'r> = &'r mut dyn FnMut(Progress<'_>);

/// The state of a migration between its passes.
pub(crate) struct Run<'a> {
    pair: Pair<'a>,
    options: &'a Options,
    budget: MemoryBudget,
    trace_gaps: Vec<Gap>,
    pod_gap: Option<Gap>,
    /// The copies of all segments, in ascending order of the keys. The jobs borrow the copies in
    /// place, because moving many copies to the jobs and back would take time.
    copies: Vec<SegmentCopy>,
    pods: CopiedPods,
    /// The failures of the last pass.
    failures: Vec<Failure>,
    /// Whether the last pass changed the destination.
    changed: bool,
}

impl<'a> Run<'a> {
    pub(crate) fn new(pair: Pair<'a>, options: &'a Options) -> Self {
        let traces = options.selection.traces;
        Self {
            pair,
            options,
            budget: MemoryBudget::new(options.jobs),
            trace_gaps: if traces { pair.trace_gaps() } else { Vec::new() },
            pod_gap: None,
            copies: Vec::new(),
            pods: CopiedPods::default(),
            failures: Vec::new(),
            changed: false,
        }
    }

    /// Returns whether the run needs another pass.
    ///
    /// A pass that copied something is followed by another pass, because the source may have
    /// changed meanwhile. Only another pass lists the source again, and finds a session that was
    /// created after the listing.
    pub(crate) fn may_continue(&self) -> bool {
        let is_aborted = |stop: &Stop| matches!(stop, Stop::Aborted);
        let has_aborted = self.copies.iter().flat_map(SegmentCopy::stops).any(is_aborted);
        self.changed && !has_aborted
    }

    /// Lists the source again, and copies every change.
    pub(crate) fn pass(&mut self, progress: Report<'_>) {
        self.changed = false;
        match inventory::list(&[(Side::Source, self.pair.source)], &self.options.selection) {
            Ok(keys) => self.visit(keys, Phase::CatchUp, progress),
            Err(failure) => {
                progress(Progress::Failed(&failure));
                self.failures = vec![failure];
            }
        }
    }

    /// Syncs the destination and returns the report, without a proof.
    pub(crate) fn into_report(self) -> MigrateReport {
        let synced = if self.options.dry_run { Ok(()) } else { sync(self.pair.destination) };
        MigrateReport {
            options: self.options.clone(),
            sync_failure: synced.err(),
            segments: self.copies,
            pods: self.pods.into_copies(),
            gaps: self.trace_gaps.into_iter().chain(self.pod_gap).collect(),
            failures: self.failures,
            findings: Vec::new(),
            proof: None,
            reopened: false,
        }
    }

    /// Makes a pass over the segments of `keys`, and over the pods.
    pub(crate) fn visit(
        &mut self,
        mut keys: BTreeMap<SegmentKey, Presence>,
        phase: Phase,
        progress: Report<'_>,
    ) {
        self.failures.clear();
        self.options.selection.retain_since(&mut keys);
        let of_sessions = self.options.selection.pods_of(&keys);
        self.copy_segments(keys, phase, progress);
        if self.options.selection.pods {
            let pods = Pods { pair: self.pair, of_sessions };
            match pods.copy(self.policy(), &mut self.pods) {
                // A changed pod causes another pass too, because the pod may point to a session
                // that was created after the sessions were listed.
                Ok((changed, gap)) => {
                    self.changed |= changed;
                    self.pod_gap = gap;
                }
                Err(failure) => {
                    progress(Progress::Failed(&failure));
                    self.failures.push(failure);
                }
            }
        }
    }

    fn copy_segments(
        &mut self,
        keys: BTreeMap<SegmentKey, Presence>,
        phase: Phase,
        progress: Report<'_>,
    ) {
        progress(Progress::Begin { phase, parts: keys.len() });
        self.update_copies(keys);
        let breaker = CircuitBreaker::new(self.options.abort_after);
        let copier = Copier {
            pair: self.pair,
            budget: &self.budget,
            policy: self.policy(),
            with_traces: self.options.selection.traces && self.trace_gaps.is_empty(),
        };
        let existing = self.copies.iter_mut().filter(|copy| !copy.moved.deleted).collect();
        let changed = &mut self.changed;
        let work = |copy, meter: &mut Meter<'_>| visit(&copier, &breaker, copy, meter);
        run_parallel(self.options.jobs, existing, work, progress, |(copy, done), progress| {
            if done {
                progress(Progress::Copied(copy));
            }
            *changed |= done;
        });
    }

    /// Adds a copy for each new segment. Marks the copies of segments that the source no longer
    /// has.
    fn update_copies(&mut self, mut keys: BTreeMap<SegmentKey, Presence>) {
        for copy in &mut self.copies {
            copy.moved.deleted = keys.remove(&copy.key).is_none();
        }
        self.copies.reserve_exact(keys.len());
        self.copies.extend(keys.into_keys().map(SegmentCopy::new));
        self.copies.sort_unstable_by_key(|copy| copy.key);
    }

    fn policy(&self) -> WritePolicy {
        WritePolicy { on_conflict: self.options.on_conflict, dry_run: self.options.dry_run }
    }
}

/// Visits one segment. Returns its copy, and whether anything changed.
fn visit<'c>(
    copier: &Copier<'_>,
    breaker: &CircuitBreaker,
    copy: &'c mut SegmentCopy,
    meter: &mut Meter<'_>,
) -> (&'c mut SegmentCopy, bool) {
    if breaker.is_open() {
        let is_first = !copy.checkpoint.visited;
        if is_first {
            copy.log.stopped = Some(Box::new(Stop::Aborted));
        }
        return (copy, is_first);
    }
    let changed = copier.visit(copy, meter);
    breaker.record(copy.errors());
    (copy, changed)
}
