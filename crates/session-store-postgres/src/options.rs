//! Opening a store: the options, and the steps from a URL to a handle.

use std::io;
use std::time::Duration;

use session_store_core::{Durability, StoreError};

use crate::client::Client;
use crate::connection::Settings;
use crate::connector::Connector;
use crate::error::RequestError;
use crate::schema::{self, Schema};
use crate::statement::Placeholders;
use crate::store::PostgresStore;
use crate::url::PostgresUrl;

/// The default schema.
const SCHEMA: &str = "session_store";

/// The options for opening a [`PostgresStore`]. Options in a URL take precedence.
///
/// ```no_run
/// use std::time::Duration;
///
/// use session_store_postgres::PostgresOptions;
///
/// let options = PostgresOptions::new().schema("team_a").retry_for(Duration::from_secs(10));
/// let store = options.create(true).open("postgres://localhost/logs")?;
/// # Ok::<(), session_store_core::StoreError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct PostgresOptions {
    create: bool,
    schema: Option<String>,
    connections: usize,
    durability: Durability,
    response_timeout: Duration,
    retry: Duration,
}

impl PostgresOptions {
    /// Returns the default options.
    ///
    /// The default options open an existing store, with at most 8 connections. The response timeout
    /// is 30 seconds, and requests are retried for 30 seconds.
    pub const fn new() -> Self {
        Self {
            create: false,
            schema: None,
            connections: 8,
            durability: Durability::Process,
            response_timeout: Duration::from_secs(30),
            retry: Duration::from_secs(30),
        }
    }

    /// Sets whether to create the store if the schema is missing or empty.
    pub const fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Sets the schema that holds the store. The default is `session_store`.
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = Some(schema.into());
        self
    }

    /// Sets the maximum number of connections. A thread waits if all connections are in use.
    pub const fn connections(mut self, connections: usize) -> Self {
        self.connections = connections;
        self
    }

    /// Sets what an acknowledged change survives.
    ///
    /// With [`Durability::Process`], the server's setting of `synchronous_commit` applies to each
    /// change. With [`Durability::Power`], each change sets `synchronous_commit` to `on`, unless
    /// the server's setting is `remote_apply`. The [table](crate#what-can-be-lost) shows which
    /// changes can then be lost.
    pub const fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Sets how long a call waits for a reply: from one millisecond to one hour. After this time
    /// the connection is closed. A check and a repair wait without a limit.
    ///
    /// A change waits for other changes of the same log. Deletions take the longest, so the timeout
    /// must be longer than the longest deletion.
    pub fn response_timeout(mut self, timeout: Duration) -> Self {
        self.response_timeout = bounded(timeout);
        self
    }

    /// Sets for how long a call repeats a failed request: from one millisecond to one hour.
    ///
    /// A request is repeated if no reply arrives, or if the server cannot execute the request now.
    /// Opening the store is repeated in the same way. After the retry time the call fails. The
    /// error is then [transient](StoreError::is_transient) or
    /// [indeterminate](StoreError::is_indeterminate). The last attempt can exceed the retry time by
    /// the response timeout.
    pub fn retry_for(mut self, time: Duration) -> Self {
        self.retry = bounded(time);
        self
    }

    /// Opens the store at a URL, in one of the forms of [`PostgresUrl`].
    ///
    /// Any number of threads and processes can open or create the same store at the same time
    /// ([S6](session_store_core::contract#s6)).
    ///
    /// # Errors
    /// - [`StoreError::Io`] of the kind `InvalidInput` if the URL is malformed, and of other kinds
    ///   if the server cannot be reached.
    /// - [`StoreError::NoStore`] if the schema is missing or empty, and [`create`](Self::create) is
    ///   not set ([S7](session_store_core::contract#s7)).
    /// - [`StoreError::NotAStore`] if the schema has relations of another program. Nothing is
    ///   changed.
    /// - [`StoreError::NewerFormat`] if a newer version of this library created the store.
    /// - [`StoreError::Backend`] if the server is too old or refuses the login, or if the database
    ///   does not have the encoding UTF8.
    pub fn open(&self, url: &str) -> Result<PostgresStore, StoreError> {
        let url = url.parse::<PostgresUrl>().map_err(|error| {
            let error = io::Error::new(io::ErrorKind::InvalidInput, error);
            StoreError::io("open a store in PostgreSQL", error)
        })?;
        self.open_url(&url)
    }

    /// Opens the store at a parsed URL.
    ///
    /// # Errors
    /// The same errors as [`open`](Self::open).
    pub fn open_url(&self, url: &PostgresUrl) -> Result<PostgresStore, StoreError> {
        let during = |error: RequestError| error.during(format_args!("open {url}"));
        let name = url.get("schema").or(self.schema.as_deref()).unwrap_or(SCHEMA);
        let durability = url.durability().unwrap_or(self.durability);
        let placeholders = Placeholders::new(name, durability, url.is_asynchronous());
        let (response_timeout, is_unnamed) = (self.response_timeout, url.shares_connections());
        let settings = Settings { placeholders, response_timeout, is_unnamed };
        let connector = Connector::new(url, settings).map_err(during)?;
        let connections = url.pool().unwrap_or(self.connections);
        let place = url.to_string();
        let client = Client::new(connector, connections, place.clone(), self.retry);
        let schema = Schema { name, place: &place };
        let warnings = client
            .repeat(|connection| {
                let mut warnings = schema::check_server(connection)?;
                schema.open(connection, self.create)?;
                warnings.extend(schema::foreign_code(connection)?);
                Ok(warnings)
            })
            .map_err(during)?;
        Ok(PostgresStore::new(client, warnings))
    }
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl PostgresStore {
    /// Opens an existing store at a URL, in one of the forms of [`PostgresUrl`].
    ///
    /// A mistyped schema is an error, and nothing is created
    /// ([S7](session_store_core::contract#s7)).
    ///
    /// # Errors
    /// The same as of [`PostgresOptions::open`].
    pub fn open(url: &str) -> Result<Self, StoreError> {
        PostgresOptions::new().open(url)
    }

    /// Opens the store at a URL, and creates it if it does not exist. The database must exist.
    ///
    /// # Errors
    /// The same as of [`PostgresOptions::open`].
    pub fn open_or_create(url: &str) -> Result<Self, StoreError> {
        PostgresOptions::new().create(true).open(url)
    }
}

fn bounded(time: Duration) -> Duration {
    time.clamp(Duration::from_millis(1), Duration::from_secs(60 * 60))
}
