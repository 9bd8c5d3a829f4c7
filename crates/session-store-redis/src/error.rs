//! `RequestError`: the reason why work on the servers failed.
//!
//! The error does not contain the operation or the URL of the store. `Client::perform` adds both
//! when it converts the error to a `StoreError`.

use std::fmt::Display;
use std::io;

use redis::{ErrorKind, RedisError};
use session_store_core::{BackendError, StoreError};

use crate::disposition::Disposition;

/// The reason why work on the servers failed, without the operation.
#[derive(Debug)]
pub(crate) enum RequestError {
    /// An error of the contract, such as a conflict. It is returned unchanged.
    Contract(StoreError),
    /// A server refused a command or cannot be reached. Nothing was changed.
    Server {
        error: RedisError,
        /// Whether the same command may succeed later.
        transient: bool,
    },
    /// A change was sent one or more times. No attempt got a reply in time, and an attempt may have
    /// been executed.
    NoReply(RedisError),
    /// The form of a reply is unknown to this version.
    UnexpectedReply,
    /// Another program changed the data between two steps of the work. The work must start again.
    StartAgain(&'static str),
    /// The storage or the server cannot be used, for the given reason.
    Unusable(String),
    /// The input or the storage is invalid, as the I/O error describes.
    Io(io::Error),
}

impl RequestError {
    /// Returns the error of a command that was not executed, or that changes nothing.
    pub(crate) fn not_executed(error: RedisError, disposition: Disposition) -> Self {
        Self::Server { error, transient: disposition != Disposition::Refused }
    }

    /// Adds the operation, and converts the error to an error of the store. `operation` is an
    /// infinitive phrase that also names the place, such as `read pod a in redis://host`.
    pub(crate) fn during(self, operation: impl Display) -> StoreError {
        let operation = operation.to_string();
        let (transient, source) = match self {
            Self::Contract(error) => return error,
            Self::Server { error, transient } => return server_error(operation, error, transient),
            Self::NoReply(error) => {
                return StoreError::Indeterminate { operation, source: Box::new(error) };
            }
            Self::UnexpectedReply => {
                (false, String::from("the server sent a reply that this version does not know"))
            }
            Self::StartAgain(reason) => (true, reason.to_owned()),
            Self::Unusable(reason) => (false, reason),
            Self::Io(error) => return StoreError::io(operation, error),
        };
        BackendError::new(operation, transient, source).into()
    }

    /// Turns an unknown outcome into a transient failure.
    ///
    /// Must only be called for a step before the change itself. Such a step changes no log, so it
    /// does not matter whether the step was executed.
    pub(crate) fn before_the_change(self) -> Self {
        match self {
            Self::NoReply(error) => Self::Server { error, transient: true },
            other => other,
        }
    }

    /// Returns whether the login has no permission for the command.
    pub(crate) fn lacks_permission(&self) -> bool {
        matches!(self, Self::Server { error, .. } if error.code() == Some("NOPERM"))
    }

    /// Returns whether the server refused the command because its memory is full.
    pub(crate) fn is_out_of_memory(&self) -> bool {
        matches!(self, Self::Server { error, .. } if error.code() == Some("OOM"))
    }

    /// Returns whether the outcome is final, so that no earlier attempt can still be executed. A
    /// transient error is not final, because an attempt before it may have got no reply.
    pub(crate) fn is_definite(&self) -> bool {
        !matches!(
            self,
            Self::Server { transient: true, .. } | Self::NoReply(_) | Self::StartAgain(_)
        )
    }
}

impl From<io::Error> for RequestError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<StoreError> for RequestError {
    fn from(error: StoreError) -> Self {
        Self::Contract(error)
    }
}

fn server_error(operation: String, error: RedisError, transient: bool) -> StoreError {
    match io_kind(&error) {
        Some(kind) => StoreError::io(operation, io::Error::new(kind, error)),
        None => BackendError::new(operation, transient, error).into(),
    }
}

/// Returns the kind of an error that the operating system or the server's memory limit caused.
fn io_kind(error: &RedisError) -> Option<io::ErrorKind> {
    match error.code() {
        Some("OOM") => Some(io::ErrorKind::StorageFull),
        Some(_) => None,
        None if error.kind() != ErrorKind::Io => None,
        None if error.is_timeout() => Some(io::ErrorKind::TimedOut),
        None if error.is_connection_refusal() => Some(io::ErrorKind::ConnectionRefused),
        None if error.is_connection_dropped() => Some(io::ErrorKind::ConnectionReset),
        None => Some(io::ErrorKind::Other),
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use rstest::rstest;

    use super::*;

    fn out_of_memory() -> RedisError {
        redis::make_extension_error(String::from("OOM"), None)
    }

    fn io(kind: io::ErrorKind) -> RedisError {
        io::Error::from(kind).into()
    }

    #[rstest]
    #[case(out_of_memory(), io::ErrorKind::StorageFull)]
    #[case(io(io::ErrorKind::WouldBlock), io::ErrorKind::TimedOut)]
    #[case(io(io::ErrorKind::ConnectionRefused), io::ErrorKind::ConnectionRefused)]
    #[case(io(io::ErrorKind::BrokenPipe), io::ErrorKind::ConnectionReset)]
    fn the_kind_of_an_io_error_is_kept(#[case] error: RedisError, #[case] kind: io::ErrorKind) {
        let error = RequestError::Server { error, transient: true }.during("append to host:1");
        assert!(matches!(&error, StoreError::Io(error) if error.kind() == kind), "{error:?}");
        assert!(error.to_string().contains("append to host:1"), "{error}");
        assert!(error.source().is_some());
    }
}
