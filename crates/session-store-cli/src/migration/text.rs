//! What a migration and a comparison came to, in sentences for people.

use session_store::error_chain;
use session_store_migrate::{
    Failure, Gap, MigrateReport, Moved, PodOutcome, SegmentCopy, VerifyReport,
};

use crate::text::{entries, plural};

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
    let totals = report.totals();
    let grown: usize = report.segments.iter().map(|segment| segment.moved.grown).sum();
    let meanwhile = match grown {
        0 => String::new(),
        _ => format!(" ({grown} of them came meanwhile)"),
    };
    format!(
        "{to}: {} of {} complete, {} copied{meanwhile}, {} there already; {}",
        totals.complete,
        plural(totals.segments, "segment", "segments"),
        entries(totals.entries_copied),
        totals.entries_already,
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
    let totals = report.totals();
    format!(
        "{to}: {} ({} bytes) would be copied, and then {} of {} be complete",
        entries(totals.entries_copied),
        totals.bytes_copied,
        totals.complete,
        plural(totals.segments, "segment", "segments"),
    )
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
