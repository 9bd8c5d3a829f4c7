//! `Storage`: a new, empty storage of a persistent backend. The scheme of a URL selects the
//! backend.

use tempfile::TempDir;
use test_servers::RedisServer;

/// A storage, which is deleted when this value is dropped.
pub(crate) struct Storage {
    url: String,
    _folder: TempDir,
    _server: Option<RedisServer>,
}

impl Storage {
    pub(crate) fn new(scheme: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = (scheme == "redis").then(|| RedisServer::start_in_memory(&[]));
        let path = format!("{scheme}:{}", folder.path().join("storage").display());
        let url = server.as_ref().map_or(path, RedisServer::url);
        Self { url, _folder: folder, _server: server }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}
