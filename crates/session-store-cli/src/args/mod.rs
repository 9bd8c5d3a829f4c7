//! The arguments of every command, and the texts of the help.

mod read;
mod time;
mod transfer;
mod usage_error;
mod value;
mod write;

use std::path::PathBuf;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use session_store::{StoreUrl, backends};

#[cfg(test)]
pub(crate) use self::read::RoleArg;
pub(crate) use self::read::{
    CheckArgs, CountArgs, LookupArgs, LsArgs, PatternArgs, QualifyArgs, SearchArgs, SegmentArgs,
    ServeArgs, ShowArgs, SortArg, StatArgs, TailArgs, TreeArgs,
};
pub(crate) use self::transfer::{
    ConflictArg, ExportArgs, ImportArgs, MigrateArgs, RestoreArgs, SalvageArgs, VerifyArgs,
};
pub(crate) use self::value::ExpectedHead;
pub(crate) use self::write::{
    AppendArgs, ConfirmArgs, CreateArgs, PodArgs, PodsCommand, PodsLsArgs, PodsPutArgs, PodsRmArgs,
    RepairArgs, RmArgs, TruncateArgs,
};

const EXIT_STATUS: &str = "\
Exit status
  0    success; all changes of files and SQLite databases also survive a power cut
  1    a negative answer: no match was found, stores differ, a check failed, or one part was
       refused while the rest was done
  2    invalid usage
  3    an error, such as invalid input or an I/O error. If ls, tree, stat, show, tail, search or
       pods ls cannot read a part of a store, it reports the part on standard error, prints the
       rest, and ends with this status
  4    the store, session, segment or pod does not exist
  130  interrupted by SIGINT (Ctrl-C), and 143 ended by SIGTERM
  141  the reader of standard output closed it";

const JSON_MESSAGES: &str = "\
Messages with --json
  With --json, each message on standard error is one JSON object on a line, with these fields:
  kind     usage, not_found, conflict, damaged, invalid_input, not_a_store, newer_format,
           unsupported, indeterminate, partial, unavailable, io, failed; or note, which is not an
           error. The exit status is 4 for not_found
  place    the store that the message is about, as on the command line, or null
  message  the text that is printed without --json
  hint     what to do, or null

";

const URL_OPTIONS: &str = "\
A URL can have options after a question mark, such as sqlite:logs.db?durability=power
  durability=power  of fs, sqlite and postgres: an acknowledged change survives a power cut
  exclusive=true    of fs and sqlite: only this program changes the store meanwhile (with sqlite,
                    also only this program reads it), and appends are faster
  busy_timeout=5s   of sqlite: the time to wait for another writer

";

const REFERENCES: &str = "\
SESSION and SEGMENT are an id, its first characters, or the word latest for the one that was written
last. This holds for all commands. Only a whole id can name a session or a segment that does not
exist yet. show and tail also accept a session as SEGMENT, and then read the segment that begins
its conversation.

";

const TIMES: &str = "\
All times are printed in UTC, with a Z at the end. A date or a time in an argument is in the local
time zone, unless it ends with Z or an offset such as +02:00.

The time of a session is the time of its last entry. If the last entries contain no time, it is the
time in the newest id, or else the last change that the storage records. Listings, latest, --since
and --until use this time. rm --older-than and --keep use the later one of this time and the last
change that the storage records, which can be an import. In migrate and export, --since compares the
time in the ids. In search it compares the time of each entry.

";

const PASSWORDS: &str = "\
Passwords of PostgreSQL and Redis
  A password in a URL is visible to other users of the machine. For a URL without one, it is read
  from --password-file, from the terminal with --ask-password, or else from these variables:
  SESSION_STORE_PASSWORD           the servers that hold the data
  SESSION_STORE_SENTINEL_PASSWORD  the Sentinels

";

const TAIL_EXAMPLES: &str = "\
Example
  session-store tail -f sqlite:logs.db SEGMENT | jq .kind";

const SHOW_EXAMPLES: &str = "\
Examples
  session-store show fs:logs latest --text
  session-store show fs:logs 0ccf1a04 --from 97 --limit 1 | jq .
  session-store show fs:logs SESSION:SEGMENT:97 --text        # the place of a hit of search";

const SEARCH_EXAMPLES: &str = "\
Examples
  session-store search fs:logs 'connection refused'
  session-store search fs:logs -i 'say \"hi\"' --role user --since yesterday
  session-store search fs:logs --kind user_input --json | jq -r .entry.text";

const IMPORT_EXAMPLES: &str = "\
Examples
  session-store import
  session-store import ~/.claude/projects ~/.codex/sessions fs:logs
  session-store import --since 7d --quiet ~/.codex/sessions sqlite:logs.db
  ssh host cat session.jsonl | session-store import - fs:logs";

const RM_EXAMPLES: &str = "\
Examples
  session-store rm fs:logs --older-than 90d --keep 100 --dry-run
  session-store rm fs:logs --older-than 90d --archive old.tar.zst
  session-store search fs:logs -l secret | session-store rm fs:logs --stdin --yes";

const QUALIFY_EXAMPLES: &str = "\
Examples
  session-store qualify redis://localhost/0?prefix=test
  session-store qualify --command 'python3 my_store.py' --filter t2_";

const SERVE_EXAMPLES: &str = r#"Example
  echo '{"id":1,"call":"list_sessions"}' | session-store serve fs:logs"#;

const COMPLETIONS_EXAMPLES: &str = "\
Example
  session-store completions bash > ~/.local/share/bash-completion/completions/session-store";

const MAN_EXAMPLES: &str = "\
Examples
  session-store man | man -l -
  session-store man ~/.local/share/man/man1";

/// Inspect, write, copy and verify stores of agent session logs.
///
/// A session is one conversation: a tree of segments. A segment is an append-only log of entries.
/// An entry is one JSON object on one line. A pod is a named agent with a pointer to its session.
#[derive(Parser)]
#[command(name = "session-store", version, after_help = after_help(), max_term_width = 100)]
pub(crate) struct Args {
    /// Print results as JSON, one object per line
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) passwords: PasswordArgs,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Where to read the passwords of stores.
#[derive(clap::Args)]
pub(crate) struct PasswordArgs {
    /// Read the password of a PostgreSQL or Redis store from this file: the password is on the
    /// first line, and that of the Sentinels on the second. For two stores, give the option twice
    #[arg(long = "password-file", value_name = "FILE", global = true)]
    pub(crate) files: Vec<PathBuf>,

    /// Ask for the password of a PostgreSQL or Redis store on the terminal
    #[arg(long = "ask-password", global = true, conflicts_with = "files")]
    pub(crate) ask: bool,
}

impl Args {
    /// Parses the arguments of the program, or ends it with a message that contains no password.
    pub(crate) fn parse_or_exit() -> Self {
        let mut args = Self::try_parse().unwrap_or_else(|error| usage_error::exit(&error));
        if let Command::Import(import) = &mut args.command {
            let mut command = Self::command();
            command.build();
            let command = command.find_subcommand_mut("import").expect("the command exists");
            import.split_operands(command).unwrap_or_else(|error| usage_error::exit(&error));
        }
        args
    }
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Create sample sessions, copy them from files to SQLite and back, and verify the copies
    Demo(DemoArgs),
    /// Import existing logs of agent programs
    ///
    /// Takes the logs of Claude Code, Codex, Cline, Copilot CLI, Gemini CLI, OpenClaw, pi, Qwen
    /// Code and Roo Code, every other file of JSON lines (*.jsonl, *.ndjson), and the directories
    /// of file stores. Files can be compressed with gzip or zstd. Each log becomes one segment. The
    /// session has the id that the program shows. If a program does not give an id, the id is
    /// derived from a name that never changes. A later import therefore finds the segment and
    /// appends only the new entries, also after a directory was renamed.
    ///
    /// Each log has one of these outcomes: imported, extended, unchanged, behind (the store has
    /// more entries than the file, and keeps them), empty, older (than --since), skipped, conflict,
    /// refused or failed. Files that were not imported are counted by kind. An incomplete last line
    /// is not imported, because its writer may complete it. The trace of each new segment names the
    /// origin of the log.
    ///
    /// Without PATH, prints the logs that were found in the default directories of the known
    /// programs.
    ///
    /// Exit status: 0 if no log is in conflict, was refused or failed; 1 if at least one is, while
    /// the other logs were imported.
    #[command(
        after_help = IMPORT_EXAMPLES,
        override_usage = "session-store import [OPTIONS] <PATH>... <STORE>\n       \
                          session-store import [STORE]"
    )]
    Import(ImportArgs),
    /// Copy sessions from one store to another, and verify the copy
    ///
    /// Copies entries, traces and pods byte for byte. Then opens both stores again and compares
    /// them. Data that is already in TO is not copied again, so an interrupted copy is resumed by
    /// running the command again. A segment or pod that differs is reported and not overwritten,
    /// unless --on-conflict is given. Other programs can write to FROM during the copy.
    ///
    /// A SQLite file that does not exist yet is written as PATH.partial, and renamed before the
    /// comparison. If the command is killed, the next run deletes this file and starts again.
    ///
    /// Data that FROM contains but does not list, such as a trace without a log, is named and not
    /// copied.
    ///
    /// Exit status: 0 if everything was copied; 1 if a part was not, while the rest was; 3 if a
    /// store cannot be opened, listed, or opened again for the comparison; 4 if FROM or a selected
    /// session does not exist.
    Migrate(MigrateArgs),
    /// Compare two stores entry by entry
    ///
    /// Prints the first difference of each segment, and names data that a store contains but does
    /// not list. The exit status is 1 if the stores differ or contain such data.
    Verify(VerifyArgs),
    /// Write a store to one compressed backup file
    ///
    /// The file contains all entries, traces and pods byte for byte, with their hashes. It is a tar
    /// archive of JSONL files, compressed with zstd, so it is readable without this program. Other
    /// programs can write to the store during the export; each log is saved as it was at one
    /// moment. Data that cannot be read is left out and reported, and the exit status is 1. The
    /// stored file of a damaged log is kept in the folder `damaged` of the archive. FILE appears
    /// only when it is complete.
    ///
    /// Use this command for backups of an SQLite store. A copy of the database file alone can lack
    /// the latest entries, because they are in the file that ends with -wal. Copy files only after
    /// all programs have closed the store, and copy the -wal file too if there is one.
    Export(ExportArgs),
    /// Write a backup file of `export` to a store, and verify the result
    ///
    /// Reads all of FILE first. A file that is damaged, truncated or not a backup is refused before
    /// anything is written. Data that is already in the store is not written again, so an
    /// interrupted restore is resumed by running the command again. Data that differs is reported
    /// and never overwritten, and the exit status is 1.
    ///
    /// A backup can also be read in place: ls, tree, stat, show, tail, search, check, verify,
    /// migrate and pods take FILE as STORE. These commands check the seal, which covers every byte
    /// of FILE. They then decompress only the parts that they read.
    Restore(RestoreArgs),
    /// Read a whole store and report every problem
    ///
    /// Reads every log, trace and pod to its end, looks up every segment by its id, and runs the
    /// checks of the backend. Prints each fault and each note with its place and its cause, and the
    /// command that repairs it. The exit status is 1 if there is a fault. An incomplete last line
    /// of a file is not a fault: readers ignore it, and the next append moves it to another file.
    Check(CheckArgs),
    /// Repair a store, a session or a segment without deleting an entry, and read the result
    ///
    /// Moves lines and rows that are not entries out of the logs, where they can still be read, and
    /// restores missing records of the indexes. With SESSION, only the logs of the session are
    /// repaired. Then reads the repaired part as check does. On a terminal, asks for a confirmation
    /// unless --yes is given.
    ///
    /// In a log of a file store, a line that begins with NUL is the rest of a truncation that a
    /// power cut interrupted. This line and all later lines are moved out of the log. The result
    /// has the number of entries among them.
    ///
    /// Exit status: 0 if everything can be read; 1 if a fault is left.
    Repair(RepairArgs),
    /// Copy everything that can be read from a damaged SQLite database to a new store
    ///
    /// Reads the tables row by row, skips what cannot be read, and never writes to the files of
    /// BROKEN. Compares each log with its stored number of entries. Prints whether the log is
    /// whole, recovered in part, or lost, and the numbers of the lost entries. NEW must be missing
    /// or empty. SQLite stores no checksums, so a changed text that is still valid JSON is not
    /// noticed.
    ///
    /// Exit status: 0 if nothing was lost; 1 if something was lost, while the rest was copied; 3 if
    /// BROKEN is not a session store, or its first page cannot be read; 4 if BROKEN does not exist.
    Salvage(SalvageArgs),
    /// List the sessions of a store, or the segments of one session
    ///
    /// Prints the id, the creation time, the number of segments of a session, and the number of
    /// entries. Only an id of UUID v7 contains the creation time. Sessions are sorted by id, in
    /// descending order. Ids of UUID v7 begin with their time, so the newest one is first. The
    /// order of other ids says nothing about the time. To begin with the session that was written
    /// last, use --sort written.
    ///
    /// With --long, also prints the time, the size, the program that wrote the session, and its
    /// title: the title that the program gave it, else the user's first words.
    ///
    /// The time of a session is the time of its last entry. If the last entries contain no time,
    /// the time in the newest id is printed, marked (id). If no id contains a time either, the last
    /// change that the storage records is printed, marked (storage). --since, --until, --sort
    /// written and latest use the same time. A session without a time is left out by --since and
    /// --until, and listed last by --sort written.
    ///
    /// A number that cannot be read is printed as ?. A part that cannot be read is also reported on
    /// standard error, and the exit status is then 3.
    Ls(LsArgs),
    /// Print the segments of each session as a tree
    ///
    /// A segment is printed with its title below its origin: the segment from which it was forked
    /// or compacted, or whose subagent wrote it. The origin is named in the first entry, or in the
    /// line that import adds to the trace. A session that begins at a segment of another session is
    /// printed below that segment, unless a SESSION is given. A segment whose first entry cannot be
    /// read is printed with ?. A part that cannot be read is also reported on standard error, and
    /// the exit status is then 3.
    Tree(TreeArgs),
    /// Count the sessions, segments, entries, traces and pods of a store
    ///
    /// Also prints the largest segments. A number that cannot be read is printed as ?. A part that
    /// cannot be read is also reported on standard error, and the exit status is then 3.
    Stat(StatArgs),
    /// Print the entries of a segment exactly as stored, one per line
    ///
    /// A line that is not an entry is reported on standard error and skipped, and the exit status
    /// is then 3.
    ///
    /// In the place of SEGMENT, show also takes the beginning of a line that search printed, and
    /// begins at the entry of that line.
    ///
    /// With --text, prints the log as a conversation. Each heading ends with the number of the
    /// entry. The format of the entries is recognized: the formats of the programs that import
    /// knows, this project's own records, and other entries with a role and a text. On a terminal
    /// the text is colored and shown in a pager: the program in the variable PAGER, or less.
    ///
    /// With --html, writes one page with all segments of the session, and their tree. SEGMENT is
    /// unfolded. A log without texts is shown as stored. The page contains no script and loads
    /// nothing. The page can contain secrets of the log, also with --redact.
    #[command(after_help = SHOW_EXAMPLES)]
    Show(ShowArgs),
    /// Print the last entries of a segment, and with -f every new entry
    ///
    /// If the log is truncated, replaced or deleted, a message is printed on standard error. The
    /// output continues from the first entry that differs, if it is among the last 1000 entries.
    /// Otherwise the output continues with the last entries of the new log. A line that is not an
    /// entry is reported on standard error and skipped, and the exit status is then 3.
    #[command(after_help = TAIL_EXAMPLES)]
    Tail(TailArgs),
    /// Find entries by their text, author, time or kind
    ///
    /// Searches titles, messages, calls of tools and their results, as show --text prints them: a
    /// quote is typed as a quote, not as its escape sequence. Prints SESSION:SEGMENT:NUMBER:ROLE
    /// and the words around the first hit for each entry. NUMBER counts the entries of the segment
    /// from 1. show prints the log from there: session-store show STORE SESSION:SEGMENT:NUMBER
    /// --text. With --raw, searches the stored JSON and prints SESSION:SEGMENT:NUMBER:ENTRY.
    ///
    /// Exit status: 0 if there is a match; 1 if there is none; 3 if a part of the store cannot be
    /// read, such as a line that is not an entry. Such a part is reported on standard error, and
    /// the rest is searched. With -l, the search of a session ends at its first match.
    #[command(after_help = SEARCH_EXAMPLES)]
    Search(SearchArgs),
    /// Append the lines of standard input to a segment
    ///
    /// Reads JSONL. After each line that is stored, prints the number of entries in the segment,
    /// including this one. A printed number means that the entry is stored. Other programs can
    /// append to the segment at the same time. Blank lines are skipped. The first line that is not
    /// one JSON object ends the command; the lines before it stay stored.
    ///
    /// With --batch or --if-head, all lines are appended in one call after the last one was read.
    /// An invalid line then ends the command before anything is stored.
    Append(AppendArgs),
    /// Create a segment
    ///
    /// Prints the ids of the session and the segment. All entries are stored in one step.
    Create(CreateArgs),
    /// Keep the first entries of a segment and delete the rest permanently
    ///
    /// Asks for a confirmation unless --yes is given or the segment has no more entries.
    Truncate(TruncateArgs),
    /// Print the number of entries in a segment
    Count(CountArgs),
    /// Test whether a segment exists
    ///
    /// Prints yes or no. The exit status is 1 if the segment does not exist.
    Exists(SegmentArgs),
    /// Print the session that contains a segment
    ///
    /// The exit status is 1 if there is none.
    Lookup(LookupArgs),
    /// Delete segments, or sessions with all their segments
    ///
    /// With SEGMENT, deletes that segment and its trace. With --session alone, deletes the session
    /// with all its segments. With --older-than and --keep, deletes the sessions that meet both
    /// conditions. The time of a session is then the later one of two times: the time that ls -l
    /// prints, and the last change that the storage records. An imported session is thus as old as
    /// its import. A note counts the sessions that are kept for this reason. A segment or session
    /// that a pod points to is only deleted with --force. Pods are not changed. Asks for a
    /// confirmation unless --yes is given.
    ///
    /// With --older-than, --keep or --archive, a session whose logs another program changes before
    /// the deletion is reported and kept. The exit status is then 3.
    #[command(
        override_usage = "session-store rm [OPTIONS] <STORE> <SEGMENT…|--session <SESSION>|--older-than <WHEN>|--keep <N>>",
        after_help = RM_EXAMPLES
    )]
    Rm(RmArgs),
    /// Test whether a store keeps the storage contract
    ///
    /// Runs the checks of the conformance kit. In a live store, they run beside the existing data.
    /// Each check creates sessions and pods of its own and deletes them at its end. A check that
    /// needs the name of an existing session or pod is not run. With --command, the checks run over
    /// a program in any language that serves a store. Each handle is then a process, and each check
    /// has a new temporary folder.
    #[command(
        override_usage = "session-store qualify [OPTIONS] <STORE|--command <COMMAND>>",
        after_help = QUALIFY_EXAMPLES
    )]
    Qualify(QualifyArgs),
    /// Serve a store to a program in any language, over standard input and output
    ///
    /// Reads calls from standard input and writes results to standard output, as lines of JSON.
    /// Ends when standard input ends. The page docs/PROTOCOL.md of the project describes the
    /// protocol.
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(ServeArgs),
    /// List, print, write and delete pods: named agents that point to a session
    #[command(subcommand)]
    Pods(PodsCommand),
    /// Print a completion script for a shell
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions(CompletionsArgs),
    /// Print the manual page of this command, or write the pages of all commands
    #[command(after_help = MAN_EXAMPLES)]
    Man(ManArgs),
}

impl Command {
    /// Returns whether the command can take long. On a terminal, such a command prints the time
    /// that it took.
    pub(crate) const fn is_long(&self) -> bool {
        matches!(
            self,
            Self::Import(_)
                | Self::Migrate(_)
                | Self::Verify(_)
                | Self::Export(_)
                | Self::Restore(_)
                | Self::Check(_)
                | Self::Repair(_)
                | Self::Salvage(_)
                | Self::Rm(_)
                | Self::Qualify(_)
        )
    }

    /// Returns the URLs in the arguments of the command, in their order.
    pub(crate) fn urls_mut(&mut self) -> Vec<&mut StoreUrl> {
        match self {
            Self::Demo(_) | Self::Completions(_) | Self::Man(_) => Vec::new(),
            Self::Import(args) => args.store.iter_mut().collect(),
            Self::Migrate(args) => vec![&mut args.from, &mut args.to],
            Self::Verify(args) => vec![&mut args.a, &mut args.b],
            Self::Export(args) => vec![&mut args.store],
            Self::Restore(args) => vec![&mut args.store],
            Self::Check(args) => vec![&mut args.store],
            Self::Repair(args) => vec![&mut args.store],
            Self::Salvage(args) => vec![&mut args.broken, &mut args.new],
            Self::Ls(args) => vec![&mut args.store],
            Self::Tree(args) => vec![&mut args.store],
            Self::Stat(args) => vec![&mut args.store],
            Self::Show(args) => vec![&mut args.store],
            Self::Tail(args) => vec![&mut args.target.store],
            Self::Search(args) => vec![&mut args.store],
            Self::Append(args) => vec![&mut args.store],
            Self::Create(args) => vec![&mut args.store],
            Self::Truncate(args) => vec![&mut args.target.store],
            Self::Count(args) => vec![&mut args.target.store],
            Self::Exists(args) => vec![&mut args.store],
            Self::Lookup(args) => vec![&mut args.store],
            Self::Rm(args) => vec![&mut args.store],
            Self::Qualify(args) => args.store.iter_mut().collect(),
            Self::Serve(args) => vec![&mut args.store],
            Self::Pods(PodsCommand::Ls(args)) => vec![&mut args.store],
            Self::Pods(PodsCommand::Show(args)) => vec![&mut args.store],
            Self::Pods(PodsCommand::Rm(args)) => vec![&mut args.store],
            Self::Pods(PodsCommand::Put(args)) => vec![&mut args.store],
        }
    }
}

#[derive(clap::Args)]
pub(crate) struct DemoArgs {
    /// The directory for the sample stores; must be empty or missing [default: a new temporary
    /// directory]
    pub(crate) dir: Option<PathBuf>,
}

#[derive(clap::Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: Shell,
}

#[derive(clap::Args)]
pub(crate) struct ManArgs {
    /// The directory for the pages; created if missing [default: print the main page]
    pub(crate) dir: Option<PathBuf>,
}

/// Returns the URLs of all backends, and the exit statuses.
fn after_help() -> String {
    let mut text = "STORE is one of\n".to_owned();
    let enabled = || backends().iter().filter(|backend| backend.is_enabled);
    let width = enabled().map(|backend| backend.example.len()).max().unwrap_or_default();
    for backend in enabled() {
        text += &format!("  {:<width$}  {}\n", backend.example, backend.description);
        for schemes in backend.schemes[1..].chunks(4) {
            text += &format!("  {:<width$}  also {}:\n", "", schemes.join(":, "));
        }
    }
    let path = "an existing directory or SQLite database file, or, in commands that only";
    text += &format!("  {:<width$}  {path}\n", "PATH");
    text += &format!("  {:<width$}  read, a backup file of `export`\n\n", "");
    text + URL_OPTIONS + REFERENCES + TIMES + PASSWORDS + JSON_MESSAGES + EXIT_STATUS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Args::command().debug_assert();
    }
}
