//! `restore`: writes a backup into a store, and proves that it is there.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;

use serde::Serialize;
use session_store::{Capability, OpenStore, Store, StoreUrl};
use session_store_migrate::Gap;
use session_store_migrate::backup::{
    Backup, Found, Missing, Part, PartRestore, RestoreReport, Unproved,
};
use tempfile::SpooledTempFile;

use crate::args::RestoreArgs;
use crate::command::export::{contents, follow, in_words, left_out};
use crate::exit::Exit;
use crate::failure::{Context, Failure, chain};
use crate::migration::text::plural;
use crate::output::Output;
use crate::progress::Bar;
use crate::store::{open, open_or_create};

/// What cannot be read twice is kept in memory up to this size, and then in a temporary file.
const IN_MEMORY: usize = 8 * 1024 * 1024;

pub(crate) fn run(args: &RestoreArgs, out: &mut Output) -> Result<Exit, Failure> {
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

fn restore(file: impl Read + Seek, args: &RestoreArgs, out: &mut Output) -> Result<Exit, Failure> {
    let operation = || format!("restore {} to {}", args.file.display(), args.store);
    let mut bar = Bar::new();
    let mut show = |event| follow(&mut bar, event);
    let mut backup = Backup::open(file, &mut show).context(operation)?;
    let store = open_or_create(&args.store)?;
    let report = backup.restore(&store, &mut show).context(operation)?;
    let proof = opened_anew(store, &args.store).map(|store| backup.prove(&store, &mut show));
    drop(bar);

    let outcome = Outcome { backup, report, proof };
    if out.is_json() {
        out.json_line(&outcome.as_json())?;
    } else {
        for line in outcome.backup.manifest().missing.iter().map(left_out) {
            out.line(format_args!("not in the backup: {line}"))?;
        }
        for problem in outcome.problems() {
            out.line(problem)?;
        }
        out.line(outcome.summary(&args.store))?;
    }
    Ok(outcome.exit())
}

/// A handle that knows nothing of what was written. A store that is gone with its last handle has no other.
fn opened_anew(store: OpenStore, url: &StoreUrl) -> Result<OpenStore, Failure> {
    let persistent = store.capabilities().has(Capability::Persistent);
    if persistent { Ok(open(url)?) } else { Ok(store) }
}

/// What was restored, and the proof, or why there is none.
struct Outcome<R> {
    backup: Backup<R>,
    report: RestoreReport,
    proof: Result<Vec<Unproved>, Failure>,
}

/// The whole outcome, for programs.
#[derive(Serialize)]
struct Json<'a> {
    complete: bool,
    segments: usize,
    entries: usize,
    trace_entries: usize,
    pods: usize,
    entries_written: usize,
    missing: &'a [Missing],
    problems: Vec<String>,
}

impl<R> Outcome<R> {
    fn is_complete(&self) -> bool {
        self.report.is_complete() && self.proof.as_ref().is_ok_and(Vec::is_empty)
    }

    /// A store that cannot be opened again is an error, whatever was restored before.
    fn exit(&self) -> Exit {
        if self.proof.is_err() { Exit::Failed } else { Exit::done_if(self.is_complete()) }
    }

    fn logs(&self) -> impl Iterator<Item = &PartRestore> {
        self.report.parts.iter().filter(|part| matches!(part.part, Part::Log { .. }))
    }

    fn entries_written(&self) -> usize {
        self.logs().map(|log| log.written).sum()
    }

    /// What was not restored or not proved, a sentence each.
    fn problems(&self) -> Vec<String> {
        let mut problems: Vec<_> = self.report.gaps.iter().map(Gap::to_string).collect();
        let mut told = HashSet::new();
        for PartRestore { part, stopped, .. } in &self.report.parts {
            if let Some(stop) = stopped {
                problems.push(format!("{}: {}", in_words(part), chain(stop)));
                told.insert(in_words(part));
            }
        }
        problems.extend(self.report.unsynced.iter().map(|failure| chain(failure)));
        match &self.proof {
            Ok(unproved) => {
                let untold = unproved.iter().filter(|found| !told.contains(&in_words(&found.part)));
                problems
                    .extend(untold.map(|found| format!("not proved: {}", found_in_words(found))));
            }
            Err(failure) => problems.push(format!("not proved: {}", chain(failure))),
        }
        problems
    }

    fn summary(&self, store: &StoreUrl) -> String {
        let already: usize = self.logs().map(|log| log.already).sum();
        let written = plural(self.entries_written(), "entry", "entries");
        let manifest = self.backup.manifest();
        let proved = match &self.proof {
            Err(_) => "not read back".to_owned(),
            Ok(unproved) if unproved.is_empty() => {
                format!("read back and equal: {}", contents(manifest))
            }
            Ok(unproved) => {
                let (unequal, all) = (unproved.len(), manifest.members.len());
                format!("{unequal} of {all} logs, traces and pods are not equal")
            }
        };
        format!("{store}: {written} restored, {already} there already; {proved}")
    }

    fn as_json(&self) -> Json<'_> {
        let manifest = self.backup.manifest();
        Json {
            complete: self.is_complete(),
            segments: manifest.segments(),
            entries: manifest.entries(),
            trace_entries: manifest.trace_entries(),
            pods: manifest.pods(),
            entries_written: self.entries_written(),
            missing: &manifest.missing,
            problems: self.problems(),
        }
    }
}

fn found_in_words(Unproved { part, found, .. }: &Unproved) -> String {
    let part = in_words(part);
    match found {
        Found::Nothing => format!("{part}: it is not there"),
        Found::Other(total) => {
            let entries = plural(total.entries, "entry", "entries");
            format!("{part}: what is there has {entries} and is not the same")
        }
        Found::Failed(error) => format!("{part}: {}", chain(error)),
        Found::GivenUp => format!("{part}: not read, since all before it failed"),
    }
}
