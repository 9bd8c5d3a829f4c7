//! One server process. The process starts in a temporary folder, and ends when the
//! [`ServerProcess`] is dropped.

use std::fmt;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::slice;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use test_deadlines::wait_until;

/// A program that runs as a server.
#[derive(Debug)]
pub(crate) struct Program {
    /// The names under which the program can be installed. The first installed name is used.
    pub(crate) names: &'static [&'static str],
    /// The instruction to install the program.
    pub(crate) install: &'static str,
}

/// A running server process and its temporary folder.
pub(crate) struct ServerProcess {
    program: &'static Program,
    arguments: Vec<String>,
    child: Child,
    watchdog: Child,
    folder: TempDir,
}

impl ServerProcess {
    /// Starts the program. The output of the program goes to the file `log` in `folder`.
    pub(crate) fn start(
        program: &'static Program,
        arguments: Vec<String>,
        folder: TempDir,
    ) -> Self {
        let child = program.spawn(&arguments, folder.path());
        let watchdog = spawn_watchdog(&child, folder.path());
        Self { program, arguments, child, watchdog, folder }
    }

    /// The temporary folder. It is deleted when this value is dropped.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Waits until `is_ready` returns true. Panics with the server's output if the process ends
    /// first.
    pub(crate) fn wait_until(&mut self, mut is_ready: impl FnMut() -> bool) {
        let (child, folder) = (&mut self.child, &self.folder);
        wait_until("a server to answer", || {
            if let Some(status) = child.try_wait().expect("the status of a child can be read") {
                let log = fs::read_to_string(folder.path().join("log")).unwrap_or_default();
                panic!("the server ended with {status}: {log}");
            }
            is_ready()
        });
    }

    /// Kills the process and its children, as a crash does. The folder remains.
    pub(crate) fn kill(&mut self) {
        // End the watchdog before the server. After the end of the server, the process id can
        // belong to another process, and the watchdog would kill this other process.
        end(&mut self.watchdog);
        // Stop the server first, so that it starts no further children during the kill. The signal
        // fails if the server has already ended.
        signal(Signal::STOP, slice::from_ref(&self.id()));
        let children = self.children();
        end(&mut self.child);
        signal(Signal::KILL, &children);
        let has_ended = |id: &Pid| !Path::new("/proc").join(id.to_string()).exists();
        wait_until("the children of a server to end", || children.iter().all(has_ended));
    }

    /// Starts the program again after [`kill`](Self::kill), with the same arguments and folder.
    pub(crate) fn restart(&mut self) {
        self.child = self.program.spawn(&self.arguments, self.folder.path());
        self.watchdog = spawn_watchdog(&self.child, self.folder.path());
    }

    /// Sends a signal to the process and its children.
    pub(crate) fn signal(&self, sent: Signal) {
        let id = self.id();
        assert!(signal(sent, slice::from_ref(&id)), "cannot send {sent:?} to process {id}");
        signal(sent, &self.children());
    }

    fn id(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    fn children(&self) -> Vec<Pid> {
        let id = self.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
        let parse = |id: &str| id.parse().ok().and_then(Pid::from_raw);
        children.unwrap_or_default().split_whitespace().filter_map(parse).collect()
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

impl fmt::Debug for ServerProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (id, folder) = (self.child.id(), self.folder.path());
        f.debug_struct("ServerProcess").field("id", &id).field("folder", &folder).finish()
    }
}

impl Program {
    fn spawn(&self, arguments: &[String], folder: &Path) -> Child {
        let log = File::options().create(true).append(true).open(folder.join("log"));
        let log = log.expect("a file can be created in a temporary folder");
        let output = || log.try_clone().expect("an open file can be duplicated");
        for name in self.names {
            let mut command = Command::new(name);
            command.args(arguments).current_dir(folder);
            command.stdin(Stdio::null()).stdout(output()).stderr(output());
            match command.spawn() {
                Ok(child) => return child,
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => panic!("cannot start {name}: {error}"),
            }
        }
        panic!("cannot start {}: not installed; {}", self.names[0], self.install)
    }
}

/// Starts a process that waits for the end of the test process, and then kills the server and
/// deletes its folder.
///
/// `Drop` does not run for a server in a `static`, or if the test process is killed. In both cases,
/// the kernel closes the other end of the watchdog's standard input when the test process ends.
/// `cat` then returns, and the rest of the script runs.
fn spawn_watchdog(server: &Child, folder: &Path) -> Child {
    let script = r#"cat; kill -9 $(cat "/proc/$1/task/$1/children") "$1"; rm -rf "$2""#;
    Command::new("sh")
        .args(["-c", script, "watchdog", &server.id().to_string()])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("sh can be started")
}

/// Sends a signal to several processes. Returns whether all processes received the signal.
fn signal(signal: Signal, ids: &[Pid]) -> bool {
    // Not `all`, because every process must receive the signal.
    ids.iter().filter(|id| kill_process(**id, signal).is_err()).count() == 0
}

/// Kills a process and waits for its end.
fn end(child: &mut Child) {
    // Both calls fail only if the process has ended and its exit status was already read.
    let _ = child.kill();
    let _ = child.wait();
}
