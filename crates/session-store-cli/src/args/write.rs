//! The arguments of the commands that change one store.

use std::path::PathBuf;
use std::time::SystemTime;

use clap::{ArgGroup, Subcommand};
use session_store::{PodName, SegmentId, SessionId, StoreUrl};

use super::read::SegmentArgs;
use super::time;
use super::transfer::LinesArgs;
use super::value::{ExpectedHead, UrlParser, expected_head, pod_name};
use crate::reference::Reference;

#[derive(clap::Args)]
pub(crate) struct AppendArgs {
    /// The store to write to; created with its first entry
    #[arg(value_parser = UrlParser)]
    pub(crate) store: StoreUrl,
    /// The session; a new one needs a whole id, and is created with its first entry
    #[arg(long)]
    pub(crate) session: Reference<SessionId>,
    /// The segment; a new one needs a whole id, and is created with its first entry
    #[arg(long)]
    pub(crate) segment: Reference<SegmentId>,
    /// Append to the trace of the segment, and print the number of lines appended by this command
    #[arg(long)]
    pub(crate) trace: bool,
    /// Read all lines first, and append them in one call
    #[arg(long, conflicts_with = "trace")]
    pub(crate) batch: bool,
    /// Append only if the segment has this head, in one call as with --batch, and print the new
    /// head. count --head prints the head of a segment; none means a segment that does not
    /// exist. If the head differs, the exit status is 1
    #[arg(long, value_name = "HEAD", conflicts_with = "trace", value_parser = expected_head)]
    pub(crate) if_head: Option<ExpectedHead>,
    #[command(flatten)]
    pub(crate) lines: LinesArgs,
}

#[derive(clap::Args)]
pub(crate) struct CreateArgs {
    /// The store to write to; created if missing
    #[arg(value_parser = UrlParser)]
    pub(crate) store: StoreUrl,
    /// A JSONL file with the entries; - for standard input [default: no entries]
    pub(crate) file: Option<PathBuf>,
    /// The session [default: a new one]
    #[arg(long)]
    pub(crate) session: Option<Reference<SessionId>>,
    /// The segment [default: a new one]
    #[arg(long)]
    pub(crate) segment: Option<Reference<SegmentId>>,
    /// Replace the segment if it exists; its old entries are deleted
    #[arg(long)]
    pub(crate) replace: bool,
    #[command(flatten)]
    pub(crate) lines: LinesArgs,
}

#[derive(clap::Args)]
pub(crate) struct TruncateArgs {
    #[command(flatten)]
    pub(crate) target: SegmentArgs,
    /// The number of entries to keep
    pub(crate) entries: usize,
    #[command(flatten)]
    pub(crate) confirm: ConfirmArgs,
}

#[derive(clap::Args)]
pub(crate) struct RepairArgs {
    /// The store to repair
    #[arg(value_parser = UrlParser)]
    pub(crate) store: StoreUrl,
    /// Repair only the logs and traces of this session
    pub(crate) session: Option<Reference<SessionId>>,
    /// Repair only the log and the trace of this segment
    pub(crate) segment: Option<Reference<SegmentId>>,
    /// Only print what check finds in this part
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask for a confirmation on a terminal
    #[arg(short, long)]
    pub(crate) yes: bool,
}

#[derive(clap::Args)]
#[command(group(
    ArgGroup::new("what")
        .args(["segments", "sessions", "stdin", "older_than", "keep"])
        .required(true)
        .multiple(true)
))]
pub(crate) struct RmArgs {
    /// The store to delete from
    #[arg(value_parser = UrlParser)]
    pub(crate) store: StoreUrl,
    /// The segments to delete
    #[arg(value_name = "SEGMENT", conflicts_with_all = ["stdin", "older_than", "keep", "archive"])]
    pub(crate) segments: Vec<Reference<SegmentId>>,
    /// A session to delete (can be repeated); with SEGMENT, the session that contains the segments
    #[arg(long = "session", value_name = "SESSION", conflicts_with_all = ["older_than", "keep"])]
    pub(crate) sessions: Vec<Reference<SessionId>>,
    /// Read further sessions to delete from standard input, one on each line
    #[arg(long, conflicts_with_all = ["older_than", "keep"])]
    pub(crate) stdin: bool,
    /// Delete the sessions that were last written before this time: a date, a time, or a span such
    /// as 90d. A session that a pod points to is kept
    #[arg(long, value_name = "WHEN", value_parser = time::parse_time)]
    pub(crate) older_than: Option<SystemTime>,
    /// Keep the N sessions that were written last, and delete the others. A session that a pod
    /// points to is kept
    #[arg(long, value_name = "N")]
    pub(crate) keep: Option<usize>,
    /// Also delete what a pod points to
    #[arg(long)]
    pub(crate) force: bool,
    /// First write the sessions to this backup file, read the file back and compare it with the
    /// store. If one of these steps fails, nothing is deleted. The file does not contain text that
    /// a repair or an append has moved out of a log, and this text is deleted with its segment
    #[arg(long, value_name = "FILE")]
    pub(crate) archive: Option<PathBuf>,
    /// Only print what would be deleted: the entries, the bytes, the time and the title, as ls -l
    /// prints them
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) confirm: ConfirmArgs,
}

/// The confirmation of a command that deletes data.
#[derive(clap::Args)]
pub(crate) struct ConfirmArgs {
    /// Do not ask for a confirmation. Needed if standard input or error is not a terminal
    #[arg(short, long)]
    pub(crate) yes: bool,
}

#[derive(Subcommand)]
pub(crate) enum PodsCommand {
    /// List the pods and their sessions and segments
    Ls(PodsLsArgs),
    /// Print a pod exactly as stored
    Show(PodArgs),
    /// Create or replace a pod
    #[command(
        override_usage = "session-store pods put [OPTIONS] <STORE> <NAME> <FILE|--session <SESSION>>"
    )]
    Put(PodsPutArgs),
    /// Delete pods; their sessions are kept
    ///
    /// Asks for a confirmation unless --yes is given. If a pod does not exist, the exit status is 4
    /// and nothing is deleted.
    Rm(PodsRmArgs),
}

#[derive(clap::Args)]
pub(crate) struct PodsLsArgs {
    /// The store to list
    #[arg(value_parser = UrlParser)]
    pub(crate) store: StoreUrl,
}

#[derive(clap::Args)]
pub(crate) struct PodArgs {
    /// The store that contains the pod
    #[arg(value_parser = UrlParser)]
    pub(crate) store: StoreUrl,
    /// The pod's name
    #[arg(value_parser = pod_name)]
    pub(crate) name: PodName,
}

#[derive(clap::Args)]
pub(crate) struct PodsRmArgs {
    /// The store to delete from
    #[arg(value_parser = UrlParser)]
    pub(crate) store: StoreUrl,
    /// The names of the pods
    #[arg(value_name = "NAME", required = true, value_parser = pod_name)]
    pub(crate) names: Vec<PodName>,
    /// Only print what would be deleted
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) confirm: ConfirmArgs,
}

#[derive(clap::Args)]
#[command(group(ArgGroup::new("what").args(["file", "session"]).required(true)))]
pub(crate) struct PodsPutArgs {
    /// The store to write to; created if missing
    #[arg(value_parser = UrlParser)]
    pub(crate) store: StoreUrl,
    /// The pod's name
    #[arg(value_parser = pod_name)]
    pub(crate) name: PodName,
    /// A file with the pod as one JSON object; - for standard input
    #[arg(conflicts_with = "segment")]
    pub(crate) file: Option<PathBuf>,
    /// Instead of FILE, write a pod that points to this session
    #[arg(long)]
    pub(crate) session: Option<Reference<SessionId>>,
    /// Also point to this segment of the session
    #[arg(long, requires = "session")]
    pub(crate) segment: Option<Reference<SegmentId>>,
}
