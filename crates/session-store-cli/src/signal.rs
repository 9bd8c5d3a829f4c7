//! Being told to stop.

use std::process;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use crate::exit::INTERRUPTED;
use crate::failure::{Context, Failure, warn};

/// The word to stop, from the user or the system.
pub(crate) struct StopSignal(Receiver<()>);

impl StopSignal {
    /// Takes the first SIGINT, SIGTERM or SIGHUP as a word to finish what is begun. A second one ends the
    /// program at once, as the first would have.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let (tell, told) = channel();
        let mut is_told = false;
        ctrlc::set_handler(move || {
            if is_told {
                process::exit(INTERRUPTED);
            }
            is_told = true;
            warn("finishing what is begun; interrupt again to end at once");
            // Nobody listens any more only when the program ends anyway.
            let _ = tell.send(());
        })
        .context(|| "wait for signals".to_owned())?;
        Ok(Self(told))
    }

    /// Waits so long, and less if told to stop; whether to go on.
    pub(crate) fn pause(&self, time: Duration) -> bool {
        matches!(self.0.recv_timeout(time), Err(RecvTimeoutError::Timeout))
    }
}
