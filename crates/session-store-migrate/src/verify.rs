//! Compares two stores, entry by entry.

use session_store_core::{Checkpoint, Entry, LogEntry, SegmentKey, TraceEntry};

use crate::breaker::CircuitBreaker;
use crate::compare::compare;
use crate::comparison::{Comparison, Difference, SegmentComparison, VerifyReport};
use crate::error::{Failure, MigrateError};
use crate::inventory::{self, Presence};
use crate::jobs::run_parallel;
use crate::leftovers;
use crate::memory::{MemoryBudget, Share};
use crate::meter::Meter;
use crate::options::Options;
use crate::pair::Pair;
use crate::pods::Pods;
use crate::progress::{Phase, Progress};
use crate::read::Reader;
use crate::side::Side;

/// Compares the selected parts of both stores.
pub(crate) fn verify(
    pair: Pair<'_>,
    options: &Options,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<VerifyReport, MigrateError> {
    let selection = &options.selection;
    let stores = Side::BOTH.map(|side| (side, pair.store(side)));
    let mut all = inventory::list(&stores, selection)?;
    inventory::require(selection, &all)?;
    selection.retain_since(&mut all);
    let of_sessions = selection.pods_of(&all);

    let mut gaps = if selection.traces { pair.trace_gaps() } else { Vec::new() };
    let budget = MemoryBudget::new(options.jobs);
    let with_traces = selection.traces && gaps.is_empty();
    let comparer = Comparer { pair, budget: &budget, with_traces };
    let breaker = CircuitBreaker::new(options.abort_after);
    let compare = |(key, presence), meter: &mut Meter<'_>| {
        if breaker.is_open() {
            return Some(SegmentComparison { key, log: Comparison::Aborted, trace: None });
        }
        let compared = comparer.segment(key, presence, meter);
        breaker.record(compared.errors());
        Some(compared)
    };
    let segments = compare_all(options.jobs, all.into_iter().collect(), compare, progress);
    let mut pods = Vec::new();
    if selection.pods {
        let (compared, gap) = Pods { pair, of_sessions }.compare()?;
        pods = compared;
        gaps.extend(gap);
    }
    let mut findings = Vec::new();
    for side in Side::BOTH {
        let of_side = leftovers::check(side, pair.store(side), selection)?;
        findings.extend(of_side.into_iter().map(|finding| (side, finding)));
    }
    Ok(VerifyReport { segments, pods, gaps, findings, names: Side::NAMES.map(str::to_owned) })
}

/// Calls `compare` for each item, on `jobs` threads. Returns the comparisons in ascending order of
/// the keys.
pub(crate) fn compare_all<I: Send>(
    jobs: usize,
    items: Vec<I>,
    compare: impl Fn(I, &mut Meter<'_>) -> Option<SegmentComparison> + Sync,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Vec<SegmentComparison> {
    progress(Progress::Begin { phase: Phase::Compare, parts: items.len() });
    let mut segments = Vec::with_capacity(items.len());
    run_parallel(jobs, items, compare, progress, |compared, progress| {
        if let Some(compared) = compared {
            progress(Progress::Compared(&compared));
            segments.push(compared);
        }
    });
    segments.sort_unstable_by_key(|segment| segment.key);
    segments
}

/// The shared settings of all jobs that compare segments.
pub(crate) struct Comparer<'a> {
    pub(crate) pair: Pair<'a>,
    pub(crate) budget: &'a MemoryBudget,
    pub(crate) with_traces: bool,
}

impl Comparer<'_> {
    fn segment(
        &self,
        key: SegmentKey,
        presence: Presence,
        meter: &mut Meter<'_>,
    ) -> SegmentComparison {
        if let Presence::Only(side) = presence {
            return SegmentComparison { key, log: Comparison::OnlyIn(side), trace: None };
        }
        let log = self.log(key, usize::MAX, meter);
        let log = self.check_counts(key, log, |_, counted, read| counted == read);
        SegmentComparison { key, log, trace: self.trace(key, usize::MAX, meter) }
    }

    /// Compares the first `entries` of the source's log with the whole log of the destination.
    pub(crate) fn log(&self, key: SegmentKey, entries: usize, meter: &mut Meter<'_>) -> Comparison {
        if let Ok(Some(head)) = self.pair.segment(Side::Source, key).head() {
            meter.report(Progress::Started { entries: head.entries().min(entries) });
        }
        self.compare::<LogEntry>(key, entries, &format!("read {key}"), meter)
    }

    /// Compares the first `entries` of the source's trace with the whole trace of the destination.
    /// Returns `None` if both traces are empty, or if traces are not compared.
    pub(crate) fn trace(
        &self,
        key: SegmentKey,
        entries: usize,
        meter: &mut Meter<'_>,
    ) -> Option<Box<Comparison>> {
        if !self.with_traces {
            return None;
        }
        let operation = format!("read the trace of {key}");
        let compared = self.compare::<TraceEntry>(key, entries, &operation, meter);
        let is_empty = compared.is_equal() && compared.equal_entries() == 0;
        (!is_empty).then(|| Box::new(compared))
    }

    fn compare<E: Entry>(
        &self,
        key: SegmentKey,
        entries: usize,
        operation: &str,
        meter: &mut Meter<'_>,
    ) -> Comparison {
        let share = Share::new(self.budget);
        let [source, destination] = Side::BOTH
            .map(|side| Reader::<E>::new(self.pair.segment(side, key), &share, Checkpoint::START));
        compare(source.take(entries), destination, operation, |text| meter.count(text.len()))
    }

    /// Checks the entry counts that both stores report, if the comparison found no difference.
    ///
    /// `is_right` receives a side, the reported entry count of this side, and the number of entries
    /// that were read. It returns whether the count is right.
    pub(crate) fn check_counts(
        &self,
        key: SegmentKey,
        compared: Comparison,
        mut is_right: impl FnMut(Side, usize, usize) -> bool,
    ) -> Comparison {
        let Comparison::Equal { entries: read, .. } = compared else {
            return compared;
        };
        for side in Side::BOTH {
            match self.pair.segment(side, key).read_entry_count() {
                Ok(counted) if is_right(side, counted, read) => {}
                Ok(counted) => {
                    return Comparison::Differs(Difference::Count { side, counted, read });
                }
                Err(error) => {
                    return Comparison::Failed(Failure::of(side, format!("read {key}"))(error));
                }
            }
        }
        compared
    }
}
