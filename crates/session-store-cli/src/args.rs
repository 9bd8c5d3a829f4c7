//! The arguments of every command, and the help that they print.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::{StringValueParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Arg, Parser, Subcommand};
use session_store::{PodName, SegmentId, SessionId, StoreUrl};

const AFTER_HELP: &str = "\
STORE is one of
  fs:PATH       a directory, one JSONL file per segment
  sqlite:PATH   one SQLite database file
  redis://HOST  a Redis server; also redis-sentinel://, redis-cluster://, and rediss:// with TLS
  memory:       in memory, gone when the command ends
  PATH          what is there: a directory, or an SQLite file

Exit status
  0    done
  1    the answer is no: nothing found, a difference, something refused while the rest was done
  2    wrong usage
  3    an error: a store that is not there, bad input, I/O
  141  standard output was closed by its reader";

/// Stores of agent session logs: look into them, write to them, move sessions between them.
///
/// A session is one conversation, a tree of segments. A segment is an append-only log of entries, each one
/// JSON object on one line. A pod is a named agent with a pointer to its session.
#[derive(Parser)]
#[command(name = "session-store", version, after_help = AFTER_HELP, max_term_width = 100)]
pub(crate) struct Args {
    /// Print answers as JSON, one object a line
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Try it out: make sessions, move them from files to SQLite and back, and verify
    Demo(DemoArgs),
    /// Take in existing agent logs (JSONL files)
    ///
    /// A file becomes a segment. Its ids come from its name where that holds a UUID, and else from its path
    /// and first time stamp, so that a second import finds them again and appends only what is new.
    Import(ImportArgs),
    /// Copy sessions from one store to another, and prove the copy
    ///
    /// Copies entries, traces and pods byte for byte, and reads both stores back to compare. What is there
    /// already is left alone; what differs is reported and never overwritten.
    Migrate(MigrateArgs),
    /// Compare two stores, entry by entry
    Verify(VerifyArgs),
    /// Read a whole store and name what is wrong in it
    ///
    /// Reads every log and trace to its end, and looks every segment up. The exit status is 1 if something
    /// is wrong. Torn ends of files are no fault: the next append moves them aside.
    Check(CheckArgs),
    /// List sessions, or the segments of one session
    Ls(LsArgs),
    /// Print a segment's entries exactly as stored, one a line
    Show(ShowArgs),
    /// Append the lines of standard input to a segment
    ///
    /// Reads JSONL, and after each line that is stored prints the segment's number of entries, this one
    /// included: once you have read a count, its entry is safe. Others may append to the segment at the same
    /// time. Blank lines are no entries. The first line that is not one JSON object ends the command; the
    /// lines before it stay.
    Append(AppendArgs),
    /// Make a segment
    ///
    /// Prints the ids of the session and the segment. All entries are stored in one step.
    Create(CreateArgs),
    /// Keep a segment's first entries and drop the rest for good
    Truncate(TruncateArgs),
    /// Print the number of a segment's entries
    Count(SegmentArgs),
    /// Say whether a segment exists
    Exists(SegmentArgs),
    /// Print the session that holds a segment
    Lookup(LookupArgs),
    /// Delete a segment, or a session with all its segments
    ///
    /// With SEGMENT, deletes that segment and its trace; with --session alone, the session with all its
    /// segments. Pods that point there stay. Asks first, unless --yes is given.
    Rm(RmArgs),
    /// Check that a live store keeps the contract
    ///
    /// Runs the checks of the conformance kit among what is stored there, in sessions and pods of its own,
    /// and deletes them. A check that would touch what is somebody else's is not run.
    Qualify(QualifyArgs),
    /// Work with pods: named agents that point to their session
    #[command(subcommand)]
    Pods(PodsCommand),
}

#[derive(clap::Args)]
pub(crate) struct QualifyArgs {
    /// The store to check; it must be able to delete
    #[arg(value_parser = UrlParser)]
    pub(crate) store: StoreUrl,
    /// Run only the checks whose id contains this text, such as t2_
    pub(crate) filter: Option<String>,
}

#[derive(clap::Args)]
pub(crate) struct DemoArgs {
    /// Where to make the demo's files; must be empty or absent [default: a new temporary directory]
    pub(crate) dir: Option<PathBuf>,
}

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
    /// Copy only this session (can be repeated)
    #[arg(long = "session", value_name = "SESSION", value_parser = id::<SessionId>)]
    pub(crate) sessions: Vec<SessionId>,
    /// Leave the traces out
    #[arg(long)]
    pub(crate) no_traces: bool,
    /// Leave the pods out
    #[arg(long)]
    pub(crate) no_pods: bool,
}

#[derive(clap::Args)]
pub(crate) struct VerifyArgs {
    /// One store
    #[arg(value_parser = UrlParser)]
    pub(crate) a: StoreUrl,
    /// The other store
    #[arg(value_parser = UrlParser)]
    pub(crate) b: StoreUrl,
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
pub(crate) struct LookupArgs {
    /// The store to look in
    #[arg(value_parser = UrlParser)]
    pub(crate) store: StoreUrl,
    /// The segment's id
    #[arg(value_parser = id::<SegmentId>)]
    pub(crate) segment: SegmentId,
}

#[derive(clap::Args)]
pub(crate) struct RmArgs {
    /// The store to delete from
    #[arg(value_parser = UrlParser)]
    pub(crate) store: StoreUrl,
    /// The segment to delete
    #[arg(required_unless_present = "session", value_parser = id::<SegmentId>)]
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
pub(crate) struct PodsPutArgs {
    /// The store to write to; made if it is not there
    #[arg(value_parser = UrlParser)]
    pub(crate) store: StoreUrl,
    /// The pod's name
    pub(crate) name: PodName,
    /// The pod as one JSON object; - for standard input
    #[arg(required_unless_present = "session", conflicts_with_all = ["session", "segment"])]
    pub(crate) file: Option<PathBuf>,
    /// Instead of FILE: a pod that points to this session
    #[arg(long, value_parser = id::<SessionId>)]
    pub(crate) session: Option<SessionId>,
    /// And to this segment of it
    #[arg(long, requires = "session", value_parser = id::<SegmentId>)]
    pub(crate) segment: Option<SegmentId>,
}

/// Reads an id; the parser's own message would not say what was expected.
fn id<T: FromStr<Err = uuid::Error>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error| format!("not a UUID ({error})"))
}

/// Reads a URL. Clap's own parser would repeat a wrong one in its message, password and all.
#[derive(Clone)]
struct UrlParser;

impl TypedValueParser for UrlParser {
    type Value = StoreUrl;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<StoreUrl, clap::Error> {
        let text = StringValueParser::new().parse_ref(command, arg, value)?;
        text.parse().map_err(|error| {
            let arg = arg.map(ToString::to_string).unwrap_or_default();
            let message = format!("invalid URL for {arg}: {error}");
            command.clone().error(ErrorKind::ValueValidation, message)
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Args::command().debug_assert();
    }
}
