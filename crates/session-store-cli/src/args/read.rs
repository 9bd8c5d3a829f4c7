//! The arguments of the commands that read one store.

use std::num::NonZero;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::ValueEnum;
use session_store::{SegmentId, SessionId, StoreUrl};
use session_store_import::Role;

use super::time;
use super::value::UrlParser;
use crate::reference::{Place, Reference};

#[derive(clap::Args)]
pub(crate) struct QualifyArgs {
    /// The store to test; must support deleting
    #[arg(value_parser = UrlParser, required_unless_present = "command")]
    pub(crate) store: Option<StoreUrl>,
    /// Test a store that another program serves over its standard input and output. COMMAND is that
    /// program with its arguments
    #[arg(long, value_name = "COMMAND", conflicts_with = "store")]
    pub(crate) command: Option<String>,
    /// Run only the checks whose id contains this text, such as t2_
    #[arg(long, value_name = "TEXT")]
    pub(crate) filter: Option<String>,
}

#[derive(clap::Args)]
pub(crate) struct ServeArgs {
    /// The store to serve; created if missing
    #[arg(value_parser = UrlParser)]
    pub(crate) store: StoreUrl,
}

#[derive(clap::Args)]
pub(crate) struct CheckArgs {
    /// The store to check
    #[arg(value_parser = UrlParser)]
    pub(crate) store: StoreUrl,
}

#[derive(clap::Args)]
pub(crate) struct LsArgs {
    /// The store to list
    #[arg(value_parser = UrlParser)]
    pub(crate) store: StoreUrl,
    /// List the segments of this session
    pub(crate) session: Option<Reference<SessionId>>,
    /// Also print the time, the size, the program and the title of each session
    #[arg(short, long, conflicts_with = "session")]
    pub(crate) long: bool,
    /// List only sessions of this time or later: a date, a time, today, yesterday, or a span such
    /// as 2d
    #[arg(long, value_name = "WHEN", value_parser = time::parse_time, conflicts_with = "session")]
    pub(crate) since: Option<SystemTime>,
    /// List only sessions before this time
    #[arg(long, value_name = "WHEN", value_parser = time::parse_time, conflicts_with = "session")]
    pub(crate) until: Option<SystemTime>,
    /// List first the sessions with the latest time or the largest size
    #[arg(long, value_name = "BY", conflicts_with = "session")]
    pub(crate) sort: Option<SortArg>,
    /// List only the first N sessions
    #[arg(long, value_name = "N", conflicts_with = "session")]
    pub(crate) limit: Option<usize>,
}

/// The value by which sessions are sorted, in descending order.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum SortArg {
    /// By the time of the last entry, as --long prints it
    Written,
    /// By the time in the id
    Created,
    /// By the bytes of all logs
    Size,
}

#[derive(clap::Args)]
pub(crate) struct TreeArgs {
    /// The store to read
    #[arg(value_parser = UrlParser)]
    pub(crate) store: StoreUrl,
    /// Print only this session
    pub(crate) session: Option<Reference<SessionId>>,
}

#[derive(clap::Args)]
pub(crate) struct StatArgs {
    /// The store to read
    #[arg(value_parser = UrlParser)]
    pub(crate) store: StoreUrl,
    /// Also read all data, and print the total size of the entries and the number of trace entries
    #[arg(long)]
    pub(crate) bytes: bool,
}

/// The arguments that name a segment. The session is only needed if several sessions contain the
/// segment.
#[derive(clap::Args)]
pub(crate) struct SegmentArgs {
    /// The store to read
    #[arg(value_parser = UrlParser)]
    pub(crate) store: StoreUrl,
    /// The segment
    pub(crate) segment: Reference<SegmentId>,
    /// The session that contains the segment [default: looked up by the segment's id]
    #[arg(long)]
    pub(crate) session: Option<Reference<SessionId>>,
}

#[derive(clap::Args)]
pub(crate) struct CountArgs {
    #[command(flatten)]
    pub(crate) target: SegmentArgs,
    /// Print the head of the segment: the number of its entries, and a token that is new after
    /// each truncation or replacement
    #[arg(long)]
    pub(crate) head: bool,
}

#[derive(clap::Args)]
pub(crate) struct ShowArgs {
    /// The store to read
    #[arg(value_parser = UrlParser)]
    pub(crate) store: StoreUrl,
    /// The segment, or the beginning of a line that search printed: SESSION:SEGMENT:NUMBER
    #[arg(value_name = "SEGMENT")]
    pub(crate) place: Place,
    /// The session that contains the segment [default: looked up by the segment's id]
    #[arg(long)]
    pub(crate) session: Option<Reference<SessionId>>,
    /// Begin at this entry; the first one is 1
    #[arg(long, value_name = "NUMBER", conflicts_with = "html")]
    pub(crate) from: Option<NonZero<usize>>,
    /// Print at most N entries; with --text, an entry without text counts too
    #[arg(long, value_name = "N", conflicts_with = "html")]
    pub(crate) limit: Option<usize>,
    /// Print the trace of the segment instead of its log
    #[arg(long)]
    pub(crate) trace: bool,
    /// Print the log as a conversation: roles, times, texts, and calls of tools
    #[arg(long, conflicts_with_all = ["trace", "json"])]
    pub(crate) text: bool,
    /// Print the calls of tools and their results whole
    #[arg(long, requires = "text")]
    pub(crate) full: bool,
    /// Replace each API key and private key with a known form by the name of its kind
    #[arg(long)]
    pub(crate) redact: bool,
    /// Write the whole session of the segment as a page of HTML to FILE; - means standard output
    #[arg(long, value_name = "FILE", conflicts_with_all = ["trace", "json", "text"])]
    pub(crate) html: Option<PathBuf>,
    /// Replace FILE if it exists
    #[arg(long, requires = "html")]
    pub(crate) force: bool,
}

#[derive(clap::Args)]
pub(crate) struct TailArgs {
    #[command(flatten)]
    pub(crate) target: SegmentArgs,
    /// The number of entries to print first
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10)]
    pub(crate) entries: usize,
    /// Then print new entries until interrupted
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// The time between two checks for new entries
    #[arg(long, requires = "follow", default_value = "500ms", value_parser = time::parse_interval)]
    pub(crate) interval: Duration,
    /// Print the trace of the segment instead of its log
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
    /// Search only this session (can be repeated)
    #[arg(long = "session", value_name = "SESSION")]
    pub(crate) sessions: Vec<Reference<SessionId>>,
    /// Search the traces instead of the logs, as they are stored
    #[arg(long)]
    pub(crate) traces: bool,
    /// Print only the ids of the sessions that contain a match
    #[arg(short = 'l', long)]
    pub(crate) sessions_with_matches: bool,
}

/// The conditions that an entry must meet.
#[derive(Default, clap::Args)]
pub(crate) struct PatternArgs {
    /// The text that an entry must contain
    #[arg(required_unless_present_any = ["kind", "role"])]
    pub(crate) text: Option<String>,
    /// Find only entries of this author. Some programs add prompts of their own with the role user,
    /// such as reminders and instructions; these prompts are found too
    #[arg(long)]
    pub(crate) role: Option<RoleArg>,
    /// Find only entries of this time or later: a date, a time, today, yesterday, or a span such as
    /// 2d. An entry without a time is not found
    #[arg(long, value_name = "WHEN", value_parser = time::parse_time)]
    pub(crate) since: Option<SystemTime>,
    /// Find only entries before this time
    #[arg(long, value_name = "WHEN", value_parser = time::parse_time)]
    pub(crate) until: Option<SystemTime>,
    /// Find only entries whose field "kind" (or "type", if there is no "kind") has this value
    #[arg(long)]
    pub(crate) kind: Option<String>,
    /// The text is a regular expression. Every entry is decoded, which takes longer
    #[arg(short = 'E', long, requires = "text")]
    pub(crate) regex: bool,
    /// Ignore the difference between upper and lower case
    #[arg(short, long)]
    pub(crate) ignore_case: bool,
    /// Search the entries as they are stored, which is JSON with escape sequences, and print them
    /// whole
    #[arg(long)]
    pub(crate) raw: bool,
}

/// The author of an entry.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum RoleArg {
    /// The person
    User,
    /// The model
    Assistant,
    /// A tool that returned a result
    Tool,
    /// The program, or its instructions to the model
    System,
}

impl From<RoleArg> for Role {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::User => Self::User,
            RoleArg::Assistant => Self::Assistant,
            RoleArg::Tool => Self::Tool,
            RoleArg::System => Self::System,
        }
    }
}

#[derive(clap::Args)]
pub(crate) struct LookupArgs {
    /// The store to read
    #[arg(value_parser = UrlParser)]
    pub(crate) store: StoreUrl,
    /// The segment
    pub(crate) segment: Reference<SegmentId>,
}
