//! Handles in other processes: a check starts a process, sends it calls, and can kill it.

use std::io;
use std::process::Command;
use std::time::Duration;

use session_store_protocol::{RemoteStore, Service};

use crate::harness::Harness;

/// The environment variable that marks a process as started by a check.
const PROCESS: &str = "SESSION_STORE_CONFORMANCE_PROCESS";

/// The time limit for the start of a process, and for each of its calls.
const REPLY_LIMIT: Duration = Duration::from_secs(60);

/// Starts a process that can open a handle, and waits until it is ready.
///
/// `helper` is a command whose process calls [`serve`](serve()). The process reports the start of
/// each call, so that a check can kill the process in the middle of a call.
///
/// # Errors
/// An I/O error if the process cannot be started, or ends at once.
pub fn start_process(mut helper: Command) -> io::Result<RemoteStore> {
    helper.env(PROCESS, "1");
    let store = RemoteStore::start_with_limit(helper, Some(REPLY_LIMIT))?;
    Ok(store.with_reported_starts())
}

/// Serves the calls of a check that runs in another process, until that other process ends.
///
/// The command of [`Harness::helper`] must call this function. The function reads standard input
/// and prints to standard output. In a process that no check has started, the function returns at
/// once.
///
/// # Errors
/// An I/O error if the pipe to the other process breaks.
pub fn serve(harness: &dyn Harness) -> io::Result<()> {
    if std::env::var_os(PROCESS).is_none() {
        return Ok(());
    }
    let service = Service::opening(|address| harness.open_at(address));
    session_store_protocol::serve(&service, io::stdin().lock(), io::stdout())
}
