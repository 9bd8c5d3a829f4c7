//! Comparing two stores, entry by entry.

use session_store_core::{LogEntry, SegmentId, SessionId, Store, StoreError, TraceEntry};

use crate::compare::compare;
use crate::entry::Entry;
use crate::gate::{Gate, Lane};
use crate::inventory::{self, Key, Presence};
use crate::jobs::side_by_side;
use crate::patience::Patience;
use crate::pods::Pods;
use crate::progress::Tally;
use crate::read::{Mark, Place, Reader};
use crate::side::Pair;
use crate::{
    Comparison, Difference, Failure, Gap, MigrateError, Phase, PodComparison, Progress, Side,
    VerifyOptions,
};

/// What was compared, and how it compares.
#[derive(Debug)]
#[non_exhaustive]
pub struct VerifyReport {
    /// Every segment that was compared, the oldest first.
    pub segments: Vec<SegmentComparison>,
    /// Every pod that was compared, by name.
    pub pods: Vec<PodComparison>,
    /// What could not be compared at all.
    pub gaps: Vec<Gap>,
}

/// One segment, compared.
#[derive(Debug)]
#[non_exhaustive]
pub struct SegmentComparison {
    /// Its session.
    pub session_id: SessionId,
    /// The segment.
    pub segment_id: SegmentId,
    /// Its log: entries byte for byte, and the counts of both sides.
    pub log: Comparison,
    /// Its trace; `None` where neither side has one, traces were left out or cannot be compared
    /// ([`gaps`](VerifyReport::gaps)), or one side lacks the segment.
    pub trace: Option<Box<Comparison>>,
}

impl VerifyReport {
    /// Whether all that was asked for was compared, and is the same on both sides.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.gaps.is_empty()
            && self.segments.iter().all(SegmentComparison::is_equal)
            && self.pods.iter().all(|pod| pod.outcome.is_equal())
    }

    /// How many log entries are in segments whose logs are equal.
    #[must_use]
    pub fn equal_entries(&self) -> usize {
        self.segments.iter().map(|segment| segment.log.equal_entries()).sum()
    }

    /// How many trace entries are in traces that are equal.
    #[must_use]
    pub fn equal_trace_entries(&self) -> usize {
        let traces = self.segments.iter().filter_map(|segment| segment.trace.as_ref());
        traces.map(|trace| trace.equal_entries()).sum()
    }
}

impl SegmentComparison {
    /// Whether log and trace are the same on both sides.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.log.is_equal() && self.trace.as_ref().is_none_or(|trace| trace.is_equal())
    }

    pub(crate) fn failures(&self) -> impl Iterator<Item = &StoreError> {
        [Some(&self.log), self.trace.as_deref()].into_iter().flatten().filter_map(|part| match part
        {
            Comparison::Failed(failure) => failure.source.downcast_ref(),
            _ => None,
        })
    }
}

/// Compares two stores both ways, and changes neither. A store that is written to meanwhile may compare as
/// different in the segments that are written to.
///
/// # Errors
/// [`MigrateError::NoSuchSession`] for a selected session that neither store has;
/// [`MigrateError::Failed`] where sessions, segments or pods cannot be listed. What is wrong with one
/// segment or pod stands in the report.
pub fn verify(
    source: &dyn Store,
    destination: &dyn Store,
    options: &VerifyOptions,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<VerifyReport, MigrateError> {
    let pair = Pair { source, destination };
    let selection = &options.selection;
    let mut all = inventory::of_both(pair, selection)?;
    inventory::require(selection, &all)?;
    selection.retain_since(&mut all);
    let of_sessions = selection.pods_of(&all);

    let mut gaps = if selection.traces { pair.trace_gaps() } else { Vec::new() };
    let gate = Gate::new(options.jobs.get());
    let with_traces = selection.traces && gaps.is_empty();
    let comparer = Comparer { pair, gate: &gate, with_traces };
    let segments = compare_segments(&comparer, options, all.into_iter().collect(), progress);
    let mut pods = Vec::new();
    if selection.pods {
        let (compared, gap) = Pods { pair, of_sessions }.compare()?;
        pods = compared;
        gaps.extend(gap);
    }
    Ok(VerifyReport { segments, pods, gaps })
}

fn compare_segments(
    comparer: &Comparer<'_>,
    options: &VerifyOptions,
    all: Vec<(Key, Presence)>,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Vec<SegmentComparison> {
    progress(Progress::Begin { phase: Phase::Compare, segments: all.len() });
    let mut segments = Vec::with_capacity(all.len());
    let patience = Patience::new(options.patience);
    let work = |(key, presence), tally: &mut Tally<'_, _>| {
        if patience.is_over() {
            return SegmentComparison::new(key, Comparison::GivenUp);
        }
        let compared = comparer.segment(key, presence, tally);
        patience.note(compared.failures());
        compared
    };
    side_by_side(options.jobs.get(), all, work, progress, |compared, progress| {
        progress(Progress::Compared(&compared));
        segments.push(compared);
    });
    segments.sort_unstable_by_key(|segment| (segment.session_id, segment.segment_id));
    segments
}

impl SegmentComparison {
    pub(crate) fn new((session_id, segment_id): Key, log: Comparison) -> Self {
        Self { session_id, segment_id, log, trace: None }
    }
}

/// How segments are compared, the same for all jobs.
pub(crate) struct Comparer<'a> {
    pub(crate) pair: Pair<'a>,
    pub(crate) gate: &'a Gate,
    pub(crate) with_traces: bool,
}

impl Comparer<'_> {
    fn segment<T>(
        &self,
        key: Key,
        presence: Presence,
        tally: &mut Tally<'_, T>,
    ) -> SegmentComparison {
        if let Presence::Only(side) = presence {
            return SegmentComparison::new(key, Comparison::OnlyIn(side));
        }
        let log = self.log(key, usize::MAX, tally);
        let log = self.checked_by_counts(key, log, |_, counted, read| counted == read);
        SegmentComparison {
            trace: self.trace(key, usize::MAX, tally),
            ..SegmentComparison::new(key, log)
        }
    }

    /// The log of the destination, compared with the first `entries` of the source's.
    pub(crate) fn log<T>(&self, key: Key, entries: usize, tally: &mut Tally<'_, T>) -> Comparison {
        if let Ok(Some(head)) = self.pair.source.head(key.0, key.1) {
            tally.started(head.entries().min(entries));
        }
        self.compare::<LogEntry, _>(key, entries, &attempt(key), tally)
    }

    /// The same of their traces, if there are any.
    pub(crate) fn trace<T>(
        &self,
        key: Key,
        entries: usize,
        tally: &mut Tally<'_, T>,
    ) -> Option<Box<Comparison>> {
        if !self.with_traces {
            return None;
        }
        let attempt = format!("read the trace of segment {} of session {}", key.1, key.0);
        let compared = self.compare::<TraceEntry, _>(key, entries, &attempt, tally);
        let is_none = compared.is_equal() && compared.equal_entries() == 0;
        (!is_none).then(|| Box::new(compared))
    }

    fn compare<N: Entry, T>(
        &self,
        key: Key,
        entries: usize,
        attempt: &str,
        tally: &mut Tally<'_, T>,
    ) -> Comparison {
        let lane = Lane::new(self.gate);
        let [source, destination] = Side::BOTH.map(|side| {
            let place = Place { store: self.pair.store(side), key, lane: &lane };
            Reader::<N>::new(place, Mark::START)
        });
        compare(source.take(entries), destination, attempt, |text| tally.count(text))
    }

    /// What is equal stays so if `is_right` of each side's count and of what was read.
    pub(crate) fn checked_by_counts(
        &self,
        (session_id, segment_id): Key,
        compared: Comparison,
        mut is_right: impl FnMut(Side, usize, usize) -> bool,
    ) -> Comparison {
        let Comparison::Equal { entries: read, .. } = compared else {
            return compared;
        };
        for side in Side::BOTH {
            match self.pair.store(side).read_entry_count(session_id, segment_id) {
                Ok(counted) if is_right(side, counted, read) => {}
                Ok(counted) => {
                    return Comparison::Differs(Difference::Count { side, counted, read });
                }
                Err(error) => {
                    let attempt = attempt((session_id, segment_id));
                    return Comparison::Failed(Failure::of(side, attempt)(error));
                }
            }
        }
        compared
    }
}

fn attempt((session_id, segment_id): Key) -> String {
    format!("read segment {segment_id} of session {session_id}")
}
