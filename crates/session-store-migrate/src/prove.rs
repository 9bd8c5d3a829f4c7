//! The proof of a copy: both sides read back and compared, and what has moved since copied on.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::copy::{Copier, SegmentCopy};
use crate::gate::Gate;
use crate::jobs::side_by_side;
use crate::patience::Patience;
use crate::pods::Pods;
use crate::progress::Tally;
use crate::side::{Pair, sync};
use crate::target::Rights;
use crate::verify::Comparer;
use crate::{
    Comparison, MigrateOptions, MigrateReport, Phase, PodCopy, PodOutcome, Progress,
    SegmentComparison, Side, VerifyReport,
};

/// How often a segment is copied again whose source was cut or replaced since.
const REPEATS: usize = 3;

/// Compares what was copied, and all that was there already; what else the destination holds is no business of
/// a copy. What was not copied is told already. What is copied on is synced.
pub(crate) fn prove(
    pair: Pair<'_>,
    options: &MigrateOptions,
    report: &mut MigrateReport,
    progress: &mut dyn FnMut(Progress<'_>),
) {
    let gate = Gate::new(options.jobs.get());
    let with_traces = options.selection.traces && report.gaps.iter().all(|gap| !gap.is_traces());
    let has_written = AtomicBool::new(false);
    let prover = Prover {
        comparer: Comparer { pair, gate: &gate, with_traces },
        copier: Copier {
            pair,
            gate: &gate,
            rights: Rights { on_conflict: options.on_conflict, dry: false },
            with_traces,
        },
        patience: Patience::new(options.patience),
        has_written: &has_written,
    };
    let is_copied = |copy: &&mut SegmentCopy| copy.log.stopped.is_none() && !copy.moved.deleted;
    let copies: Vec<_> = report.segments.iter_mut().filter(is_copied).collect();
    progress(Progress::Begin { phase: Phase::Compare, segments: copies.len() });
    let mut segments = Vec::with_capacity(copies.len());
    let work = |copy, tally: &mut Tally<'_, _>| prover.segment(copy, tally);
    side_by_side(options.jobs.get(), copies, work, progress, |compared, progress| {
        if let Some(compared) = compared {
            progress(Progress::Compared(&compared));
            segments.push(compared);
        }
    });
    segments.sort_unstable_by_key(|segment| (segment.session_id, segment.segment_id));
    let is_copied =
        |pod: &&PodCopy| pod.is_complete() && !matches!(pod.outcome, PodOutcome::Deleted);
    let names = report.pods.iter().filter(is_copied).map(|pod| pod.name.clone());
    let pods = Pods { pair, of_sessions: None }.compare_all(names);
    report.proof = Some(VerifyReport { segments, pods, gaps: Vec::new() });
    if has_written.into_inner() && report.unsynced.is_none() {
        report.unsynced = sync(pair.destination).err();
    }
}

struct Prover<'a> {
    comparer: Comparer<'a>,
    copier: Copier<'a>,
    patience: Patience,
    has_written: &'a AtomicBool,
}

impl Prover<'_> {
    /// `None` where there is nothing to compare any more: the source has deleted the segment, or copying on
    /// was a conflict or failed, which the copy tells.
    fn segment<T>(
        &self,
        copy: &mut SegmentCopy,
        tally: &mut Tally<'_, T>,
    ) -> Option<SegmentComparison> {
        if self.patience.is_over() {
            return Some(SegmentComparison::new(copy.key(), Comparison::GivenUp));
        }
        let mut compared = self.compare(copy, tally);
        for _ in 0..REPEATS {
            if compared.is_equal() || !self.copier.is_behind(copy) {
                break;
            }
            self.follow(copy, tally);
            if copy.log.stopped.is_some() || copy.moved.deleted {
                return None;
            }
            compared = self.compare(copy, tally);
        }
        self.patience.note(compared.failures());
        Some(compared)
    }

    /// Copies the segment again. That may find nothing to do: the source is as it was before.
    fn follow<T>(&self, copy: &mut SegmentCopy, tally: &mut Tally<'_, T>) {
        let cut = copy.log.cut;
        let followed = self.copier.copy(copy, tally);
        self.has_written.fetch_or(followed, Ordering::Relaxed);
        copy.moved.rewritten += usize::from(copy.log.cut > cut);
    }

    /// A source that has grown since is none the worse for it. A trace that was not copied is told already.
    fn compare<T>(&self, copy: &mut SegmentCopy, tally: &mut Tally<'_, T>) -> SegmentComparison {
        let key = copy.key();
        let (entries, traced) = copy.copied();
        let log = self.comparer.log(key, entries, tally);
        let since = &mut copy.moved.since;
        let log = self.comparer.checked_by_counts(key, log, |side, counted, read| match side {
            Side::Source => {
                *since = counted.saturating_sub(read);
                counted >= read
            }
            Side::Destination => counted == read,
        });
        let is_traced = copy.is_complete();
        let trace = is_traced.then(|| self.comparer.trace(key, traced, tally)).flatten();
        SegmentComparison { trace, ..SegmentComparison::new(key, log) }
    }
}
