//! The arguments of every command, and the help that they print.

mod read;
mod time;
mod transfer;
mod value;
mod write;

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use clap_complete::Shell;

pub(crate) use self::read::{
    CheckArgs, LookupArgs, LsArgs, PatternArgs, QualifyArgs, SearchArgs, SegmentArgs, ShowArgs,
    StatArgs, TailArgs, TreeArgs,
};
pub(crate) use self::transfer::{
    ConflictArg, ExportArgs, ImportArgs, MigrateArgs, RestoreArgs, VerifyArgs,
};
pub(crate) use self::write::{
    AppendArgs, CreateArgs, PodArgs, PodsCommand, PodsLsArgs, PodsPutArgs, RmArgs, TruncateArgs,
};

const AFTER_HELP: &str = "\
STORE is one of
  fs:PATH       a directory, one JSONL file per segment
  sqlite:PATH   one SQLite database file
  redis://HOST  a Redis server; also redis-sentinel://, redis-cluster://, and rediss:// with TLS
  memory:       in memory, gone when the command ends
  PATH          what is there: a directory, or an SQLite file

Exit status
  0    done
  1    the answer is no: exists or lookup finds nothing, stores differ, a check fails, or something
       was refused while the rest was done
  2    wrong usage
  3    an error: a store, session, segment or pod that is not there, bad input, I/O
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
    /// below PATH and first time stamp, so that a second import finds them again and appends only what is
    /// new. Give the same PATH each time: from a folder above or below, such a file is another segment.
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
    ///
    /// A line has the id, the time of its making where the id tells it (UUID v7), for a session the number of
    /// its segments, and the number of entries, or ? where they cannot be counted. Newest first.
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
    #[command(override_usage = "session-store rm [OPTIONS] <STORE> <SEGMENT|--session <SESSION>>")]
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
pub(crate) struct DemoArgs {
    /// Where to make the demo's files; must be empty or absent [default: a new temporary directory]
    pub(crate) dir: Option<PathBuf>,
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Args::command().debug_assert();
    }
}
