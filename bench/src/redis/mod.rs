//! Benchmarks the Redis backend against its floor: the same commands on a plain connection.

mod append;
mod growth;
pub(crate) mod raw;
mod read;
mod threads;

use session_store_core::{SegmentId, SegmentRef, SessionId, Store, StoreExt};
use session_store_redis::RedisStore;
use test_servers::RedisServer;

use crate::Fallible;
use crate::plan::Bench;
use crate::sessions::HasStore;
use raw::Raw;

pub(crate) const BENCHES: [Bench; 6] =
    [append::ONE, append::MANY, read::BENCH, threads::BENCH, growth::ENTRIES, growth::SESSIONS];

/// A new server, a new store on it, and the ids of a segment.
pub(crate) struct Setup {
    store: RedisStore,
    session: SessionId,
    segment: SegmentId,
    /// The last field, so that the server ends after the connections of the store.
    server: RedisServer,
}

impl Setup {
    pub(crate) fn new() -> Fallible<Self> {
        let server = RedisServer::start_in_memory(&[]);
        let store = RedisStore::open_or_create(&server.url())?;
        Ok(Self { store, session: SessionId::new(), segment: SegmentId::new(), server })
    }

    /// Returns the log of the segment.
    fn log(&self) -> SegmentRef<'_, dyn Store> {
        let store: &dyn Store = &self.store;
        store.segment(self.session, self.segment)
    }

    fn floor(&self) -> Fallible<Raw> {
        Raw::connect(&self.server)
    }
}

impl HasStore for Setup {
    fn store(&self) -> &dyn Store {
        &self.store
    }
}
