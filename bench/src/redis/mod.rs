//! Benchmarks the Redis backend against its floor: the same commands on a plain connection.

mod growth;
pub(crate) mod raw;

use session_store_core::{SegmentId, SegmentRef, SessionId, Store, StoreExt};
use session_store_redis::RedisStore;
use test_servers::RedisServer;

use crate::Fallible;
use crate::plan::Bench;
use crate::server::{self, OnServer};
use crate::sessions::HasStore;
use crate::size::HasSize;
use raw::Raw;

pub(crate) const BENCHES: [Bench; 5] = server::benches::<Setup>([
    "redis/append",
    "redis/append_all",
    "redis/read",
    "redis/threads",
    "redis/size",
]);

pub(crate) const GROWTH: [Bench; 2] = [growth::ENTRIES, growth::SESSIONS];

/// A new server, a new store on it, and the ids of a segment.
pub(crate) struct Setup {
    store: RedisStore,
    session: SessionId,
    segment: SegmentId,
    /// This is the last field, so that the server ends after the connections of the store.
    server: RedisServer,
}

impl HasStore for Setup {
    fn store(&self) -> &dyn Store {
        &self.store
    }

    fn another_handle(&self) -> Fallible<Box<dyn Store>> {
        Ok(Box::new(RedisStore::open(&self.server.url())?))
    }
}

impl OnServer for Setup {
    type Floor = Raw;

    fn new() -> Fallible<Self> {
        let server = RedisServer::start_in_memory(&[]);
        let store = RedisStore::open_or_create(&server.url())?;
        Ok(Self { store, session: SessionId::new(), segment: SegmentId::new(), server })
    }

    fn log(&self) -> SegmentRef<'_, dyn Store> {
        let store: &dyn Store = &self.store;
        store.segment(self.session, self.segment)
    }

    fn floor(&self) -> Fallible<Raw> {
        Raw::connect(&self.server)
    }
}

impl HasSize for Setup {
    /// Returns the bytes that the server has allocated.
    fn stored_bytes(&self) -> Fallible<u64> {
        let memory = self.server.info("memory");
        let bytes = memory.lines().find_map(|line| line.strip_prefix("used_memory:"));
        Ok(bytes.ok_or("the server does not report its memory")?.trim().parse()?)
    }
}
