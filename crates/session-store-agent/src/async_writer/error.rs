//! `AsyncWriteError`: the reason why an asynchronous append failed.

use std::sync::Arc;

use session_store_core::StoreError;

/// The reason why an append of an [`AsyncWriter`](crate::AsyncWriter) failed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AsyncWriteError {
    /// The store returned an error for this append.
    #[error(transparent)]
    Store(Arc<StoreError>),

    /// The append was not executed, because an earlier append failed with this error.
    #[error("not appended, because an earlier append failed: {0}")]
    Abandoned(Arc<StoreError>),

    /// The append was not executed, because the writer is closed.
    #[error("not appended, because the writer is closed")]
    Closed,

    /// The store panicked during the append, so the outcome of the append is unknown.
    #[error(
        "outcome unknown: the store panicked during the append; open the segment again and read it"
    )]
    Panicked,
}
