//! Handles the signals that request the end of a command, and SIGXFSZ.

use std::path::PathBuf;
#[cfg(unix)]
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use std::{fs, process};

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
    // Only the first call can set the handler. The handler reads `ENDING` when a signal arrives, so
    // it also sees the changes of later calls.
    let _ = ctrlc::try_set_handler(|| {
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
    });
}

/// Receives the first SIGINT, SIGTERM or SIGHUP.
pub(crate) struct StopSignal(Receiver<()>);

impl StopSignal {
    /// Starts to handle signals. After the first signal, the command finishes its current work. A
    /// second signal ends the program immediately.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let (sender, receiver) = channel();
        let mut is_interrupted = false;
        ctrlc::set_handler(move || {
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
