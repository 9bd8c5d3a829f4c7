//! `restore`: copies a backup to a store with the copy engine, which also compares both.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;

use serde::Serialize;
use session_store::{OpenStore, StoreUrl};
use session_store_migrate::backup::{Backup, Manifest, Missing, Part};
use session_store_migrate::{MigrateReport, Migration, Selection};
use tempfile::SpooledTempFile;

use crate::args::RestoreArgs;
use crate::backup::{Contents, missing_part};
use crate::exit::Exit;
use crate::failure::{Context, Failure};
use crate::migration::{exit, text};
use crate::output::Output;
use crate::progress::Bar;
use crate::signal::explain_end;
use crate::store::{open_or_create, reopener};

/// Input that cannot be read twice is held in memory up to this size, and in a temporary file
/// beyond it.
const IN_MEMORY: usize = 8 * 1024 * 1024;

pub(crate) fn run(args: &RestoreArgs, out: &mut Output) -> Result<Exit, Failure> {
    explain_end("the restored entries are kept; run the same command again to restore the rest");
    if args.file == Path::new("-") {
        return restore(spooled(io::stdin(), &args.file)?, args, out);
    }
    let file = File::open(&args.file).context(|| format!("open {}", args.file.display()))?;
    match file.metadata() {
        Ok(metadata) if metadata.is_file() => restore(file, args, out),
        _ => restore(spooled(file, &args.file)?, args, out),
    }
}

fn spooled(mut reader: impl Read, file: &Path) -> Result<SpooledTempFile, Failure> {
    let mut spool = SpooledTempFile::new(IN_MEMORY);
    io::copy(&mut reader, &mut spool).context(|| format!("read {}", file.display()))?;
    Ok(spool)
}

fn restore(
    file: impl Read + Seek + Send + 'static,
    args: &RestoreArgs,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let operation = || format!("restore {} to {}", args.file.display(), args.store);
    let mut bar = Bar::new();
    let backup = Backup::open_with_max_line(file, args.lines.max as u64, &mut |event| {
        bar.show_event(&event);
    });
    let backup = backup.context(operation)?;
    let mut manifest = backup.manifest().clone();
    let url = args.file.to_string_lossy().parse();
    let from = OpenStore::wrap(backup, url.unwrap_or_else(|_| StoreUrl::fs(&args.file)));
    let selection = selection(args, &from)?;
    // Check the selection before creating the destination.
    selection.check_source(&from).context(operation)?;
    let to = open_or_create(&args.store)?;
    let reopen_to = reopener(&to);
    let migration = Migration::new(from.clone(), to)
        .reopen(|| Ok(from), || Ok(reopen_to()?))
        .select(selection)
        // One job is enough, because the parts follow each other in the file. To restore 193 MiB to
        // files, four jobs take the same time, but need 177 MB of memory instead of 82 MB
        // (`/usr/bin/time`, release build).
        .jobs(1)
        .progress(move |event| bar.show_event(&event));
    let mut report = migration.run().context(operation)?;
    // Remove the findings, because they name every part that the backup lacks, even one that was
    // not selected. The missing parts that were selected are listed below, from the manifest.
    report.findings.clear();

    retain_selected(&mut manifest, &report);
    let problems: Vec<_> = report.problems().collect();
    let missing = manifest.missing.iter().map(missing_part);
    let lines = missing
        .map(|part| format!("not restored: {part}"))
        .chain(problems.iter().cloned())
        .chain([text::copy_summary(&report, &args.store.to_string())]);
    let json = ReportJson {
        complete: report.is_complete() && manifest.missing.is_empty(),
        contents: Contents::of(&manifest),
        entries_written: report.entries_copied(),
        missing: &manifest.missing,
        problems: &problems,
    };
    out.report(&json, lines)?;
    Ok(match exit(&report) {
        Exit::Done => Exit::done_if(json.complete),
        incomplete => incomplete,
    })
}

/// Returns the selection of the sessions that the user has named.
fn selection(args: &RestoreArgs, from: &OpenStore) -> Result<Selection, Failure> {
    let sessions = args.sessions.iter().map(|session| session.resolve(from));
    let sessions = sessions.collect::<Result<BTreeSet<_>, _>>()?;
    let selection = Selection::default();
    Ok(if sessions.is_empty() { selection } else { selection.sessions(sessions) })
}

/// Removes the parts that were not selected from the manifest.
fn retain_selected(manifest: &mut Manifest, report: &MigrateReport) {
    let Some(sessions) = &report.options.selection.sessions else { return };
    let is_selected = |part: &Part| match part {
        Part::Log(key) | Part::Trace(key) => sessions.contains(&key.session_id),
        Part::Pod { name } => report.pods.iter().any(|pod| pod.name == *name),
    };
    manifest.members.retain(|member| is_selected(&member.part));
    manifest.missing.retain(|missing| is_selected(&missing.part));
}

/// The JSON of the report.
#[derive(Serialize)]
struct ReportJson<'a> {
    complete: bool,
    #[serde(flatten)]
    contents: Contents,
    entries_written: usize,
    missing: &'a [Missing],
    problems: &'a [String],
}
