//! `Pager`: writes long text to the user's pager, or to standard output.

use std::env;
use std::io::{ErrorKind, Write};
use std::process::{Child, Command, Stdio};

use crate::failure::Failure;
use crate::output::Output;

/// The options of `less`, unless the user has set other options. With these options, `less` shows
/// colors, leaves the text on the screen, and ends at once if the text fits on the screen.
const LESS: &str = "FRX";

/// A destination of text. The text can contain escape sequences only if [`Output::is_styled`].
pub(crate) struct Pager<'a> {
    out: &'a mut Output,
    process: Option<Child>,
}

impl<'a> Pager<'a> {
    /// Starts the program in `$PAGER`, or `less`, if standard output is a terminal. If `$PAGER` is
    /// empty or `cat`, or the program cannot be started, the text is written to standard output.
    pub(crate) fn start(out: &'a mut Output) -> Self {
        let process = out.is_terminal().then(spawn).flatten();
        Self { out, process }
    }

    pub(crate) fn write(&mut self, text: &str) -> Result<(), Failure> {
        let Some(input) = self.process.as_mut().and_then(|process| process.stdin.as_mut()) else {
            return self.out.text(text);
        };
        match input.write_all(text.as_bytes()) {
            // The user has left the pager, so the rest of the text is not needed.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(Failure::BrokenPipe),
            written => written.map_err(|error| Failure::cannot("write to the pager", error)),
        }
    }

    /// Waits until the user has left the pager.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        let Some(process) = &mut self.process else { return self.out.flush() };
        drop(process.stdin.take());
        let ended = process.wait();
        ended.map(drop).map_err(|error| Failure::cannot("wait for the pager", error))
    }
}

impl Drop for Pager<'_> {
    /// After an error, waits until the user has left the pager, because the pager and the message
    /// both use the terminal.
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            drop(process.stdin.take());
            let _ = process.wait();
        }
    }
}

/// Starts the pager without a shell. A shell would start even if the pager does not exist, and the
/// text would be lost.
fn spawn() -> Option<Child> {
    let pager = env::var("PAGER").unwrap_or_else(|_| "less".to_owned());
    let words = shlex::split(&pager)?;
    let (program, args) = words.split_first().filter(|(program, _)| *program != "cat")?;
    let mut command = Command::new(program);
    command.args(args);
    if env::var_os("LESS").is_none() {
        command.env("LESS", LESS);
    }
    command.stdin(Stdio::piped()).spawn().ok()
}
