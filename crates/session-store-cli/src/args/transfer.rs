//! What moves sessions: import, migrate and verify, export and restore.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::ValueEnum;
use session_store::{SessionId, StoreUrl};
use session_store_migrate::{DEFAULT_JOBS, Selection};

use super::time;
use super::value::{UrlParser, id};

#[derive(clap::Args)]
pub(crate) struct ImportArgs {
    /// Log files, or directories to search for *.jsonl
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// The store to import into; made if it is not there
    #[arg(value_parser = UrlParser)]
    pub(crate) store: StoreUrl,
    /// Take what is whole from a broken file, and list each line that was split or left out
    #[arg(long)]
    pub(crate) salvage: bool,
}

#[derive(clap::Args)]
pub(crate) struct MigrateArgs {
    /// The store to copy from; only read
    #[arg(value_parser = UrlParser)]
    pub(crate) from: StoreUrl,
    /// The store to copy to; made if it is not there
    #[arg(value_parser = UrlParser)]
    pub(crate) to: StoreUrl,
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    #[command(flatten)]
    pub(crate) jobs: JobsArgs,
    /// What to do about a segment or pod of TO that differs from that of FROM and is no earlier state of it
    #[arg(long, value_enum, default_value_t)]
    pub(crate) on_conflict: ConflictArg,
    /// Say what would be copied, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Then keep TO in step with FROM until interrupted (SIGINT or SIGTERM), and compare at the end
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) follow: bool,
    /// How often to look whether FROM has moved
    #[arg(long, requires = "follow", default_value = "500ms", value_parser = time::interval)]
    pub(crate) interval: Duration,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

/// Which part of a store.
#[derive(clap::Args)]
pub(crate) struct SelectionArgs {
    /// Only this session (can be repeated)
    #[arg(long = "session", value_name = "SESSION", value_parser = id::<SessionId>)]
    pub(crate) sessions: Vec<SessionId>,
    /// Only sessions that were made, or got a segment, at this time or later: a date, a time, or a span such
    /// as 7d. Ids that tell no time (all but UUID v7) are always taken
    #[arg(long, value_name = "WHEN", value_parser = time::moment)]
    pub(crate) since: Option<SystemTime>,
    /// Leave the traces out
    #[arg(long)]
    pub(crate) no_traces: bool,
    /// Leave the pods out
    #[arg(long)]
    pub(crate) no_pods: bool,
}

impl SelectionArgs {
    /// Returns the selection as the migrate crate has it.
    pub(crate) fn selection(&self) -> Selection {
        let mut selection = Selection::default();
        selection.sessions =
            (!self.sessions.is_empty()).then(|| self.sessions.iter().copied().collect());
        selection.since = self.since;
        selection.traces = !self.no_traces;
        selection.pods = !self.no_pods;
        selection
    }
}

/// How many at once.
#[derive(clap::Args)]
pub(crate) struct JobsArgs {
    /// How many segments to work on at once
    #[arg(long = "jobs", value_name = "N", default_value_t = DEFAULT_JOBS)]
    pub(crate) at_once: NonZeroUsize,
}

/// Where a report goes beside the answer.
#[derive(clap::Args)]
pub(crate) struct ReportArgs {
    /// Write the whole report as JSON into this file, after a failure too
    #[arg(long = "report", value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

/// What to do about what differs.
#[derive(Clone, Copy, Default, ValueEnum)]
pub(crate) enum ConflictArg {
    /// Leave it as it is, name it, and end with status 1
    #[default]
    Report,
    /// Leave it as it is and name it
    Skip,
    /// Make it what FROM has, which loses what is different in TO; not possible for a trace
    Replace,
}

#[derive(clap::Args)]
pub(crate) struct VerifyArgs {
    /// One store
    #[arg(value_parser = UrlParser)]
    pub(crate) a: StoreUrl,
    /// The other store
    #[arg(value_parser = UrlParser)]
    pub(crate) b: StoreUrl,
    #[command(flatten)]
    pub(crate) jobs: JobsArgs,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

#[derive(clap::Args)]
pub(crate) struct ExportArgs {
    /// The store to read; nothing in it is changed
    #[arg(value_parser = UrlParser)]
    pub(crate) store: StoreUrl,
    /// The file to make; - for standard output
    pub(crate) file: PathBuf,
    /// Replace the file if it exists
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
}

#[derive(clap::Args)]
pub(crate) struct RestoreArgs {
    /// The file that export made; - for standard input
    pub(crate) file: PathBuf,
    /// The store to write to; made if it is not there
    #[arg(value_parser = UrlParser)]
    pub(crate) store: StoreUrl,
}
