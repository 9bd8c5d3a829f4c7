//! What looks at a store and leaves it as it is.

use std::time::Duration;

use session_store::{SegmentId, SessionId, StoreUrl};

use super::time;
use super::value::{UrlParser, id};

#[derive(clap::Args)]
pub(crate) struct QualifyArgs {
    /// The store to check; it must be able to delete
    #[arg(value_parser = UrlParser)]
    pub(crate) store: StoreUrl,
    /// Run only the checks whose id contains this text, such as t2_
    pub(crate) filter: Option<String>,
}

#[derive(clap::Args)]
pub(crate) struct CheckArgs {
    /// The store to check
    #[arg(value_parser = UrlParser)]
    pub(crate) store: StoreUrl,
    /// First write down again what is kept apart from the logs and can be lost: in Redis, which session
    /// holds each segment. Logs are left as they are
    #[arg(long)]
    pub(crate) repair: bool,
}

#[derive(clap::Args)]
pub(crate) struct LsArgs {
    /// The store to list
    #[arg(value_parser = UrlParser)]
    pub(crate) store: StoreUrl,
    /// List the segments of this session
    #[arg(value_parser = id::<SessionId>)]
    pub(crate) session: Option<SessionId>,
}

#[derive(clap::Args)]
pub(crate) struct TreeArgs {
    /// The store to look in
    #[arg(value_parser = UrlParser)]
    pub(crate) store: StoreUrl,
    /// Draw this session only
    #[arg(value_parser = id::<SessionId>)]
    pub(crate) session: Option<SessionId>,
}

#[derive(clap::Args)]
pub(crate) struct StatArgs {
    /// The store to look in
    #[arg(value_parser = UrlParser)]
    pub(crate) store: StoreUrl,
    /// Also read everything, to say how many bytes the entries have, and how many entries the traces
    #[arg(long)]
    pub(crate) bytes: bool,
}

/// Names a segment. Its id is enough, unless several sessions hold it.
#[derive(clap::Args)]
pub(crate) struct SegmentArgs {
    /// The store to look in
    #[arg(value_parser = UrlParser)]
    pub(crate) store: StoreUrl,
    /// The segment's id
    #[arg(value_parser = id::<SegmentId>)]
    pub(crate) segment: SegmentId,
    /// The session that holds it [default: looked up]
    #[arg(long, value_parser = id::<SessionId>)]
    pub(crate) session: Option<SessionId>,
}

#[derive(clap::Args)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    pub(crate) target: SegmentArgs,
    /// Print the segment's trace
    #[arg(long)]
    pub(crate) trace: bool,
}

#[derive(clap::Args)]
pub(crate) struct TailArgs {
    #[command(flatten)]
    pub(crate) target: SegmentArgs,
    /// How many entries
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10)]
    pub(crate) entries: usize,
    /// Then print what is appended, until interrupted
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// How often to look whether the log has moved
    #[arg(long, requires = "follow", default_value = "500ms", value_parser = time::interval)]
    pub(crate) interval: Duration,
    /// Print the segment's trace
    #[arg(long)]
    pub(crate) trace: bool,
}

#[derive(clap::Args)]
pub(crate) struct SearchArgs {
    /// The store to search
    #[arg(value_parser = UrlParser)]
    pub(crate) store: StoreUrl,
    #[command(flatten)]
    pub(crate) pattern: PatternArgs,
    /// Only this session (can be repeated)
    #[arg(long = "session", value_name = "SESSION", value_parser = id::<SessionId>)]
    pub(crate) sessions: Vec<SessionId>,
}

/// What an entry must be like.
#[derive(clap::Args)]
pub(crate) struct PatternArgs {
    /// The text that an entry must contain
    #[arg(required_unless_present = "kind")]
    pub(crate) text: Option<String>,
    /// Only entries of this kind: their field kind, or type where there is no kind
    #[arg(long)]
    pub(crate) kind: Option<String>,
    /// Take capital and small letters of the text for the same
    #[arg(short, long)]
    pub(crate) ignore_case: bool,
}

#[derive(clap::Args)]
pub(crate) struct LookupArgs {
    /// The store to look in
    #[arg(value_parser = UrlParser)]
    pub(crate) store: StoreUrl,
    /// The segment's id
    #[arg(value_parser = id::<SegmentId>)]
    pub(crate) segment: SegmentId,
}
