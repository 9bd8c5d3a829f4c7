//! The places of the stores of a test: temporary directories, and one Redis server.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;
use test_servers::RedisServer;

/// The persistent backends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Backend {
    Fs,
    Sqlite,
    Redis,
}

/// A place for the stores of one test. All tests share one server.
pub(super) struct Place(TempDir);

impl Place {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder can be created"))
    }

    /// Returns the URL of a store that does not exist yet.
    pub(super) fn url(&self, backend: Backend) -> String {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        static SERVER: LazyLock<RedisServer> = LazyLock::new(|| RedisServer::start_in_memory(&[]));
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = self.0.path().join(number.to_string());
        match backend {
            Backend::Fs => format!("fs:{}", path.display()),
            Backend::Sqlite => format!("sqlite:{}", path.display()),
            Backend::Redis => format!("{}?prefix=place{number}", SERVER.url()),
        }
    }
}
