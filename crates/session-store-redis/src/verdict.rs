//! What an error of the server or of the connection means for the command that met it.

use std::io;

use redis::{ErrorKind, RedisError, ServerErrorKind};
use session_store_core::{BackendError, StoreError};

/// What to do about a command that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It was not obeyed, since another node has the slot: send it there.
    Moved,
    /// It was not obeyed, since the slot is on its way to another node: ask there, this once.
    Ask,
    /// It was not obeyed, since the server does not know the script: send the text.
    UnknownScript,
    /// It was not obeyed, but may be later, perhaps elsewhere.
    Later,
    /// It was refused for good.
    Refused,
    /// It may have been obeyed: the connection was lost before the reply.
    Lost,
}

impl Verdict {
    /// Of a command that was sent.
    pub(crate) fn of_reply(error: &RedisError) -> Self {
        use ServerErrorKind as Kind;
        match error.kind() {
            ErrorKind::Server(Kind::Moved) => Self::Moved,
            ErrorKind::Server(Kind::Ask) => Self::Ask,
            ErrorKind::Server(Kind::NoScript) => Self::UnknownScript,
            ErrorKind::Server(
                Kind::BusyLoading
                | Kind::TryAgain
                | Kind::ClusterDown
                | Kind::MasterDown
                | Kind::ReadOnly,
            ) => Self::Later,
            ErrorKind::Extension if is_passing(error) => Self::Later,
            ErrorKind::Server(_) | ErrorKind::Extension => Self::Refused,
            _ => Self::Lost,
        }
    }

    /// Of the attempt to connect, before anything was sent.
    pub(crate) fn of_connecting(error: &RedisError) -> Self {
        match error.kind() {
            ErrorKind::AuthenticationFailed | ErrorKind::InvalidClientConfig => Self::Refused,
            ErrorKind::Io if is_certificate(error) => Self::Refused,
            ErrorKind::Io => Self::Later,
            _ => match Self::of_reply(error) {
                Self::Lost => Self::Later,
                verdict => verdict,
            },
        }
    }
}

/// A script runs too long, or too few replicas are there: both pass.
fn is_passing(error: &RedisError) -> bool {
    matches!(error.code(), Some("BUSY" | "NOREPLICAS"))
}

/// TLS has no errors of its own here, but its kind of I/O error.
fn is_certificate(error: &RedisError) -> bool {
    let text = error.to_string();
    text.contains("certificate") || text.contains("InvalidDNSName")
}

/// What the caller is told of a command that was not obeyed; `attempt` says what was tried and where.
pub(crate) fn told(error: RedisError, attempt: String, transient: bool) -> StoreError {
    match error.code() {
        Some("OOM") => return StoreError::io(attempt, kind(io::ErrorKind::StorageFull, error)),
        Some(_) => return BackendError::new(attempt, transient, error).into(),
        None => {}
    }
    if error.kind() != ErrorKind::Io {
        return BackendError::new(attempt, transient, error).into();
    }
    let kind_of = if error.is_timeout() {
        io::ErrorKind::TimedOut
    } else if error.is_connection_refusal() {
        io::ErrorKind::ConnectionRefused
    } else if error.is_connection_dropped() {
        io::ErrorKind::ConnectionReset
    } else {
        io::ErrorKind::Other
    };
    StoreError::io(attempt, kind(kind_of, error))
}

fn kind(kind: io::ErrorKind, error: RedisError) -> io::Error {
    io::Error::new(kind, error)
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use rstest::rstest;

    use super::*;

    fn server(kind: ServerErrorKind) -> RedisError {
        RedisError::from((ErrorKind::Server(kind), "the server says"))
    }

    fn coded(code: &str) -> RedisError {
        redis::make_extension_error(code.to_owned(), Some(String::from("says the server")))
    }

    fn io(kind: io::ErrorKind) -> RedisError {
        io::Error::from(kind).into()
    }

    #[rstest]
    #[case(server(ServerErrorKind::Moved), Verdict::Moved)]
    #[case(server(ServerErrorKind::Ask), Verdict::Ask)]
    #[case(server(ServerErrorKind::NoScript), Verdict::UnknownScript)]
    #[case(server(ServerErrorKind::TryAgain), Verdict::Later)]
    #[case(server(ServerErrorKind::ReadOnly), Verdict::Later)]
    #[case(server(ServerErrorKind::BusyLoading), Verdict::Later)]
    #[case(server(ServerErrorKind::ResponseError), Verdict::Refused)]
    #[case(server(ServerErrorKind::NoPerm), Verdict::Refused)]
    #[case(coded("NOREPLICAS"), Verdict::Later)]
    #[case(coded("OOM"), Verdict::Refused)]
    #[case(coded("MISCONF"), Verdict::Refused)]
    #[case(io(io::ErrorKind::TimedOut), Verdict::Lost)]
    #[case(io(io::ErrorKind::ConnectionRefused), Verdict::Lost)]
    #[case(RedisError::from((ErrorKind::Parse, "half a reply")), Verdict::Lost)]
    fn a_reply_means(#[case] error: RedisError, #[case] verdict: Verdict) {
        assert_eq!(Verdict::of_reply(&error), verdict);
    }

    #[rstest]
    #[case(io(io::ErrorKind::ConnectionRefused), Verdict::Later)]
    #[case(io::Error::other("invalid peer certificate: UnknownIssuer").into(), Verdict::Refused)]
    #[case(RedisError::from((ErrorKind::AuthenticationFailed, "no")), Verdict::Refused)]
    #[case(coded("NOAUTH"), Verdict::Refused)]
    #[case(server(ServerErrorKind::BusyLoading), Verdict::Later)]
    fn a_failure_to_connect_means(#[case] error: RedisError, #[case] verdict: Verdict) {
        assert_eq!(Verdict::of_connecting(&error), verdict);
    }

    #[rstest]
    #[case(coded("OOM"), io::ErrorKind::StorageFull)]
    #[case(io(io::ErrorKind::WouldBlock), io::ErrorKind::TimedOut)]
    #[case(io(io::ErrorKind::ConnectionRefused), io::ErrorKind::ConnectionRefused)]
    #[case(io(io::ErrorKind::BrokenPipe), io::ErrorKind::ConnectionReset)]
    fn the_kind_is_kept(#[case] error: RedisError, #[case] kind: io::ErrorKind) {
        let told = told(error, String::from("append to host:1"), true);
        assert!(matches!(&told, StoreError::Io(error) if error.kind() == kind), "{told:?}");
        assert_eq!(told.to_string(), "append to host:1");
        assert!(told.source().is_some());
    }
}
