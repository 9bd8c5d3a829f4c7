//! `export`: writes a store to one compressed file.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::Path;

use indicatif::HumanBytes;
use serde::Serialize;
use session_store::{Finding, OpenStore};
use session_store_migrate::Gap;
use session_store_migrate::backup::{self, BackupError, ExportReport, Missing};

use crate::args::ExportArgs;
use crate::backup::{Contents, missing_part};
use crate::exit::Exit;
use crate::failure::{Context, Failure};
use crate::message::{self, Kind, note};
use crate::new_file::{IfExists, NewFile};
use crate::output::Output;
use crate::progress::Bar;
use crate::redacted::redacted;
use crate::signal::explain_end;
use crate::store::open;

/// The note about a backup without segments.
const EMPTY: &str = "the backup contains no segment; an SQLite database that was copied without its \
                     -wal file is empty, too";

pub(crate) fn run(args: &ExportArgs, out: &mut Output) -> Result<Exit, Failure> {
    let mut store = open(&args.store)?;
    if args.redact {
        store = redacted(store);
    }
    if args.file == Path::new("-") {
        return export_to_stdout(args, &store);
    }
    let file = NewFile::create(&args.file, IfExists::from_force(args.force))?;
    file.remove_on_signal();
    explain_end("the backup is not complete; run the same command again");
    let report = export(args, &store, file.writer())?;
    file.finish()?;
    let problems = problems(&report);
    let notes = notes(&report);
    let json = ReportJson::new(&report, &problems, &notes);
    let lines = notes.iter().chain(&problems);
    out.report(&json, lines.chain([&summary(&args.file, &report)]))?;
    Ok(Exit::done_if(report.is_complete()))
}

/// Writes the backup to standard output. Its problems are then reported on standard error.
fn export_to_stdout(args: &ExportArgs, store: &OpenStore) -> Result<Exit, Failure> {
    let stdout = io::stdout();
    if stdout.is_terminal() {
        let cause = "standard output is a terminal; redirect it to a file or a pipe";
        return Err(Failure::cannot("write a backup to standard output", cause));
    }
    let report = export(args, store, stdout.lock())?;
    notes(&report).iter().for_each(|line| note(line));
    problems(&report).iter().for_each(|line| message::print(Kind::Failed, line, None));
    Ok(Exit::done_if(report.is_complete()))
}

fn export(args: &ExportArgs, store: &OpenStore, file: impl Write) -> Result<ExportReport, Failure> {
    let selection = args.selection.resolve(store)?;
    let mut bar = Bar::new();
    let report = backup::export(store, &selection, file, &mut |event| {
        bar.show_event(&event);
    });
    match report {
        Err(BackupError::Write(error)) if error.kind() == ErrorKind::BrokenPipe => {
            Err(Failure::BrokenPipe)
        }
        report => report.context(|| format!("export {} to {}", store.url(), args.file.display())),
    }
}

/// Returns a sentence for each part that is not in the backup.
fn problems(report: &ExportReport) -> Vec<String> {
    let gaps = report.gaps.iter().map(Gap::to_string);
    let missing = report.manifest.missing.iter().map(missing_part);
    let left_behind = report.findings.iter().filter(|finding| finding.is_left_behind());
    let left_out = missing.chain(left_behind.map(Finding::to_string));
    gaps.chain(left_out.map(|sentence| format!("left out: {sentence}"))).collect()
}

/// Returns a sentence for each finding of the store's own check that is not about missing data, and
/// one if the backup has no segments.
fn notes(report: &ExportReport) -> Vec<String> {
    let notes = report.findings.iter().filter(|finding| !finding.is_left_behind());
    let is_empty = report.manifest.segments() == 0;
    let empty = is_empty.then(|| format!("note: {EMPTY}"));
    notes.map(|note| format!("note: {note}")).chain(empty).collect()
}

fn summary(file: &Path, report: &ExportReport) -> String {
    let contents = Contents::of(&report.manifest);
    format!("{}: {contents} in {}", file.display(), HumanBytes(report.bytes))
}

/// The JSON of the report.
#[derive(Serialize)]
struct ReportJson<'a> {
    complete: bool,
    bytes: u64,
    #[serde(flatten)]
    contents: Contents,
    missing: &'a [Missing],
    problems: &'a [String],
    notes: &'a [String],
}

impl<'a> ReportJson<'a> {
    fn new(report: &'a ExportReport, problems: &'a [String], notes: &'a [String]) -> Self {
        Self {
            complete: report.is_complete(),
            bytes: report.bytes,
            contents: Contents::of(&report.manifest),
            missing: &report.manifest.missing,
            problems,
            notes,
        }
    }
}
