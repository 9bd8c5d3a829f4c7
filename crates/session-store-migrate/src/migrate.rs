//! Copying one store into another, and proving it.

use session_store_core::{Capability, SegmentId, SessionId, Store, StoreExt};

use crate::extend::{extend, extend_trace};
use crate::inventory::{self, Key};
use crate::pods::Pods;
use crate::progress::Meter;
use crate::side::Pair;
use crate::text::Text;
use crate::verify::prove;
use crate::{
    Extension, Failure, Gap, MigrateError, Phase, PodCopy, Progress, Selection, Side, VerifyReport,
};

/// How to copy.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct MigrateOptions {
    /// Which part of the source to copy.
    pub selection: Selection,
}

/// What a migration did, and the proof that it did.
#[derive(Debug)]
#[non_exhaustive]
pub struct MigrateReport {
    /// Every segment of the source, in the order in which they were copied: the oldest first.
    pub segments: Vec<SegmentCopy>,
    /// Every pod of the source, by name.
    pub pods: Vec<PodCopy>,
    /// What could not be copied at all.
    pub gaps: Vec<Gap>,
    /// Source and destination compared after the copying: all that the source has, entry by entry. A
    /// source that is written to meanwhile shows here, with what was not copied.
    pub proof: VerifyReport,
}

/// What was done about one segment.
#[derive(Debug)]
#[non_exhaustive]
pub struct SegmentCopy {
    /// Its session.
    pub session_id: SessionId,
    /// The segment.
    pub segment_id: SegmentId,
    /// Its log.
    pub log: Extension,
    /// Its trace; `None` where traces were left out or cannot be copied
    /// ([`gaps`](MigrateReport::gaps)).
    pub trace: Option<Extension>,
}

impl SegmentCopy {
    /// Whether the destination was brought up to the source.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let done = |extension: &Extension| extension.stopped.is_none();
        done(&self.log) && self.trace.as_ref().is_none_or(done)
    }
}

impl MigrateReport {
    /// Whether all that was asked for is in the destination, and was proved to be.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.gaps.is_empty()
            && self.segments.iter().all(SegmentCopy::is_complete)
            && self.pods.iter().all(PodCopy::is_complete)
            && self.proof.is_equal()
    }

    /// How many log entries were appended to the destination.
    #[must_use]
    pub fn entries_copied(&self) -> usize {
        self.segments.iter().map(|segment| segment.log.appended).sum()
    }
}

/// Copies what `options` select of the source into the destination, and compares the two afterwards. The
/// [crate's documentation](crate) has the rules.
///
/// Sessions and segments are copied in ascending order of their ids, the oldest first, and pods last, so
/// that at any moment what is there points to nothing that is not.
///
/// # Errors
/// [`MigrateError::Unconditional`] and [`MigrateError::NoSuchSession`], before anything is written;
/// [`MigrateError::Failed`] where sessions, segments or pods cannot be listed: what was copied by then
/// stays. What is wrong with one segment or pod stands in the report.
pub fn migrate(
    source: &dyn Store,
    destination: &dyn Store,
    options: &MigrateOptions,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<MigrateReport, MigrateError> {
    if !destination.capabilities().has(Capability::ConditionalAppend) {
        return Err(MigrateError::Unconditional);
    }
    let pair = Pair { source, destination };
    let selection = &options.selection;
    let keys = inventory::segments(source, Side::Source, selection)?;
    inventory::require(selection, &keys)?;

    let meter = &mut Meter::new(progress);
    meter.report(Progress::Begin { phase: Phase::Copy, segments: keys.len() });
    let mut gaps = if selection.traces { pair.trace_gaps() } else { Vec::new() };
    let with_traces = selection.traces && gaps.is_empty();
    let mut segments = Vec::with_capacity(keys.len());
    for key in keys {
        let copy = copy_segment(pair, key, with_traces, meter);
        meter.report(Progress::Copied(&copy));
        segments.push(copy);
    }
    let pods = copy_pods(pair, selection, &mut gaps)?;
    let proof = prove(pair, selection, meter)?;
    Ok(MigrateReport { segments, pods, gaps, proof })
}

fn copy_segment(
    pair: Pair<'_>,
    (session_id, segment_id): Key,
    with_traces: bool,
    meter: &mut Meter<'_>,
) -> SegmentCopy {
    let Pair { source, destination } = pair;
    let entries = source.entries(session_id, segment_id, 0);
    let log = extend(destination, session_id, segment_id, counted(entries, meter));
    let trace = with_traces.then(|| {
        let entries = source.trace_entries(session_id, segment_id, 0);
        extend_trace(destination, session_id, segment_id, counted(entries, meter))
    });
    SegmentCopy { session_id, segment_id, log, trace }
}

fn counted<T: Text, E>(
    entries: impl Iterator<Item = Result<T, E>>,
    meter: &mut Meter<'_>,
) -> impl Iterator<Item = Result<T, E>> {
    entries.inspect(|entry| {
        if let Ok(entry) = entry {
            meter.count(entry.text());
        }
    })
}

fn copy_pods(
    pair: Pair<'_>,
    selection: &Selection,
    gaps: &mut Vec<Gap>,
) -> Result<Vec<PodCopy>, Failure> {
    if !selection.pods {
        return Ok(Vec::new());
    }
    let (pods, gap) = Pods::new(pair, selection).copy()?;
    gaps.extend(gap);
    Ok(pods)
}
