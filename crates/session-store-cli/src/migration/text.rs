//! The text of the reports of `migrate`, `restore` and `verify`.

use session_store::{Finding, error_chain};
use session_store_migrate::{
    Extension, Gap, MigrateReport, Moved, PodCopy, PodOutcome, SegmentCopy, VerifyReport,
};

use crate::text::{entries, plural};

/// Returns a line for each segment and pod that changed in the source during the run or was
/// replaced in the destination. Also returns a line for each note of the source's own check.
pub(crate) fn notes(report: &MigrateReport) -> impl Iterator<Item = String> {
    let segments = report.segments.iter().flat_map(|copy| {
        moved(copy.moved).chain(replaced(copy)).map(move |note| format!("{}: {note}", copy.key))
    });
    let pods = report.pods.iter().filter_map(|pod| match &pod.outcome {
        PodOutcome::Replaced(difference) => {
            Some(format!("pod {}: replaced: {difference}", pod.name))
        }
        PodOutcome::Deleted => Some(format!("pod {}: {DELETED}", pod.name)),
        _ => None,
    });
    segments.chain(pods).chain(report.notes().map(|note| format!("note: {note}")))
}

const DELETED: &str = "deleted in the source, kept in the destination";

fn moved(moved: Moved) -> impl Iterator<Item = String> {
    let rewritten = (moved.rewritten > 0).then(|| {
        "truncated or replaced in the source during the copy; the destination was changed as well"
            .to_owned()
    });
    let since = (moved.since > 0).then(|| {
        format!("{} appended to the source after the copy, not copied", entries(moved.since))
    });
    let deleted = moved.deleted.then(|| DELETED.to_owned());
    [rewritten, since, deleted].into_iter().flatten()
}

/// Returns a note if entries of the destination were deleted and replaced by entries of the source.
///
/// If the source was truncated or replaced during the copy, the deleted entries are an earlier part
/// of this copy, and [`moved`] reports them. Otherwise another program has written the deleted
/// entries, and `--on-conflict replace` has deleted them.
fn replaced(copy: &SegmentCopy) -> Option<String> {
    let is_replaced = copy.log.cut > 0 && copy.moved.rewritten == 0;
    is_replaced.then(|| format!("{} of the destination replaced", entries(copy.log.cut)))
}

/// Returns the last line that `migrate` and `restore` print.
pub(crate) fn copy_summary(report: &MigrateReport, to: &str) -> String {
    let totals = report.totals();
    let grown: usize = report.segments.iter().map(|segment| segment.moved.grown).sum();
    let during = match grown {
        0 => String::new(),
        _ => format!(" ({grown} of them appended during the copy)"),
    };
    format!(
        "{to}: {} of {} complete, {} copied{during}, {} already present; {}{}",
        totals.complete,
        plural(totals.segments, "segment", "segments"),
        entries(totals.entries_copied),
        totals.entries_already,
        report.proof.as_ref().map_or_else(|| "not read back".to_owned(), proof),
        left_behind(&report.findings, "copied"),
    )
}

/// Returns the end of a summary if data of a store is not in the store's listings. `verb` names
/// what the command did not do with this data.
fn left_behind<'a>(findings: impl IntoIterator<Item = &'a Finding>, verb: &str) -> String {
    match findings.into_iter().filter(|finding| finding.is_left_behind()).count() {
        0 => String::new(),
        count => format!("; {} not {verb}", plural(count, "place is", "places are")),
    }
}

fn proof(proof: &VerifyReport) -> String {
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

/// Returns a line for each segment and pod with the changes that a run without `--dry-run` would
/// make.
pub(crate) fn plan(report: &MigrateReport) -> impl Iterator<Item = String> {
    let segments = report.segments.iter().map(|copy| {
        let log = action(&copy.log);
        let trace = copy.trace.as_deref().map(|trace| format!(", trace: {}", action(trace)));
        format!("{}: {log}{}", copy.key, trace.unwrap_or_default())
    });
    let pods = report.pods.iter().map(|pod| format!("pod {}: {}", pod.name, pod_action(pod)));
    let gaps = report.gaps.iter().map(Gap::to_string);
    let failures = report.failures.iter().map(|failure| error_chain(failure));
    let left_behind = report.findings.iter().filter(|finding| finding.is_left_behind());
    let left_behind = left_behind.map(|finding| format!("not copied: {finding}"));
    segments.chain(pods).chain(gaps).chain(failures).chain(left_behind)
}

fn action(extension: &Extension) -> String {
    let appended = entries(extension.appended);
    match (extension.stopped.as_deref(), extension.already, extension.cut) {
        (Some(stop), ..) => error_chain(stop),
        (None, 0, 0) => format!("copy {appended}"),
        (None, _, 0) if extension.appended == 0 => "equal".to_owned(),
        (None, _, 0) => format!("append {appended}"),
        (None, _, cut) => format!("truncate {}, append {appended}", entries(cut)),
    }
}

fn pod_action(pod: &PodCopy) -> String {
    match &pod.outcome {
        PodOutcome::Copied => "copy".to_owned(),
        PodOutcome::Equal => "equal".to_owned(),
        PodOutcome::Replaced(difference) => format!("replace: {difference}"),
        PodOutcome::Conflict(difference) => format!("conflict: {difference}"),
        PodOutcome::Failed(failure) => error_chain(failure),
        _ => "no action".to_owned(),
    }
}

/// Returns the last line that `migrate --dry-run` prints.
pub(crate) fn plan_summary(report: &MigrateReport, to: &str) -> String {
    let totals = report.totals();
    format!(
        "{to}: {} ({} bytes) would be copied; {} of {} would be complete{}",
        entries(totals.entries_copied),
        totals.bytes_copied,
        totals.complete,
        plural(totals.segments, "segment", "segments"),
        left_behind(&report.findings, "copied"),
    )
}

/// Returns the last line that `verify` prints.
pub(crate) fn comparison_summary(report: &VerifyReport) -> String {
    let segments = plural(report.segments.len(), "segment", "segments");
    if report.is_equal() {
        return format!("equal: {segments}, {}", equal(report, report.pods.len()));
    }
    let pods = plural(report.pods.len(), "pod", "pods");
    let left_behind = left_behind(report.findings.iter().map(|(_, finding)| finding), "compared");
    let equal = report.segments.iter().filter(|segment| segment.is_equal()).count();
    let equal_pods = report.pods.iter().filter(|pod| pod.outcome.is_equal()).count();
    format!("different: {equal} of {segments} and {equal_pods} of {pods} are equal{left_behind}")
}
