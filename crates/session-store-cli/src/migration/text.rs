//! What a migration and a comparison came to, in sentences for people.

use session_store::error_chain;
use session_store_migrate::{
    Comparison, Difference, Failure, Gap, MigrateReport, Moved, PodComparison, PodCopy, PodOutcome,
    SegmentComparison, SegmentCopy, Side, Stop, VerifyReport,
};

use crate::text::{entries, plural};

/// What the sides are called in the report of a copy.
pub(crate) const SIDES: [&str; 2] = ["the source", "the destination"];

/// What was not copied or not proved, a sentence each.
pub(crate) fn problems(report: &MigrateReport) -> impl Iterator<Item = String> {
    let segments = report.segments.iter().flat_map(|copy| stops(report, copy));
    let pods = report.pods.iter().filter_map(|pod| pod_problem(report, pod));
    let gaps = report.gaps.iter().map(Gap::to_string);
    let failures =
        report.failures.iter().chain(&report.sync_failure).map(|failure| error_chain(failure));
    let unproved = report.proof.iter().flat_map(|proof| compared(proof, SIDES));
    segments
        .chain(pods)
        .chain(gaps)
        .chain(failures)
        .chain(unproved.map(|sentence| format!("not proved: {sentence}")))
}

fn stops<'a>(report: &MigrateReport, copy: &'a SegmentCopy) -> impl Iterator<Item = String> + 'a {
    let skipped = if report.is_skipped(copy) { "skipped: " } else { "" };
    let sentence = move |what: &str, stop: &Stop| {
        let (session_id, segment_id) = (copy.session_id, copy.segment_id);
        format!("{what} {segment_id} of session {session_id}: {skipped}{}", error_chain(stop))
    };
    let trace = copy.trace.as_ref().and_then(|trace| trace.stopped.as_deref());
    let log = copy.log.stopped.as_deref().map(|stop| sentence("segment", stop));
    log.into_iter().chain(trace.map(|stop| sentence("the trace of segment", stop)))
}

/// Why a pod was not copied.
pub(crate) fn pod_problem(report: &MigrateReport, pod: &PodCopy) -> Option<String> {
    let skipped = if report.is_skipped_pod(pod) { "skipped: " } else { "" };
    match &pod.outcome {
        PodOutcome::Conflict(difference) => {
            Some(format!("pod {}: {skipped}conflict: {difference}", pod.name))
        }
        PodOutcome::Failed(failure) => Some(format!("pod {}: {}", pod.name, error_chain(failure))),
        _ => None,
    }
}

/// What a user should know of although all is well: what the source did meanwhile, and what was replaced.
pub(crate) fn notes(report: &MigrateReport) -> impl Iterator<Item = String> {
    let segments = report.segments.iter().flat_map(|copy| {
        let (session_id, segment_id) = (copy.session_id, copy.segment_id);
        moves(copy.moved)
            .chain(replaced(copy))
            .map(move |note| format!("segment {segment_id} of session {session_id}: {note}"))
    });
    let pods = report.pods.iter().filter_map(|pod| match &pod.outcome {
        PodOutcome::Replaced(difference) => {
            Some(format!("pod {}: replaced: {difference}", pod.name))
        }
        PodOutcome::Deleted => {
            Some(format!("pod {}: deleted in the source, kept in the destination", pod.name))
        }
        _ => None,
    });
    segments.chain(pods)
}

fn moves(moved: Moved) -> impl Iterator<Item = String> {
    let rewritten = (moved.rewritten > 0).then(|| {
        "the source was cut or replaced meanwhile, and the destination followed".to_owned()
    });
    let since = (moved.since > 0).then(|| {
        format!("{} came to the source since, and are not copied yet", entries(moved.since))
    });
    let deleted =
        moved.deleted.then(|| "deleted in the source, kept in the destination".to_owned());
    [rewritten, since, deleted].into_iter().flatten()
}

/// Where nothing was rewritten in the source, what was cut from the destination was somebody else's.
fn replaced(copy: &SegmentCopy) -> Option<String> {
    let is_replaced = copy.log.cut > 0 && copy.moved.rewritten == 0;
    is_replaced.then(|| format!("{} of the destination replaced", entries(copy.log.cut)))
}

/// The answer of `migrate` in a line.
pub(crate) fn copied(report: &MigrateReport, to: &str) -> String {
    let complete = report.segments.iter().filter(|segment| segment.is_complete()).count();
    let already: usize = report.segments.iter().map(|segment| segment.log.already).sum();
    let grown: usize = report.segments.iter().map(|segment| segment.moved.grown).sum();
    let meanwhile = match grown {
        0 => String::new(),
        _ => format!(" ({grown} of them came meanwhile)"),
    };
    format!(
        "{to}: {complete} of {} complete, {} copied{meanwhile}, {already} there already; {}",
        plural(report.segments.len(), "segment", "segments"),
        entries(report.entries_copied()),
        report.proof.as_ref().map_or_else(|| "not read back".to_owned(), proved),
    )
}

fn proved(proof: &VerifyReport) -> String {
    let pods = proof.pods.iter().filter(|pod| pod.outcome.is_equal()).count();
    format!("read back and equal: {}", equal(proof, pods))
}

fn equal(report: &VerifyReport, pods: usize) -> String {
    format!(
        "{}, {}, {}",
        entries(report.equal_entries()),
        plural(report.equal_trace_entries(), "trace entry", "trace entries"),
        plural(pods, "pod", "pods"),
    )
}

/// What a run would do, a line for each segment and pod.
pub(crate) fn plan(report: &MigrateReport) -> impl Iterator<Item = String> {
    let segments = report.segments.iter().map(|copy| {
        let (session_id, segment_id) = (copy.session_id, copy.segment_id);
        let log = planned(&copy.log, "");
        let trace = copy.trace.as_deref().map(|trace| format!(", {}", planned(trace, "trace: ")));
        format!("segment {segment_id} of session {session_id}: {log}{}", trace.unwrap_or_default())
    });
    let pods = report.pods.iter().map(|pod| {
        let outcome = match &pod.outcome {
            PodOutcome::Copied => "copy".to_owned(),
            PodOutcome::Equal => "equal".to_owned(),
            PodOutcome::Replaced(difference) => format!("replace: {difference}"),
            PodOutcome::Conflict(difference) => format!("conflict: {difference}"),
            PodOutcome::Failed(failure) => error_chain(failure),
            _ => "nothing to do".to_owned(),
        };
        format!("pod {}: {outcome}", pod.name)
    });
    let gaps = report.gaps.iter().map(Gap::to_string);
    let failures = report.failures.iter().map(|failure: &Failure| error_chain(failure));
    segments.chain(pods).chain(gaps).chain(failures)
}

fn planned(extension: &session_store_migrate::Extension, what: &str) -> String {
    let appended = entries(extension.appended);
    let done = match (extension.stopped.as_deref(), extension.already, extension.cut) {
        (Some(stop), ..) => error_chain(stop),
        (None, 0, 0) => format!("copy {appended}"),
        (None, _, 0) if extension.appended == 0 => "equal".to_owned(),
        (None, _, 0) => format!("append {appended}"),
        (None, _, cut) => format!("cut {}, append {appended}", entries(cut)),
    };
    format!("{what}{done}")
}

/// The answer of a dry run in a line.
pub(crate) fn planned_in_all(report: &MigrateReport, to: &str) -> String {
    let bytes: u64 = report.segments.iter().map(|copy| copy.log.bytes).sum();
    let complete = report.segments.iter().filter(|segment| segment.is_complete()).count();
    format!(
        "{to}: {} ({bytes} bytes) would be copied, and then {complete} of {} be complete",
        entries(report.entries_copied()),
        plural(report.segments.len(), "segment", "segments"),
    )
}

/// What is not the same, a sentence for each segment, trace and pod; `names` are what the sides are called.
pub(crate) fn compared<'a>(
    report: &'a VerifyReport,
    names: [&'a str; 2],
) -> impl Iterator<Item = String> + 'a {
    let segments = report.segments.iter().flat_map(move |segment| compared_segment(segment, names));
    let pods = report.pods.iter().filter_map(move |pod| compared_pod(pod, names));
    let gaps = report.gaps.iter().map(move |gap| match gap {
        Gap::Traces(side) => format!("traces: {} cannot read them back", name(*side, names)),
        Gap::Pods(side) => format!("pods: {} keeps none", name(*side, names)),
    });
    segments.chain(pods).chain(gaps)
}

fn compared_pod(pod: &PodComparison, names: [&str; 2]) -> Option<String> {
    sentence(&pod.outcome, names).map(|outcome| format!("pod {}: {outcome}", pod.name))
}

fn compared_segment<'a>(
    segment: &'a SegmentComparison,
    names: [&'a str; 2],
) -> impl Iterator<Item = String> + 'a {
    let (session_id, segment_id) = (segment.session_id, segment.segment_id);
    let trace = segment.trace.as_deref().map(|trace| ("the trace of segment", trace));
    let parts = [("segment", &segment.log)].into_iter().chain(trace);
    parts.filter_map(move |(what, outcome)| {
        let outcome = sentence(outcome, names)?;
        Some(format!("{what} {segment_id} of session {session_id}: {outcome}"))
    })
}

/// What is not the same about one log, trace or pod.
pub(crate) fn sentence(outcome: &Comparison, names: [&str; 2]) -> Option<String> {
    match outcome {
        Comparison::Equal { .. } => None,
        Comparison::OnlyIn(side) => Some(format!("only in {}", name(*side, names))),
        Comparison::Failed(failure) => {
            // The failure names its side in the engine's words, and its cause is what matters here.
            let cause = error_chain(failure.source.as_ref());
            Some(format!("{} cannot be read: {cause}", name(failure.side, names)))
        }
        Comparison::Differs(difference) => Some(difference_in_words(difference, names)),
        Comparison::Aborted => Some("not compared, since all before it failed".to_owned()),
    }
}

fn difference_in_words(difference: &Difference, names: [&str; 2]) -> String {
    let [a, b] = names;
    match difference {
        Difference::Ends { side, entries } => {
            format!("{} ends after entry {entries}, the other goes on", name(*side, names))
        }
        Difference::Entry { number, source_bytes, destination_bytes, byte } => format!(
            "entry {number} differs from byte {byte} on: {source_bytes} bytes in {a}, \
             {destination_bytes} in {b}"
        ),
        Difference::Count { side, counted, read } => {
            format!("{} counts {counted} entries but returns {read}", name(*side, names))
        }
    }
}

fn name(side: Side, names: [&str; 2]) -> &str {
    match side {
        Side::Source => names[0],
        Side::Destination => names[1],
    }
}

/// The answer of `verify` in a line.
pub(crate) fn verified(report: &VerifyReport) -> String {
    let segments = plural(report.segments.len(), "segment", "segments");
    if report.is_equal() {
        return format!("equal: {segments}, {}", equal(report, report.pods.len()));
    }
    let pods = plural(report.pods.len(), "pod", "pods");
    let equal = report.segments.iter().filter(|segment| segment.is_equal()).count();
    let equal_pods = report.pods.iter().filter(|pod| pod.outcome.is_equal()).count();
    format!("different: {equal} of {segments} and {equal_pods} of {pods} are equal")
}
