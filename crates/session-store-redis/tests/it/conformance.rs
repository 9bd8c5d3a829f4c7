//! The conformance kit on one server and on a Cluster.

use std::io;
use std::sync::LazyLock;

use redis::{Cmd, FromRedisValue, RedisResult, Value};
use session_store_conformance::{Storage, conformance_tests};
use session_store_core::{SegmentId, SessionId, Store, StoreError};
use session_store_redis::{RedisOptions, RedisStore};
use test_servers::{RedisCluster, RedisServer};
use uuid::Uuid;

/// A storage: a unique prefix on servers that the tests of this process share.
struct Prefixed {
    url: String,
    prefix: String,
    command: fn(&Cmd) -> RedisResult<Value>,
}

impl Prefixed {
    fn options(&self, prefix: &str) -> RedisOptions {
        RedisOptions::new().prefix(prefix)
    }

    /// Sends a command to the servers directly, without a store.
    fn change<T: FromRedisValue>(&self, command: &Cmd) -> io::Result<T> {
        let value = (self.command)(command).map_err(io::Error::other)?;
        redis::from_redis_value(value).map_err(io::Error::other)
    }
}

impl Storage for Prefixed {
    fn open(&self) -> Result<Box<dyn Store>, StoreError> {
        Ok(Box::new(self.options(&self.prefix).create(true).open(&self.url)?))
    }

    fn address(&self) -> Option<String> {
        Some(format!("{}?prefix={}", self.url, self.prefix))
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
        let (store, end) = (&self.prefix, format!(":entries:{session_id}:{segment_id}"));
        // The bucket is an internal detail of the store, so try all of them.
        let keys = (0..=255).map(|bucket| format!("{store}:{{{bucket:02x}}}{end}"));
        for key in keys {
            let exists = self.change::<bool>(redis::cmd("EXISTS").arg(&key));
            if exists.is_ok_and(|exists| exists) {
                let mut set = redis::cmd("LSET");
                return Some(self.change(set.arg(&key).arg(index).arg(bytes)));
            }
        }
        Some(Err(io::Error::from(io::ErrorKind::NotFound)))
    }

    fn raise_format(&self) -> Option<io::Result<()>> {
        let key = format!("{}:{{format}}:version", self.prefix);
        Some(self.change(redis::cmd("SET").arg(&key).arg(999)))
    }

    fn open_missing(&self) -> Option<Result<Box<dyn Store>, StoreError>> {
        let opened = self.options("mistyped").open(&self.url);
        Some(opened.map(|store: RedisStore| Box::new(store) as Box<dyn Store>))
    }
}

fn prefix() -> String {
    format!("test-{}", Uuid::new_v4().simple())
}

mod server {
    use super::*;

    static SERVER: LazyLock<RedisServer> = LazyLock::new(|| RedisServer::start_in_memory(&[]));

    fn storage() -> Prefixed {
        let command = |command: &Cmd| command.query(&mut SERVER.connection());
        Prefixed { url: SERVER.url(), prefix: prefix(), command }
    }

    conformance_tests! {
        harness: storage,
        skip: {
            files: "the files are the server's; a server without memory has its own test",
            folder: "a server is no folder; foreign keys have their own test",
            log_file: "it has no files",
        }
    }
}

mod cluster {
    use super::*;

    static CLUSTER: LazyLock<RedisCluster> = LazyLock::new(RedisCluster::start_in_memory);

    fn storage() -> Prefixed {
        Prefixed {
            url: CLUSTER.url(),
            prefix: prefix(),
            command: |command| CLUSTER.command(command),
        }
    }

    conformance_tests! {
        harness: storage,
        skip: {
            files: "the files are the server's; a server without memory has its own test",
            folder: "servers are no folder; foreign keys have their own test",
            log_file: "it has no files",
        }
    }
}
