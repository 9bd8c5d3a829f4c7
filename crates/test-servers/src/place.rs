//! The places of the stores of a test, by backend.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;

use crate::{PostgresServer, RedisServer};

/// The backends of this workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// A store in memory.
    Memory,
    /// A folder of files.
    Fs,
    /// An SQLite database.
    Sqlite,
    /// A prefix of keys on a Redis server.
    Redis,
    /// A schema of a PostgreSQL database.
    Postgres,
}

/// A place for the stores of one test, with a folder that is deleted at the end. All tests of a
/// process share the servers.
#[derive(Debug)]
pub struct Place(TempDir);

impl Place {
    /// Creates a place without stores.
    ///
    /// # Panics
    /// If the folder cannot be created.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it creates a folder")]
    pub fn new() -> Self {
        Self(TempDir::new().expect("a temporary folder can be created"))
    }

    /// Returns the URL of a store that does not exist yet.
    ///
    /// # Panics
    /// If the server of the backend does not start.
    #[must_use]
    pub fn url(&self, backend: Backend) -> String {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        static REDIS: LazyLock<RedisServer> = LazyLock::new(|| RedisServer::start_in_memory(&[]));
        static POSTGRES: LazyLock<PostgresServer> =
            LazyLock::new(|| PostgresServer::start_fast(&[]));
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = self.0.path().join(number.to_string());
        match backend {
            Backend::Memory => "memory:".to_owned(),
            Backend::Fs => format!("fs:{}", path.display()),
            Backend::Sqlite => format!("sqlite:{}", path.display()),
            Backend::Redis => format!("{}?prefix=place{number}", REDIS.url()),
            Backend::Postgres => format!("{}?schema=place{number}", POSTGRES.url()),
        }
    }
}
