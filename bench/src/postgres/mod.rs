//! Benchmarks the PostgreSQL backend against its floor: the same statements on a plain connection.

mod raw;

use session_store_core::{SegmentId, SegmentRef, SessionId, Store, StoreExt};
use session_store_postgres::PostgresStore;
use test_servers::PostgresServer;

use crate::plan::Bench;
use crate::server::{self, OnServer};
use crate::sessions::HasStore;
use crate::size::HasSize;
use crate::{Done, Fallible};
use raw::Raw;

pub(crate) const BENCHES: [Bench; 5] = server::benches::<Setup>([
    "postgres/append",
    "postgres/append_all",
    "postgres/read",
    "postgres/threads",
    "postgres/size",
]);

/// A new server that does not wait for the disk, a new store on it, and the ids of a segment.
pub(crate) struct Setup {
    store: PostgresStore,
    session: SessionId,
    segment: SegmentId,
    /// This is the last field, so that the server ends after the connections of the store.
    server: PostgresServer,
}

impl HasStore for Setup {
    fn store(&self) -> &dyn Store {
        &self.store
    }

    fn another_handle(&self) -> Fallible<Box<dyn Store>> {
        Ok(Box::new(PostgresStore::open(&self.server.url())?))
    }
}

impl OnServer for Setup {
    type Floor = Raw;

    fn new() -> Fallible<Self> {
        // Switch off autovacuum, because it would run in some rounds only.
        let server = PostgresServer::start_fast(&["autovacuum=off"]);
        let store = PostgresStore::open_or_create(&server.url())?;
        Ok(Self { store, session: SessionId::new(), segment: SegmentId::new(), server })
    }

    fn log(&self) -> SegmentRef<'_, dyn Store> {
        let store: &dyn Store = &self.store;
        store.segment(self.session, self.segment)
    }

    fn floor(&self) -> Fallible<Raw> {
        Raw::connect(&self.server)
    }

    /// Updates the statistics that the server needs to plan a query. Without autovacuum, the server
    /// does not update them itself.
    fn before_reads(&self) -> Done {
        Ok(self.server.connection().batch_execute("VACUUM ANALYZE")?)
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
