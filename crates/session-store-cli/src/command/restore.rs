//! `restore`: writes a backup to a store, then reads the store back and compares it with the
//! backup.

use std::collections::{BTreeSet, HashSet};
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use session_store::{OpenStore, StoreUrl, error_chain};
use session_store_migrate::backup::{
    Backup, Found, Missing, Part, PartRestore, RestoreReport, Unverified,
};
use session_store_migrate::{Gap, Progress, Selection};
use tempfile::SpooledTempFile;

use crate::args::RestoreArgs;
use crate::backup::{Contents, missing_part};
use crate::exit::Exit;
use crate::failure::{Context, Failure};
use crate::output::Output;
use crate::progress::Bar;
use crate::signal::explain_end;
use crate::store::{open_or_create, reopener};
use crate::text::entries;

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
    let mut show = |event: Progress<'_>| bar.show_event(&event);
    let backup =
        Backup::open_with_max_line(file, args.lines.max as u64, &mut show).context(operation)?;
    let backup = select(backup, args)?;
    let store = open_or_create(&args.store)?;
    let report = backup.restore(&store, &mut show).context(operation)?;
    let proof = reopener(&store)().map(|store| backup.verify(&store, &mut show));
    drop(bar);

    let outcome = Outcome { backup, report, proof };
    let problems = outcome.problems();
    let missing = outcome.backup.manifest().missing.iter().map(missing_part);
    let lines = missing.map(|part| format!("not restored: {part}"));
    let lines = lines.chain(problems.iter().cloned()).chain([outcome.summary(&args.store)]);
    out.report(&outcome.json(&problems), lines)?;
    Ok(outcome.exit())
}

/// Restricts a backup to the sessions that the user has named.
fn select<R: Read + Seek + Send + 'static>(
    backup: Backup<R>,
    args: &RestoreArgs,
) -> Result<Arc<Backup<R>>, Failure> {
    let mut backup = Arc::new(backup);
    if args.sessions.is_empty() {
        return Ok(backup);
    }
    let url = args.file.to_string_lossy().parse();
    let url = url.unwrap_or_else(|_| StoreUrl::fs(&args.file));
    let store = OpenStore::wrap(Arc::clone(&backup), url);
    let sessions = args.sessions.iter().map(|session| session.resolve(&store));
    let sessions = sessions.collect::<Result<BTreeSet<_>, _>>()?;
    drop(store);
    let selection = Selection::default().sessions(sessions);
    let selected = Arc::get_mut(&mut backup).expect("no other handle").select(&selection);
    selected.context(|| format!("restore {}", args.file.display()))?;
    Ok(backup)
}

/// The restored parts, and the result of reading them back.
struct Outcome<R> {
    backup: Arc<Backup<R>>,
    report: RestoreReport,
    /// The result of reading the store back: the parts that differ from the backup, or the reason
    /// why the store cannot be opened again.
    proof: Result<Vec<Unverified>, Failure>,
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

impl<R> Outcome<R> {
    fn is_complete(&self) -> bool {
        self.report.is_complete() && self.proof.as_ref().is_ok_and(Vec::is_empty)
    }

    /// A store that cannot be opened again is an error, even if every part was restored.
    fn exit(&self) -> Exit {
        if self.proof.is_err() { Exit::Failed } else { Exit::done_if(self.is_complete()) }
    }

    fn logs(&self) -> impl Iterator<Item = &PartRestore> {
        self.report.parts.iter().filter(|part| matches!(part.part, Part::Log { .. }))
    }

    fn entries_written(&self) -> usize {
        self.logs().map(|log| log.extension.appended).sum()
    }

    /// Returns a sentence for each part that was not restored or not verified.
    fn problems(&self) -> Vec<String> {
        let mut problems: Vec<_> = self.report.gaps.iter().map(Gap::to_string).collect();
        let mut stopped_parts = HashSet::new();
        for PartRestore { part, extension, .. } in &self.report.parts {
            if let Some(stop) = extension.stopped.as_deref() {
                problems.push(format!("{part}: {}", error_chain(stop)));
                stopped_parts.insert(part.to_string());
            }
        }
        problems.extend(self.report.sync_failure.iter().map(|failure| error_chain(failure)));
        let unverified = match &self.proof {
            Ok(unverified) => unverified
                .iter()
                .filter(|unverified| !stopped_parts.contains(&unverified.part.to_string()))
                .map(unverified_text)
                .collect(),
            Err(failure) => vec![error_chain(failure)],
        };
        problems.extend(unverified.iter().map(|sentence| format!("not verified: {sentence}")));
        problems
    }

    fn summary(&self, store: &StoreUrl) -> String {
        let already: usize = self.logs().map(|log| log.extension.already).sum();
        let written = entries(self.entries_written());
        let manifest = self.backup.manifest();
        let read_back = match &self.proof {
            Err(_) => "not read back".to_owned(),
            Ok(unverified) if unverified.is_empty() => {
                format!("read back and equal: {}", Contents::of(manifest))
            }
            Ok(unverified) => {
                let (unequal, all) = (unverified.len(), manifest.members.len());
                format!("{unequal} of {all} logs, traces and pods are not equal")
            }
        };
        format!("{store}: {written} restored, {already} already present; {read_back}")
    }

    fn json<'a>(&'a self, problems: &'a [String]) -> ReportJson<'a> {
        let manifest = self.backup.manifest();
        ReportJson {
            complete: self.is_complete(),
            contents: Contents::of(manifest),
            entries_written: self.entries_written(),
            missing: &manifest.missing,
            problems,
        }
    }
}

fn unverified_text(Unverified { part, found, .. }: &Unverified) -> String {
    match found {
        Found::Nothing => format!("{part}: not in the store"),
        Found::Other(total) => {
            format!("{part}: the store has other content ({})", entries(total.entries))
        }
        Found::Failed(error) => format!("{part}: {}", error_chain(error)),
        Found::Aborted => format!("{part}: not read, because every read before it failed"),
    }
}
