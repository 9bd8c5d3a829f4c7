//! `Storage`: a new, empty storage of a persistent backend. The scheme of a URL selects the
//! backend.

use std::any::Any;

use tempfile::TempDir;
use test_servers::{PostgresServer, RedisServer};

/// A storage, which is deleted when this value is dropped.
pub(crate) struct Storage {
    url: String,
    _folder: TempDir,
    /// A server, if the backend needs one.
    _server: Option<Box<dyn Any>>,
}

impl Storage {
    pub(crate) fn new(scheme: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (url, server): (_, Option<Box<dyn Any>>) = match scheme {
            "redis" => {
                let server = RedisServer::start_in_memory(&[]);
                (server.url(), Some(Box::new(server)))
            }
            "postgres" => {
                let server = PostgresServer::start_fast(&[]);
                (server.url(), Some(Box::new(server)))
            }
            _ => (format!("{scheme}:{}", folder.path().join("storage").display()), None),
        };
        Self { url, _folder: folder, _server: server }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}
