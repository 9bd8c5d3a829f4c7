//! Errors that end a command: `cannot DO IT: CAUSE`, with a kind and a hint.

use std::error::Error;
use std::io;

use session_store::{OpenError, StoreError, error_chain};
use session_store_migrate::MigrateError;
use session_store_migrate::backup::BackupError;

use crate::exit::Exit;
use crate::message::{self, Kind};

/// An error that ends a command.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A failed operation, and the cause. Without a kind, the cause determines it.
    #[error("cannot {operation}")]
    Cannot { kind: Option<Kind>, operation: String, source: Box<dyn Error + Send + Sync> },

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
        Self::Cannot { kind: None, operation: operation.into(), source: cause.into() }
    }

    /// Creates the error for a session, a segment or a pod that does not exist.
    pub(crate) fn not_found(operation: impl Into<String>, cause: &str) -> Self {
        Self::cannot(operation, cause).with_kind(Kind::NotFound)
    }

    /// Sets the kind of an error whose cause is a text.
    pub(crate) fn with_kind(mut self, of_error: Kind) -> Self {
        if let Self::Cannot { kind, .. } = &mut self {
            *kind = Some(of_error);
        }
        self
    }

    /// Prints the error to standard error. If the command continues without the failed part, its
    /// exit status is not 0.
    pub(crate) fn report(&self) {
        message::set_incomplete();
        if !matches!(self, Self::BrokenPipe) {
            message::print(self.kind(), &error_chain(self), self.hint());
        }
    }

    /// Returns the kind of the error.
    fn kind(&self) -> Kind {
        match self {
            Self::Cannot { kind: Some(kind), .. } => *kind,
            Self::Cannot { source, .. } => kind_of(source.as_ref()),
            Self::Open(OpenError::Store { source, .. }) => kind_of_store_error(source),
            Self::Open(OpenError::Url(_)) => Kind::Usage,
            Self::Open(_) => Kind::Unsupported,
            Self::BrokenPipe => Kind::Io,
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
        self.store_error().and_then(hint_of)
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
    pub(crate) fn exit(&self) -> Exit {
        match (self, self.kind()) {
            (Self::BrokenPipe, _) => Exit::BrokenPipe,
            (_, Kind::NotFound) => Exit::NotFound,
            _ => Exit::Failed,
        }
    }
}

/// Returns the action that the user can take after an error of a store.
fn hint_of(error: &StoreError) -> Option<&'static str> {
    match error {
        StoreError::Corrupt { .. } => Some(
            "to find all damage, and the command that repairs it, use: session-store check STORE",
        ),
        error if session_store::sqlite::is_malformed(error) => {
            Some("to copy what can still be read, use: session-store salvage BROKEN NEW")
        }
        _ => None,
    }
}

/// Prints an error that does not end the command to standard error. The command repeats the failed
/// step later, so its exit status does not depend on the error.
pub(crate) fn report_error(error: &(dyn Error + 'static)) {
    message::print(kind_of(error), &error_chain(error), None);
}

/// Prints `cannot {operation}: {error}` to standard error. The command continues without the part
/// that cannot be read, and its exit status is not 0.
pub(crate) fn report_cause(operation: &str, error: &StoreError) {
    message::set_incomplete();
    let message = format!("cannot {operation}: {}", error_chain(error));
    message::print(kind_of_store_error(error), &message, hint_of(error));
}

/// Returns the value. For an error, prints the error and returns `None`. The command continues
/// without the part that cannot be read, and its exit status is not 0.
pub(crate) fn ok_or_report<T>(read: Result<T, Failure>) -> Option<T> {
    read.inspect_err(Failure::report).ok()
}

/// Returns the kind of the first error in a chain that has one.
fn kind_of(error: &(dyn Error + 'static)) -> Kind {
    let mut chain = Some(error);
    while let Some(error) = chain {
        if let Some(error) = error.downcast_ref::<StoreError>() {
            return kind_of_store_error(error);
        }
        if let Some(OpenError::Store { source, .. }) = error.downcast_ref() {
            return kind_of_store_error(source);
        }
        if error.is::<io::Error>() {
            return Kind::Io;
        }
        match error.downcast_ref() {
            Some(MigrateError::NoSuchSession(_)) => return Kind::NotFound,
            Some(MigrateError::Unconditional) => return Kind::Unsupported,
            _ => {}
        }
        match error.downcast_ref() {
            // The error of a store is transparent: the chain does not contain it.
            Some(BackupError::Store(error)) => return kind_of(error),
            Some(BackupError::NotABackup { .. } | BackupError::LineTooLong { .. }) => {
                return Kind::InvalidInput;
            }
            Some(BackupError::Damaged { .. }) => return Kind::Damaged,
            Some(BackupError::NewerFormat { .. }) => return Kind::NewerFormat,
            _ => {}
        }
        chain = error.source();
    }
    Kind::Failed
}

fn kind_of_store_error(error: &StoreError) -> Kind {
    match error {
        StoreError::NotFound(_) | StoreError::NoStore { .. } => Kind::NotFound,
        StoreError::Conflict { .. } | StoreError::PodConflict { .. } => Kind::Conflict,
        StoreError::Corrupt { .. } => Kind::Damaged,
        StoreError::Serde(_) | StoreError::InvalidPodName(_) | StoreError::TooLarge { .. } => {
            Kind::InvalidInput
        }
        StoreError::NotAStore { .. } => Kind::NotAStore,
        StoreError::NewerFormat { .. } => Kind::NewerFormat,
        StoreError::Unsupported { .. } => Kind::Unsupported,
        StoreError::Indeterminate { .. } => Kind::Indeterminate,
        StoreError::Partial { .. } => Kind::Partial,
        error if error.is_transient() => Kind::Unavailable,
        StoreError::Io(_) => Kind::Io,
        error if session_store::sqlite::is_malformed(error) => Kind::Damaged,
        _ => Kind::Failed,
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

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use session_store::{BackendError, Capability, SegmentId, SessionId};

    use super::*;

    fn text() -> String {
        "x".to_owned()
    }

    #[rstest]
    #[case::segment(StoreError::NotFound(SegmentId::new()), Kind::NotFound)]
    #[case::store(StoreError::NoStore { place: text(), found: text() }, Kind::NotFound)]
    #[case::session(MigrateError::NoSuchSession(SessionId::new()), Kind::NotFound)]
    #[case::head(StoreError::Conflict { expected: None, actual: None }, Kind::Conflict)]
    #[case::pod(StoreError::PodConflict { name: text() }, Kind::Conflict)]
    #[case::line(StoreError::Corrupt { line: 1, message: text() }, Kind::Damaged)]
    #[case::backup(BackupError::Damaged { place: text(), damage: text() }, Kind::Damaged)]
    #[case::name(StoreError::InvalidPodName(text()), Kind::InvalidInput)]
    #[case::size(StoreError::TooLarge { size: 2, limit: 1 }, Kind::InvalidInput)]
    #[case::no_backup(BackupError::NotABackup { found: "x" }, Kind::InvalidInput)]
    #[case::foreign(StoreError::NotAStore { place: text(), found: text() }, Kind::NotAStore)]
    #[case::newer(
        StoreError::NewerFormat { place: text(), found: 9, supported: 1 },
        Kind::NewerFormat
    )]
    #[case::capability(
        StoreError::Unsupported { operation: "x", capability: Capability::Delete },
        Kind::Unsupported
    )]
    #[case::unconditional(MigrateError::Unconditional, Kind::Unsupported)]
    #[case::in_a_backup(BackupError::Store(MigrateError::Unconditional), Kind::Unsupported)]
    #[case::lost_reply(
        StoreError::Indeterminate { operation: text(), source: text().into() },
        Kind::Indeterminate
    )]
    #[case::partial(
        StoreError::Partial { appended: 1, source: StoreError::InvalidPodName(text()).into() },
        Kind::Partial
    )]
    #[case::busy(StoreError::from(BackendError::new("x", true, "busy")), Kind::Unavailable)]
    #[case::refused(
        StoreError::from(io::Error::from(io::ErrorKind::ConnectionRefused)),
        Kind::Unavailable
    )]
    #[case::disk(StoreError::from(io::Error::from(io::ErrorKind::StorageFull)), Kind::Io)]
    #[case::file(io::Error::from(io::ErrorKind::NotFound), Kind::Io)]
    #[case::other(StoreError::from(BackendError::new("x", false, "other")), Kind::Failed)]
    fn the_cause_determines_the_kind(
        #[case] cause: impl Error + Send + Sync + 'static,
        #[case] expected: Kind,
    ) {
        let failure = Failure::cannot("do it", cause);
        assert_eq!(failure.kind(), expected);
        let exit = if expected == Kind::NotFound { Exit::NotFound } else { Exit::Failed };
        assert_eq!(failure.exit(), exit);
    }
}
