//! The arguments of the commands that copy or compare whole stores and files.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::ValueEnum;
use session_store::{OpenStore, SessionId, StoreUrl};
use session_store_migrate::{DEFAULT_JOBS, Selection};

use super::time;
use super::value::{UrlParser, size};
use crate::failure::Failure;
use crate::reference::Reference;

#[derive(clap::Args)]
pub(crate) struct ImportArgs {
    /// Log files, or directories that are searched for *.jsonl files
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// The store to import into; created if missing
    #[arg(value_parser = UrlParser)]
    pub(crate) store: StoreUrl,
    /// Import the valid records of a broken file, and print each line that was split or skipped
    #[arg(long)]
    pub(crate) salvage: bool,
    #[command(flatten)]
    pub(crate) lines: LinesArgs,
}

/// The limits of the lines that are read.
#[derive(clap::Args)]
pub(crate) struct LinesArgs {
    /// Refuse a line that is longer, which limits the memory that the input can claim: a number of
    /// bytes, or of KiB, MiB or GiB
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
    /// Replace the data of TO, which deletes it, with the data of FROM; not possible for a trace
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
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
}

#[derive(clap::Args)]
pub(crate) struct RestoreArgs {
    /// The backup file; - for standard input
    pub(crate) file: PathBuf,
    /// The store to write to; created if missing
    #[arg(value_parser = UrlParser)]
    pub(crate) store: StoreUrl,
    #[command(flatten)]
    pub(crate) lines: LinesArgs,
}
