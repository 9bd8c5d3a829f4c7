//! `migrate`: copies one store to another, verifies the copy, and follows the source if requested.

use std::time::SystemTime;

use session_store::{StoreUrl, error_chain};
use session_store_migrate::{MigrateError, MigrateReport, Migration, OnConflict, Phase, Progress};

use crate::args::{ConflictArg, MigrateArgs};
use crate::exit::Exit;
use crate::failure::{Context, Failure, report_error};
use crate::message::note;
use crate::migration::json::{FailedJson, RunJson, Stores};
use crate::migration::report_file::ReportFile;
use crate::migration::{exit, text};
use crate::output::Output;
use crate::progress::Bar;
use crate::signal::{StopSignal, explain_end, finish_database};
use crate::store::{create_in_bulk, open, open_or_create, open_or_empty, reopener};

pub(crate) fn run(args: &MigrateArgs, out: &mut Output) -> Result<Exit, Failure> {
    let [from, to] = [&args.from, &args.to].map(StoreUrl::to_string);
    let (stores, began) = (Stores::Migrated { from: &from, to: &to }, SystemTime::now());
    let file = ReportFile::create(args.report.file.as_deref())?;
    // With --follow, a signal must not delete the report file, because after the signal the command
    // finishes its work and writes the report.
    if !args.follow {
        file.remove_on_signal();
    }
    let report = match migrate(args) {
        Ok(report) => report,
        Err(error) => {
            let failed = FailedJson { complete: false, error: error_chain(&error) };
            file.finish(&RunJson::new(stores, began, failed))?;
            return Err(error);
        }
    };
    let json = RunJson::new(stores, began, &report);
    file.finish(&json)?;
    if report.options.dry_run {
        out.report(&json, text::plan(&report).chain([text::plan_summary(&report, &to)]))?;
    } else {
        let lines = text::notes(&report).chain(report.problems());
        out.report(&json, lines.chain([text::copy_summary(&report, &to)]))?;
    }
    Ok(exit(&report))
}

fn migrate(args: &MigrateArgs) -> Result<MigrateReport, Failure> {
    let operation = || format!("migrate {} to {}", args.from, args.to);
    // Without this check, the comparison would find both stores equal. The user would then believe
    // that there is a second copy.
    if args.from.is_same_storage(&args.to) {
        return Err(Failure::cannot(operation(), "both are the same store"));
    }
    let from = open(&args.from)?;
    let selection = args.selection.resolve(&from)?;
    // Check the selection before creating the destination.
    selection.check_source(&from).context(operation)?;
    let to = match args {
        MigrateArgs { dry_run: true, .. } => open_or_empty(&args.to)?,
        MigrateArgs { follow: true, .. } => open_or_create(&args.to)?,
        // A database that is filled in bulk cannot be read before the end, so `--follow` does not
        // use one.
        _ => create_in_bulk(&args.to).unwrap_or_else(|| open_or_create(&args.to))?,
    };
    let (reopen_from, reopen_to) = (reopener(&from), reopener(&to));
    let migration = Migration::new(from, to)
        .reopen(
            || Ok(reopen_from()?),
            || {
                // The comparison must read the database under its final name, which the user will
                // read too.
                finish_database()?;
                Ok(reopen_to()?)
            },
        )
        .select(selection)
        .jobs(args.jobs.at_once.get())
        .on_conflict(match args.on_conflict {
            ConflictArg::Report => OnConflict::Report,
            ConflictArg::Skip => OnConflict::Skip,
            ConflictArg::Replace => OnConflict::Replace,
        });
    let report = if args.follow {
        follow(migration, args)?
    } else {
        explain_end("the copied entries are kept; run the same command again to copy the rest");
        let mut bar = Bar::new();
        let migration = migration.progress(move |event| bar.show_event(&event));
        if args.dry_run { migration.dry_run() } else { migration.run() }
    };
    // A run that failed before the comparison has not given the database its final name yet.
    finish_database()?;
    report.context(operation)
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
            note("everything is copied; following until interrupted");
            is_announced = true;
        }
        stop.pause(args.interval)
    };
    let migration = migration.progress(move |event| match &event {
        // Hide the bar, because following makes many passes over the source, and most passes find
        // no change.
        Progress::Begin { phase: Phase::CatchUp, .. } => bar.hide(),
        Progress::Failed(failure) => bar.suspend(|| report_error(*failure)),
        _ => bar.show_event(&event),
    });
    Ok(migration.follow(pause))
}
