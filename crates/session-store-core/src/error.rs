//! What can go wrong in a store: one enum that answers questions, and the context it carries.

use std::error::Error;
use std::fmt;
use std::io;

use crate::{Capability, Head, SegmentId};

/// Why a call on a store failed.
///
/// Unless it says [`Indeterminate`](Self::Indeterminate) or [`Partial`](Self::Partial), an error means that
/// nothing was changed (A5). `Display` says what was tried and where; the cause is in
/// [`source`](Error::source) and not repeated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The operating system refused. [`StoreError::io`] puts operation and place inside; `kind()` stays.
    #[error(transparent)]
    Io(#[from] io::Error),

    /// A text is not one JSON object, a value does not serialise to one, or an entry does not decode.
    #[error(transparent)]
    Serde(#[from] serde_json::Error),

    /// The segment does not exist.
    #[error("segment {0} does not exist")]
    NotFound(SegmentId),

    /// Stored bytes are no entry (R4), with their physical line, counted from 1; or a truncate asked for
    /// more entries than there are (T2), with the number asked for as the line.
    #[error("{}", Located { line: *line, message })]
    Corrupt {
        /// The physical line, or the entries asked for.
        line: usize,
        /// Names the segment and what was found.
        message: String,
    },

    /// The text can be no pod's name (P3).
    #[error(
        "pod name {0:?} is not allowed: a name has 1 to 255 bytes, is not \".\" or \"..\", and holds no \
         \"/\", \"\\\" or control character"
    )]
    InvalidPodName(String),

    /// The segment's head was not the expected one: somebody else has written (H2).
    #[error("expected {}, found {}", Described(expected), Described(actual))]
    Conflict {
        /// What the caller expected; `None`: that the segment does not exist.
        expected: Option<Head>,
        /// What is there; `None`: the segment does not exist.
        actual: Option<Head>,
    },

    /// Nobody can know whether the change happened: it did once or not at all (A6). Look before repeating.
    #[error("{operation}: the outcome is unknown; it happened once or not at all")]
    Indeterminate {
        /// What was tried, and where.
        operation: String,
        /// What got in the way.
        source: Box<dyn Error + Send + Sync>,
    },

    /// Some of several entries were stored, and stay (A7).
    #[error("only the first {appended} entries were appended")]
    Partial {
        /// How many entries from the start of the slice are stored for certain.
        appended: usize,
        /// Why the next one was not.
        source: Box<StoreError>,
    },

    /// An entry is larger than the backend can hold (E4).
    #[error("an entry of {size} bytes is over the limit of {limit} bytes")]
    TooLarge {
        /// The entry's size in bytes.
        size: u64,
        /// The most that fits.
        limit: u64,
    },

    /// The storage was written by a newer version of its format (S7).
    #[error("{place} has format version {found}; this program knows versions up to {supported}")]
    NewerFormat {
        /// Path or address of the storage.
        place: String,
        /// The version found.
        found: u64,
        /// The newest version that can be read.
        supported: u64,
    },

    /// The place holds something that is not a store of this kind (L4).
    #[error("{place} is no session store: {found}")]
    NotAStore {
        /// Path or address of the storage.
        place: String,
        /// What is there instead.
        found: String,
    },

    /// The store lacks the capability that the call needs (H3).
    #[error("{operation} needs the capability {capability}, which this store does not have")]
    Unsupported {
        /// The method called.
        operation: &'static str,
        /// What the store would have to declare.
        capability: Capability,
    },

    /// The engine behind the store failed.
    #[error(transparent)]
    Backend(Box<BackendError>),
}

impl StoreError {
    /// An I/O error that says what was tried and where; its kind stays.
    pub fn io(attempt: impl Into<String>, source: io::Error) -> Self {
        let kind = source.kind();
        Self::Io(io::Error::new(kind, Attempt { attempt: attempt.into(), source }))
    }

    /// What a truncate past the end answers (T2): `asked` entries of a segment that has `entries`.
    #[must_use]
    pub fn past_the_end(segment_id: SegmentId, asked: usize, entries: usize) -> Self {
        let message = format!("cannot keep {asked} entries: segment {segment_id} has {entries}");
        Self::Corrupt { line: asked, message }
    }

    /// Whether the segment does not exist.
    #[must_use]
    pub const fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound(_))
    }

    /// Whether somebody else has written.
    #[must_use]
    pub const fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict { .. })
    }

    /// Whether the change may or may not have happened.
    #[must_use]
    pub fn is_indeterminate(&self) -> bool {
        match self {
            Self::Indeterminate { .. } => true,
            Self::Partial { source, .. } => source.is_indeterminate(),
            _ => false,
        }
    }

    /// Whether the same call may succeed later although nobody repairs anything: the engine was busy, a
    /// connection was lost, a time ran out. Never true where the outcome is unknown.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Io(error) => is_transient(error.kind()),
            Self::Backend(error) => error.transient,
            Self::Partial { source, .. } => source.is_transient(),
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

/// The failure of an engine (a database, a server): what was tried, and the engine's own error.
#[derive(Debug, thiserror::Error)]
#[error("{attempt}")]
pub struct BackendError {
    attempt: String,
    transient: bool,
    source: Box<dyn Error + Send + Sync>,
}

impl BackendError {
    /// `attempt` says what was tried and where; `transient` feeds [`StoreError::is_transient`].
    pub fn new(
        attempt: impl Into<String>,
        transient: bool,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self { attempt: attempt.into(), transient, source: source.into() }
    }
}

impl From<BackendError> for StoreError {
    fn from(error: BackendError) -> Self {
        Self::Backend(Box::new(error))
    }
}

/// What an I/O error carries inside: `Display` is the attempt, the operating system's word is the source.
#[derive(Debug, thiserror::Error)]
#[error("{attempt}")]
struct Attempt {
    attempt: String,
    source: io::Error,
}

/// A message about a line, which is named once, whether or not the message does.
struct Located<'a> {
    line: usize,
    message: &'a str,
}

impl fmt::Display for Located<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, message } = self;
        if message.split_whitespace().any(|word| word.parse() == Ok(*line)) {
            f.write_str(message)
        } else {
            write!(f, "line {line}: {message}")
        }
    }
}

struct Described<'a>(&'a Option<Head>);

impl fmt::Display for Described<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(head) => write!(f, "the head {head}"),
            None => f.write_str("no such segment"),
        }
    }
}
