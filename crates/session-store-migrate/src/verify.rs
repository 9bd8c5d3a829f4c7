//! Compares two stores, entry by entry.

use session_store_core::{LogEntry, TraceEntry};

use crate::breaker::CircuitBreaker;
use crate::compare::compare;
use crate::comparison::{Comparison, Difference, SegmentComparison, VerifyReport};
use crate::entry::Entry;
use crate::error::{Failure, MigrateError};
use crate::inventory::{self, Key, Presence};
use crate::jobs::run_parallel;
use crate::memory::{MemoryBudget, Share};
use crate::meter::Meter;
use crate::options::Options;
use crate::pair::Pair;
use crate::pods::Pods;
use crate::progress::{Phase, Progress};
use crate::read::{Mark, Place, Reader};
use crate::side::Side;

/// Compares the selected parts of both stores.
pub(crate) fn verify(
    pair: Pair<'_>,
    options: &Options,
    names: [String; 2],
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<VerifyReport, MigrateError> {
    let selection = &options.selection;
    let mut all = inventory::of_both(pair, selection)?;
    inventory::require(selection, &all)?;
    selection.retain_since(&mut all);
    let of_sessions = selection.pods_of(&all);

    let mut gaps = if selection.traces { pair.trace_gaps() } else { Vec::new() };
    let budget = MemoryBudget::new(options.jobs);
    let with_traces = selection.traces && gaps.is_empty();
    let comparer = Comparer { pair, budget: &budget, with_traces };
    let segments = compare_segments(&comparer, options, all.into_iter().collect(), progress);
    let mut pods = Vec::new();
    if selection.pods {
        let (compared, gap) = Pods { pair, of_sessions }.compare()?;
        pods = compared;
        gaps.extend(gap);
    }
    Ok(VerifyReport { segments, pods, gaps, names })
}

fn compare_segments(
    comparer: &Comparer<'_>,
    options: &Options,
    all: Vec<(Key, Presence)>,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Vec<SegmentComparison> {
    progress(Progress::Begin { phase: Phase::Compare, parts: all.len() });
    let mut segments = Vec::with_capacity(all.len());
    let breaker = CircuitBreaker::new(options.abort_after);
    let work = |(key, presence), meter: &mut Meter<'_>| {
        if breaker.is_open() {
            return SegmentComparison::new(key, Comparison::Aborted);
        }
        let compared = comparer.segment(key, presence, meter);
        breaker.record(compared.errors());
        compared
    };
    run_parallel(options.jobs, all, work, progress, |compared, progress| {
        progress(Progress::Compared(&compared));
        segments.push(compared);
    });
    segments.sort_unstable_by_key(|segment| (segment.session_id, segment.segment_id));
    segments
}

/// The shared settings of all jobs that compare segments.
pub(crate) struct Comparer<'a> {
    pub(crate) pair: Pair<'a>,
    pub(crate) budget: &'a MemoryBudget,
    pub(crate) with_traces: bool,
}

impl Comparer<'_> {
    fn segment(&self, key: Key, presence: Presence, meter: &mut Meter<'_>) -> SegmentComparison {
        if let Presence::Only(side) = presence {
            return SegmentComparison::new(key, Comparison::OnlyIn(side));
        }
        let log = self.log(key, usize::MAX, meter);
        let log = self.check_counts(key, log, |_, counted, read| counted == read);
        SegmentComparison {
            trace: self.trace(key, usize::MAX, meter),
            ..SegmentComparison::new(key, log)
        }
    }

    /// Compares the first `entries` of the source's log with the whole log of the destination.
    pub(crate) fn log(&self, key: Key, entries: usize, meter: &mut Meter<'_>) -> Comparison {
        if let Ok(Some(head)) = self.pair.source.head(key.0, key.1) {
            meter.report(Progress::Started { entries: head.entries().min(entries) });
        }
        self.compare::<LogEntry>(key, entries, &read_log(key), meter)
    }

    /// Compares the traces in the same way. Returns `None` if both are empty or traces are not selected.
    pub(crate) fn trace(
        &self,
        key: Key,
        entries: usize,
        meter: &mut Meter<'_>,
    ) -> Option<Box<Comparison>> {
        if !self.with_traces {
            return None;
        }
        let operation = format!("read the trace of segment {} of session {}", key.1, key.0);
        let compared = self.compare::<TraceEntry>(key, entries, &operation, meter);
        let is_empty = compared.is_equal() && compared.equal_entries() == 0;
        (!is_empty).then(|| Box::new(compared))
    }

    fn compare<E: Entry>(
        &self,
        key: Key,
        entries: usize,
        operation: &str,
        meter: &mut Meter<'_>,
    ) -> Comparison {
        let share = Share::new(self.budget);
        let [source, destination] = Side::BOTH.map(|side| {
            let place = Place { store: self.pair.store(side), key, share: &share };
            Reader::<E>::new(place, Mark::START)
        });
        compare(source.take(entries), destination, operation, |text| meter.count(text.len()))
    }

    /// Checks the entry counts of both stores after an equal comparison.
    ///
    /// `is_right` receives a side, its reported count and the number of entries that were read.
    pub(crate) fn check_counts(
        &self,
        key: Key,
        compared: Comparison,
        mut is_right: impl FnMut(Side, usize, usize) -> bool,
    ) -> Comparison {
        let Comparison::Equal { entries: read, .. } = compared else {
            return compared;
        };
        for side in Side::BOTH {
            match self.pair.store(side).read_entry_count(key.0, key.1) {
                Ok(counted) if is_right(side, counted, read) => {}
                Ok(counted) => {
                    return Comparison::Differs(Difference::Count { side, counted, read });
                }
                Err(error) => return Comparison::Failed(Failure::of(side, read_log(key))(error)),
            }
        }
        compared
    }
}

fn read_log((session_id, segment_id): Key) -> String {
    format!("read segment {segment_id} of session {session_id}")
}
