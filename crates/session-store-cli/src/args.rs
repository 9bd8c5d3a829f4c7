//! The arguments of every command, and the help that they print.

use std::ffi::OsStr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use clap::builder::{StringValueParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Arg, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use session_store::{PodName, SegmentId, SessionId, StoreUrl};
use session_store_migrate::DEFAULT_JOBS;

use crate::select;

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

const TAIL_EXAMPLES: &str = "\
Example
  session-store tail -f sqlite:logs.db SEGMENT | jq .kind";

const SEARCH_EXAMPLES: &str = "\
Examples
  session-store search fs:logs 'connection refused'
  session-store search fs:logs --kind user_input --json | jq -r .entry.text";

const COMPLETIONS_EXAMPLES: &str = "\
Example
  session-store completions bash > ~/.local/share/bash-completion/completions/session-store";

const MAN_EXAMPLES: &str = "\
Examples
  session-store man | man -l -
  session-store man ~/.local/share/man/man1";

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
    /// Copies entries, traces and pods byte for byte, opens both stores again and compares them. What is there
    /// already is left alone, so a copy that was interrupted is resumed by starting it again. What differs is
    /// named and not overwritten, unless --on-conflict says so.
    ///
    /// Exit status: 0 if all of it is in TO; 1 if not, while the rest is; 3 if a store could not be opened,
    /// listed, or opened again to compare. FROM may be written to meanwhile.
    Migrate(MigrateArgs),
    /// Compare two stores, entry by entry
    ///
    /// Names the first difference of each segment. The exit status is 1 if there is one.
    Verify(VerifyArgs),
    /// Write a store into one compressed file
    ///
    /// The file holds all entries, traces and pods byte for byte, with hashes, and is readable without this
    /// program: it is a tar archive of JSONL in zstd. The store may be written to meanwhile; each log is in the
    /// file as it was at one moment. What cannot be read is left out and named, and the exit status is 1. FILE
    /// appears only when it is whole.
    Export(ExportArgs),
    /// Write what `export` made into a store, and prove that it is there
    ///
    /// First reads all of FILE, and refuses one that is damaged, cut off or something else before anything is
    /// written. What the store has already is left alone; what differs is reported and never overwritten, with
    /// exit status 1. A restore that was interrupted is resumed by starting it again.
    Restore(RestoreArgs),
    /// Read a whole store and name what is wrong in it
    ///
    /// Reads every log and trace to its end, and looks every segment up. The exit status is 1 if something
    /// is wrong. Torn ends of files are no fault: the next append moves them aside.
    Check(CheckArgs),
    /// List sessions, or the segments of one session
    Ls(LsArgs),
    /// Draw how the segments of each session come from each other
    ///
    /// A segment stands below the one that its first entry names, as a fork or a compaction, and else at the
    /// top. Only first entries are read; one that cannot be read is named, and the exit status is 1.
    Tree(TreeArgs),
    /// Say what is in a store, in figures
    ///
    /// Counts sessions, segments, entries, segments with a trace, and pods, and names the largest segments.
    /// What cannot be counted is a question mark, and the exit status is 1.
    Stat(StatArgs),
    /// Print a segment's entries exactly as stored, one a line
    Show(ShowArgs),
    /// Print a segment's last entries, and with -f those that are appended from then on
    ///
    /// A log that is cut, replaced or deleted meanwhile is told on standard error and followed on: from where
    /// it differs, if that is among the last 1000 entries, and else with its last entries again. A line that is
    /// no entry is named there too and passed over, and the exit status is 3.
    #[command(after_help = TAIL_EXAMPLES)]
    Tail(TailArgs),
    /// Print the entries that contain a text, or are of a kind
    ///
    /// Prints SESSION:SEGMENT:NUMBER:ENTRY for each, where NUMBER counts the entries of the segment from 1. The
    /// text is looked for in the entry as it is stored: as JSON, with its escapes.
    ///
    /// Exit status: 0 if there are any; 1 if not; 3 if something could not be read, which is named on standard
    /// error, while the rest was searched.
    #[command(after_help = SEARCH_EXAMPLES)]
    Search(SearchArgs),
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
    /// Print a script that completes this command's words in a shell
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions(CompletionsArgs),
    /// Print the manual page of this command, or write those of all commands
    #[command(after_help = MAN_EXAMPLES)]
    Man(ManArgs),
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
    #[arg(long, requires = "follow", default_value = "500ms", value_parser = select::interval)]
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
    #[arg(long, value_name = "WHEN", value_parser = select::moment)]
    pub(crate) since: Option<SystemTime>,
    /// Leave the traces out
    #[arg(long)]
    pub(crate) no_traces: bool,
    /// Leave the pods out
    #[arg(long)]
    pub(crate) no_pods: bool,
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
    #[arg(long, requires = "follow", default_value = "500ms", value_parser = select::interval)]
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

#[derive(clap::Args)]
pub(crate) struct CompletionsArgs {
    /// Which shell
    pub(crate) shell: Shell,
}

#[derive(clap::Args)]
pub(crate) struct ManArgs {
    /// Where to write a page for each command; made if it is not there [default: print the main page]
    pub(crate) dir: Option<PathBuf>,
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
