//! `import`: stores existing logs of agent programs. The import crate does the work.

use std::cell::OnceCell;
use std::path::PathBuf;

use session_store::{Store, StoreUrl};
use session_store_import::{
    Discovered, Environment, Event, Filter, Import, Oddities, Options, Summary, UnitReport,
    discover,
};

use crate::args::ImportArgs;
use crate::exit::Exit;
use crate::failure::{Context, Failure};
use crate::message::note;
use crate::output::Output;
use crate::progress::Bar;
use crate::signal::explain_end;
use crate::store::{change, open_or_create, open_or_empty};
use crate::text::{plural, quoted};

pub(crate) fn run(args: &ImportArgs, out: &mut Output) -> Result<Exit, Failure> {
    let Some(store) = args.store.as_ref().filter(|_| !args.paths.is_empty()) else {
        return print_discovered(args.store.as_ref(), out);
    };
    explain_end("the stored entries are kept; run the same command again to import the rest");
    require_existing(&args.paths)?;
    let options = options(args, store)?;
    let opened = OnceCell::new();
    let mut open = || -> Result<&dyn Store, Failure> {
        if opened.get().is_none() {
            let open = if args.dry_run { open_or_empty } else { open_or_create };
            let _ = opened.set(open(store)?);
        }
        Ok(opened.get().expect("the store was opened"))
    };
    let mut printer = Printer { bar: Bar::new(), quiet: args.quiet, salvage_helps: false, out };
    let import = Import::new(&args.paths, &options);
    let imported = import.run(&mut open, &mut |event| printer.show(&event));
    let summary = match opened.get() {
        Some(store) if !args.dry_run => change(store, || imported)?,
        _ => imported?,
    };
    printer.finish(&summary)?;
    Ok(Exit::done_if(summary.is_clean()))
}

fn options(args: &ImportArgs, store: &StoreUrl) -> Result<Options, Failure> {
    let invalid = |message: String| Failure::cannot("select files", message);
    let filter = args.include.iter().try_fold(Filter::new(), |filter, one| filter.include(one));
    let filter = args
        .exclude
        .iter()
        .try_fold(filter.map_err(invalid)?, |filter, one| filter.exclude(one).map_err(invalid));
    let mut options = Options::default();
    options.salvage = args.salvage;
    options.max_line = args.lines.max;
    options.on_conflict = args.on_conflict.into();
    options.dry_run = args.dry_run;
    options.since = args.since;
    options.filter = filter?;
    options.jobs = args.jobs.at_once;
    options.destination = store.path().map(PathBuf::from);
    Ok(options)
}

/// Returns an error if a path does not exist, because it is probably mistyped.
fn require_existing(paths: &[PathBuf]) -> Result<(), Failure> {
    paths.iter().filter(|path| path.as_os_str() != "-").try_for_each(|path| {
        let found = path.symlink_metadata();
        found.map(drop).context(|| format!("import {}", path.display()))
    })
}

/// Prints the reports of an import.
struct Printer<'a> {
    bar: Bar,
    quiet: bool,
    salvage_helps: bool,
    out: &'a mut Output,
}

impl Printer<'_> {
    fn show(&mut self, event: &Event<'_>) -> Result<(), Failure> {
        match event {
            Event::Found { files } => self.bar.begin("looking at files", *files),
            Event::Storing { logs } => self.bar.begin("storing", *logs),
            Event::Read { entries, bytes } => self.bar.read(*entries, *bytes),
            Event::Done(report) => {
                self.bar.part_done();
                self.salvage_helps |= report.salvage_helps;
                if self.is_shown(report) {
                    return self.bar.suspend(|| self.out.answer(*report));
                }
            }
            _ => self.bar.part_done(),
        }
        Ok(())
    }

    /// Returns whether to print the report of a file. On a terminal, files that were imported
    /// without any oddity are only counted in the summary.
    fn is_shown(&self, report: &UnitReport) -> bool {
        if self.quiet {
            let Oddities { unfinished, salvaged, .. } = &report.oddities;
            return !report.state.is_clean() || unfinished.is_some() || !salvaged.is_empty();
        }
        !self.out.is_terminal() || self.out.is_json() || report.is_notable()
    }

    fn finish(self, summary: &Summary) -> Result<(), Failure> {
        drop(self.bar);
        if !self.quiet || !summary.is_clean() {
            self.out.answer(summary)?;
        }
        if self.salvage_helps {
            note("nothing of a refused file was stored; use --salvage to import its valid records");
        }
        Ok(())
    }
}

/// Prints the logs in the default folders of the known programs, and how to import them.
fn print_discovered(store: Option<&StoreUrl>, out: &mut Output) -> Result<Exit, Failure> {
    let Some(environment) = Environment::of_process() else {
        return Err(Failure::cannot("find the logs of a user", "there is no home directory"));
    };
    let found = discover(&environment);
    if out.is_json() {
        found.iter().try_for_each(|found| out.json_line(found))?;
        return Ok(Exit::done_if(!found.is_empty()));
    }
    if found.is_empty() {
        out.line("no logs were found in the default directories of the known programs")?;
        out.line("import others with: session-store import PATH... STORE")?;
        return Ok(Exit::No);
    }
    let mut command = "session-store import".to_owned();
    for Discovered { format, folder, logs, bytes, .. } in &found {
        let logs = plural(*logs, "log", "logs");
        out.line(format!("{format}: {logs} ({}) in {}", megabytes(*bytes), folder.display()))?;
        command += &format!(" {}", quoted(&folder.to_string_lossy()));
    }
    let store = store.map_or_else(|| "fs:logs".to_owned(), ToString::to_string);
    out.line(format!("import them with: {command} {}", quoted(&store)))?;
    Ok(Exit::Done)
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
