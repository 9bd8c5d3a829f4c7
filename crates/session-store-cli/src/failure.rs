//! Why a command failed, as the user reads it: `session-store: cannot …: cause: its cause`.

use std::error::Error;
use std::io::{self, Write};

use session_store::{OpenError, StoreError};

use crate::exit::Exit;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// What could not be done, and the cause.
    #[error("cannot {attempt}")]
    Cannot { attempt: String, source: Box<dyn Error + Send + Sync> },

    /// A store that was not opened.
    #[error(transparent)]
    Open(#[from] OpenError),

    /// Whoever read standard output closed it, which needs no message.
    #[error("standard output was closed")]
    Unheard,
}

impl Failure {
    /// `cannot {attempt}: {cause}`; the cause is an error or a text.
    pub(crate) fn cannot(
        attempt: impl Into<String>,
        cause: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self::Cannot { attempt: attempt.into(), source: cause.into() }
    }

    /// Tells the user on standard error.
    pub(crate) fn report(&self) {
        if !matches!(self, Self::Unheard) {
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
            Self::Unheard => Exit::Unheard,
            _ => Exit::Failed,
        }
    }
}

/// Adds to an error what could not be done.
pub(crate) trait OrCannot<T> {
    /// The attempt in the infinitive: `open the file a`.
    fn or_cannot(self, attempt: impl FnOnce() -> String) -> Result<T, Failure>;
}

impl<T, E: Error + Send + Sync + 'static> OrCannot<T> for Result<T, E> {
    fn or_cannot(self, attempt: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|error| Failure::cannot(attempt(), error))
    }
}

/// A line on standard error, under the program's name. Where nobody can read it there is nobody to tell.
pub(crate) fn warn(message: &str) {
    let _ = writeln!(io::stderr(), "session-store: {message}");
}

/// The error and all its causes, on one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_names_every_cause_once() {
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        let failure = Failure::cannot("list the store", StoreError::io("read /logs", denied));
        assert_eq!(chain(&failure), "cannot list the store: read /logs: permission denied");
    }
}
