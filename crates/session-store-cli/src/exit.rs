//! The exit statuses of the command. Its help documents them.

use std::process::ExitCode;

/// The exit status of a program that SIGINT ended.
pub(crate) const INTERRUPTED: i32 = 130;

/// The way in which a command ended. On invalid usage, the argument parser itself ends the program
/// with status 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Success.
    Done,
    /// A negative answer: no match was found, stores differ, a check failed, or one part was
    /// refused while the rest was done.
    No,
    /// An error, such as invalid input, an I/O error, or a part of a store that cannot be read.
    Failed,
    /// A store, session, segment or pod that does not exist.
    NotFound,
    /// The reader of standard output closed the pipe. The status is the same as after SIGPIPE.
    BrokenPipe,
}

impl Exit {
    /// Returns [`Exit::Done`] if `done` is true, and otherwise [`Exit::No`].
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
            Exit::NotFound => 4,
            Exit::BrokenPipe => 141,
        })
    }
}
