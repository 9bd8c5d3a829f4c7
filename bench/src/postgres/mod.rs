//! Benchmarks the PostgreSQL backend against its floor: the same statements on a plain connection.

mod append;
mod raw;
mod read;
mod threads;

use session_store_core::{SegmentId, SegmentRef, SessionId, Store, StoreExt};
use session_store_postgres::PostgresStore;
use test_servers::PostgresServer;

use crate::Fallible;
use crate::plan::Bench;
use raw::Raw;

pub(crate) const BENCHES: [Bench; 4] = [append::ONE, append::MANY, read::BENCH, threads::BENCH];

/// A new server that does not wait for the disk, a new store on it, and the ids of a segment.
struct Setup {
    store: PostgresStore,
    session: SessionId,
    segment: SegmentId,
    /// The last field, so that the server ends after the connections of the store.
    server: PostgresServer,
}

impl Setup {
    fn new() -> Fallible<Self> {
        // Autovacuum would run in some rounds only.
        let server = PostgresServer::start_fast(&["autovacuum=off"]);
        let store = PostgresStore::open_or_create(&server.url())?;
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
