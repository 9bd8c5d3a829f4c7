//! Signals that ask a command to finish its work.

use std::process;
#[cfg(unix)]
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use crate::exit::INTERRUPTED;
use crate::failure::{Context, Failure, warn};

/// Makes a write beyond the file-size limit of the process an error.
///
/// Such a write sends SIGXFSZ to the process. If the process does not handle this signal, it ends
/// without a message and in the middle of a change. If it handles the signal, the write returns an
/// error.
#[cfg(unix)]
pub(crate) fn survive_file_size_limit() {
    // Registering fails only for signals that cannot be handled.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default());
}

/// Receives the first SIGINT, SIGTERM or SIGHUP.
pub(crate) struct StopSignal(Receiver<()>);

impl StopSignal {
    /// Starts to handle signals. The first one asks the command to finish its work. A second one
    /// ends the program immediately.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let (sender, receiver) = channel();
        let mut is_interrupted = false;
        ctrlc::set_handler(move || {
            if is_interrupted {
                process::exit(INTERRUPTED);
            }
            is_interrupted = true;
            warn("interrupted: finishing the current work; interrupt again to stop immediately");
            // Sending fails only if the receiver was dropped. The command has then ended, so the
            // signal is not needed.
            let _ = sender.send(());
        })
        .context(|| "install a signal handler".to_owned())?;
        Ok(Self(receiver))
    }

    /// Waits for `time` or for the signal. Returns whether to go on.
    pub(crate) fn pause(&self, time: Duration) -> bool {
        matches!(self.0.recv_timeout(time), Err(RecvTimeoutError::Timeout))
    }
}
