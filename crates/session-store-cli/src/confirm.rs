//! The confirmation of a command that changes or deletes data.

use std::fmt::Display;
use std::io::{self, BufRead, IsTerminal, Write};

use crate::args::ConfirmArgs;
use crate::failure::{Context, Failure};
use crate::terminal::visible;

/// The number of parts that the question lists.
const MAX_LISTED: usize = 10;

impl ConfirmArgs {
    /// Asks the user to confirm a change, unless `--yes` is given. Returns the answer.
    ///
    /// `operation` is an infinitive phrase, such as `delete pod a from URL`. `parts` are the things
    /// that the operation deletes, such as the segments of a session. If there are several parts,
    /// the question lists the first ones. Without a terminal, a missing `--yes` is an error.
    pub(crate) fn confirm<T: Display>(
        &self,
        operation: &str,
        parts: &[T],
    ) -> Result<bool, Failure> {
        if self.yes {
            return Ok(true);
        }
        if !has_terminal() {
            let cause = "a confirmation needs a terminal; use --yes to confirm without one";
            return Err(Failure::cannot(operation, cause));
        }
        let mut question = String::new();
        if parts.len() > 1 {
            for part in parts.iter().take(MAX_LISTED) {
                question += &format!("  {part}\n");
            }
            if parts.len() > MAX_LISTED {
                question += "  …\n";
            }
        }
        question += &format!("Permanently {operation}?");
        ask(&question).context(|| operation.to_owned())
    }
}

/// Returns whether a terminal can ask the user and show the question.
pub(crate) fn has_terminal() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks a question on the terminal. Returns whether the answer is yes.
pub(crate) fn ask(question: &str) -> io::Result<bool> {
    let mut answer = String::new();
    write!(io::stderr(), "{} [y/N] ", visible(question))?;
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
