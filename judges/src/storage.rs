//! `Storage`: an empty place in one of the backends, which several handles can open.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use session_store::Store;
use tempfile::TempDir;
use test_servers::{PostgresServer, RedisServer};
use uuid::Uuid;

use crate::bugs;

/// A backend.
#[derive(Clone, Copy, Debug)]
pub enum Backend {
    /// A map in memory.
    Memory,
    /// Files.
    Fs,
    /// A SQLite database.
    Sqlite,
    /// A prefix on a Redis server.
    Redis,
    /// A schema on a PostgreSQL server.
    Postgres,
}

impl Backend {
    /// Returns the URL of a storage. Each text in the place of `{}` makes another storage, and the
    /// files of a storage are in `folder`. A server starts once per process.
    pub fn url(self, folder: &Path) -> String {
        static REDIS: LazyLock<RedisServer> = LazyLock::new(|| RedisServer::start_in_memory(&[]));
        static POSTGRES: LazyLock<PostgresServer> =
            LazyLock::new(|| PostgresServer::start_fast(&[]));
        let path = folder.display();
        match self {
            Self::Memory => "memory:".to_owned(),
            Self::Fs => format!("fs:{path}/{{}}"),
            Self::Sqlite => format!("sqlite:{path}/{{}}.db"),
            Self::Redis => format!("{}?prefix={{}}", REDIS.url()),
            Self::Postgres => format!("{}?schema={{}}", POSTGRES.url()),
        }
    }
}

/// An empty place in a backend.
pub struct Storage {
    url: String,
    /// The only handle of a store in memory. Other stores are opened again for each handle.
    shared: Option<Arc<dyn Store>>,
    _folder: TempDir,
}

impl Storage {
    /// Creates a storage that no other test uses.
    pub fn new(backend: Backend) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be created");
        let name = format!("s{}", Uuid::new_v4().simple());
        let url = backend.url(folder.path()).replace("{}", &name);
        let shared = matches!(backend, Backend::Memory).then(|| open(&url));
        Self { url, shared, _folder: folder }
    }

    /// Opens a handle. If a bug is planted, the handle has the bug.
    pub fn open(&self) -> Arc<dyn Store> {
        bugs::plant(self.shared.clone().unwrap_or_else(|| open(&self.url)))
    }
}

fn open(url: &str) -> Arc<dyn Store> {
    Arc::new(session_store::open_or_create(url).expect("the store can be opened"))
}
