//! `RequestError`: the reason why work on the server failed, and whether the work may have changed
//! anything.
//!
//! The error does not contain the operation or the URL of the store. `Client` adds both when it
//! converts the error to a `StoreError`, so that they appear only once.

use std::fmt::Display;
use std::io;

use session_store_core::{BackendError, StoreError};
use tokio_postgres::Error;
use tokio_postgres::error::{DbError, Severity, SqlState};

/// The reason why work on the server failed.
#[derive(Debug)]
pub(crate) enum RequestError {
    /// An error of the contract, such as a conflict. Nothing was changed.
    Contract(StoreError),
    /// The server refused a statement. Nothing was changed, and the client does not repeat the
    /// request.
    Refused(Cause),
    /// Nothing was changed. The reason is temporary, so the request can succeed later.
    Later(Cause),
    /// The connection was lost, or no reply arrived in time. The statement may have been executed.
    ReplyLost(Cause),
    /// The row of the [writer](crate::writer) is missing or does not have the preceding number. So
    /// the change was not executed and will never be executed.
    UnknownWriter,
}

/// The cause of a failure.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Cause {
    #[error("{}", describe(.0))]
    Server(#[from] Error),
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("{0}")]
    Text(String),
    #[error("the server has lost the record of the change, perhaps in a failover")]
    RecordLost,
}

impl RequestError {
    /// Returns an error that has a text as its cause.
    pub(crate) fn unusable(reason: impl Into<String>) -> Self {
        Self::Refused(Cause::Text(reason.into()))
    }

    /// Returns the error of a statement that was sent.
    pub(crate) fn of_reply(error: Error) -> Self {
        match error.as_db_error().map(disposition_of_reply) {
            None | Some(Disposition::ReplyLost) => Self::ReplyLost(error.into()),
            Some(Disposition::Later) => Self::Later(error.into()),
            Some(Disposition::Refused) => Self::Refused(error.into()),
        }
    }

    /// Returns the error of a socket that could not be connected.
    pub(crate) fn of_socket(error: &io::Error) -> Self {
        let reason = format!("cannot connect to the server: {error}");
        Self::Later(io::Error::new(error.kind(), reason).into())
    }

    /// Returns the error of a connection that could not be opened. Only the login was sent, so
    /// nothing was changed.
    pub(crate) fn of_connecting(error: Error) -> Self {
        let is_refused = match error.as_db_error() {
            Some(database) => !is_temporary(database.code()),
            // The client library has no kind for these errors, so they are recognized by their
            // texts.
            None => ["TLS", "configuration", "authentication"]
                .iter()
                .any(|word| error.to_string().contains(word)),
        };
        if is_refused { Self::Refused(error.into()) } else { Self::Later(error.into()) }
    }

    /// Converts the error to an error of the `Store` trait. `operation` is an infinitive phrase
    /// that also names the place.
    pub(crate) fn during(self, operation: impl Display) -> StoreError {
        let operation = operation.to_string();
        let (transient, cause) = match self {
            Self::Contract(error) => return error,
            Self::ReplyLost(cause) => {
                return StoreError::Indeterminate { operation, source: Box::new(cause) };
            }
            Self::UnknownWriter => (true, Cause::RecordLost),
            Self::Later(cause) => (true, cause),
            Self::Refused(cause) => (cause.is_interrupted(), cause),
        };
        match cause.io_kind() {
            Some(kind) => StoreError::io(operation, io::Error::new(kind, cause)),
            None => BackendError::new(operation, transient, cause).into(),
        }
    }

    /// Converts an unknown outcome to a transient failure. This is correct only for work that
    /// changes nothing.
    pub(crate) fn without_change(self) -> Self {
        match self {
            Self::ReplyLost(cause) => Self::Later(cause),
            other => other,
        }
    }
}

impl Cause {
    fn code(&self) -> Option<&SqlState> {
        match self {
            Self::Server(error) => error.code(),
            _ => None,
        }
    }

    /// Returns whether a time limit of the server ended the statement.
    fn is_interrupted(&self) -> bool {
        let limits = [&SqlState::QUERY_CANCELED, &SqlState::LOCK_NOT_AVAILABLE];
        self.code().is_some_and(|code| limits.contains(&code))
    }

    /// The kind of an error that the operating system caused.
    fn io_kind(&self) -> Option<io::ErrorKind> {
        match self {
            Self::Io(error) => Some(error.kind()),
            Self::Server(error) if error.code() == Some(&SqlState::DISK_FULL) => {
                Some(io::ErrorKind::StorageFull)
            }
            Self::Server(error) if error.is_closed() => Some(io::ErrorKind::ConnectionReset),
            Self::Server(error) => {
                let source = std::error::Error::source(error)?;
                source.downcast_ref::<io::Error>().map(io::Error::kind)
            }
            Self::Text(_) | Self::RecordLost => None,
        }
    }
}

impl From<io::Error> for RequestError {
    fn from(error: io::Error) -> Self {
        Self::Refused(error.into())
    }
}

impl From<StoreError> for RequestError {
    fn from(error: StoreError) -> Self {
        Self::Contract(error)
    }
}

/// The consequence of an error reply.
#[derive(Debug, PartialEq, Eq)]
enum Disposition {
    ReplyLost,
    Later,
    Refused,
}

fn disposition_of_reply(error: &DbError) -> Disposition {
    disposition(error.parsed_severity(), error.code())
}

/// A `FATAL` error ends the connection. The server can send this error after the commit, while the
/// commit waits for a standby. So the error does not show whether the statement was executed.
fn disposition(severity: Option<Severity>, code: &SqlState) -> Disposition {
    if matches!(severity, Some(Severity::Fatal | Severity::Panic)) || code.code().starts_with("08")
    {
        Disposition::ReplyLost
    } else if code.code().starts_with("40") {
        Disposition::Later
    } else {
        Disposition::Refused
    }
}

/// Returns whether a server that has refused a connection with this code can accept a connection
/// later.
fn is_temporary(code: &SqlState) -> bool {
    let codes = [
        &SqlState::CANNOT_CONNECT_NOW,
        &SqlState::ADMIN_SHUTDOWN,
        &SqlState::CRASH_SHUTDOWN,
        &SqlState::TOO_MANY_CONNECTIONS,
    ];
    codes.contains(&code) || code.code().starts_with("08")
}

/// Describes an error of the client library and its cause. Adds advice for frequent mistakes.
fn describe(error: &Error) -> String {
    let Some(database) = error.as_db_error() else {
        return session_store_core::error_chain(error);
    };
    let code = database.code();
    let advice = if *code == SqlState::READ_ONLY_SQL_TRANSACTION {
        "; the server is a standby, or the database is read-only: use the URL of the primary"
    } else if *code == SqlState::INVALID_SQL_STATEMENT_NAME
        || *code == SqlState::DUPLICATE_PSTATEMENT
    {
        "; behind a pooler that shares connections, add ?pooler=transaction to the URL"
    } else {
        ""
    };
    format!("{} (SQLSTATE {}){advice}", database.message(), code.code())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Severity::Fatal, "57P01", Disposition::ReplyLost)]
    #[case(Severity::Panic, "XX000", Disposition::ReplyLost)]
    #[case(Severity::Error, "08P01", Disposition::ReplyLost)]
    #[case(Severity::Error, "40001", Disposition::Later)]
    #[case(Severity::Error, "40P01", Disposition::Later)]
    #[case(Severity::Error, "53100", Disposition::Refused)]
    #[case(Severity::Error, "42501", Disposition::Refused)]
    #[case(Severity::Error, "57014", Disposition::Refused)]
    fn an_error_reply_has_a_disposition(
        #[case] severity: Severity,
        #[case] code: &str,
        #[case] expected: Disposition,
    ) {
        assert_eq!(disposition(Some(severity), &SqlState::from_code(code)), expected);
    }

    #[rstest]
    #[case("57P03", true)]
    #[case("53300", true)]
    #[case("28P01", false)]
    #[case("3D000", false)]
    fn a_server_can_refuse_a_connection_for_a_moment(#[case] code: &str, #[case] temporary: bool) {
        assert_eq!(is_temporary(&SqlState::from_code(code)), temporary);
    }
}
