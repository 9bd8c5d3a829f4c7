//! The errors that stop a whole run, and the failure of one store.

use std::error::Error;

use session_store_core::{Capability, SessionId};

use crate::side::Side;

/// An error that stops a whole run. An error of one segment or pod does not stop the run, and is in
/// the report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// The destination lacks [`Capability::ConditionalAppend`]. Nothing was written.
    ///
    /// Without conditional appends, the entries of a concurrent writer could end up in the middle
    /// of a copy.
    #[error(
        "the destination lacks the capability {}, without which a copy could mix with the entries of \
         other writers",
        Capability::ConditionalAppend
    )]
    Unconditional,

    /// A selected session does not exist. Nothing was written.
    #[error("session {0} does not exist")]
    NoSuchSession(SessionId),

    /// A store failed in an operation that the whole run needs.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// The failure of one store.
#[derive(Debug, thiserror::Error)]
#[error("{side}: cannot {operation}")]
#[non_exhaustive]
pub struct Failure {
    /// The store that failed.
    pub side: Side,
    /// The failed operation, as a phrase after the word "cannot", such as "read segment …".
    pub operation: String,
    /// The cause.
    pub source: Box<dyn Error + Send + Sync>,
}

impl Failure {
    /// Returns a function for `map_err` that adds the side and the operation to an error.
    pub(crate) fn of<E: Into<Box<dyn Error + Send + Sync>>>(
        side: Side,
        operation: impl Into<String>,
    ) -> impl FnOnce(E) -> Self {
        let operation = operation.into();
        move |error| Self { side, operation, source: error.into() }
    }
}
