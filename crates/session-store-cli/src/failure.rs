//! Why a command failed, as the user reads it: `session-store: cannot …: cause: its cause`.

use std::error::Error;
use std::io::{self, Write};

use session_store::{OpenError, StoreError};

use crate::exit::Exit;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// What could not be done, and the cause.
    #[error("cannot {operation}")]
    Cannot { operation: String, source: Box<dyn Error + Send + Sync> },

    /// A store that was not opened.
    #[error(transparent)]
    Open(#[from] OpenError),

    /// Whoever read standard output closed it, which needs no message.
    #[error("standard output was closed")]
    BrokenPipe,
}

impl Failure {
    /// `cannot {operation}: {cause}`; the cause is an error or a text.
    pub(crate) fn cannot(
        operation: impl Into<String>,
        cause: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self::Cannot { operation: operation.into(), source: cause.into() }
    }

    /// Tells the user on standard error.
    pub(crate) fn report(&self) {
        if !matches!(self, Self::BrokenPipe) {
            warn(&chain(self));
        }
    }

    /// What the store said, if that is the cause.
    pub(crate) fn store_error(&self) -> Option<&StoreError> {
        match self {
            Self::Cannot { source, .. } => source.downcast_ref(),
            _ => None,
        }
    }

    pub(crate) const fn exit(&self) -> Exit {
        match self {
            Self::BrokenPipe => Exit::BrokenPipe,
            _ => Exit::Failed,
        }
    }
}

/// Adds to an error what could not be done.
pub(crate) trait Context<T> {
    /// The operation in the infinitive: `open the file a`.
    fn context(self, operation: impl FnOnce() -> String) -> Result<T, Failure>;
}

impl<T, E: Error + Send + Sync + 'static> Context<T> for Result<T, E> {
    fn context(self, operation: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|error| Failure::cannot(operation(), error))
    }
}

/// A line on standard error, under the program's name. Where nobody can read it there is nobody to tell.
pub(crate) fn warn(message: &str) {
    let _ = writeln!(io::stderr(), "session-store: {message}");
}

/// The error and all its causes, on one line. What an engine says twice, in an error and in its cause, is
/// said once.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    let errors = std::iter::successors(Some(error), |&error| error.source());
    for part in errors.map(ToString::to_string) {
        match parts.last_mut() {
            Some(last) if last.ends_with(&part) => {}
            Some(last) if part.ends_with(last.as_str()) => *last = part,
            _ => parts.push(part),
        }
    }
    parts.join(": ")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn the_chain_names_every_cause_once() {
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        let failure = Failure::cannot("list the store", StoreError::io("read /logs", denied));
        assert_eq!(chain(&failure), "cannot list the store: read /logs: permission denied");
    }

    #[rstest]
    #[case::in_the_same_words("refused", "refused", "refused")]
    #[case::in_more_words("locked", "Error code 5: locked", "Error code 5: locked")]
    #[case::in_fewer_words("no file: a.db", "a.db", "no file: a.db")]
    fn what_a_cause_repeats_is_said_once(
        #[case] said: &'static str,
        #[case] cause: &'static str,
        #[case] told: &str,
    ) {
        let cause = Box::new(Said { said: cause, source: None });
        let failure = Failure::cannot("go", Said { said, source: Some(cause) });
        assert_eq!(chain(&failure), format!("cannot go: {told}"));
    }

    /// An error with a cause, maybe.
    #[derive(Debug, thiserror::Error)]
    #[error("{said}")]
    struct Said {
        said: &'static str,
        source: Option<Box<Said>>,
    }
}
