//! `migrate`: copies one store into another, proves the copy, and goes on copying if asked to.

use session_store::{StoreUrl, error_chain};
use session_store_migrate::{
    MigrateOptions, MigrateReport, OnConflict, Phase, Progress, follow, migrate,
};

use crate::args::{ConflictArg, MigrateArgs};
use crate::exit::Exit;
use crate::failure::{Context, Failure, warn};
use crate::migration::json::{self, Heading};
use crate::migration::opener::{Missing, Opener};
use crate::migration::report_file::ReportFile;
use crate::migration::text;
use crate::output::Output;
use crate::progress::Bar;
use crate::signal::StopSignal;

pub(crate) fn run(args: &MigrateArgs, out: &mut Output) -> Result<Exit, Failure> {
    let [from, to] = [&args.from, &args.to].map(StoreUrl::to_string);
    let heading = Heading::new("migrate", [&from, &to]);
    let file = ReportFile::create(args.report.file.as_deref())?;
    if !args.follow {
        // Else a signal is the word to finish.
        file.remove_on_signal();
    }
    let options = options(args);
    let report = match copy(args, &options) {
        Ok(report) => report,
        Err(error) => {
            file.finish(&json::Failed { heading: &heading, error: &error })?;
            return Err(error);
        }
    };
    let whole = json::Migration {
        heading: &heading,
        options: json::Options::new(&options, args.follow),
        report: &report,
    };
    file.finish(&whole)?;
    if out.is_json() {
        out.json_line(&whole)?;
    } else {
        tell(&report, &options, &to, out)?;
    }
    Ok(exit(&report))
}

fn options(args: &MigrateArgs) -> MigrateOptions {
    let mut options = MigrateOptions::default();
    options.selection = args.selection.selection();
    options.jobs = args.jobs.at_once;
    options.dry_run = args.dry_run;
    options.on_conflict = match args.on_conflict {
        ConflictArg::Report => OnConflict::Report,
        ConflictArg::Skip => OnConflict::Skip,
        ConflictArg::Replace => OnConflict::Replace,
    };
    options
}

fn copy(args: &MigrateArgs, options: &MigrateOptions) -> Result<MigrateReport, Failure> {
    let missing = if options.dry_run { Missing::IsEmpty } else { Missing::IsCreated };
    let (from, to) = (Opener::new(&args.from, Missing::Fails), Opener::new(&args.to, missing));
    let operation = || format!("migrate {} to {}", args.from, args.to);
    // All would be equal, and whoever mistyped would believe that there are two of it.
    if args.from.is_same_storage(&args.to) {
        return Err(Failure::cannot(operation(), "both are the same store"));
    }
    let mut bar = Bar::new();
    if !args.follow {
        let mut show = |event: Progress<'_>| bar.show_migration(&event);
        return migrate(|| from.open(), || to.open(), options, &mut show).context(operation);
    }
    let stop = StopSignal::listen()?;
    let mut in_step = false;
    let mut pause = || {
        if !in_step {
            warn("all is copied; following until interrupted");
            in_step = true;
        }
        stop.pause(args.interval)
    };
    follow(|| from.open(), || to.open(), options, &mut pause, &mut |event| {
        match &event {
            // A look every now and then is no progress to show.
            Progress::Begin { phase: Phase::CatchUp, .. } => bar.hide(),
            Progress::Troubled(failure) => bar.suspend(|| warn(&error_chain(failure))),
            _ => bar.show_migration(&event),
        }
    })
    .context(operation)
}

fn tell(
    report: &MigrateReport,
    options: &MigrateOptions,
    to: &str,
    out: &mut Output,
) -> Result<(), Failure> {
    if options.dry_run {
        text::plan(report).try_for_each(|line| out.line(line))?;
        return out.line(text::planned_in_all(report, to));
    }
    text::notes(report).try_for_each(|line| out.line(line))?;
    text::problems(report).try_for_each(|line| out.line(line))?;
    out.line(text::copied(report, to))
}

/// A store that fails as a whole is an error, whatever was copied before.
fn exit(report: &MigrateReport) -> Exit {
    match report.troubles.is_empty() {
        true => Exit::done_if(report.is_complete()),
        false => Exit::Failed,
    }
}
