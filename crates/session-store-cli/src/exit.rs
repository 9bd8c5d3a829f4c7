//! The exit codes of the command, documented in its help.

use std::process::ExitCode;

/// The exit status of a program that SIGINT ended.
pub(crate) const INTERRUPTED: i32 = 130;

/// How a command ended. Wrong usage is found by the argument parser and ends with 2 before a command runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything asked for was done.
    Done,
    /// The answer is no: nothing was found where that was the question, stores differ, a check failed, or
    /// something was refused while the rest was done.
    No,
    /// An error: a store, or what is asked of it, that is not there; bad input, I/O.
    Failed,
    /// Whoever read standard output closed it; as for a program that SIGPIPE ended.
    BrokenPipe,
}

impl Exit {
    /// [`Exit::Done`] if so, else [`Exit::No`].
    pub(crate) const fn done_if(done: bool) -> Self {
        if done { Self::Done } else { Self::No }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::No => 1,
            Exit::Failed => 3,
            Exit::BrokenPipe => 141,
        })
    }
}
