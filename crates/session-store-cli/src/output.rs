//! Standard output: prints results as text or as JSON. If the reader of the output closes the pipe,
//! the command ends without a message.

use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};
use std::thread;
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use serde::Serialize;

use crate::failure::Failure;
use crate::terminal::visible;

/// The number of bytes in one write. It is larger than the default, because `show` of a long log
/// spends most of its time in writes. With 32 KiB, `show` takes a fifth more processor time.
const WRITE_BYTES: usize = 128 * 1024;

/// The number of bytes in the first write. It is smaller than in later writes, so that the first
/// lines of a listing are printed early.
const FIRST_BYTES: usize = 32 * 1024;

/// Standard output. Only results are written to it.
pub(crate) struct Output {
    stdout: BufWriter<Stdout>,
    /// Whether a write was made.
    has_written: bool,
    json: bool,
    terminal: bool,
    styled: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        let stdout = io::stdout();
        let terminal = stdout.is_terminal();
        let styled = AutoStream::choice(&stdout) != ColorChoice::Never;
        let stdout = BufWriter::with_capacity(WRITE_BYTES, stdout);
        Self { stdout, has_written: false, json, terminal, styled }
    }

    /// Returns whether the user requested JSON.
    pub(crate) const fn is_json(&self) -> bool {
        self.json
    }

    /// Returns whether standard output is a terminal.
    pub(crate) const fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Returns whether text is to be colored: on a terminal, unless `NO_COLOR` is set.
    pub(crate) const fn is_styled(&self) -> bool {
        self.styled
    }

    /// Prints a result: its JSON if the user requested JSON, and otherwise its text.
    pub(crate) fn answer<T: Display + Serialize>(&mut self, answer: &T) -> Result<(), Failure> {
        if self.json { self.json_line(answer) } else { self.line(answer) }
    }

    /// Prints a report: its JSON on one line if the user requested JSON, and otherwise its lines of
    /// text.
    pub(crate) fn report<L: Display>(
        &mut self,
        json: &impl Serialize,
        lines: impl IntoIterator<Item = L>,
    ) -> Result<(), Failure> {
        if self.json {
            return self.json_line(json);
        }
        lines.into_iter().try_for_each(|line| self.line(line))
    }

    /// Prints one line of text. On a terminal, hidden characters are printed as escape sequences.
    pub(crate) fn line(&mut self, line: impl Display) -> Result<(), Failure> {
        if self.terminal {
            writeln!(self.stdout, "{}", visible(&line.to_string())).map_err(write_error)?;
            return self.flush();
        }
        writeln!(self.stdout, "{line}").map_err(write_error)?;
        let is_due = !self.has_written && self.stdout.buffer().len() >= FIRST_BYTES;
        if is_due { self.flush() } else { Ok(()) }
    }

    /// Prints text that can contain escape sequences.
    pub(crate) fn text(&mut self, text: &str) -> Result<(), Failure> {
        self.stdout.write_all(text.as_bytes()).map_err(write_error)
    }

    /// Prints a value as JSON on one line.
    pub(crate) fn json_line(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(value)
            .map_err(|error| Failure::cannot("write the result as JSON", error))?;
        self.line(text)
    }

    /// Flushes the buffer, so that a reader of the pipe gets all printed lines.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        self.has_written = true;
        self.stdout.flush().map_err(write_error)
    }

    /// Waits for `time`. Returns an error at once if the reader of standard output closes the pipe.
    ///
    /// Without this check, a command that has nothing to print would not notice that the reader has
    /// ended.
    pub(crate) fn wait(&self, time: Duration) -> Result<(), Failure> {
        #[cfg(unix)]
        let time = wait_for_close(self.stdout.get_ref(), time)?;
        thread::sleep(time);
        Ok(())
    }
}

/// Waits until the reader of `stdout` closes the pipe, but at most for `time`. If the system cannot
/// watch `stdout`, returns the time that the caller must still wait.
#[cfg(unix)]
fn wait_for_close(stdout: &Stdout, time: Duration) -> Result<Duration, Failure> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    // Request no event, because the system always reports ERR and HUP.
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

fn write_error(error: io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::BrokenPipe,
        _ => Failure::cannot("write to standard output", error),
    }
}
