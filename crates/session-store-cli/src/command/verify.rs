//! `verify`: compares two stores, entry by entry.

use serde::Serialize;
use session_store_migrate::{
    Comparison, Difference, Gap, PodComparison, SegmentComparison, Selection, Side, VerifyReport,
};

use crate::args::VerifyArgs;
use crate::exit::Exit;
use crate::failure::{Failure, OrCannot, chain};
use crate::output::Output;
use crate::progress::Bar;
use crate::store::open;

pub(crate) fn run(args: &VerifyArgs, out: &mut Output) -> Result<Exit, Failure> {
    let (a, b) = (open(&args.a)?, open(&args.b)?);
    let mut bar = Bar::new();
    let report = session_store_migrate::verify(&a, &b, &Selection::default(), &mut |event| {
        bar.follow(&event);
    })
    .or_cannot(|| format!("compare {} with {}", a.url(), b.url()))?;
    drop(bar);
    let differences = compared(&report, [&a.url().to_string(), &b.url().to_string()]);
    if out.is_json() {
        out.json_line(&as_json(&report, &differences))?;
    } else {
        for difference in &differences {
            out.line(difference)?;
        }
        out.line(summary(&report))?;
    }
    Ok(Exit::done_if(report.is_equal()))
}

/// What is not the same, a sentence for each segment, trace and pod; `names` are what the sides are called.
fn compared(report: &VerifyReport, names: [&str; 2]) -> Vec<String> {
    let mut lines: Vec<_> =
        report.segments.iter().flat_map(|segment| compared_segment(segment, names)).collect();
    lines.extend(report.pods.iter().filter_map(|pod| compared_pod(pod, names)));
    lines.extend(report.gaps.iter().map(|gap| match gap {
        Gap::Traces(side) => format!("traces: {} cannot read them back", name(*side, names)),
        Gap::Pods(side) => format!("pods: {} keeps none", name(*side, names)),
    }));
    lines
}

pub(super) fn compared_pod(pod: &PodComparison, names: [&str; 2]) -> Option<String> {
    sentence(&pod.outcome, names).map(|outcome| format!("pod {}: {outcome}", pod.name))
}

pub(super) fn compared_segment(segment: &SegmentComparison, names: [&str; 2]) -> Vec<String> {
    let (session_id, segment_id) = (segment.session_id, segment.segment_id);
    let trace = segment.trace.as_ref().map(|trace| ("the trace of segment", trace));
    let parts = [("segment", &segment.log)].into_iter().chain(trace);
    let sentences = parts.filter_map(|(what, outcome)| {
        let outcome = sentence(outcome, names)?;
        Some(format!("{what} {segment_id} of session {session_id}: {outcome}"))
    });
    sentences.collect()
}

fn sentence(outcome: &Comparison, names: [&str; 2]) -> Option<String> {
    match outcome {
        Comparison::Equal { .. } => None,
        Comparison::OnlyIn(side) => Some(format!("only in {}", name(*side, names))),
        Comparison::Failed(failure) => {
            // The failure names its side in the engine's words, and its cause is what matters here.
            let cause = chain(failure.source.as_ref());
            Some(format!("{} cannot be read: {cause}", name(failure.side, names)))
        }
        Comparison::Differs(difference) => Some(difference_in_words(difference, names)),
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

fn summary(report: &VerifyReport) -> String {
    let segments = plural(report.segments.len(), "segment", "segments");
    let pods = plural(report.pods.len(), "pod", "pods");
    if !report.is_equal() {
        let equal = report.segments.iter().filter(|segment| segment.is_equal()).count();
        let equal_pods = report.pods.iter().filter(|pod| pod.outcome.is_equal()).count();
        return format!("different: {equal} of {segments} and {equal_pods} of {pods} are equal");
    }
    format!(
        "equal: {segments}, {}, {}, {pods}",
        plural(report.equal_entries(), "entry", "entries"),
        plural(report.equal_trace_entries(), "trace entry", "trace entries"),
    )
}

/// A number and the word for that many.
pub(super) fn plural(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// The whole report, for programs.
#[derive(Serialize)]
struct Json<'a> {
    equal: bool,
    segments: usize,
    pods: usize,
    equal_entries: usize,
    equal_trace_entries: usize,
    differences: &'a [String],
}

fn as_json<'a>(report: &VerifyReport, differences: &'a [String]) -> Json<'a> {
    Json {
        equal: report.is_equal(),
        segments: report.segments.len(),
        pods: report.pods.len(),
        equal_entries: report.equal_entries(),
        equal_trace_entries: report.equal_trace_entries(),
        differences,
    }
}
