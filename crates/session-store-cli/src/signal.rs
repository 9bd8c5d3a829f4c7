//! Handles the signals that request the end of a command, and SIGXFSZ.

use std::path::PathBuf;
#[cfg(unix)]
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, Once, PoisonError};
use std::time::Duration;
use std::{fs, io, process, thread};

use crate::exit::INTERRUPTED;
use crate::failure::{Context, Failure};
use crate::message::note;
use crate::progress;

/// Makes a write beyond the file-size limit of the process an error.
///
/// Such a write sends SIGXFSZ to the process. If the process does not handle this signal, the
/// process ends without a message and in the middle of a change. If the process handles the signal,
/// the write returns an error.
#[cfg(unix)]
pub(crate) fn survive_file_size_limit() {
    // Registering fails only for signals that cannot be handled.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default());
}

/// The actions when a signal ends the program.
struct Ending {
    /// A file to delete.
    temporary: Option<PathBuf>,
    /// Gives a new database its name.
    database: Option<FinishDatabase>,
    /// A phrase that says how the user can continue.
    next: Option<&'static str>,
}

type FinishDatabase = Box<dyn FnOnce() -> Result<(), Failure> + Send>;

static ENDING: Mutex<Ending> = Mutex::new(Ending { temporary: None, database: None, next: None });

/// Makes SIGINT, SIGTERM or SIGHUP end the program, after printing how much was done and `next`,
/// which says how to continue.
///
/// Must not be called in a program that handles these signals in another way. A signal that the
/// process ignores, such as SIGHUP under `nohup`, remains ignored.
pub(crate) fn explain_end(next: &'static str) {
    at_end(|ending| ending.next = Some(next));
}

/// Makes SIGINT, SIGTERM or SIGHUP delete a temporary file and end the program, as
/// [`explain_end`] does.
pub(crate) fn remove_at_end(temporary: PathBuf) {
    at_end(|ending| ending.temporary = Some(temporary));
}

/// Makes SIGINT, SIGTERM or SIGHUP finish a new database before the program ends, so that the
/// copied part is kept. [`finish_database`] finishes it in a run without a signal.
#[cfg(unix)]
pub(crate) fn finish_database_at_end(
    finish: impl FnOnce() -> Result<(), Failure> + Send + 'static,
) {
    at_end(|ending| ending.database = Some(Box::new(finish)));
}

/// Finishes the database of [`finish_database_at_end`], if it is not finished yet.
///
/// This call holds a lock that the signal handler also acquires. A signal during the call therefore
/// ends the program only after the database has its final name. If the signal came first, this call
/// waits until the program ends.
pub(crate) fn finish_database() -> Result<(), Failure> {
    let mut ending = ENDING.lock().unwrap_or_else(PoisonError::into_inner);
    ending.database.take().map_or(Ok(()), |finish| finish())
}

fn at_end(change: impl FnOnce(&mut Ending)) {
    change(&mut ENDING.lock().unwrap_or_else(PoisonError::into_inner));
    // The handler reads `ENDING` when a signal arrives, so it also sees the changes of later calls.
    static HANDLER: Once = Once::new();
    // Ignore an error. A signal then ends the program at once.
    HANDLER.call_once(|| drop(on_signal(end)));
}

fn end() {
    let mut ending = ENDING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(Err(failure)) = ending.database.take().map(|finish| finish()) {
        failure.report();
        ending.next = None;
    }
    // Ignore an error, because the file may already have its final name.
    let _ = ending.temporary.as_ref().map(fs::remove_file);
    if let Some(next) = ending.next {
        note(&format!("interrupted{}; {next}", progress::reached()));
    }
    process::exit(INTERRUPTED);
}

/// Receives the first SIGINT, SIGTERM or SIGHUP.
pub(crate) struct StopSignal(Receiver<()>);

impl StopSignal {
    /// Starts to handle signals. After the first signal, the command finishes its current work. A
    /// second signal ends the program immediately.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let (sender, receiver) = channel();
        let mut is_interrupted = false;
        on_signal(move || {
            if is_interrupted {
                process::exit(INTERRUPTED);
            }
            is_interrupted = true;
            note("interrupted: finishing the current work; interrupt again to stop immediately");
            // Ignore an error, because it means that the command has already ended.
            let _ = sender.send(());
        })
        .context(|| "install a signal handler".to_owned())?;
        Ok(Self(receiver))
    }

    /// Waits for `time` or for the signal. Returns whether the command must continue.
    pub(crate) fn pause(&self, time: Duration) -> bool {
        matches!(self.0.recv_timeout(time), Err(RecvTimeoutError::Timeout))
    }
}

/// Calls `handle` in another thread after each SIGINT, SIGTERM or SIGHUP. A signal that the process
/// ignores remains ignored.
#[cfg(unix)]
fn on_signal(mut handle: impl FnMut() + Send + 'static) -> io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let is_handled = |signal: &i32| ignored_signals() & 1 << (signal - 1) == 0;
    let handled = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(is_handled);
    let mut signals = signal_hook::iterator::Signals::new(handled)?;
    thread::spawn(move || signals.forever().for_each(|_| handle()));
    Ok(())
}

#[cfg(not(unix))]
fn on_signal(_: impl FnMut() + Send + 'static) -> io::Result<()> {
    Ok(())
}

/// Returns the signals that the process ignores. Bit 0 is the signal 1. `nohup` makes a program
/// ignore SIGHUP, and a shell script makes its background jobs ignore SIGINT.
#[cfg(unix)]
fn ignored_signals() -> u64 {
    // Only Linux has this file. On other systems, every signal counts as not ignored.
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
}
