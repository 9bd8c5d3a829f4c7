//! The Redis backend against the same commands on a bare connection.

mod growth;
pub(crate) mod raw;
mod read;
mod threads;
mod write;

use session_store_core::{SegmentId, SessionId, Store};
use session_store_redis::RedisStore;
use test_servers::RedisServer;

use crate::Answer;
use crate::crowd::HasStore;
use crate::plan::Bench;
use raw::Raw;

pub(crate) const BENCHES: [Bench; 6] =
    [write::ONE, write::MANY, read::BENCH, threads::BENCH, growth::ENTRIES, growth::SESSIONS];

/// A server of its own, a fresh store in it, and a segment's name.
pub(crate) struct Bed {
    store: RedisStore,
    session: SessionId,
    segment: SegmentId,
    /// Ended after the store's connections.
    server: RedisServer,
}

impl Bed {
    pub(crate) fn new() -> Answer<Self> {
        let server = RedisServer::start_in_memory(&[]);
        let store = RedisStore::open_or_create(&server.url())?;
        Ok(Self { store, session: SessionId::new(), segment: SegmentId::new(), server })
    }

    fn floor(&self) -> Answer<Raw> {
        Raw::connect(&self.server)
    }
}

impl HasStore for Bed {
    fn store(&self) -> &dyn Store {
        &self.store
    }
}
