//! The JSON of the reports.
//!
//! Lists are serialized item by item, because a report can have very many segments.

use std::time::Duration;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use session_store_core::{PodName, SegmentKey};

use crate::comparison::{Comparison, SegmentComparison, VerifyReport};
use crate::digest::Digest;
use crate::extend::{Extension, Stop};
use crate::report::{MigrateReport, Moved, PodCopy, PodOutcome, SegmentCopy};

impl Serialize for MigrateReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let proof = self.proof.as_ref();
        let segments = Each(|| self.segments.iter().map(|copy| SegmentJson::new(self, copy)));
        let pods = Each(|| self.pods.iter().map(|pod| PodJson::new(self, pod)));
        let equal_trace_entries = proof.map(VerifyReport::equal_trace_entries);
        let mut json = serializer.serialize_struct("MigrateReport", 9)?;
        json.serialize_field("options", &self.options)?;
        json.serialize_field("complete", &self.is_complete())?;
        json.serialize_field("totals", &self.totals())?;
        json.serialize_field("equal_entries", &proof.map(VerifyReport::equal_entries))?;
        json.serialize_field("equal_trace_entries", &equal_trace_entries)?;
        json.serialize_field("segments", &segments)?;
        json.serialize_field("pods", &pods)?;
        json.serialize_field("problems", &Each(|| self.problems()))?;
        json.serialize_field("notes", &Each(|| self.notes()))?;
        json.end()
    }
}

/// A list that is serialized without being collected. Each item is created just before it is
/// serialized.
struct Each<F>(F);

impl<F: Fn() -> I, I: Iterator<Item: Serialize>> Serialize for Each<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}

#[derive(Serialize)]
struct SegmentJson<'a> {
    #[serde(flatten)]
    key: SegmentKey,
    outcome: &'static str,
    log: PartJson<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<PartJson<'a>>,
    moved: Moved,
    took_ms: f64,
}

impl<'a> SegmentJson<'a> {
    fn new(report: &'a MigrateReport, copy: &'a SegmentCopy) -> Self {
        let part = |extension, compared: Option<&'a Comparison>| {
            let proof = report.proof.as_ref().zip(compared);
            PartJson { extension, proof: proof.map(|(proof, of)| ComparisonJson::new(proof, of)) }
        };
        let compared = report.proof.as_ref().and_then(|proof| proof.find(copy.key));
        let compared_trace = compared.and_then(|compared| compared.trace.as_deref());
        Self {
            key: copy.key,
            outcome: outcome(report, copy),
            log: part(&copy.log, compared.map(|compared| &compared.log)),
            trace: copy.trace.as_deref().map(|trace| part(trace, compared_trace)),
            moved: copy.moved,
            took_ms: milliseconds(copy.took),
        }
    }
}

/// Returns the duration in milliseconds, rounded to microseconds.
fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// The result of copying a log or a trace, and the result of comparing the copy, if the copy was
/// compared.
#[derive(Serialize)]
struct PartJson<'a> {
    #[serde(flatten)]
    extension: &'a Extension,
    #[serde(flatten)]
    proof: Option<ComparisonJson>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum ComparisonJson {
    Equal { entries: usize, bytes: u64, sha256: Digest },
    Differs { difference: String },
}

impl ComparisonJson {
    fn new(report: &VerifyReport, comparison: &Comparison) -> Self {
        match *comparison {
            Comparison::Equal { entries, bytes, hash: sha256 } => {
                Self::Equal { entries, bytes, sha256 }
            }
            _ => Self::Differs { difference: report.difference(comparison).unwrap_or_default() },
        }
    }
}

/// Returns the outcome of a segment's copy as one word.
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

#[derive(Serialize)]
struct PodJson<'a> {
    name: &'a PodName,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

impl<'a> PodJson<'a> {
    fn new(report: &MigrateReport, pod: &'a PodCopy) -> Self {
        let outcome = match pod.outcome {
            PodOutcome::Copied => "copied",
            PodOutcome::Equal => "equal",
            PodOutcome::Replaced(_) => "replaced",
            PodOutcome::Conflict(_) if report.is_skipped_pod(pod) => "skipped",
            PodOutcome::Conflict(_) => "conflict",
            PodOutcome::Deleted => "deleted",
            PodOutcome::Failed(_) => "failed",
        };
        Self { name: &pod.name, outcome, problem: report.pod_problem(pod) }
    }
}

impl Serialize for VerifyReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let compared =
            Each(|| self.segments.iter().map(|segment| ComparedJson::new(self, segment)));
        let mut json = serializer.serialize_struct("VerifyReport", 8)?;
        json.serialize_field("equal", &self.is_equal())?;
        json.serialize_field("segments", &self.segments.len())?;
        json.serialize_field("pods", &self.pods.len())?;
        json.serialize_field("equal_entries", &self.equal_entries())?;
        json.serialize_field("equal_trace_entries", &self.equal_trace_entries())?;
        json.serialize_field("differences", &Each(|| self.differences()))?;
        json.serialize_field("notes", &Each(|| self.notes()))?;
        json.serialize_field("compared", &compared)?;
        json.end()
    }
}

#[derive(Serialize)]
struct ComparedJson {
    #[serde(flatten)]
    key: SegmentKey,
    log: ComparisonJson,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<ComparisonJson>,
}

impl ComparedJson {
    fn new(report: &VerifyReport, segment: &SegmentComparison) -> Self {
        let json = |comparison| ComparisonJson::new(report, comparison);
        Self {
            key: segment.key,
            log: json(&segment.log),
            trace: segment.trace.as_deref().map(json),
        }
    }
}
