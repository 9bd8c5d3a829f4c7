//! `Failure`: an error in a message.

use std::io;

use serde::{Deserialize, Serialize};
use session_store_core::{Capability, Head, SegmentId, StoreError};

use crate::call_names::{POD_CALLS, STORE_CALLS};

/// An error: its kind, the data of that kind, and its text.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Failure {
    #[serde(flatten)]
    kind: Kind,
    message: String,
}

/// The kinds of errors.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Kind {
    NotFound {
        segment_id: SegmentId,
    },
    Corrupt {
        line: usize,
    },
    Conflict {
        expected: Option<Head>,
        actual: Option<Head>,
    },
    PodConflict {
        name: String,
    },
    Indeterminate {
        #[serde(default)]
        operation: Option<String>,
        #[serde(default)]
        cause: Option<String>,
    },
    Partial {
        appended: usize,
        source: Box<Failure>,
    },
    TooLarge {
        size: u64,
        limit: u64,
    },
    NoStore {
        place: String,
        found: String,
    },
    NewerFormat {
        place: String,
        found: u64,
        supported: u64,
    },
    NotAStore {
        place: String,
        found: String,
    },
    Unsupported {
        operation: String,
        capability: String,
    },
    InvalidPodName,
    Invalid,
    Failed {
        #[serde(default)]
        is_transient: bool,
    },
    /// A kind of a later version of the protocol.
    #[serde(other)]
    Unknown,
}

impl Failure {
    /// Returns the failure of a request that the server cannot understand.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self { kind: Kind::Invalid, message: message.into() }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let (message, is_transient) = (error.to_string(), error.is_transient());
        let kind = match error {
            StoreError::NotFound(segment_id) => Kind::NotFound { segment_id },
            StoreError::Corrupt { line, .. } => Kind::Corrupt { line },
            StoreError::Conflict { expected, actual } => Kind::Conflict { expected, actual },
            StoreError::PodConflict { name } => Kind::PodConflict { name },
            StoreError::Indeterminate { operation, source } => {
                Kind::Indeterminate { operation: Some(operation), cause: Some(source.to_string()) }
            }
            StoreError::Partial { appended, source } => {
                Kind::Partial { appended, source: Box::new(Self::from(*source)) }
            }
            StoreError::TooLarge { size, limit } => Kind::TooLarge { size, limit },
            StoreError::NoStore { place, found } => Kind::NoStore { place, found },
            StoreError::NewerFormat { place, found, supported } => {
                Kind::NewerFormat { place, found, supported }
            }
            StoreError::NotAStore { place, found } => Kind::NotAStore { place, found },
            StoreError::Unsupported { operation, capability } => Kind::Unsupported {
                operation: operation.to_owned(),
                capability: capability.name().to_owned(),
            },
            StoreError::InvalidPodName(_) => Kind::InvalidPodName,
            StoreError::Serde(_) => Kind::Invalid,
            _ => Kind::Failed { is_transient },
        };
        Self { kind, message }
    }
}

impl From<Failure> for StoreError {
    fn from(Failure { kind, message }: Failure) -> Self {
        match kind {
            Kind::NotFound { segment_id } => Self::NotFound(segment_id),
            Kind::Corrupt { line } => {
                let message = without(&format!("log corrupted at line {line}: "), message);
                Self::Corrupt { line, message }
            }
            Kind::Conflict { expected, actual } => Self::Conflict { expected, actual },
            Kind::PodConflict { name } => Self::PodConflict { name },
            Kind::Partial { appended, source } => {
                Self::Partial { appended, source: Box::new(Self::from(*source)) }
            }
            Kind::TooLarge { size, limit } => Self::TooLarge { size, limit },
            Kind::NoStore { place, found } => Self::NoStore { place, found },
            Kind::NewerFormat { place, found, supported } => {
                Self::NewerFormat { place, found, supported }
            }
            Kind::NotAStore { place, found } => Self::NotAStore { place, found },
            Kind::Unsupported { operation, capability } => {
                unsupported(&operation, &capability).unwrap_or_else(|| failed(false, message))
            }
            Kind::InvalidPodName => Self::InvalidPodName(without("invalid pod name: ", message)),
            Kind::Invalid | Kind::Failed { is_transient: false } => failed(false, message),
            Kind::Failed { is_transient: true } => failed(true, message),
            Kind::Indeterminate { operation, cause } => indeterminate(operation, cause, message),
            // An error of an unknown kind does not show whether the change was made, so the outcome
            // is unknown.
            Kind::Unknown => indeterminate(None, None, message),
        }
    }
}

fn indeterminate(operation: Option<String>, cause: Option<String>, message: String) -> StoreError {
    let operation = operation.unwrap_or_else(|| "call another process".to_owned());
    StoreError::Indeterminate { operation, source: cause.unwrap_or(message).into() }
}

fn failed(is_transient: bool, message: String) -> StoreError {
    let kind = if is_transient { io::ErrorKind::ResourceBusy } else { io::ErrorKind::Other };
    io::Error::new(kind, without("I/O error: ", message)).into()
}

/// Returns the error of an unsupported call. Returns `None` if this version of the protocol does
/// not know the operation or the capability.
fn unsupported(operation: &str, capability: &str) -> Option<StoreError> {
    let mut calls = STORE_CALLS.iter().chain(POD_CALLS).copied();
    let operation = calls.find(|&call| call == operation)?;
    let capability = Capability::ALL.iter().copied().find(|c| c.name() == capability)?;
    Some(StoreError::Unsupported { operation, capability })
}

/// Removes `prefix`, because the `Display` of the rebuilt error writes the prefix again.
fn without(prefix: &str, message: String) -> String {
    message.strip_prefix(prefix).map(str::to_owned).unwrap_or(message)
}
