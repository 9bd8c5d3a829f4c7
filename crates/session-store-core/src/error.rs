//! `StoreError`: the reason why a call on a store failed.

use std::error::Error;
use std::io;

use crate::{Capability, Head, SegmentId};

/// The reason why a call on a store failed.
///
/// Every variant except [`Indeterminate`](Self::Indeterminate) and [`Partial`](Self::Partial) means
/// that the call changed nothing ([A5](crate::contract#a5)). The text of an error contains the text
/// of its cause, so printing the error alone is enough. [`error_chain`](crate::error_chain) prints
/// an error of another type together with its causes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The operating system returned an error. [`StoreError::io`] builds this error with the
    /// operation and the place.
    #[error("I/O error: {0}")]
    Io(#[from] io::Error),

    /// A text is not a single JSON object, a value does not serialize to a JSON object, or an entry
    /// does not decode as the requested type.
    #[error("serialization error: {0}")]
    Serde(#[from] serde_json::Error),

    /// The segment does not exist.
    #[error("segment not found: {0}")]
    NotFound(SegmentId),

    /// Stored bytes are not an entry, or a truncate requested more entries than the log has.
    ///
    /// Clauses [R4](crate::contract#r4) and [T2](crate::contract#t2).
    #[error("log corrupted at line {line}: {message}")]
    Corrupt {
        /// The number of the bad line, counted from 1. For a truncate past the end, this is the
        /// number of entries that the caller requested.
        line: usize,
        /// The segment, and the bytes or the number of entries that were found.
        message: String,
    },

    /// The text cannot be the name of a pod. [`PodName::RULE`](crate::PodName::RULE) is the text of
    /// the rule for names.
    ///
    /// Clause [P3](crate::contract#p3).
    #[error("invalid pod name: {0}")]
    InvalidPodName(String),

    /// The head of the segment differs from the expected head, because another writer changed the
    /// log.
    ///
    /// Clause [H2](crate::contract#h2).
    #[error("head conflict: expected {}, found {}", describe(*expected), describe(*actual))]
    Conflict {
        /// The head that the caller expected. `None` means that the segment does not exist.
        expected: Option<Head>,
        /// The head that the store found. `None` means that the segment does not exist.
        actual: Option<Head>,
    },

    /// The stored pod differs from the expected pod, because another writer changed the pod.
    ///
    /// Clause [P4](crate::contract#p4).
    #[error("pod conflict: another writer changed the pod {name}")]
    PodConflict {
        /// The name of the pod.
        name: String,
    },

    /// The store cannot determine whether the change happened. The change happened once or not at
    /// all.
    ///
    /// Clause [A6](crate::contract#a6).
    #[error(
        "outcome unknown: {operation}: {source}; the change happened once or not at all, \
         so read before you retry"
    )]
    Indeterminate {
        /// The operation and the place.
        operation: String,
        /// The failure that makes the outcome unknown.
        source: Box<dyn Error + Send + Sync>,
    },

    /// A batch was stored in part. The stored entries remain.
    ///
    /// Clause [A7](crate::contract#a7).
    #[error("only the first {appended} entries were appended: {source}")]
    Partial {
        /// The number of entries from the start of the batch that are certainly stored.
        appended: usize,
        /// The reason why the next entry was not stored.
        source: Box<StoreError>,
    },

    /// An entry is larger than the backend can hold.
    ///
    /// Clause [E4](crate::contract#e4).
    #[error("an entry of {size} bytes is over the limit of {limit} bytes")]
    TooLarge {
        /// The size of the entry in bytes.
        size: u64,
        /// The largest size that the backend can hold.
        limit: u64,
    },

    /// The place does not contain a store. A store can be created at this place.
    ///
    /// Clause [S7](crate::contract#s7).
    #[error("there is no session store at {place}: {found}")]
    NoStore {
        /// The path or address.
        place: String,
        /// The content that was found.
        found: String,
    },

    /// A newer release of session-store wrote the storage, in a newer version of the format.
    ///
    /// Clause [S7](crate::contract#s7).
    #[error(
        "cannot open {place}: it has format version {found}, and this program reads versions up to \
         {supported}; use a newer release of session-store"
    )]
    NewerFormat {
        /// The path or address of the storage.
        place: String,
        /// The version of the storage.
        found: u64,
        /// The newest version that this program reads.
        supported: u64,
    },

    /// The place holds something that is not a store of this kind.
    ///
    /// Clause [L4](crate::contract#l4).
    #[error("cannot open {place}: it is not a session store: {found}")]
    NotAStore {
        /// The path or address of the storage.
        place: String,
        /// The content that was found.
        found: String,
    },

    /// The store does not have the capability that the call needs.
    ///
    /// Clause [H3](crate::contract#h3).
    #[error("{operation} needs the capability {capability}, which this store does not have")]
    Unsupported {
        /// The method.
        operation: &'static str,
        /// The missing capability.
        capability: Capability,
    },

    /// The database or server behind the store returned an error.
    #[error(transparent)]
    Backend(Box<BackendError>),
}

impl StoreError {
    /// Returns an I/O error that names the operation and the place. The error has the same kind as
    /// `source`.
    ///
    /// `operation` is an infinitive phrase such as `append to /logs/a.jsonl`. The text of the error
    /// becomes `I/O error: cannot append to /logs/a.jsonl: …`.
    pub fn io(operation: impl Into<String>, source: io::Error) -> Self {
        let kind = source.kind();
        Self::Io(io::Error::new(kind, FailedOperation { operation: operation.into(), source }))
    }

    /// Returns the error of a truncate that requests more entries than the segment has.
    ///
    /// Clause [T2](crate::contract#t2).
    #[must_use]
    pub fn past_the_end(segment_id: SegmentId, requested: usize, stored: usize) -> Self {
        let message = format!(
            "cannot truncate segment {segment_id} to {requested} entries; \
             only {stored} entries stored"
        );
        Self::Corrupt { line: requested, message }
    }

    /// Returns an error that reports an unknown outcome of `operation`. `source` is the cause. If
    /// `source` itself is [`Indeterminate`](Self::Indeterminate), `source` is returned unchanged.
    #[must_use]
    pub fn indeterminate(operation: impl Into<String>, source: Self) -> Self {
        match source {
            Self::Indeterminate { .. } => source,
            _ => Self::Indeterminate { operation: operation.into(), source: Box::new(source) },
        }
    }

    /// Returns whether the segment does not exist.
    #[must_use]
    pub const fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound(_))
    }

    /// Returns whether another writer changed the log since the caller read its head.
    #[must_use]
    pub const fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict { .. })
    }

    /// Returns whether the outcome of the change is unknown.
    #[must_use]
    pub fn is_indeterminate(&self) -> bool {
        match self {
            Self::Indeterminate { .. } => true,
            Self::Partial { source, .. } => source.is_indeterminate(),
            _ => false,
        }
    }

    /// Returns whether the same call can succeed later without a repair. This is the case, for
    /// example, if the database was busy, a connection was lost or a time limit passed.
    ///
    /// The result is false if the outcome is unknown. The result is also false for
    /// [`Partial`](Self::Partial), because the same call would store the first entries again
    /// ([A7](crate::contract#a7)).
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Io(error) => is_transient(error.kind()),
            Self::Backend(error) => error.transient,
            _ => false,
        }
    }
}

fn is_transient(kind: io::ErrorKind) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        kind,
        Kind::Interrupted
            | Kind::WouldBlock
            | Kind::TimedOut
            | Kind::ResourceBusy
            | Kind::ConnectionRefused
            | Kind::ConnectionReset
            | Kind::ConnectionAborted
            | Kind::NotConnected
            | Kind::BrokenPipe
    )
}

/// An error of a database or server, with the operation that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation}: {source}")]
pub struct BackendError {
    operation: String,
    transient: bool,
    source: Box<dyn Error + Send + Sync>,
}

impl BackendError {
    /// Returns an error for a failed operation.
    ///
    /// `operation` is an infinitive phrase that names the place, such as `append to sessions.db`.
    /// `transient` is the result of [`StoreError::is_transient`] for this error.
    pub fn new(
        operation: impl Into<String>,
        transient: bool,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self { operation: operation.into(), transient, source: source.into() }
    }
}

impl From<BackendError> for StoreError {
    fn from(error: BackendError) -> Self {
        Self::Backend(Box::new(error))
    }
}

/// The content of an I/O error made by [`StoreError::io`].
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation}: {source}")]
struct FailedOperation {
    operation: String,
    source: io::Error,
}

fn describe(head: Option<Head>) -> String {
    head.map_or_else(|| "no such segment".to_owned(), |head| format!("the head {head}"))
}
