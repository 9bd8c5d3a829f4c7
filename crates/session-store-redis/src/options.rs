//! `RedisOptions`: the options for opening a store, and the steps of opening it.

use std::io;
use std::time::Duration;

use session_store_core::StoreError;

use crate::client::Client;
use crate::error::RequestError;
use crate::inspect;
use crate::keys::{Keys, Tag};
use crate::reply::byte_string_or_nil;
use crate::store::RedisStore;
use crate::topology::Topology;
use crate::topology::connect::{Connector, Timeouts};
use crate::url::RedisUrl;

/// The format version that this crate reads and writes.
const FORMAT: u64 = 1;

/// The default prefix of all keys.
const PREFIX: &str = "session-store";

/// The options for opening a [`RedisStore`].
///
/// ```no_run
/// use std::time::Duration;
///
/// use session_store_redis::RedisOptions;
///
/// let options = RedisOptions::new().prefix("team-a").retry_for(Duration::from_secs(30));
/// let store = options.create(true).open("redis://localhost")?;
/// # Ok::<(), session_store_core::StoreError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct RedisOptions {
    create: bool,
    prefix: Option<String>,
    connections: usize,
    server_wait: Duration,
    timeouts: Timeouts,
    root_certificates: Option<Vec<u8>>,
}

impl RedisOptions {
    /// Returns the default options.
    ///
    /// The default options open an existing store, with at most 8 connections to a server. The
    /// connect and response timeouts are 5 seconds each, and commands are retried for 15 seconds.
    /// Opening a store waits up to 1 second until a server accepts a connection.
    pub const fn new() -> Self {
        let timeouts = Timeouts {
            connect: Duration::from_secs(5),
            response: Duration::from_secs(5),
            retry: Duration::from_secs(15),
        };
        Self {
            create: false,
            prefix: None,
            connections: 8,
            server_wait: Duration::from_secs(1),
            timeouts,
            root_certificates: None,
        }
    }

    /// Sets whether to create the store if there is no store under the prefix. The default is
    /// false.
    pub const fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Sets the prefix of all keys, which is `session-store` by default.
    ///
    /// The option `prefix` of a URL takes precedence. Storages with different prefixes are
    /// independent.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = Some(prefix.into());
        self
    }

    /// Sets the maximum number of connections to each server. A thread waits if all connections are
    /// in use.
    pub const fn connections(mut self, connections: usize) -> Self {
        self.connections = connections;
        self
    }

    /// Sets the timeout for opening a connection. The value is limited to the range from one
    /// millisecond to one minute.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.connect = bounded(timeout, Duration::from_secs(60));
        self
    }

    /// Sets the timeout for a reply, after which the connection is closed. The value is limited to
    /// the range from one millisecond to one minute.
    pub fn response_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.response = bounded(timeout, Duration::from_secs(60));
        self
    }

    /// Sets the retry time: how long a call retries a command, up to five minutes.
    ///
    /// A command is retried if it gets no reply, or if the servers cannot execute it now. The
    /// reason can be a server that is down, a failover in progress, or a slot that moves. The
    /// commands that open the store are retried too. They need a first connection, and the time to
    /// wait for it is limited by [`wait_for_server`](Self::wait_for_server) instead. After the
    /// retry time the call fails with an error that [is transient](StoreError::is_transient) or
    /// [indeterminate](StoreError::is_indeterminate). The last attempt can exceed the retry time by
    /// its connect and response timeouts. A refused login is not retried. A change is retried only
    /// once if the URL of a single server leads to a replica.
    pub fn retry_for(mut self, time: Duration) -> Self {
        self.timeouts.retry = bounded(time, Duration::from_secs(300));
        self
    }

    /// Sets how long opening the store waits for a server that accepts a connection: up to five
    /// minutes, and 1 second by default.
    ///
    /// The URL names a server, Sentinels, or nodes of a Cluster. The wait ends when one of them
    /// accepts a connection. An address that refuses connections or cannot be resolved is most
    /// likely mistyped, so the default is short. Set a longer time if the program starts together
    /// with its servers. This option has no effect on an open store. A call on an open store waits
    /// for a restarting server up to the time of [`retry_for`](Self::retry_for).
    pub fn wait_for_server(mut self, time: Duration) -> Self {
        self.server_wait = bounded(time, Duration::from_secs(300));
        self
    }

    /// Sets the root certificates (PEM) that verify the servers over TLS, instead of the system's.
    pub fn root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root_certificates = Some(pem.into());
        self
    }

    /// Opens the store at a URL, in one of the forms of [`RedisUrl`].
    ///
    /// Any number of threads and processes can open, and create, the same store at the same time
    /// ([S6](session_store_core::contract#s6)).
    ///
    /// # Errors
    /// - [`StoreError::Io`] of the kind `InvalidInput` if the URL or the prefix is malformed, and
    ///   of other kinds if a server cannot be reached.
    /// - [`StoreError::NoStore`] without [`create(true)`](Self::create), if the key of the format
    ///   version does not exist under the prefix ([S7](session_store_core::contract#s7)).
    /// - [`StoreError::NewerFormat`] if a newer version of this crate wrote the store.
    /// - [`StoreError::NotAStore`] if another program uses the prefix.
    /// - [`StoreError::Backend`] if a server is too old or refuses the login.
    pub fn open(&self, url: &str) -> Result<RedisStore, StoreError> {
        let url = url.parse::<RedisUrl>().map_err(|error| {
            StoreError::io("open a Redis store", io::Error::new(io::ErrorKind::InvalidInput, error))
        })?;
        self.open_url(&url)
    }

    /// Opens the store at a parsed URL.
    ///
    /// # Errors
    /// The same errors as [`open`](Self::open).
    pub fn open_url(&self, url: &RedisUrl) -> Result<RedisStore, StoreError> {
        self.connect(url).map_err(|error| error.during(format_args!("open {url}")))
    }

    fn connect(&self, url: &RedisUrl) -> Result<RedisStore, RequestError> {
        let prefix = url.prefix.as_ref().or(self.prefix.as_ref()).map_or(PREFIX, String::as_str);
        if prefix.contains(['{', '}']) {
            let reason = "the prefix contains a brace, which would change the slots of the keys";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, reason).into());
        }
        let connector = Connector {
            login: url.login.clone(),
            database: url.database,
            tls: url.tls,
            root_certificates: self.root_certificates.clone(),
            timeouts: self.timeouts,
            connections: self.connections,
            masters_only: false,
        };
        let topology = Topology::new(url, connector);
        let keys = Keys::new(prefix.to_owned());
        let mut client = Client::new(keys, url.to_string(), topology, self.timeouts.retry);
        client.contact(self.server_wait)?;
        let inspection = inspect::servers(&client)?;
        client.limit_texts(inspection.max_text_bytes);
        self.check_format(&client)?;
        Ok(RedisStore::new(client, inspection.warnings))
    }

    /// Checks the format version. With `create`, first writes the version if it is missing.
    ///
    /// One command reads the version and sets a missing one, so handles that create the store at
    /// the same time cannot overwrite each other's version.
    fn check_format(&self, client: &Client) -> Result<(), RequestError> {
        let mut command = redis::cmd(if self.create { "SET" } else { "GET" });
        command.arg(client.keys.format());
        if self.create {
            command.arg(FORMAT).arg("NX").arg("GET");
        }
        match byte_string_or_nil(client.command(Tag::Format, &command)?)? {
            Some(version) => check_version(client, &version),
            None if self.create => Ok(()),
            None => {
                let place = client.place().to_owned();
                let found = format!("the key {} does not exist", client.keys.format());
                Err(StoreError::NoStore { place, found }.into())
            }
        }
    }
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl RedisStore {
    /// Opens an existing store at a URL, in one of the forms of [`RedisUrl`].
    ///
    /// A mistyped prefix or database is an error, and nothing is created
    /// ([S7](session_store_core::contract#s7)).
    ///
    /// # Errors
    /// The errors of [`RedisOptions::open`].
    pub fn open(url: &str) -> Result<Self, StoreError> {
        RedisOptions::new().open(url)
    }

    /// Opens the store at a URL, and creates it if it does not exist.
    ///
    /// # Errors
    /// The errors of [`RedisOptions::open`].
    pub fn open_or_create(url: &str) -> Result<Self, StoreError> {
        RedisOptions::new().create(true).open(url)
    }
}

fn bounded(time: Duration, max: Duration) -> Duration {
    time.clamp(Duration::from_millis(1), max)
}

fn check_version(client: &Client, version: &[u8]) -> Result<(), RequestError> {
    let place = client.place().to_owned();
    match str::from_utf8(version).ok().and_then(|text| text.parse::<u64>().ok()) {
        Some(FORMAT) => Ok(()),
        Some(found) if found > FORMAT => {
            Err(StoreError::NewerFormat { place, found, supported: FORMAT }.into())
        }
        _ => {
            let found = String::from("a format version that is not a positive number");
            Err(StoreError::NotAStore { place, found }.into())
        }
    }
}
