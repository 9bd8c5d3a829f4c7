//! The arguments of the commands that copy or compare whole stores and files.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::mem;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Command, ValueEnum};
use session_store::{OpenStore, SessionId, StoreUrl};
use session_store_import::OnConflict;
use session_store_migrate::{DEFAULT_JOBS, Selection};

use super::time;
use super::value::{UrlParser, pattern, size};
use crate::failure::Failure;
use crate::reference::Reference;

#[derive(clap::Args)]
pub(crate) struct ImportArgs {
    /// Log files, or directories that are searched for logs; - for standard input. STORE, the last
    /// argument, is the store to import into; created if missing
    #[arg(value_name = "PATH|STORE")]
    operands: Vec<OsString>,
    #[arg(skip)]
    pub(crate) paths: Vec<PathBuf>,
    #[arg(skip)]
    pub(crate) store: Option<StoreUrl>,
    /// Import the valid records of a broken file, and print each line that was split or skipped
    #[arg(long)]
    pub(crate) salvage: bool,
    /// How to treat a file that differs from the stored log and does not extend it
    #[arg(long, value_enum, default_value_t)]
    pub(crate) on_conflict: ImportConflictArg,
    /// Print what would be imported, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Import only logs with an entry of this time or later: a date, a time, or a span such as 7d.
    /// A log without times is always imported
    #[arg(long, value_name = "WHEN", value_parser = time::parse_time)]
    pub(crate) since: Option<SystemTime>,
    /// In a directory, take only files that match this pattern with their name, or with the name of
    /// a directory in their path; a pattern with / must match the path below PATH (can be repeated)
    #[arg(long, value_name = "PATTERN", value_parser = pattern)]
    pub(crate) include: Vec<String>,
    /// Do not take files that match this pattern (can be repeated)
    #[arg(long, value_name = "PATTERN", value_parser = pattern)]
    pub(crate) exclude: Vec<String>,
    /// Print only what was not imported, and each salvaged line
    #[arg(short, long)]
    pub(crate) quiet: bool,
    #[command(flatten)]
    pub(crate) jobs: JobsArgs,
    #[command(flatten)]
    pub(crate) lines: LinesArgs,
}

impl ImportArgs {
    /// Splits the operands into the paths and the store, which is the last one. A single operand is
    /// a store if it is a URL.
    ///
    /// The argument parser cannot split them, because the paths are optional and the store follows
    /// them.
    pub(super) fn split_operands(&mut self, command: &mut Command) -> Result<(), clap::Error> {
        let mut operands = mem::take(&mut self.operands);
        let Some(store) = operands.pop() else { return Ok(()) };
        if operands.is_empty() && !store.to_string_lossy().contains(':') {
            let message = format!(
                "the store is missing; for example: session-store import {} fs:logs",
                Path::new(&store).display()
            );
            return Err(command.error(ErrorKind::MissingRequiredArgument, message));
        }
        self.store = Some(UrlParser.parse_ref(command, None, &store)?);
        self.paths = operands.into_iter().map(PathBuf::from).collect();
        Ok(())
    }
}

/// How to treat a conflict of an import.
#[derive(Clone, Copy, Default, ValueEnum)]
pub(crate) enum ImportConflictArg {
    /// Keep the stored log, report the difference, and end with status 1
    #[default]
    Report,
    /// Keep the stored log and report the difference
    Skip,
    /// Truncate the stored log at the first difference, and append the rest of the file
    Replace,
    /// Keep both: the entries of the file from the first difference on become a segment of their
    /// own, which names the stored log as its origin
    Fork,
}

impl From<ImportConflictArg> for OnConflict {
    fn from(arg: ImportConflictArg) -> Self {
        match arg {
            ImportConflictArg::Report => Self::Report,
            ImportConflictArg::Skip => Self::Skip,
            ImportConflictArg::Replace => Self::Replace,
            ImportConflictArg::Fork => Self::Fork,
        }
    }
}

/// The limits of the lines that are read.
#[derive(clap::Args)]
pub(crate) struct LinesArgs {
    /// Refuse longer lines, because a line is held in memory: a number of bytes, or of KiB, MiB or
    /// GiB
    #[arg(long = "max-line", value_name = "SIZE", default_value = "256MiB", value_parser = size)]
    pub(crate) max: usize,
}

#[derive(clap::Args)]
pub(crate) struct MigrateArgs {
    /// The store to copy from; not changed
    #[arg(value_parser = UrlParser)]
    pub(crate) from: StoreUrl,
    /// The store to copy to; created if missing
    #[arg(value_parser = UrlParser)]
    pub(crate) to: StoreUrl,
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    #[command(flatten)]
    pub(crate) jobs: JobsArgs,
    /// How to treat a segment or pod of TO that differs from FROM and is not an earlier state of it
    #[arg(long, value_enum, default_value_t)]
    pub(crate) on_conflict: ConflictArg,
    /// Print what would be copied, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Then copy new data until interrupted (SIGINT or SIGTERM), and compare at the end
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) follow: bool,
    /// The time between two checks for new data
    #[arg(long, requires = "follow", default_value = "500ms", value_parser = time::parse_interval)]
    pub(crate) interval: Duration,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

/// The part of a store to copy.
#[derive(clap::Args)]
pub(crate) struct SelectionArgs {
    /// Copy only this session (can be repeated)
    #[arg(long = "session", value_name = "SESSION")]
    pub(crate) sessions: Vec<Reference<SessionId>>,
    /// Copy only sessions that were created, or got a segment, at this time or later: a date, a
    /// time, or a span such as 7d. A session is always copied if its ids contain no time (only UUID
    /// v7 does)
    #[arg(long, value_name = "WHEN", value_parser = time::parse_time)]
    pub(crate) since: Option<SystemTime>,
    /// Do not copy traces
    #[arg(long)]
    pub(crate) no_traces: bool,
    /// Do not copy pods
    #[arg(long)]
    pub(crate) no_pods: bool,
}

impl SelectionArgs {
    /// Returns the selection of the migrate crate, with the sessions that the references name.
    pub(crate) fn resolve(&self, from: &OpenStore) -> Result<Selection, Failure> {
        let sessions = self.sessions.iter().map(|session| session.resolve(from));
        let sessions = sessions.collect::<Result<BTreeSet<_>, _>>()?;
        let mut selection = Selection::default();
        selection.sessions = (!sessions.is_empty()).then_some(sessions);
        selection.since = self.since;
        selection.traces = !self.no_traces;
        selection.pods = !self.no_pods;
        Ok(selection)
    }
}

/// The number of parallel jobs.
#[derive(clap::Args)]
pub(crate) struct JobsArgs {
    /// The number of segments to process in parallel
    #[arg(long = "jobs", value_name = "N", default_value_t = DEFAULT_JOBS)]
    pub(crate) at_once: NonZeroUsize,
}

/// The file for a report.
#[derive(clap::Args)]
pub(crate) struct ReportArgs {
    /// Write the full report as JSON to this file, also after an error
    #[arg(long = "report", value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

/// How to treat a conflict.
#[derive(Clone, Copy, Default, ValueEnum)]
pub(crate) enum ConflictArg {
    /// Keep the data of TO, report the difference, and end with status 1
    #[default]
    Report,
    /// Keep the data of TO and report the difference
    Skip,
    /// Delete the data of TO, and replace it with the data of FROM; not possible for a trace
    Replace,
}

#[derive(clap::Args)]
pub(crate) struct VerifyArgs {
    /// The first store
    #[arg(value_parser = UrlParser)]
    pub(crate) a: StoreUrl,
    /// The second store
    #[arg(value_parser = UrlParser)]
    pub(crate) b: StoreUrl,
    /// Do not compare traces
    #[arg(long)]
    pub(crate) no_traces: bool,
    #[command(flatten)]
    pub(crate) jobs: JobsArgs,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

#[derive(clap::Args)]
pub(crate) struct ExportArgs {
    /// The store to read; not changed
    #[arg(value_parser = UrlParser)]
    pub(crate) store: StoreUrl,
    /// The file to create; - for standard output
    pub(crate) file: PathBuf,
    /// Replace the file if it exists
    #[arg(long)]
    pub(crate) force: bool,
    /// Replace each API key and private key with a known form by the name of its kind. The backup
    /// then differs from the store
    #[arg(long)]
    pub(crate) redact: bool,
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
}

#[derive(clap::Args)]
pub(crate) struct SalvageArgs {
    /// The damaged database
    #[arg(value_parser = UrlParser)]
    pub(crate) broken: StoreUrl,
    /// The store to write to; created if missing
    #[arg(value_parser = UrlParser)]
    pub(crate) new: StoreUrl,
}

#[derive(clap::Args)]
pub(crate) struct RestoreArgs {
    /// The backup file; - for standard input
    pub(crate) file: PathBuf,
    /// The store to write to; created if missing
    #[arg(value_parser = UrlParser)]
    pub(crate) store: StoreUrl,
    /// Restore only this session, and the pods that point to it (can be repeated)
    #[arg(long = "session", value_name = "SESSION")]
    pub(crate) sessions: Vec<Reference<SessionId>>,
    #[command(flatten)]
    pub(crate) lines: LinesArgs,
}
