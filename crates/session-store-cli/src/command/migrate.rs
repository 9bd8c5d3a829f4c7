//! `migrate`: copies one store into another, and proves the copy.

use std::collections::HashSet;

use serde::Serialize;
use session_store::{OpenStore, SegmentId, SessionId, Store};
use session_store_migrate::{
    Extension, Gap, MigrateOptions, MigrateReport, PodOutcome, SegmentCopy, Stop,
};

use crate::args::MigrateArgs;
use crate::command::verify::{compared_pod, compared_segment, plural};
use crate::exit::Exit;
use crate::failure::{Failure, OrCannot, chain};
use crate::output::Output;
use crate::progress::Bar;
use crate::store::{open, open_or_create};

pub(crate) fn run(args: &MigrateArgs, out: &mut Output) -> Result<Exit, Failure> {
    let from = open(&args.from)?;
    require_sessions(&from, &args.sessions)?;
    let to = open_or_create(&args.to)?;
    let mut bar = Bar::new();
    let report = session_store_migrate::migrate(&from, &to, &options(args), &mut |event| {
        bar.follow(&event);
    })
    .or_cannot(|| format!("migrate {} to {}", from.url(), to.url()))?;
    drop(bar);
    let problems = problems(&report);
    if out.is_json() {
        out.json_line(&as_json(&report, &problems))?;
    } else {
        for problem in &problems {
            out.line(problem)?;
        }
        out.line(summary(&report, &to))?;
    }
    Ok(Exit::done_if(report.is_complete()))
}

/// The engine asks too, but after the destination was made.
fn require_sessions(from: &OpenStore, sessions: &[SessionId]) -> Result<(), Failure> {
    let attempt = || format!("migrate from {}", from.url());
    let there = from.list_sessions().or_cannot(attempt)?;
    match sessions.iter().find(|session_id| !there.contains(session_id)) {
        Some(missing) => {
            Err(Failure::cannot(attempt(), format!("session {missing} does not exist")))
        }
        None => Ok(()),
    }
}

fn options(args: &MigrateArgs) -> MigrateOptions {
    let mut options = MigrateOptions::default();
    options.selection.sessions =
        (!args.sessions.is_empty()).then(|| args.sessions.iter().copied().collect());
    options.selection.traces = !args.no_traces;
    options.selection.pods = !args.no_pods;
    options
}

/// What was not copied or not proved, one sentence each.
fn problems(report: &MigrateReport) -> Vec<String> {
    let mut problems: Vec<_> = report.segments.iter().flat_map(stops).collect();
    for pod in &report.pods {
        match &pod.outcome {
            PodOutcome::Copied | PodOutcome::Equal => {}
            PodOutcome::Conflict(difference) => {
                problems.push(format!("pod {}: conflict: {difference}", pod.name));
            }
            PodOutcome::Failed(failure) => {
                problems.push(format!("pod {}: {}", pod.name, chain(failure)));
            }
        }
    }
    problems.extend(report.gaps.iter().map(Gap::to_string));
    problems.extend(unproved(report).map(|line| format!("not proved: {line}")));
    problems
}

fn stops(segment: &SegmentCopy) -> Vec<String> {
    let sentence = |what: &str, stop: &Stop<_>| {
        let (session_id, segment_id) = (segment.session_id, segment.segment_id);
        format!("{what} {segment_id} of session {session_id}: {}", chain(stop))
    };
    let log = segment.log.stopped.as_ref().map(|stop| sentence("segment", stop));
    let trace = segment.trace.as_ref().and_then(|trace| trace.stopped.as_ref());
    log.into_iter().chain(trace.map(|stop| sentence("the trace of segment", stop))).collect()
}

/// Where the copy seemed complete and the proof finds otherwise. What was not copied has been told already.
fn unproved(report: &MigrateReport) -> impl Iterator<Item = String> {
    const SIDES: [&str; 2] = ["the source", "the destination"];
    let stopped = report.segments.iter().filter(|segment| !segment.is_complete());
    let stopped: HashSet<_> = stopped.map(|copy| (copy.session_id, copy.segment_id)).collect();
    let lost = report.pods.iter().filter(|pod| !pod.is_complete());
    let lost: HashSet<_> = lost.map(|pod| &pod.name).collect();
    let segments = report.proof.segments.iter();
    let pods = report.proof.pods.iter();
    let segments =
        segments.filter(move |found| !stopped.contains(&(found.session_id, found.segment_id)));
    let pods = pods.filter(move |found| !lost.contains(&found.name));
    segments
        .flat_map(|segment| compared_segment(segment, SIDES))
        .chain(pods.filter_map(|pod| compared_pod(pod, SIDES)))
}

fn summary(report: &MigrateReport, to: &OpenStore) -> String {
    let total = report.segments.len();
    let complete = report.segments.iter().filter(|segment| segment.is_complete()).count();
    let already: usize = report.segments.iter().map(|segment| segment.log.already).sum();
    let copied = report.entries_copied();
    let proved = format!(
        "read back and equal: {}, {}, {}",
        plural(report.proof.equal_entries(), "entry", "entries"),
        plural(report.proof.equal_trace_entries(), "trace entry", "trace entries"),
        plural(
            report.proof.pods.iter().filter(|pod| pod.outcome.is_equal()).count(),
            "pod",
            "pods"
        ),
    );
    format!(
        "{}: {complete} of {} complete, {} copied, {already} there already; {proved}",
        to.url(),
        plural(total, "segment", "segments"),
        plural(copied, "entry", "entries"),
    )
}

/// The whole report, for programs.
#[derive(Serialize)]
struct Json<'a> {
    complete: bool,
    entries_copied: usize,
    segments: Vec<JsonSegment>,
    pods: Vec<JsonPod<'a>>,
    equal_entries: usize,
    equal_trace_entries: usize,
    problems: &'a [String],
}

#[derive(Serialize)]
struct JsonSegment {
    session_id: SessionId,
    segment_id: SegmentId,
    log: JsonExtension,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<JsonExtension>,
}

#[derive(Serialize)]
struct JsonExtension {
    already: usize,
    appended: usize,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped: Option<String>,
}

#[derive(Serialize)]
struct JsonPod<'a> {
    name: &'a str,
    outcome: &'static str,
}

fn as_json<'a>(report: &'a MigrateReport, problems: &'a [String]) -> Json<'a> {
    let segment = |segment: &SegmentCopy| JsonSegment {
        session_id: segment.session_id,
        segment_id: segment.segment_id,
        log: extension_as_json(&segment.log),
        trace: segment.trace.as_ref().map(extension_as_json),
    };
    let pod = |pod: &'a session_store_migrate::PodCopy| JsonPod {
        name: pod.name.as_str(),
        outcome: match pod.outcome {
            PodOutcome::Copied => "copied",
            PodOutcome::Equal => "equal",
            PodOutcome::Conflict(_) => "conflict",
            PodOutcome::Failed(_) => "failed",
        },
    };
    Json {
        complete: report.is_complete(),
        entries_copied: report.entries_copied(),
        segments: report.segments.iter().map(segment).collect(),
        pods: report.pods.iter().map(pod).collect(),
        equal_entries: report.proof.equal_entries(),
        equal_trace_entries: report.proof.equal_trace_entries(),
        problems,
    }
}

fn extension_as_json(extension: &Extension) -> JsonExtension {
    JsonExtension {
        already: extension.already,
        appended: extension.appended,
        bytes: extension.bytes,
        stopped: extension.stopped.as_ref().map(|stop| chain(stop)),
    }
}
