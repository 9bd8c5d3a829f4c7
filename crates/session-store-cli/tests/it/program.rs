//! Runs the program and looks at how it ended; places for stores that go away with the test.

use std::ffi::OsStr;
use std::fmt::Display;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// What a run of the program left: its two outputs and its exit status.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) status: Option<i32>,
}

impl Ended {
    /// The standard output of a run that did everything and had nothing to complain about.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!((self.status, self.stderr.as_str()), (Some(0), ""), "{self:?}");
        self.stdout
    }

    /// The standard error of a run that printed nothing else and ended with `status`.
    #[track_caller]
    pub(crate) fn refused(self, status: i32) -> String {
        assert_eq!((self.status, self.stdout.as_str()), (Some(status), ""), "{self:?}");
        assert!(!self.stderr.contains("panicked"), "{self:?}");
        self.stderr
    }
}

/// The program with its arguments, ready to run.
pub(crate) fn program<I: AsRef<OsStr>>(args: impl IntoIterator<Item = I>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_session-store"));
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
    let mut child = program(args).spawn().expect("start the program");
    let mut stdin = child.stdin.take().expect("its input is a pipe");
    // A program that ends early leaves input unread, which is its right.
    let _ = stdin.write_all(input.as_ref());
    drop(stdin);
    let output = child.wait_with_output().expect("wait for the program");
    Ended {
        stdout: String::from_utf8(output.stdout).expect("its output is UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("its messages are UTF-8"),
        status: output.status.code(),
    }
}

/// The persistent kinds of store.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Fs,
    Sqlite,
}

/// A directory of a test's own, with room for stores.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("make a temporary directory"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The URL of a store that nobody has made yet.
    pub(crate) fn url(&self, kind: Kind, name: &str) -> String {
        let path = self.path(name);
        match kind {
            Kind::Fs => format!("fs:{}", path.display()),
            Kind::Sqlite => format!("sqlite:{}", path.display()),
        }
    }

    /// Everything below, with sizes: two equal listings mean that nothing was made or grew.
    pub(crate) fn listing(&self) -> Vec<(PathBuf, u64)> {
        let mut found = Vec::new();
        list_into(self.0.path(), &mut found);
        found.sort();
        found
    }
}

fn list_into(directory: &Path, found: &mut Vec<(PathBuf, u64)>) {
    for entry in directory.read_dir().expect("list a directory") {
        let entry = entry.expect("list a directory");
        let metadata = entry.metadata().expect("look at a file");
        found.push((entry.path(), if metadata.is_dir() { 0 } else { metadata.len() }));
        if metadata.is_dir() {
            list_into(&entry.path(), found);
        }
    }
}

/// Two ids of fixed spelling, so that messages can be compared.
pub(crate) const SESSION: &str = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";
pub(crate) const SEGMENT: &str = "017f22e2-79b1-7cc3-98c4-dc0c0c07398f";
pub(crate) const NOWHERE: &str = "017f22e2-79b2-7cc3-98c4-dc0c0c07398f";

/// Appends lines to the one segment that most tests use.
#[track_caller]
pub(crate) fn append(url: &str, lines: &str) -> String {
    run_with(["append", url, "--session", SESSION, "--segment", SEGMENT], lines).ok()
}

/// Whether SIGHUP, SIGINT or SIGTERM is in a set of a process, as far as the system tells: `SigIgn` are those
/// that it ignores, and so does what it starts; `SigCgt` those that it handles.
pub(crate) fn has_signal(set: &str, process: impl Display) -> bool {
    const THREE: u64 = 1 | 1 << 1 | 1 << 14;
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix(set)?.strip_prefix(':'));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.unwrap_or_default() & THREE != 0
}
