//! The same as JSON: what `--json` prints and `--report` writes.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use session_store::{SegmentId, SessionId, error_chain};
use session_store_migrate::{
    Comparison, Extension, MigrateReport, Moved, OnConflict, Options as MigrateOptions, PodCopy,
    PodOutcome, SegmentComparison, SegmentCopy, Selection, Stop, VerifyReport,
};

use crate::failure::Failure;
use crate::migration::text;

/// What every report begins with.
pub(crate) struct Heading<'a> {
    command: &'static str,
    /// The two stores, without passwords.
    stores: [&'a str; 2],
    began: SystemTime,
}

impl<'a> Heading<'a> {
    /// For a run that begins now.
    pub(crate) fn new(command: &'static str, stores: [&'a str; 2]) -> Self {
        Self { command, stores, began: SystemTime::now() }
    }

    /// Writes it, for a run that ends now; `names` are those of the stores.
    fn write<S: SerializeStruct>(
        &self,
        fields: &mut S,
        names: [&'static str; 2],
    ) -> Result<(), S::Error> {
        let took = self.began.elapsed().unwrap_or_default();
        fields.serialize_field("version", env!("CARGO_PKG_VERSION"))?;
        fields.serialize_field("command", self.command)?;
        fields.serialize_field(names[0], self.stores[0])?;
        fields.serialize_field(names[1], self.stores[1])?;
        fields.serialize_field("began", &timestamp(self.began))?;
        fields.serialize_field("took_ms", &milliseconds(took))
    }
}

/// A run that came to nothing.
pub(crate) struct Failed<'a> {
    pub(crate) heading: &'a Heading<'a>,
    pub(crate) error: &'a Failure,
}

impl Serialize for Failed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Failed", 8)?;
        self.heading.write(&mut fields, ["from", "to"])?;
        fields.serialize_field("complete", &false)?;
        fields.serialize_field("error", &error_chain(self.error))?;
        fields.end()
    }
}

/// What was asked for.
#[derive(Serialize)]
pub(crate) struct Options<'a> {
    sessions: Option<&'a BTreeSet<SessionId>>,
    since: Option<String>,
    traces: bool,
    pods: bool,
    jobs: usize,
    on_conflict: &'static str,
    dry_run: bool,
    follow: bool,
}

impl<'a> Options<'a> {
    pub(crate) fn new(options: &'a MigrateOptions) -> Self {
        let Selection { sessions, since, traces, pods, .. } = &options.selection;
        Self {
            sessions: sessions.as_ref(),
            since: since.map(timestamp),
            traces: *traces,
            pods: *pods,
            jobs: options.jobs,
            on_conflict: match options.on_conflict {
                OnConflict::Skip => "skip",
                OnConflict::Replace => "replace",
                _ => "report",
            },
            dry_run: options.dry_run,
            follow: options.follow,
        }
    }
}

/// What a migration did. It is written as it is made, segment by segment: there may be many.
pub(crate) struct Migration<'a> {
    pub(crate) heading: &'a Heading<'a>,
    pub(crate) options: Options<'a>,
    pub(crate) report: &'a MigrateReport,
}

impl Serialize for Migration<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let report = self.report;
        let proof = report.proof.as_ref();
        let mut fields = serializer.serialize_struct("Migration", 13)?;
        self.heading.write(&mut fields, ["from", "to"])?;
        fields.serialize_field("options", &self.options)?;
        fields.serialize_field("complete", &report.is_complete())?;
        fields.serialize_field("totals", &Totals::of(report))?;
        fields.serialize_field("equal_entries", &proof.map(VerifyReport::equal_entries))?;
        fields.serialize_field(
            "equal_trace_entries",
            &proof.map(VerifyReport::equal_trace_entries),
        )?;
        let segments = || report.segments.iter().map(|copy| Segment::of(report, copy));
        fields.serialize_field("segments", &Each(segments))?;
        let pods = || report.pods.iter().map(|copy| pod(report, copy));
        fields.serialize_field("pods", &Each(pods))?;
        fields.serialize_field("problems", &Each(|| text::problems(report)))?;
        fields.end()
    }
}

/// A list that is made while it is written.
struct Each<F>(F);

impl<F: Fn() -> I, I: Iterator<Item: Serialize>> Serialize for Each<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}

#[derive(Serialize)]
struct Totals {
    segments: usize,
    complete: usize,
    conflicts: usize,
    entries_copied: usize,
    bytes_copied: u64,
    entries_already: usize,
    entries_cut: usize,
    trace_entries_copied: usize,
    pods: usize,
}

impl Totals {
    fn of(report: &MigrateReport) -> Self {
        let logs = || report.segments.iter().map(|copy| &copy.log);
        let traces = report.segments.iter().filter_map(|copy| copy.trace.as_ref());
        Self {
            segments: report.segments.len(),
            complete: report.segments.iter().filter(|copy| copy.is_complete()).count(),
            conflicts: report.segments.iter().filter(|copy| copy.is_conflict()).count(),
            entries_copied: report.entries_copied(),
            bytes_copied: logs().map(|log| log.bytes).sum(),
            entries_already: logs().map(|log| log.already).sum(),
            entries_cut: logs().map(|log| log.cut).sum(),
            trace_entries_copied: traces.map(|trace| trace.appended).sum(),
            pods: report.pods.len(),
        }
    }
}

#[derive(Serialize)]
struct Segment {
    session_id: SessionId,
    segment_id: SegmentId,
    outcome: &'static str,
    log: Part,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<Part>,
    moved: JsonMoved,
    took_ms: f64,
}

/// A log or a trace: what was done about it, and, where it was proved, what it is now.
#[derive(Serialize)]
struct Part {
    already: usize,
    cut: usize,
    appended: usize,
    appended_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped: Option<String>,
    #[serde(flatten)]
    proof: Option<Proof>,
}

/// One comparison.
#[derive(Serialize)]
#[serde(untagged)]
enum Proof {
    Equal { entries: usize, bytes: u64, sha256: String },
    Differs { difference: String },
}

#[derive(Serialize)]
struct JsonMoved {
    grown: usize,
    rewritten: usize,
    since: usize,
    deleted: bool,
}

impl Segment {
    fn of(report: &MigrateReport, copy: &SegmentCopy) -> Self {
        let proof = report.proof.as_ref().and_then(|proof| proved(proof, copy));
        let Moved { grown, rewritten, since, deleted, .. } = copy.moved;
        let log_proof = proof.map(|proof| &proof.log);
        let trace_proof = proof.and_then(|proof| proof.trace.as_deref());
        Self {
            session_id: copy.session_id,
            segment_id: copy.segment_id,
            outcome: outcome(report, copy),
            log: Part::of(&copy.log, log_proof),
            trace: copy.trace.as_deref().map(|trace| Part::of(trace, trace_proof)),
            moved: JsonMoved { grown, rewritten, since, deleted },
            took_ms: milliseconds(copy.took),
        }
    }
}

fn timestamp(time: SystemTime) -> String {
    Timestamp::try_from(time).unwrap_or_default().to_string()
}

/// In milliseconds, to the microsecond.
fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// The segment's comparison. Those of a proof are in the order of the segments.
fn proved<'a>(proof: &'a VerifyReport, copy: &SegmentCopy) -> Option<&'a SegmentComparison> {
    let key = (copy.session_id, copy.segment_id);
    let at =
        proof.segments.binary_search_by_key(&key, |found| (found.session_id, found.segment_id));
    at.ok().map(|at| &proof.segments[at])
}

/// What became of a segment, in a word.
fn outcome(report: &MigrateReport, copy: &SegmentCopy) -> &'static str {
    let Extension { already, cut, appended, .. } = copy.log;
    match copy.stops().next() {
        Some(_) if report.is_skipped(copy) => "skipped",
        Some(_) if copy.is_conflict() => "conflict",
        Some(Stop::Aborted) => "given_up",
        Some(_) => "failed",
        None if copy.moved.deleted => "deleted",
        None if cut > 0 && copy.moved.rewritten == 0 => "replaced",
        None if already == 0 => "copied",
        None if appended > 0 => "appended",
        None => "equal",
    }
}

impl Part {
    fn of(extension: &Extension, proof: Option<&Comparison>) -> Self {
        Self {
            already: extension.already,
            cut: extension.cut,
            appended: extension.appended,
            appended_bytes: extension.bytes,
            stopped: extension.stopped.as_deref().map(|stop| error_chain(stop)),
            proof: proof.map(|proof| Proof::of(proof, text::SIDES)),
        }
    }
}

impl Proof {
    fn of(comparison: &Comparison, names: [&str; 2]) -> Self {
        match comparison {
            Comparison::Equal { entries, bytes, hash } => {
                Self::Equal { entries: *entries, bytes: *bytes, sha256: hash.to_string() }
            }
            other => {
                let difference = text::sentence(other, names).unwrap_or_default();
                Self::Differs { difference }
            }
        }
    }
}

#[derive(Serialize)]
struct JsonPod<'a> {
    name: &'a str,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

fn pod<'a>(report: &MigrateReport, pod: &'a PodCopy) -> JsonPod<'a> {
    let outcome = match pod.outcome {
        PodOutcome::Copied => "copied",
        PodOutcome::Equal => "equal",
        PodOutcome::Replaced(_) => "replaced",
        PodOutcome::Conflict(_) if report.is_skipped_pod(pod) => "skipped",
        PodOutcome::Conflict(_) => "conflict",
        PodOutcome::Deleted => "deleted",
        _ => "failed",
    };
    JsonPod { name: pod.name.as_str(), outcome, problem: text::pod_problem(report, pod) }
}

/// How two stores compare.
pub(crate) struct Verification<'a> {
    pub(crate) heading: &'a Heading<'a>,
    pub(crate) report: &'a VerifyReport,
}

impl Serialize for Verification<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { heading, report } = self;
        let names = heading.stores;
        let mut fields = serializer.serialize_struct("Verification", 12)?;
        heading.write(&mut fields, ["a", "b"])?;
        fields.serialize_field("equal", &report.is_equal())?;
        fields.serialize_field("segments", &report.segments.len())?;
        fields.serialize_field("pods", &report.pods.len())?;
        fields.serialize_field("equal_entries", &report.equal_entries())?;
        fields.serialize_field("equal_trace_entries", &report.equal_trace_entries())?;
        fields.serialize_field("differences", &Each(|| text::compared(report, names)))?;
        let compared = || report.segments.iter().map(|segment| Compared::of(segment, names));
        fields.serialize_field("compared", &Each(compared))?;
        fields.end()
    }
}

#[derive(Serialize)]
struct Compared {
    session_id: SessionId,
    segment_id: SegmentId,
    log: Proof,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<Proof>,
}

impl Compared {
    fn of(segment: &SegmentComparison, names: [&str; 2]) -> Self {
        Self {
            session_id: segment.session_id,
            segment_id: segment.segment_id,
            log: Proof::of(&segment.log, names),
            trace: segment.trace.as_deref().map(|trace| Proof::of(trace, names)),
        }
    }
}
