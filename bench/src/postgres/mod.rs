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
use crate::sessions::HasStore;
use crate::size::{self, HasSize, sizes};
use raw::Raw;

pub(crate) const BENCHES: [Bench; 5] =
    [append::ONE, append::MANY, read::BENCH, threads::BENCH, SIZE];

const SIZE: Bench = Bench {
    name: "postgres/size",
    about: size::ABOUT,
    run: |plan| sizes(plan, SIZE.name, &|| Ok(Box::new(Setup::new()?))),
};

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

impl HasStore for Setup {
    fn store(&self) -> &dyn Store {
        &self.store
    }
}

impl HasSize for Setup {
    /// Returns the bytes of the tables and their indexes.
    fn stored_bytes(&self) -> Fallible<u64> {
        let bytes = "SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class
                     WHERE relnamespace = 'session_store'::regnamespace AND relkind = 'r'";
        let row = self.server.connection().query_one(bytes, &[])?;
        Ok(row.get::<_, i64>(0).unsigned_abs())
    }
}
