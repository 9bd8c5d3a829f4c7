//! The command `session-store` against the usual program for the same work on files: `cat`, `grep`
//! and `cp`.
//!
//! Each round runs a program as a child. Its time is processor time, because the command reads with
//! several threads and the other programs with one.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use session_store_core::{LogEntry, SegmentId, SessionId, Store};
use session_store_fs::FsStore;

use crate::Fallible;
use crate::measure::{Side, in_turn};
use crate::measurement::{Goal, Measurement};
use crate::plan::{Bench, Plan};

pub(crate) const BENCHES: [Bench; 3] = [
    Bench {
        name: "command/show",
        about: "show of a long log, against cat, in processor time",
        run: show,
    },
    Bench {
        name: "command/search",
        about: "search, against grep -rF, in processor time",
        run: search,
    },
    Bench {
        name: "command/import",
        about: "import of logs, against cp -r, in processor time",
        run: import,
    },
];

/// The number of entries in a log.
const ENTRIES: usize = 800;
/// The number of logs that are shown and searched, about 120 MB.
const LOGS: usize = 200;
/// The number of logs that are imported. Each round leaves two copies of them.
const IMPORTED: usize = 50;

/// The text that one of [`HIT_EVERY`] entries contains.
const FREQUENT: &str = "a needle";
const HIT_EVERY: usize = 16;
/// A text that no entry contains.
const ABSENT: &str = "haystack";

fn show(plan: &Plan) -> Fallible<Vec<Measurement>> {
    let folder = plan.folder()?;
    let store = FsStore::open_or_create(&folder)?;
    let (session, segment) = (SessionId::new(), SegmentId::new());
    let logs = plan.amount(LOGS);
    for number in 0..logs {
        store.append_all(session, segment, &log(plan, number)?)?;
    }
    let path = folder.join(session.to_string()).join(format!("{segment}.jsonl"));
    let ours = || session_store(["show", &url(&folder), &segment.to_string()]);
    let floor = || Ok(program("cat", [&path]));
    let what = format!("a log of {} entries", logs * ENTRIES);
    Ok(vec![compared(plan, what, 0, &ours, &floor)?.with_goal(Goal::AtLeast(0.4))])
}

fn search(plan: &Plan) -> Fallible<Vec<Measurement>> {
    let folder = plan.folder()?;
    let store = FsStore::open_or_create(&folder)?;
    for number in 0..plan.amount(LOGS) {
        store.append_all(SessionId::new(), SegmentId::new(), &log(plan, number)?)?;
    }
    let measured = |what: &str, text: &str, status| {
        let ours = || session_store(["search", &url(&folder), text]);
        let options = ["-rF", "--include=*.jsonl", text].map(OsStr::new);
        let floor = || Ok(program("grep", options.into_iter().chain([folder.as_os_str()])));
        Ok(compared(plan, what.to_owned(), status, &ours, &floor)?.with_goal(Goal::AtLeast(0.5)))
    };
    // The exit status of a search without a hit is 1.
    [("a text in one of 16 entries", FREQUENT, 0), ("a text in no entry", ABSENT, 1)]
        .map(|(what, text, status)| measured(what, text, status))
        .into_iter()
        .collect()
}

fn import(plan: &Plan) -> Fallible<Vec<Measurement>> {
    let source = plan.folder()?;
    let logs = plan.amount(IMPORTED);
    for number in 0..logs {
        let log = log(plan, number)?;
        let text: String = log.iter().map(|entry| format!("{}\n", entry.as_json())).collect();
        fs::write(source.join(format!("{number}.jsonl")), text)?;
    }
    let ours = || {
        let store = url(&plan.folder()?.join("store"));
        session_store([OsStr::new("import"), source.as_os_str(), OsStr::new(&store)])
    };
    let floor = || {
        let copy = plan.folder()?.join("copy");
        Ok(program("cp", [OsStr::new("-r"), source.as_os_str(), copy.as_os_str()]))
    };
    let what = format!("{logs} logs of {ENTRIES} entries");
    Ok(vec![compared(plan, what, 0, &ours, &floor)?.with_goal(Goal::AtLeast(0.33))])
}

/// Returns the entries of a log. No two logs are equal, because an import skips a log that it has
/// imported before.
fn log(plan: &Plan, number: usize) -> Fallible<Vec<LogEntry>> {
    let mut entries = plan.corpus().batch(ENTRIES);
    for entry in entries.iter_mut().step_by(HIT_EVERY) {
        let hit = format!(r#""text":"{FREQUENT} {number} "#);
        *entry = LogEntry::from_json(entry.as_json().replacen(r#""text":""#, &hit, 1))?;
    }
    Ok(entries)
}

/// Returns the command `session-store`. `cargo xtask bench` builds it in the folder of this
/// program.
fn session_store<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Fallible<Command> {
    let path = env::current_exe()?.with_file_name("session-store");
    if path.exists() {
        return Ok(program(path, args));
    }
    let path = path.display();
    Err(format!("{path} does not exist: build the package session-store-cli first").into())
}

fn program<A: AsRef<OsStr>>(name: impl AsRef<OsStr>, args: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(name);
    command.args(args);
    command
}

fn url(folder: &Path) -> String {
    format!("fs:{}", folder.display())
}

/// Compares the processor time of two programs. Fails if the exit status of one is not `expected`.
///
/// Their output goes to a file. `grep` would end at the first hit if its output was `/dev/null`.
fn compared(
    plan: &Plan,
    what: String,
    expected: i32,
    ours: &dyn Fn() -> Fallible<Command>,
    floor: &dyn Fn() -> Fallible<Command>,
) -> Fallible<Measurement> {
    let output = plan.folder()?.join("output");
    let run = |command: &dyn Fn() -> Fallible<Command>| {
        let mut command = command()?;
        command.stdout(File::create(&output)?).stderr(Stdio::null());
        let before = children_time()?;
        let status = command.status()?;
        if status.code() != Some(expected) {
            return Err(format!("{command:?} failed with {status}").into());
        }
        Ok(children_time()? - before)
    };
    let sides: [Side<'_>; 2] = [Box::new(|| run(ours)), Box::new(|| run(floor))];
    Ok(Measurement::speed(what, 1, &in_turn(plan.rounds(12), sides)?))
}

/// Returns the processor time of all children that have ended.
fn children_time() -> Fallible<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let micros = [usage.user_time(), usage.system_time()]
        .map(|time| time.tv_sec() * 1_000_000 + time.tv_usec())
        .into_iter()
        .sum::<i64>();
    Ok(Duration::from_micros(micros.try_into()?))
}
