//! Comparing two stores, entry by entry.

use session_store_core::{SegmentId, SessionId, Store, StoreExt};

use crate::compare::compare;
use crate::inventory::{self, Key, Presence};
use crate::pods::Pods;
use crate::progress::Meter;
use crate::side::Pair;
use crate::{
    Comparison, Difference, Failure, Gap, MigrateError, Phase, PodComparison, Progress, Selection,
    Side,
};

/// What was compared, and how it compares.
#[derive(Debug)]
#[non_exhaustive]
pub struct VerifyReport {
    /// Every segment of either side, the oldest first.
    pub segments: Vec<SegmentComparison>,
    /// Every pod of either side, by name.
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
    /// Its trace; `None` where traces were left out, cannot be compared
    /// ([`gaps`](VerifyReport::gaps)), or one side lacks the segment.
    pub trace: Option<Comparison>,
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
        traces.map(Comparison::equal_entries).sum()
    }
}

impl SegmentComparison {
    /// Whether log and trace are the same on both sides.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.log.is_equal() && self.trace.as_ref().is_none_or(Comparison::is_equal)
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
    selection: &Selection,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<VerifyReport, MigrateError> {
    let pair = Pair { source, destination };
    let all = inventory::union(pair, selection)?;
    inventory::require(selection, all.keys())?;
    Ok(compare_all(pair, selection, all.into_iter().collect(), true, &mut Meter::new(progress))?)
}

/// Compares all that the source has: what else the destination holds is no business of a copy.
pub(crate) fn prove(
    pair: Pair<'_>,
    selection: &Selection,
    meter: &mut Meter<'_>,
) -> Result<VerifyReport, Failure> {
    let mut all = inventory::union(pair, selection)?;
    all.retain(|_, presence| *presence != Presence::Only(Side::Destination));
    compare_all(pair, selection, all.into_iter().collect(), false, meter)
}

fn compare_all(
    pair: Pair<'_>,
    selection: &Selection,
    all: Vec<(Key, Presence)>,
    both_ways: bool,
    meter: &mut Meter<'_>,
) -> Result<VerifyReport, Failure> {
    meter.report(Progress::Begin { phase: Phase::Compare, segments: all.len() });
    let mut gaps = if selection.traces { pair.trace_gaps() } else { Vec::new() };
    let with_traces = selection.traces && gaps.is_empty();
    let mut segments = Vec::with_capacity(all.len());
    for (key, presence) in all {
        let segment = compare_segment(pair, key, presence, with_traces, meter);
        meter.report(Progress::Compared(&segment));
        segments.push(segment);
    }
    let mut pods = Vec::new();
    if selection.pods {
        let (compared, gap) = Pods::new(pair, selection).compare(both_ways)?;
        pods = compared;
        gaps.extend(gap);
    }
    Ok(VerifyReport { segments, pods, gaps })
}

fn compare_segment(
    pair: Pair<'_>,
    key: Key,
    presence: Presence,
    with_traces: bool,
    meter: &mut Meter<'_>,
) -> SegmentComparison {
    let (session_id, segment_id) = key;
    let (log, trace) = match presence {
        Presence::Only(side) => (Comparison::OnlyIn(side), None),
        Presence::Both => {
            (compare_log(pair, key, meter), with_traces.then(|| compare_trace(pair, key, meter)))
        }
    };
    SegmentComparison { session_id, segment_id, log, trace }
}

fn compare_log(pair: Pair<'_>, (session_id, segment_id): Key, meter: &mut Meter<'_>) -> Comparison {
    let entries = |side| pair.store(side).entries(session_id, segment_id, 0);
    let attempt = format!("read segment {segment_id} of session {session_id}");
    let compared = compare(entries(Side::Source), entries(Side::Destination), &attempt, |text| {
        meter.count(text);
    });
    let Comparison::Equal { entries: read, .. } = compared else {
        return compared;
    };
    for side in Side::BOTH {
        match pair.store(side).read_entry_count(session_id, segment_id) {
            Ok(counted) if counted == read => {}
            Ok(counted) => return Comparison::Differs(Difference::Count { side, counted, read }),
            Err(error) => return Comparison::Failed(Failure::of(side, attempt)(error)),
        }
    }
    compared
}

fn compare_trace(
    pair: Pair<'_>,
    (session_id, segment_id): Key,
    meter: &mut Meter<'_>,
) -> Comparison {
    let entries = |side| pair.store(side).trace_entries(session_id, segment_id, 0);
    let attempt = format!("read the trace of segment {segment_id} of session {session_id}");
    compare(entries(Side::Source), entries(Side::Destination), &attempt, |text| meter.count(text))
}
