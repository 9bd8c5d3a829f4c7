//! Helpers for the tests: functions that run the program, temporary folders for stores, and common
//! ids.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;
use test_deadlines::Process;

/// The two outputs and the exit status of a run of the program.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) status: Option<i32>,
}

impl Ended {
    /// Returns the standard output. Panics unless the run succeeded without a message.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!((self.status, self.stderr.as_str()), (Some(0), ""), "{self:?}");
        self.stdout
    }

    /// Returns the standard error. Panics unless the run ended with `status` and printed no result.
    #[track_caller]
    pub(crate) fn refused(self, status: i32) -> String {
        assert_eq!((self.status, self.stdout.as_str()), (Some(status), ""), "{self:?}");
        assert!(!self.stderr.contains("panicked"), "{self:?}");
        self.stderr
    }
}

/// Returns the program with its arguments.
pub(crate) fn program<I: AsRef<OsStr>>(args: impl IntoIterator<Item = I>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_session-store"));
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Returns the program with its arguments, with the default action for every signal.
///
/// A test can inherit ignored signals: a shell ignores SIGINT in its background jobs, and `nohup`
/// ignores SIGHUP. The program does not handle a signal that is ignored at its start. So a test of
/// a signal first restores the default action.
#[cfg(target_os = "linux")]
pub(crate) fn program_with_signals<I: AsRef<OsStr>>(args: impl IntoIterator<Item = I>) -> Command {
    program_that_ignores("", args)
}

/// Returns the program with its arguments. The program ignores the named signals, and every other
/// signal has its default action.
#[cfg(target_os = "linux")]
pub(crate) fn program_that_ignores<I: AsRef<OsStr>>(
    ignored: &str,
    args: impl IntoIterator<Item = I>,
) -> Command {
    let mut command = Command::new("env");
    command.arg("--default-signal=HUP,INT,TERM");
    if !ignored.is_empty() {
        command.arg(format!("--ignore-signal={ignored}"));
    }
    command.arg(env!("CARGO_BIN_EXE_session-store"));
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs the program with nothing on standard input.
#[track_caller]
pub(crate) fn run<I: AsRef<OsStr>>(args: impl IntoIterator<Item = I>) -> Ended {
    run_with(args, "")
}

/// Runs the program with `input` on standard input.
#[track_caller]
pub(crate) fn run_with<I: AsRef<OsStr>>(
    args: impl IntoIterator<Item = I>,
    input: impl AsRef<[u8]>,
) -> Ended {
    run_command(program(args), input)
}

/// Runs a command that [`program`] has made, with `input` on standard input.
#[track_caller]
pub(crate) fn run_command(mut command: Command, input: impl AsRef<[u8]>) -> Ended {
    let mut child = Process::start(&mut command);
    let stdin = child.stdin.as_mut().expect("standard input is a pipe");
    // A program that ends early does not read all its input, so an error is ignored.
    let _ = stdin.write_all(input.as_ref());
    child.wait_with_output().into()
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            stdout: String::from_utf8(output.stdout).expect("standard output is UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("standard error is UTF-8"),
            status: output.status.code(),
        }
    }
}

/// A persistent backend.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Fs,
    Sqlite,
}

/// A temporary directory for the stores of one test.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder can be created"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Returns the URL of a store. The store does not exist yet.
    pub(crate) fn url(&self, kind: Kind, name: &str) -> String {
        let path = self.path(name);
        match kind {
            Kind::Fs => format!("fs:{}", path.display()),
            Kind::Sqlite => format!("sqlite:{}", path.display()),
        }
    }

    /// Adds a log to a session of a file store. Listings contain the log, and every read of it
    /// fails.
    ///
    /// A read of a log also reads its epoch file. This function makes a folder in the place of that
    /// file. No process can read a folder as a file, not even a process of root.
    pub(crate) fn add_unreadable_log(&self, store: &str, session: &str, segment: &str) {
        let store = self.path(store);
        let epoch = store.join(format!(".session-store/epochs/{session}.{segment}"));
        fs::create_dir_all(epoch).expect("a folder can be created");
        let log = store.join(format!("{session}/{segment}.jsonl"));
        fs::write(log, "{}\n").expect("the log can be written");
    }

    /// Returns all files with their sizes. Two equal listings mean that nothing was created or
    /// grew.
    pub(crate) fn listing(&self) -> Vec<(PathBuf, u64)> {
        let mut found = Vec::new();
        list_into(self.0.path(), &mut found);
        found.sort();
        found
    }
}

fn list_into(directory: &Path, found: &mut Vec<(PathBuf, u64)>) {
    for entry in directory.read_dir().expect("the directory can be listed") {
        let entry = entry.expect("the directory can be listed");
        let metadata = entry.metadata().expect("the file has metadata");
        found.push((entry.path(), if metadata.is_dir() { 0 } else { metadata.len() }));
        if metadata.is_dir() {
            list_into(&entry.path(), found);
        }
    }
}

/// Fixed ids, so that tests can compare messages. `OTHER` is a second session or a second segment.
pub(crate) const SESSION: &str = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";
pub(crate) const SEGMENT: &str = "017f22e2-79b1-7cc3-98c4-dc0c0c07398f";
pub(crate) const OTHER: &str = "017f22e2-79b2-7cc3-98c4-dc0c0c07398f";

/// Appends lines to the segment [`SEGMENT`]. Returns the printed counts.
#[track_caller]
pub(crate) fn append(url: &str, lines: &str) -> String {
    run_with(["append", url, "--session", SESSION, "--segment", SEGMENT], lines).ok()
}

/// Returns whether a process handles SIGHUP, SIGINT or SIGTERM, as shown in `/proc`.
#[cfg(target_os = "linux")]
pub(crate) fn handles_signals(process: u32) -> bool {
    const THREE: u64 = 1 | 1 << 1 | 1 << 14;
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.unwrap_or_default() & THREE != 0
}
