//! The places of the stores of a test: temporary directories, one Redis server and one
//! PostgreSQL server.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;
use test_servers::{PostgresServer, RedisServer};

/// The persistent backends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Backend {
    Fs,
    Sqlite,
    Redis,
    Postgres,
}

/// A place for the stores of one test. All tests share the servers.
pub(super) struct Place(TempDir);

impl Place {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder can be created"))
    }

    /// Returns the URL of a store that does not exist yet.
    pub(super) fn url(&self, backend: Backend) -> String {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        static REDIS: LazyLock<RedisServer> = LazyLock::new(|| RedisServer::start_in_memory(&[]));
        static POSTGRES: LazyLock<PostgresServer> =
            LazyLock::new(|| PostgresServer::start_fast(&[]));
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = self.0.path().join(number.to_string());
        match backend {
            Backend::Fs => format!("fs:{}", path.display()),
            Backend::Sqlite => format!("sqlite:{}", path.display()),
            Backend::Redis => format!("{}?prefix=place{number}", REDIS.url()),
            Backend::Postgres => format!("{}?schema=place{number}", POSTGRES.url()),
        }
    }
}
