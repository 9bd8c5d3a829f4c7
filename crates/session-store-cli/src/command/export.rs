//! `export`: writes a store into one compressed file.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::Path;

use indicatif::HumanBytes;
use serde::Serialize;
use session_store::OpenStore;
use session_store_migrate::backup::{
    self, BackupError, BackupProgress, ExportReport, Manifest, Missing, Part, Step,
};
use session_store_migrate::{Gap, Progress};

use crate::args::ExportArgs;
use crate::exit::Exit;
use crate::failure::{Context, Failure, warn};
use crate::migration::text::plural;
use crate::new_file::NewFile;
use crate::output::Output;
use crate::progress::Bar;
use crate::store::open;

pub(crate) fn run(args: &ExportArgs, out: &mut Output) -> Result<Exit, Failure> {
    let store = open(&args.store)?;
    if args.file == Path::new("-") {
        return to_standard_output(args, &store);
    }
    let file = NewFile::create(&args.file, args.force)?;
    file.remove_on_signal();
    let report = write(args, &store, file.writer())?;
    file.put_in_place()?;
    if out.is_json() {
        out.json_line(&as_json(&report))?;
    } else {
        for problem in problems(&report) {
            out.line(problem)?;
        }
        out.line(summary(&args.file, &report))?;
    }
    Ok(Exit::done_if(report.is_complete()))
}

/// There the answer is the backup, so what is wrong with it goes to standard error.
fn to_standard_output(args: &ExportArgs, store: &OpenStore) -> Result<Exit, Failure> {
    let stdout = io::stdout();
    if stdout.is_terminal() {
        return Err(Failure::cannot("write a backup to standard output", "it is a terminal"));
    }
    let report = write(args, store, stdout.lock())?;
    problems(&report).iter().for_each(|problem| warn(problem));
    Ok(Exit::done_if(report.is_complete()))
}

fn write(args: &ExportArgs, store: &OpenStore, file: impl Write) -> Result<ExportReport, Failure> {
    let mut bar = Bar::new();
    let report = backup::export(store, &args.selection.selection(), file, &mut |event| {
        follow(&mut bar, event);
    });
    drop(bar);
    match report {
        Err(BackupError::Write(error)) if error.kind() == ErrorKind::BrokenPipe => {
            Err(Failure::BrokenPipe)
        }
        report => report.context(|| format!("export {} to {}", store.url(), args.file.display())),
    }
}

/// What is not in the backup, a sentence each.
fn problems(report: &ExportReport) -> Vec<String> {
    let gaps = report.gaps.iter().map(Gap::to_string);
    let missing = report.manifest.missing.iter().map(left_out);
    gaps.chain(missing.map(|sentence| format!("left out: {sentence}"))).collect()
}

pub(super) fn left_out(Missing { part, reason, .. }: &Missing) -> String {
    format!("{}: {reason}", in_words(part))
}

pub(super) fn in_words(part: &Part) -> String {
    match part {
        Part::Log { session_id, segment_id } => {
            format!("segment {segment_id} of session {session_id}")
        }
        Part::Trace { session_id, segment_id } => {
            format!("the trace of segment {segment_id} of session {session_id}")
        }
        Part::Pod { name } => format!("pod {name}"),
    }
}

/// Shows how far a backup has come.
pub(super) fn follow(bar: &mut Bar, event: BackupProgress) {
    match event {
        BackupProgress::Begin { step, parts } => {
            let what = match step {
                Step::Export => "exporting",
                Step::Check => "checking",
                Step::Restore => "restoring",
                Step::Prove => "comparing",
                _ => "working",
            };
            bar.begin(what, parts);
        }
        BackupProgress::Started { entries } => bar.follow(&Progress::Started { entries }),
        BackupProgress::Read { entries, bytes } => bar.read(entries, bytes),
        BackupProgress::Done => bar.part_done(),
        _ => {}
    }
}

fn summary(file: &Path, report: &ExportReport) -> String {
    let ExportReport { manifest, bytes, .. } = report;
    format!("{}: {} in {}", file.display(), contents(manifest), HumanBytes(*bytes))
}

/// What a backup holds, in figures.
pub(super) fn contents(manifest: &Manifest) -> String {
    format!(
        "{}, {}, {}, {}",
        plural(manifest.segments(), "segment", "segments"),
        plural(manifest.entries(), "entry", "entries"),
        plural(manifest.trace_entries(), "trace entry", "trace entries"),
        plural(manifest.pods(), "pod", "pods"),
    )
}

/// The report, for programs.
#[derive(Serialize)]
struct Json<'a> {
    complete: bool,
    bytes: u64,
    segments: usize,
    entries: usize,
    trace_entries: usize,
    pods: usize,
    missing: &'a [Missing],
    problems: Vec<String>,
}

fn as_json(report: &ExportReport) -> Json<'_> {
    let manifest = &report.manifest;
    Json {
        complete: report.is_complete(),
        bytes: report.bytes,
        segments: manifest.segments(),
        entries: manifest.entries(),
        trace_entries: manifest.trace_entries(),
        pods: manifest.pods(),
        missing: &manifest.missing,
        problems: problems(report),
    }
}
