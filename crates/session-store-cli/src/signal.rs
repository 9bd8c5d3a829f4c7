//! Handles the signals that request the end of a command, and SIGXFSZ.

use std::process;
#[cfg(unix)]
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use crate::exit::INTERRUPTED;
use crate::failure::{Context, Failure};
use crate::message::note;

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
