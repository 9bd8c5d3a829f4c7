//! `migrate`: copies one store into another, proves the copy, and goes on copying if asked to.

use std::time::SystemTime;

use session_store::{StoreUrl, error_chain};
use session_store_migrate::{MigrateError, MigrateReport, Migration, OnConflict, Phase, Progress};

use crate::args::{ConflictArg, MigrateArgs};
use crate::exit::Exit;
use crate::failure::{Context, Failure, warn};
use crate::migration::json::{FailedJson, RunJson, Stores};
use crate::migration::opener::{open_or_empty, reopener};
use crate::migration::report_file::ReportFile;
use crate::migration::text;
use crate::output::Output;
use crate::progress::Bar;
use crate::signal::StopSignal;
use crate::store::{open, open_or_create};

pub(crate) fn run(args: &MigrateArgs, out: &mut Output) -> Result<Exit, Failure> {
    let [from, to] = [&args.from, &args.to].map(StoreUrl::to_string);
    let (stores, began) = (Stores::Migrated { from: &from, to: &to }, SystemTime::now());
    let file = ReportFile::create(args.report.file.as_deref())?;
    if !args.follow {
        // Else a signal is the word to finish.
        file.remove_on_signal();
    }
    let report = match copy(args) {
        Ok(report) => report,
        Err(error) => {
            let failed = FailedJson { complete: false, error: error_chain(&error) };
            file.finish(&RunJson::new(stores, began, failed))?;
            return Err(error);
        }
    };
    let json = RunJson::new(stores, began, &report);
    file.finish(&json)?;
    if out.is_json() {
        out.json_line(&json)?;
    } else {
        tell(&report, &to, out)?;
    }
    Ok(exit(&report))
}

fn copy(args: &MigrateArgs) -> Result<MigrateReport, Failure> {
    let operation = || format!("migrate {} to {}", args.from, args.to);
    // A mistyped URL would otherwise look like a second copy.
    if args.from.is_same_storage(&args.to) {
        return Err(Failure::cannot(operation(), "both are the same store"));
    }
    let selection = args.selection.selection();
    let from = open(&args.from).context(operation)?;
    // Checked before the destination is created.
    selection.check_source(&from).context(operation)?;
    let to = if args.dry_run { open_or_empty(&args.to) } else { open_or_create(&args.to) };
    let to = to.context(operation)?;
    let (reopen_from, reopen_to) = (reopener(&from), reopener(&to));
    let mut migration = Migration::new(from, to)
        .reopen(reopen_from, reopen_to)
        .select(selection)
        .jobs(args.jobs.at_once.get())
        .on_conflict(match args.on_conflict {
            ConflictArg::Report => OnConflict::Report,
            ConflictArg::Skip => OnConflict::Skip,
            ConflictArg::Replace => OnConflict::Replace,
        });
    if args.dry_run {
        migration = migration.dry_run();
    }
    let report = if args.follow { follow(migration, args)? } else { run_once(migration) };
    report.context(operation)
}

fn run_once(migration: Migration<'_>) -> Result<MigrateReport, MigrateError> {
    let mut bar = Bar::new();
    migration.progress(move |event| bar.show_event(&event)).run()
}

fn follow(
    migration: Migration<'_>,
    args: &MigrateArgs,
) -> Result<Result<MigrateReport, MigrateError>, Failure> {
    let stop = StopSignal::listen()?;
    let mut bar = Bar::new();
    let mut is_announced = false;
    let pause = || {
        if !is_announced {
            warn("all is copied; following until interrupted");
            is_announced = true;
        }
        stop.pause(args.interval)
    };
    let migration = migration.progress(move |event| match &event {
        // The passes that look for changes are not shown: there are many, and most find none.
        Progress::Begin { phase: Phase::CatchUp, .. } => bar.hide(),
        Progress::Failed(failure) => bar.suspend(|| warn(&error_chain(failure))),
        _ => bar.show_event(&event),
    });
    Ok(migration.follow(pause))
}

fn tell(report: &MigrateReport, to: &str, out: &mut Output) -> Result<(), Failure> {
    if report.options.dry_run {
        text::plan(report).try_for_each(|line| out.line(line))?;
        return out.line(text::planned_in_all(report, to));
    }
    text::notes(report).try_for_each(|line| out.line(line))?;
    report.problems().try_for_each(|line| out.line(line))?;
    out.line(text::copied(report, to))
}

/// A store that fails as a whole is an error, whatever was copied before.
fn exit(report: &MigrateReport) -> Exit {
    match report.failures.is_empty() {
        true => Exit::done_if(report.is_complete()),
        false => Exit::Failed,
    }
}
