//! Errors that end a command, and messages on standard error: `session-store: cannot DO IT: CAUSE`.

use std::error::Error;
use std::io::{self, IsTerminal, Write};

use session_store::{OpenError, StoreError, error_chain};

use crate::exit::Exit;
use crate::terminal::visible;

/// An error that ends a command.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A failed operation, and the cause.
    #[error("cannot {operation}")]
    Cannot { operation: String, source: Box<dyn Error + Send + Sync> },

    /// A store that cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),

    /// The reader of standard output closed the pipe. No message is printed.
    #[error("standard output was closed")]
    BrokenPipe,
}

impl Failure {
    /// Creates `cannot {operation}: {cause}`. The cause is an error or a text.
    pub(crate) fn cannot(
        operation: impl Into<String>,
        cause: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self::Cannot { operation: operation.into(), source: cause.into() }
    }

    /// Prints the error to standard error.
    pub(crate) fn report(&self) {
        if !matches!(self, Self::BrokenPipe) {
            warn(&error_chain(self));
        }
        if let Some(hint) = self.hint() {
            warn(hint);
        }
    }

    /// Returns the action that the user can take.
    fn hint(&self) -> Option<&'static str> {
        if matches!(self, Self::Open(error) if is_missing(error)) {
            return Some(
                "to create a store, use: session-store import PATH STORE for existing logs, or \
                 session-store create STORE",
            );
        }
        let is_malformed = self.store_error().is_some_and(session_store::sqlite::is_malformed);
        is_malformed
            .then_some("to copy what can still be read, use: session-store salvage BROKEN NEW")
    }

    /// Returns the error of a store that caused this error, if a store caused it.
    pub(crate) fn store_error(&self) -> Option<&StoreError> {
        match self {
            Self::Cannot { source, .. } => source.downcast_ref(),
            Self::Open(OpenError::Store { source, .. }) => Some(source),
            _ => None,
        }
    }

    /// Returns the exit status of a command that ends with this error.
    pub(crate) const fn exit(&self) -> Exit {
        match self {
            Self::BrokenPipe => Exit::BrokenPipe,
            _ => Exit::Failed,
        }
    }
}

/// Returns whether a store cannot be opened because it does not exist.
pub(crate) fn is_missing(error: &OpenError) -> bool {
    let OpenError::Store { source, .. } = error else { return false };
    matches!(**source, StoreError::NoStore { .. })
}

/// Adds the operation that failed to an error.
pub(crate) trait Context<T> {
    /// Turns an error into `cannot {operation}: {error}`. The operation is an infinitive phrase,
    /// such as `open the file a`.
    fn context(self, operation: impl FnOnce() -> String) -> Result<T, Failure>;
}

impl<T, E: Error + Send + Sync + 'static> Context<T> for Result<T, E> {
    fn context(self, operation: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|error| Failure::cannot(operation(), error))
    }
}

/// Prints a line to standard error. On a terminal, hidden characters are printed as escape
/// sequences. If printing fails, the error is ignored, because there is no other place for a
/// message.
pub(crate) fn warn(message: &str) {
    let stderr = io::stderr();
    let message = if stderr.is_terminal() { visible(message) } else { message.into() };
    let _ = writeln!(stderr.lock(), "session-store: {message}");
}
