//! Opens a connection over TCP, TLS or a Unix socket, sets its timeouts, and logs in.

use std::path::PathBuf;
use std::time::Duration;
use std::{fmt, io};

use redis::io::tcp::TcpSettings;
use redis::{
    Client, Connection, ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo, RedisError,
    RedisResult, Value,
};

use crate::url::{Host, Login};

/// The address of one server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Address {
    Host(Host),
    Socket(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(host) => host.fmt(f),
            Self::Socket(path) => path.display().fmt(f),
        }
    }
}

/// The maximum waiting times of a handle.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts {
    /// For a connection and the login.
    pub(crate) connect: Duration,
    /// For the reply to a command.
    pub(crate) response: Duration,
    /// For an operation with all its retries.
    pub(crate) retry: Duration,
}

/// The settings of every connection to the servers of one storage.
#[derive(Clone)]
pub(crate) struct Connector {
    pub(crate) login: Login,
    pub(crate) database: u32,
    pub(crate) tls: bool,
    pub(crate) root_certificates: Option<Vec<u8>>,
    pub(crate) timeouts: Timeouts,
    /// The maximum number of connections to one server.
    pub(crate) connections: usize,
    /// Whether to refuse a server that reports itself as a replica.
    pub(crate) masters_only: bool,
}

impl Connector {
    /// Opens a connection and logs in.
    ///
    /// # Errors
    /// After an error, the caller can retry its command, because only the login was sent.
    pub(crate) fn connect(&self, address: &Address) -> RedisResult<Connection> {
        let info = self.address(address).into_connection_info()?;
        let info = info.set_redis_settings(self.settings()).set_tcp_settings(self.tcp());
        let client = self.client(info)?;
        let waited = self.timeouts.connect;
        let mut connection = client.get_connection_with_timeout(waited).map_err(|error| {
            explain_timeout(error, format_args!("no connection to {address} within {waited:?}"))
        })?;
        connection.set_read_timeout(Some(self.timeouts.response))?;
        connection.set_write_timeout(Some(self.timeouts.response))?;
        if self.masters_only {
            refuse_replica(&mut connection)?;
        }
        Ok(connection)
    }

    fn address(&self, address: &Address) -> ConnectionAddr {
        match address {
            Address::Socket(path) => ConnectionAddr::Unix(path.clone()),
            Address::Host(Host { name, port }) if self.tls => ConnectionAddr::TcpTls {
                host: name.clone(),
                port: *port,
                insecure: false,
                tls_params: None,
            },
            Address::Host(Host { name, port }) => ConnectionAddr::Tcp(name.clone(), *port),
        }
    }

    fn settings(&self) -> RedisConnectionInfo {
        let mut settings = RedisConnectionInfo::default()
            .set_db(self.database.into())
            // Setting the library name would take another round trip.
            .set_skip_set_lib_name();
        if let Some(user) = &self.login.user {
            settings = settings.set_username(user);
        }
        if let Some(password) = &self.login.password {
            settings = settings.set_password(password);
        }
        settings
    }

    fn tcp(&self) -> TcpSettings {
        let settings = TcpSettings::default().set_nodelay(true);
        // Without this limit, the kernel could deliver a command after the response timeout. The
        // caller has then already reported an error, and the command would change the data
        // unexpectedly.
        #[cfg(any(target_os = "linux", target_os = "android", target_os = "fuchsia"))]
        let settings = settings.set_user_timeout(self.timeouts.response);
        settings
    }

    #[cfg(feature = "tls")]
    fn client(&self, info: redis::ConnectionInfo) -> RedisResult<Client> {
        if !self.tls {
            return Client::open(info);
        }
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Ignore an error. It means that another thread has just installed a provider, and TLS
            // can use that provider.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let root_cert = self.root_certificates.clone();
        Client::build_with_tls(info, redis::TlsCertificates { client_tls: None, root_cert })
    }

    #[cfg(not(feature = "tls"))]
    fn client(&self, info: redis::ConnectionInfo) -> RedisResult<Client> {
        if self.tls || self.root_certificates.is_some() {
            return Err(RedisError::from((
                redis::ErrorKind::InvalidClientConfig,
                "this program was built without the feature \"tls\" of session-store-redis",
            )));
        }
        Client::open(info)
    }
}

/// Adds a description to the error of a timeout. Any other error is returned as it is.
pub(crate) fn explain_timeout(error: RedisError, description: fmt::Arguments<'_>) -> RedisError {
    if !error.is_timeout() {
        return error;
    }
    let text = format!("timed out: {description}: {error}");
    io::Error::new(io::ErrorKind::TimedOut, text).into()
}

/// Returns an error that did not come from a server.
pub(crate) fn other(reason: impl Into<String>) -> RedisError {
    io::Error::other(reason.into()).into()
}

/// Fails if the server reports itself as a replica.
///
/// A former master can come back as a replica with the same address. A replica would answer reads
/// with outdated data.
fn refuse_replica(connection: &mut Connection) -> RedisResult<()> {
    let role: Value = match redis::cmd("ROLE").query(connection) {
        Ok(role) => role,
        // The user may lack the permission for ROLE, so accept the server. If it is a replica, it
        // still refuses changes.
        Err(error) if error.code() == Some("NOPERM") => return Ok(()),
        Err(error) => return Err(error),
    };
    match role {
        Value::Array(role) if role.first() != Some(&Value::BulkString(b"master".to_vec())) => {
            let reason = "the server is a replica; the Sentinels have not yet named a new master";
            Err(io::Error::new(io::ErrorKind::ConnectionRefused, reason).into())
        }
        _ => Ok(()),
    }
}
