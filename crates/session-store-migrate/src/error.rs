//! Why a run could not start or go on at all, and the failure of one store.

use std::error::Error;

use session_store_core::{Capability, SessionId};

use crate::Side;

/// Why nothing, or nothing more, was copied or compared. What concerns one segment or pod alone is no such
/// error but stands in the report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// A store could not be opened. Nothing was written.
    #[error(transparent)]
    Open(Box<dyn Error + Send + Sync>),

    /// The destination cannot append on condition, so a copy could build on what somebody else writes
    /// there meanwhile. Nothing was written.
    #[error(
        "the destination lacks the capability {}, without which a copy could mix with what others write",
        Capability::ConditionalAppend
    )]
    Unconditional,

    /// A session was asked for by its id, and it is not there. Nothing was written.
    #[error("session {0} does not exist")]
    NoSuchSession(SessionId),

    /// A store failed where the whole run depends on it.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// One store failed.
#[derive(Debug, thiserror::Error)]
#[error("{side}: cannot {attempt}")]
#[non_exhaustive]
pub struct Failure {
    /// Which one.
    pub side: Side,
    /// What was tried, with the segment or pod: "read segment …".
    pub attempt: String,
    /// Why it failed.
    pub source: Box<dyn Error + Send + Sync>,
}

impl Failure {
    /// For use with `map_err`: wraps what `side` answered.
    pub(crate) fn of<E: Into<Box<dyn Error + Send + Sync>>>(
        side: Side,
        attempt: impl Into<String>,
    ) -> impl FnOnce(E) -> Self {
        let attempt = attempt.into();
        move |error| Self { side, attempt, source: error.into() }
    }
}
