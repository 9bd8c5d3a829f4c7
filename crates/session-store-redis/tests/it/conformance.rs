//! Runs the conformance kit, the shared list of checks for every backend, on one server and on a
//! Cluster.

use std::io;

use session_store_conformance::{Storage, conformance_growth, conformance_matrix};
use session_store_core::{SegmentId, SessionId, Store, StoreError};
use session_store_redis::{RedisOptions, RedisStore};

use crate::shared::{Servers, unique_prefix};

/// A storage under a unique prefix.
struct Prefixed {
    servers: Servers,
    prefix: String,
}

impl Prefixed {
    fn on(servers: Servers) -> Self {
        Self { servers, prefix: unique_prefix() }
    }
}

impl Storage for Prefixed {
    fn open(&self) -> Result<Box<dyn Store>, StoreError> {
        let options = RedisOptions::new().create(true).prefix(&self.prefix);
        Ok(Box::new(options.open(&self.servers.url())?))
    }

    fn address(&self) -> Option<String> {
        Some(format!("{}?prefix={}", self.servers.url(), self.prefix))
    }

    fn open_at(address: &str) -> Result<Box<dyn Store>, StoreError> {
        Ok(Box::new(RedisStore::open_or_create(address)?))
    }

    fn overwrite(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        index: usize,
        bytes: &[u8],
    ) -> Option<io::Result<()>> {
        let key = self.servers.key(&self.prefix, "entries", session_id, segment_id);
        let Some(key) = key else { return Some(Err(io::Error::from(io::ErrorKind::NotFound))) };
        let mut set = redis::cmd("LSET");
        let result = self.servers.command(set.arg(&key).arg(index).arg(bytes));
        Some(result.map(drop).map_err(io::Error::other))
    }

    fn unlist(&self, session_id: SessionId, segment_id: SegmentId) -> Option<io::Result<()>> {
        let log = self.servers.key(&self.prefix, "log", session_id, segment_id);
        let Some(log) = log else { return Some(Err(io::Error::from(io::ErrorKind::NotFound))) };
        let segments = log.replace(":log:", ":segments:").replace(&format!(":{segment_id}"), "");
        let result = self.servers.command(redis::cmd("DEL").arg(&segments));
        Some(result.map(drop).map_err(io::Error::other))
    }

    fn raise_format(&self) -> Option<io::Result<()>> {
        let key = format!("{}:{{format}}:version", self.prefix);
        let result = self.servers.command(redis::cmd("SET").arg(&key).arg(999));
        Some(result.map(drop).map_err(io::Error::other))
    }

    fn open_missing(&self) -> Option<Result<Box<dyn Store>, StoreError>> {
        let opened = RedisOptions::new().prefix("mistyped").open(&self.servers.url());
        Some(opened.map(|store| Box::new(store) as Box<dyn Store>))
    }
}

conformance_growth! {
    harness: || Prefixed::on(Servers::One),
}

conformance_matrix! {
    server: {
        harness: || Prefixed::on(Servers::One),
        skip: {
            files: "the files belong to the server; another test uses a full server",
            folder: "the storage is not a folder; another test puts foreign keys there",
            log_file: "the store has no files",
        },
    },
    cluster: {
        harness: || Prefixed::on(Servers::Cluster),
        skip: {
            files: "the files belong to the server; another test uses a full server",
            folder: "the storage is not a folder; another test puts foreign keys there",
            log_file: "the store has no files",
        },
    },
}
