//! `Connector`: opens connections to the server.

use std::io;
use std::net::ToSocketAddrs as _;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr, TcpKeepalive, Type};
use tokio_postgres::config::{Host, TargetSessionAttrs};
use tokio_postgres::{Config, SimpleQueryMessage};

use crate::connection::{Connection, Driver, Settings};
use crate::error::RequestError;
use crate::socket::Socket;
use crate::tls::{self, Tls};
use crate::url::PostgresUrl;

/// The folders that hold the socket of a server by default: in the packages of Debian, and in
/// PostgreSQL itself.
const SOCKETS: [&str; 2] = ["/var/run/postgresql", "/tmp"];

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens connections with the settings of one handle.
pub(crate) struct Connector {
    config: Config,
    tls: Tls,
    settings: Arc<Settings>,
}

impl Connector {
    pub(crate) fn new(url: &PostgresUrl, settings: Settings) -> Result<Self, RequestError> {
        let socket = SOCKETS.into_iter().find(|folder| Path::new(folder).is_dir());
        let text = url.connection_string(socket.unwrap_or(SOCKETS[0]));
        let mut config = text.parse::<Config>().map_err(|error| {
            let reason = session_store_core::error_chain(&error);
            io::Error::new(io::ErrorKind::InvalidInput, reason)
        })?;
        if config.get_application_name().is_none() {
            config.application_name("session-store");
        }
        let tls = tls::connector(&mut config, url.get("sslrootcert"))?;
        Ok(Self { config, tls, settings: settings.into() })
    }

    /// Opens a connection to the first server that accepts a connection.
    pub(crate) fn connect(&self, deadline: Instant) -> Result<Connection, RequestError> {
        let ports = self.config.get_ports().iter().cycle();
        let mut failure = RequestError::unusable("the URL has no host");
        for (host, port) in self.config.get_hosts().iter().zip(ports) {
            let addresses = match addresses(host, *port) {
                Ok(addresses) => addresses,
                Err(error) => {
                    failure = RequestError::of_socket(&error);
                    continue;
                }
            };
            for address in addresses {
                match self.connect_to(host, &address, deadline) {
                    Ok(connection) => return Ok(connection),
                    Err(error) => failure = error,
                }
            }
        }
        Err(failure)
    }

    fn connect_to(
        &self,
        host: &Host,
        address: &SockAddr,
        deadline: Instant,
    ) -> Result<Connection, RequestError> {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = *self.config.get_connect_timeout().unwrap_or(&CONNECT_TIMEOUT);
        let timeout = timeout.min(left).max(Duration::from_millis(1));
        let socket =
            self.open_socket(address, timeout).map_err(|error| RequestError::of_socket(&error))?;
        socket.set_timeout(Some(timeout))?;
        let name = match host {
            Host::Tcp(name) => name.as_str(),
            Host::Unix(_) => "",
        };
        let tls = tls::for_host(&self.tls, name)?;
        let mut connecting = pin!(self.config.connect_raw(socket.clone(), tls));
        let opened = socket.drive(|context| connecting.as_mut().poll(context));
        let (client, messages) = opened.map_err(RequestError::of_connecting)?;
        let driver = Driver { socket, messages: Some(Box::pin(messages)) };
        let mut connection = Connection::new(client, driver, Arc::clone(&self.settings));
        self.check_session(&mut connection)?;
        connection.set_timeout(Some(self.settings.response_timeout))?;
        Ok(connection)
    }

    fn open_socket(&self, address: &SockAddr, timeout: Duration) -> io::Result<Socket> {
        let socket = socket2::Socket::new(address.domain(), Type::STREAM, None)?;
        socket.connect_timeout(address, timeout)?;
        if address.domain() != Domain::UNIX {
            socket.set_tcp_nodelay(true)?;
            if self.config.get_keepalives() {
                let keepalive = TcpKeepalive::new().with_time(self.config.get_keepalives_idle());
                let interval = self.config.get_keepalives_interval();
                socket.set_tcp_keepalive(&match interval {
                    Some(interval) => keepalive.with_interval(interval),
                    None => keepalive,
                })?;
            }
            #[cfg(target_os = "linux")]
            socket.set_tcp_user_timeout(self.config.get_tcp_user_timeout().copied())?;
        }
        Ok(Socket::new(socket))
    }

    /// Returns an error if the server is not of the kind that the option `target_session_attrs`
    /// requires.
    fn check_session(&self, connection: &mut Connection) -> Result<(), RequestError> {
        let (refused, reason) = match self.config.get_target_session_attrs() {
            TargetSessionAttrs::ReadWrite => ("on", "the server does not accept changes"),
            TargetSessionAttrs::ReadOnly => ("off", "the server accepts changes"),
            _ => return Ok(()),
        };
        let replies = connection.execute("SHOW transaction_read_only");
        let is_refused = |reply: &SimpleQueryMessage| match reply {
            SimpleQueryMessage::Row(row) => row.get(0) == Some(refused),
            _ => false,
        };
        if replies.map_err(RequestError::without_change)?.iter().any(is_refused) {
            let error = io::Error::new(io::ErrorKind::PermissionDenied, reason);
            return Err(RequestError::of_socket(&error));
        }
        Ok(())
    }
}

fn addresses(host: &Host, port: u16) -> io::Result<Vec<SockAddr>> {
    Ok(match host {
        Host::Tcp(name) => (name.as_str(), port).to_socket_addrs()?.map(SockAddr::from).collect(),
        Host::Unix(folder) => vec![SockAddr::unix(folder.join(format!(".s.PGSQL.{port}")))?],
    })
}
