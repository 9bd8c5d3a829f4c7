//! Servers that the tests of this process share. Each test uses its own prefix of keys.

use std::sync::LazyLock;

use redis::{Cmd, RedisResult, Value};
use session_store_core::{SegmentId, SessionId};
use session_store_redis::{RedisOptions, RedisStore};
use test_servers::{RedisCluster, RedisServer};
use uuid::Uuid;

static SERVER: LazyLock<RedisServer> = LazyLock::new(|| RedisServer::start_in_memory(&[]));
static CLUSTER: LazyLock<RedisCluster> = LazyLock::new(RedisCluster::start_in_memory);

/// The servers of a storage.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Servers {
    One,
    Cluster,
}

impl Servers {
    pub(crate) fn url(self) -> String {
        match self {
            Self::One => SERVER.url(),
            Self::Cluster => CLUSTER.url(),
        }
    }

    /// Sends a command directly, without a store.
    pub(crate) fn command(self, command: &Cmd) -> RedisResult<Value> {
        match self {
            Self::One => command.query(&mut SERVER.connection()),
            Self::Cluster => CLUSTER.command(command),
        }
    }

    /// Opens a storage under a prefix.
    pub(crate) fn open(self, prefix: &str) -> RedisStore {
        RedisOptions::new().create(true).prefix(prefix).open(&self.url()).unwrap()
    }

    /// Returns a key of a segment that exists: its `log`, `entries` or `trace`.
    ///
    /// The bucket is an internal detail of the store, so the function tries all buckets.
    pub(crate) fn key(
        self,
        prefix: &str,
        kind: &str,
        session: SessionId,
        segment: SegmentId,
    ) -> Option<String> {
        let key = |bucket| format!("{prefix}:{{{bucket:02x}}}:{kind}:{session}:{segment}");
        let exists = |key: &String| {
            self.command(redis::cmd("EXISTS").arg(key)).is_ok_and(|found| found == Value::Int(1))
        };
        (0..=255).map(key).find(exists)
    }
}

/// Returns a prefix that no other test uses.
pub(crate) fn unique_prefix() -> String {
    format!("test-{}", Uuid::new_v4().simple())
}
