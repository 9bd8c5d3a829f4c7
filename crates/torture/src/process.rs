//! The processes of the writers. Each process runs this program and holds a handle on the storage.
//! It makes the calls that the parent process sends.

use std::io;
use std::path::Path;
use std::process::Command;

use session_store_conformance::{RemoteStore, start_process};
use session_store_protocol::{Service, serve, serve_in_order};

use crate::report::Violation;
use crate::subject::{self, Subject};

/// The hidden command of a writer's process.
pub(crate) const WRITER: &str = "writer";

/// The option of a writer's process that makes all calls in one thread.
pub(crate) const IN_ORDER: &str = "--in-order";

/// Makes the calls of the parent process until the parent ends. With `in_order`, all calls are made
/// in this thread.
pub(crate) fn run(in_order: bool) -> io::Result<()> {
    let service = Service::opening(subject::open_or_create);
    let (input, output) = (io::stdin().lock(), io::stdout());
    if in_order {
        return serve_in_order(&service, input, output);
    }
    serve(&service, input, output)
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

/// Starts the processes for this number of writers. Returns after all processes have opened the
/// storage.
pub(crate) fn start_all(
    subject: &Subject,
    storage: &Path,
    writers: usize,
) -> Result<Vec<RemoteStore>, Violation> {
    let start_one = |number| {
        let is_exclusive = subject.is_exclusive && !subject.only_reads(number);
        start(&Subject { is_exclusive, ..*subject }.address(storage))
    };
    (0..subject.processes(writers)).map(start_one).collect()
}

/// Starts a process by this command. Returns after the process has opened the storage.
pub(crate) fn start_as(command: Command, address: &str) -> Result<RemoteStore, Violation> {
    let process = start_process(command);
    let process = process.map_err(|error| Violation::failed("start a process", &error))?;
    process.open(address).map_err(|error| Violation::failed("open in a process", &error))?;
    Ok(process)
}
