//! The processes of the writers. Each process runs this program and holds a handle on the storage.
//! It makes the calls that the parent process sends.

use std::io;
use std::path::Path;
use std::process::Command;

use session_store_conformance::{RemoteStore, start_process};
use session_store_protocol::{Service, serve_in_order};

use crate::report::Violation;
use crate::subject::{self, Subject};

/// The hidden command of a writer's process.
pub(crate) const WRITER: &str = "writer";

/// Makes the calls of the parent process until the parent ends.
///
/// `strace` observes only one thread, so the calls are all made in this thread.
pub(crate) fn run() -> io::Result<()> {
    let service = Service::opening(subject::open_or_create);
    serve_in_order(&service, io::stdin().lock(), io::stdout())
}

/// Returns the command of a writer's process.
pub(crate) fn command() -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(WRITER);
    Ok(command)
}

/// Starts a process of a writer. Returns after the process has opened the storage.
pub(crate) fn start(address: &str) -> Result<RemoteStore, Violation> {
    start_as(command().map_err(|error| Violation::failed("start a process", &error))?, address)
}

/// Starts the processes of a round. Returns after all processes have opened the storage.
pub(crate) fn start_all(
    subject: &Subject,
    storage: &Path,
    processes: usize,
) -> Result<Vec<RemoteStore>, Violation> {
    let start_one = |number| {
        let is_exclusive = subject.is_exclusive && !subject.only_reads(number);
        start(&Subject { is_exclusive, ..*subject }.address(storage))
    };
    (0..processes).map(start_one).collect()
}

/// Starts a process by this command. Returns after the process has opened the storage.
pub(crate) fn start_as(command: Command, address: &str) -> Result<RemoteStore, Violation> {
    let process = start_process(command);
    let process = process.map_err(|error| Violation::failed("start a process", &error))?;
    process.open(address).map_err(|error| Violation::failed("open in a process", &error))?;
    Ok(process)
}
