//! How a store is opened: what the caller chooses, and the steps from a URL to a store.

use std::io;
use std::time::Duration;

use session_store_core::{BackendError, StoreError};

use crate::RedisStore;
use crate::answer::optional;
use crate::client::Client;
use crate::connect::{Connector, Timeouts};
use crate::inspect;
use crate::keys::{Keys, Tag};
use crate::topology::Topology;
use crate::url::RedisUrl;

/// The version of the format that this program reads and writes.
const FORMAT: u64 = 1;

/// What the keys begin with, unless another prefix is asked for.
const PREFIX: &str = "session-store";

/// How to open a [`RedisStore`].
///
/// ```no_run
/// use std::time::Duration;
///
/// use session_store_redis::RedisOptions;
///
/// let mut options = RedisOptions::new();
/// options.prefix("team-a").retry_for(Duration::from_secs(30));
/// let store = options.create(true).open("redis://localhost")?;
/// # Ok::<(), session_store_core::StoreError>(())
/// ```
#[derive(Clone, Debug)]
pub struct RedisOptions {
    create: bool,
    prefix: Option<String>,
    connections: usize,
    timeouts: Timeouts,
    root_certificates: Option<Vec<u8>>,
}

impl RedisOptions {
    /// Opens what exists, with 8 connections to a server at most, 5 seconds to connect and for a reply, and
    /// 15 seconds to get a command done.
    #[must_use]
    pub const fn new() -> Self {
        let timeouts = Timeouts {
            connect: Duration::from_secs(5),
            response: Duration::from_secs(5),
            retry: Duration::from_secs(15),
        };
        Self { create: false, prefix: None, connections: 8, timeouts, root_certificates: None }
    }

    /// Whether a store is made where there is none under the prefix.
    pub const fn create(&mut self, create: bool) -> &mut Self {
        self.create = create;
        self
    }

    /// What the names of all keys begin with, `session-store` by default; the URL's own `?prefix=` counts
    /// more. Storages of different prefixes have nothing in common.
    pub fn prefix(&mut self, prefix: impl Into<String>) -> &mut Self {
        self.prefix = Some(prefix.into());
        self
    }

    /// How many connections to each server there are at most. A thread that finds none free waits.
    pub const fn connections(&mut self, connections: usize) -> &mut Self {
        self.connections = connections;
        self
    }

    /// How long a connection may take to be made; a minute at most, and not nothing.
    pub fn connect_timeout(&mut self, timeout: Duration) -> &mut Self {
        self.timeouts.connect = bounded(timeout, Duration::from_secs(60));
        self
    }

    /// How long a server may be silent while a reply is awaited, before the connection is given up; a
    /// minute at most, and not nothing.
    pub fn response_timeout(&mut self, timeout: Duration) -> &mut Self {
        self.timeouts.response = bounded(timeout, Duration::from_secs(60));
        self
    }

    /// How long a call goes on sending a command that gets no reply, or that the servers can't obey now
    /// (one is down, a failover is under way, a slot moves), before it fails with an error that [is
    /// transient](StoreError::is_transient) or [indeterminate](StoreError::is_indeterminate); five minutes
    /// at most. The last attempt may take its connect and response timeouts longer.
    pub fn retry_for(&mut self, time: Duration) -> &mut Self {
        self.timeouts.retry = bounded(time, Duration::from_secs(300));
        self
    }

    /// Trusts servers by these root certificates (PEM) instead of the system's, over TLS.
    pub fn root_certificates(&mut self, pem: impl Into<Vec<u8>>) -> &mut Self {
        self.root_certificates = Some(pem.into());
        self
    }

    /// Opens the store at a URL, as [`RedisUrl`] has them. Any number of threads and processes may do so at
    /// the same moment, to create it too (S6).
    ///
    /// # Errors
    /// [`StoreError::Io`] of the kind `InvalidInput` for a text that is no such URL, of the kind `NotFound`
    /// if there is no store under the prefix and none shall be created (S7), and of another kind if no
    /// server can be reached; [`StoreError::NewerFormat`]; [`StoreError::NotAStore`] if the prefix is in
    /// use by something else; [`StoreError::Backend`] for a server that is too old or refuses the login.
    pub fn open(&self, url: &str) -> Result<RedisStore, StoreError> {
        let url = url.parse::<RedisUrl>().map_err(|error| {
            StoreError::io("open a Redis store", io::Error::new(io::ErrorKind::InvalidInput, error))
        })?;
        self.open_url(&url)
    }

    /// As [`open`](Self::open), with a URL that is parsed already.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_url(&self, url: &RedisUrl) -> Result<RedisStore, StoreError> {
        let prefix = url.prefix.as_ref().or(self.prefix.as_ref()).map_or(PREFIX, String::as_str);
        if prefix.contains(['{', '}']) {
            let reason = "a prefix holds no braces: they would say to which slot a key belongs";
            let error = io::Error::new(io::ErrorKind::InvalidInput, reason);
            return Err(StoreError::io(format!("open {url}"), error));
        }
        let topology = Topology::new(url, self.connector(url), self.connections);
        let keys = Keys::new(prefix.to_owned());
        let mut client = Client::new(keys, url.to_string(), topology, self.timeouts.retry);
        // First, since it waits for no server that is not there.
        let found = inspect::servers(&client)?;
        client.take_no_longer_than(found.longest);
        self.identify(&client)?;
        Ok(RedisStore::new(client, found.warnings))
    }

    fn connector(&self, url: &RedisUrl) -> Connector {
        Connector {
            login: url.login.clone(),
            database: url.database,
            tls: false,
            root_certificates: self.root_certificates.clone(),
            timeouts: self.timeouts,
            masters_only: false,
        }
    }

    /// Reads the version of the format, and writes it where there is none and it may.
    fn identify(&self, client: &Client) -> Result<(), StoreError> {
        let mut ask = redis::cmd(if self.create { "SET" } else { "GET" });
        ask.arg(client.keys.format());
        if self.create {
            ask.arg(FORMAT).arg("NX").arg("GET");
        }
        let answer = client.command("open the store", Tag::Format, &ask)?;
        match optional(answer) {
            Some(Some(version)) => check_format(client, &version),
            Some(None) if self.create => Ok(()),
            Some(None) => {
                let reason = "there is no session store under this prefix";
                let error = io::Error::new(io::ErrorKind::NotFound, reason);
                Err(StoreError::io(format!("open {}", client.place()), error))
            }
            None => Err(client.unexpected("open the store")),
        }
    }
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self::new()
    }
}

fn bounded(time: Duration, most: Duration) -> Duration {
    time.clamp(Duration::from_millis(1), most)
}

fn check_format(client: &Client, version: &[u8]) -> Result<(), StoreError> {
    let place = client.place().to_owned();
    match str::from_utf8(version).ok().and_then(|text| text.parse::<u64>().ok()) {
        Some(FORMAT) => Ok(()),
        Some(found) if found > FORMAT => {
            Err(StoreError::NewerFormat { place, found, supported: FORMAT })
        }
        _ => {
            let found = String::from("a version of the format that is no number from 1 on");
            Err(StoreError::NotAStore { place, found })
        }
    }
}

/// The error for a server that lacks what the scripts need.
pub(crate) fn too_old(client: &Client, version: &str) -> StoreError {
    let reason = format!("the server is Redis {version}; 7.0 or newer is needed");
    BackendError::new(format!("open {}", client.place()), false, reason).into()
}
