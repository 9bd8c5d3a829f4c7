//! Where the stores of one test are, in every backend that outlives the program.

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

/// Room for the stores of one test, on a server that all tests share.
pub(super) struct Place(TempDir);

impl Place {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().expect("make a temporary directory"))
    }

    /// The URL of a store that nobody has made yet.
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
