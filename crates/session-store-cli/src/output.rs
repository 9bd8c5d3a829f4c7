//! Standard output: answers as text or as JSON, and a closed pipe that is no error.

use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};
use std::thread;
use std::time::Duration;

use serde::Serialize;

use crate::failure::Failure;

/// Where the answers go. Nothing else is written to standard output.
pub(crate) struct Output {
    stdout: BufWriter<StdoutLock<'static>>,
    json: bool,
    terminal: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        let stdout = io::stdout().lock();
        let terminal = stdout.is_terminal();
        Self { stdout: BufWriter::new(stdout), json, terminal }
    }

    /// Whether the user asked for JSON.
    pub(crate) const fn is_json(&self) -> bool {
        self.json
    }

    /// Whether a person is reading: tables are drawn only for people.
    pub(crate) const fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// One answer, on a line of its own: as its text, or as JSON where that was asked for.
    pub(crate) fn answer<T: Display + Serialize>(&mut self, answer: &T) -> Result<(), Failure> {
        if self.json { self.json_line(answer) } else { self.line(answer) }
    }

    /// One line of text, whatever was asked for.
    pub(crate) fn line(&mut self, line: impl Display) -> Result<(), Failure> {
        writeln!(self.stdout, "{line}").map_err(unwritten)?;
        if self.terminal { self.flush() } else { Ok(()) }
    }

    /// One value as JSON on a line, whatever was asked for.
    pub(crate) fn json_line<T: Serialize>(&mut self, value: &T) -> Result<(), Failure> {
        let text = serde_json::to_string(value)
            .map_err(|error| Failure::cannot("write the answer as JSON", error))?;
        self.line(text)
    }

    /// Hands on what was written so far, for a reader that waits for it.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        self.stdout.flush().map_err(unwritten)
    }

    /// Waits so long, unless whoever reads goes away: a command with nothing to write would not notice.
    pub(crate) fn wait(&self, time: Duration) -> Result<(), Failure> {
        #[cfg(unix)]
        let time = watch(self.stdout.get_ref(), time)?;
        thread::sleep(time);
        Ok(())
    }
}

/// Watches the reader of `stdout` for so long; how much of the time is left where that cannot be done.
#[cfg(unix)]
fn watch(stdout: &StdoutLock<'_>, time: Duration) -> Result<Duration, Failure> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    // What is not asked for is told all the same: that the other end is closed.
    let mut watched = [PollFd::new(stdout, PollFlags::empty())];
    let timeout = Timespec::try_from(time).ok();
    match poll(&mut watched, timeout.as_ref()) {
        Ok(0) => Ok(Duration::ZERO),
        Ok(_) if watched[0].revents().intersects(PollFlags::ERR | PollFlags::HUP) => {
            Err(Failure::BrokenPipe)
        }
        _ => Ok(time),
    }
}

fn unwritten(error: io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::BrokenPipe,
        _ => Failure::cannot("write to standard output", error),
    }
}
