//! The place of a test's store: a new folder, file, server prefix or schema for each backend.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use session_store::{OpenStore, open_or_create};
use tempfile::TempDir;
use test_servers::{PostgresServer, RedisServer};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Memory,
    Fs,
    Sqlite,
    Redis,
    Postgres,
}

/// The place of a store.
pub(super) struct Place {
    url: String,
    /// The first handle. A store in memory is deleted with its last handle, so this one stays open.
    first: OpenStore,
    _folder: TempDir,
}

impl Place {
    pub(super) fn new(kind: Kind) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let url = match kind {
            Kind::Memory => "memory:".to_owned(),
            Kind::Fs => format!("fs:{}", path.display()),
            Kind::Sqlite => format!("sqlite:{}", path.display()),
            Kind::Redis => new_redis_prefix(),
            Kind::Postgres => new_schema(),
        };
        Self { first: open_or_create(&url).unwrap(), url, _folder: folder }
    }

    /// Returns a new handle.
    pub(super) fn open(&self) -> OpenStore {
        if self.url == "memory:" {
            return self.first.clone();
        }
        session_store::open(&self.url).unwrap()
    }
}

/// Returns the URL of a new prefix on a server that all tests share. The server is a child process
/// and ends when the process of the tests ends.
fn new_redis_prefix() -> String {
    static SERVER: LazyLock<RedisServer> = LazyLock::new(|| RedisServer::start_in_memory(&[]));
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("{}?prefix=pair{}", SERVER.url(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Returns the URL of a new schema on a PostgreSQL server that all tests share.
fn new_schema() -> String {
    static SERVER: LazyLock<PostgresServer> = LazyLock::new(|| PostgresServer::start_fast(&[]));
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("{}?schema=pair{}", SERVER.url(), NEXT.fetch_add(1, Ordering::Relaxed))
}
