//! `Connector`: opens connections to the server.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Sender;
use tokio::task::AbortHandle;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Error, Socket};

use crate::block_on::block_on;
use crate::connection::Connection;
use crate::error::{Cause, RequestError};
use crate::runtime::Background;
use crate::statement::Placeholders;
use crate::tls::{self, Tls};
use crate::url::PostgresUrl;

/// The folders in which the packages of Debian and PostgreSQL itself put the socket.
const SOCKETS: [&str; 2] = ["/var/run/postgresql", "/tmp"];

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens connections with the settings of one handle.
pub(crate) struct Connector {
    config: Config,
    tls: Tls,
    background: Background,
    placeholders: Arc<Placeholders>,
    response_timeout: Duration,
    /// Whether statements are sent without a name, because the next transaction can run on another
    /// connection of a pooler.
    is_unnamed: bool,
}

impl Connector {
    pub(crate) fn new(
        url: &PostgresUrl,
        placeholders: Placeholders,
        response_timeout: Duration,
    ) -> Result<Self, RequestError> {
        let socket = SOCKETS.into_iter().find(|folder| Path::new(folder).is_dir());
        let text = url.connection_string(socket.unwrap_or(SOCKETS[0]));
        let mut config = text.parse::<Config>().map_err(|error| {
            let reason = session_store_core::error_chain(&error);
            std::io::Error::new(std::io::ErrorKind::InvalidInput, reason)
        })?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_application_name().is_none() {
            config.application_name("session-store");
        }
        let tls = tls::connector(&mut config, url.root_certificates().as_deref())?;
        let placeholders = Arc::new(placeholders);
        let background = Background::start()?;
        let is_unnamed = url.shares_connections;
        Ok(Self { config, tls, background, placeholders, response_timeout, is_unnamed })
    }

    /// Opens a connection.
    #[cfg_attr(
        not(feature = "tls"),
        allow(clippy::clone_on_copy, reason = "the type is Copy only without the feature tls")
    )]
    pub(crate) fn connect(&self, deadline: Instant) -> Result<Connection, RequestError> {
        let alive = self.background.alive.clone();
        let connecting = open(self.config.clone(), self.tls.clone(), alive);
        // The connecting future uses the sockets of the runtime, so the future runs in the runtime.
        let mut connecting = self.background.handle.spawn(connecting);
        let Some(opened) = block_on(&mut connecting, Some(deadline)) else {
            connecting.abort();
            return Err(RequestError::Later(Cause::Text(String::from(
                "the server cannot be reached",
            ))));
        };
        let client = opened
            .map_err(|error| RequestError::unusable(error.to_string()))?
            .map_err(RequestError::of_connecting)?;
        let placeholders = Arc::clone(&self.placeholders);
        Ok(Connection::new(client, placeholders, self.response_timeout, self.is_unnamed))
    }
}

/// Opens a connection, and starts the task that drives it.
async fn open<T>(config: Config, tls: T, alive: Sender<()>) -> Result<(Client, AbortHandle), Error>
where
    T: MakeTlsConnect<Socket> + Send + 'static,
    T::Stream: Send + 'static,
    T::TlsConnect: Send,
    <T::TlsConnect as tokio_postgres::tls::TlsConnect<Socket>>::Future: Send,
{
    let (client, connection) = config.connect(tls).await?;
    let task = tokio::spawn(async move {
        // A call that waits for a reply gets the error of the connection too.
        let _ = connection.await;
        drop(alive);
    });
    Ok((client, task.abort_handle()))
}
