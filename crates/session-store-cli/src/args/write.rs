//! What writes to a store by hand.

use std::path::PathBuf;

use clap::{ArgGroup, Subcommand};
use session_store::{PodName, SegmentId, SessionId, StoreUrl};

use super::read::SegmentArgs;
use super::value::{UrlParser, id};

#[derive(clap::Args)]
pub(crate) struct AppendArgs {
    /// The store to write to; made with its first entry
    #[arg(value_parser = UrlParser)]
    pub(crate) store: StoreUrl,
    /// The session; made with its first entry
    #[arg(long, value_parser = id::<SessionId>)]
    pub(crate) session: SessionId,
    /// The segment; made with its first entry
    #[arg(long, value_parser = id::<SegmentId>)]
    pub(crate) segment: SegmentId,
    /// Append to the segment's trace, and print how many lines this command has appended
    #[arg(long)]
    pub(crate) trace: bool,
}

#[derive(clap::Args)]
pub(crate) struct CreateArgs {
    /// The store to write to; made if it is not there
    #[arg(value_parser = UrlParser)]
    pub(crate) store: StoreUrl,
    /// The entries, as JSONL; - for standard input [default: none]
    pub(crate) file: Option<PathBuf>,
    /// The session [default: a new one]
    #[arg(long, value_parser = id::<SessionId>)]
    pub(crate) session: Option<SessionId>,
    /// The segment [default: a new one]
    #[arg(long, value_parser = id::<SegmentId>)]
    pub(crate) segment: Option<SegmentId>,
    /// Replace the segment if it exists; its former entries are gone
    #[arg(long)]
    pub(crate) replace: bool,
}

#[derive(clap::Args)]
pub(crate) struct TruncateArgs {
    #[command(flatten)]
    pub(crate) target: SegmentArgs,
    /// How many entries to keep
    pub(crate) entries: usize,
}

#[derive(clap::Args)]
#[command(group(ArgGroup::new("what").args(["segment", "session"]).required(true).multiple(true)))]
pub(crate) struct RmArgs {
    /// The store to delete from
    #[arg(value_parser = UrlParser)]
    pub(crate) store: StoreUrl,
    /// The segment to delete
    #[arg(value_parser = id::<SegmentId>)]
    pub(crate) segment: Option<SegmentId>,
    /// The session that holds the segment, or, without SEGMENT, the session to delete
    #[arg(long, value_parser = id::<SessionId>)]
    pub(crate) session: Option<SessionId>,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}

#[derive(Subcommand)]
pub(crate) enum PodsCommand {
    /// List the pods and where they point
    Ls(PodsLsArgs),
    /// Print a pod exactly as stored
    Show(PodArgs),
    /// Make a pod or replace it whole
    #[command(
        override_usage = "session-store pods put [OPTIONS] <STORE> <NAME> <FILE|--session <SESSION>>"
    )]
    Put(PodsPutArgs),
    /// Delete a pod; its session stays
    Rm(PodArgs),
}

#[derive(clap::Args)]
pub(crate) struct PodsLsArgs {
    /// The store to list
    #[arg(value_parser = UrlParser)]
    pub(crate) store: StoreUrl,
}

#[derive(clap::Args)]
pub(crate) struct PodArgs {
    /// The store that holds the pod
    #[arg(value_parser = UrlParser)]
    pub(crate) store: StoreUrl,
    /// The pod's name
    pub(crate) name: PodName,
}

#[derive(clap::Args)]
#[command(group(ArgGroup::new("what").args(["file", "session"]).required(true)))]
pub(crate) struct PodsPutArgs {
    /// The store to write to; made if it is not there
    #[arg(value_parser = UrlParser)]
    pub(crate) store: StoreUrl,
    /// The pod's name
    pub(crate) name: PodName,
    /// The pod as one JSON object; - for standard input
    #[arg(conflicts_with = "segment")]
    pub(crate) file: Option<PathBuf>,
    /// Instead of FILE: a pod that points to this session
    #[arg(long, value_parser = id::<SessionId>)]
    pub(crate) session: Option<SessionId>,
    /// And to this segment of it
    #[arg(long, requires = "session", value_parser = id::<SegmentId>)]
    pub(crate) segment: Option<SegmentId>,
}
