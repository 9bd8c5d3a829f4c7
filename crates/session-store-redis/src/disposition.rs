//! `Disposition`: the consequence of a failed command. It shows whether a server may have executed
//! the command, and what the client does next.

use redis::{ErrorKind, RedisError, ServerErrorKind};

/// The consequence of a failed attempt to execute a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disposition {
    /// Not executed, because another node owns the slot. Send the command to that node.
    Moved,
    /// Not executed, because the slot is moving to another node. Send only this command to that
    /// node, after `ASKING`.
    Ask,
    /// Not executed, because the server has not cached the script. Send the text of the script.
    UnknownScript,
    /// Not executed for a temporary reason. Send the command again later, perhaps to another node.
    Later,
    /// Not executed, because the server is a replica. Send the command to the master.
    Replica,
    /// Not executed, and the server would refuse the command again.
    Refused,
    /// Perhaps executed, because the connection was lost before the reply.
    ReplyLost,
}

impl Disposition {
    /// Returns the disposition of a command that was sent.
    pub(crate) fn of_reply(error: &RedisError) -> Self {
        use ServerErrorKind as Kind;
        match error.kind() {
            ErrorKind::Server(Kind::Moved) => Self::Moved,
            ErrorKind::Server(Kind::Ask) => Self::Ask,
            ErrorKind::Server(Kind::NoScript) => Self::UnknownScript,
            ErrorKind::Server(Kind::ReadOnly) => Self::Replica,
            ErrorKind::Server(
                Kind::BusyLoading | Kind::TryAgain | Kind::ClusterDown | Kind::MasterDown,
            ) => Self::Later,
            ErrorKind::Extension if is_temporary(error) => Self::Later,
            ErrorKind::Server(_) | ErrorKind::Extension => Self::Refused,
            _ => Self::ReplyLost,
        }
    }

    /// Returns the disposition of a command that was not sent, because there was no connection.
    pub(crate) fn of_connecting(error: &RedisError) -> Self {
        match error.kind() {
            ErrorKind::AuthenticationFailed | ErrorKind::InvalidClientConfig => Self::Refused,
            ErrorKind::Io if is_certificate(error) => Self::Refused,
            ErrorKind::Io => Self::Later,
            _ => match Self::of_reply(error) {
                Self::ReplyLost => Self::Later,
                disposition => disposition,
            },
        }
    }
}

/// Returns whether no server is at the address: it refuses connections, its name cannot be
/// resolved, or its socket does not exist.
pub(crate) fn found_no_server(error: &RedisError) -> bool {
    error.is_connection_refusal() || error.to_string().contains("failed to lookup address")
}

/// Returns whether the server refuses commands because a script runs too long, or because too few
/// replicas are connected.
fn is_temporary(error: &RedisError) -> bool {
    matches!(error.code(), Some("BUSY" | "NOREPLICAS"))
}

/// Returns whether the client refused the server's certificate. The client library reports this as
/// an I/O error.
fn is_certificate(error: &RedisError) -> bool {
    let text = error.to_string();
    text.contains("certificate") || text.contains("InvalidDNSName")
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::net::ToSocketAddrs;

    use rstest::rstest;

    use super::*;

    fn server(kind: ServerErrorKind) -> RedisError {
        RedisError::from((ErrorKind::Server(kind), "a server error"))
    }

    fn coded(code: &str) -> RedisError {
        redis::make_extension_error(code.to_owned(), Some(String::from("a server error")))
    }

    fn io(kind: io::ErrorKind) -> RedisError {
        io::Error::from(kind).into()
    }

    #[rstest]
    #[case(server(ServerErrorKind::Moved), Disposition::Moved)]
    #[case(server(ServerErrorKind::Ask), Disposition::Ask)]
    #[case(server(ServerErrorKind::NoScript), Disposition::UnknownScript)]
    #[case(server(ServerErrorKind::TryAgain), Disposition::Later)]
    #[case(server(ServerErrorKind::ReadOnly), Disposition::Replica)]
    #[case(server(ServerErrorKind::BusyLoading), Disposition::Later)]
    #[case(server(ServerErrorKind::ResponseError), Disposition::Refused)]
    #[case(server(ServerErrorKind::NoPerm), Disposition::Refused)]
    #[case(coded("NOREPLICAS"), Disposition::Later)]
    #[case(coded("OOM"), Disposition::Refused)]
    #[case(coded("MISCONF"), Disposition::Refused)]
    #[case(io(io::ErrorKind::TimedOut), Disposition::ReplyLost)]
    #[case(io(io::ErrorKind::ConnectionRefused), Disposition::ReplyLost)]
    #[case(RedisError::from((ErrorKind::Parse, "half a reply")), Disposition::ReplyLost)]
    fn an_error_reply_has_a_disposition(#[case] error: RedisError, #[case] expected: Disposition) {
        assert_eq!(Disposition::of_reply(&error), expected);
    }

    /// Returns the error for a name that cannot be resolved, as the standard library words it.
    fn unresolved() -> RedisError {
        ("..", 1).to_socket_addrs().unwrap_err().into()
    }

    #[rstest]
    #[case(io(io::ErrorKind::ConnectionRefused), true)]
    #[case(io(io::ErrorKind::NotFound), true)]
    #[case(unresolved(), true)]
    #[case(io(io::ErrorKind::TimedOut), false)]
    #[case(io(io::ErrorKind::ConnectionReset), false)]
    #[case(server(ServerErrorKind::BusyLoading), false)]
    fn an_address_without_a_server_is_recognized(
        #[case] error: RedisError,
        #[case] expected: bool,
    ) {
        assert_eq!(found_no_server(&error), expected, "{error}");
    }

    #[rstest]
    #[case(io(io::ErrorKind::ConnectionRefused), Disposition::Later)]
    #[case(io::Error::other("invalid peer certificate: UnknownIssuer").into(), Disposition::Refused)]
    #[case(RedisError::from((ErrorKind::AuthenticationFailed, "no")), Disposition::Refused)]
    #[case(coded("NOAUTH"), Disposition::Refused)]
    #[case(server(ServerErrorKind::BusyLoading), Disposition::Later)]
    fn a_failed_connection_has_a_disposition(
        #[case] error: RedisError,
        #[case] expected: Disposition,
    ) {
        assert_eq!(Disposition::of_connecting(&error), expected);
    }
}
