//! Benchmarks the SQLite backend against its floor: the same statements on a plain connection.

mod append;
mod growth;
mod power;
pub(crate) mod raw;
mod read;
mod threads;

use std::path::PathBuf;

use session_store_core::{Durability, SegmentId, SegmentRef, SessionId, Store, StoreExt};
use session_store_sqlite::{SqliteOptions, SqliteStore};

use crate::Fallible;
use crate::plan::{Bench, Plan};
use crate::sessions::HasStore;
use crate::size::{self, HasSize, sizes};
use raw::Raw;

pub(crate) const BENCHES: [Bench; 8] = [
    append::ONE,
    append::MANY,
    power::BENCH,
    read::BENCH,
    threads::BENCH,
    growth::ENTRIES,
    growth::SESSIONS,
    SIZE,
];

const SIZE: Bench = Bench {
    name: "sqlite/size",
    about: size::ABOUT,
    run: |plan| sizes(plan, &|| Ok(Box::new(Setup::new(plan)?))),
};

/// A new store, and the ids of a segment.
pub(crate) struct Setup {
    folder: PathBuf,
    store: SqliteStore,
    session: SessionId,
    segment: SegmentId,
}

impl Setup {
    pub(crate) fn new(plan: &Plan) -> Fallible<Self> {
        Self::with(plan, &SqliteOptions::new())
    }

    fn with(plan: &Plan, options: &SqliteOptions) -> Fallible<Self> {
        let folder = plan.folder()?;
        let store = options.clone().create(true).open(folder.join("store.db"))?;
        Ok(Self { folder, store, session: SessionId::new(), segment: SegmentId::new() })
    }

    /// Returns the log of the segment.
    fn log(&self) -> SegmentRef<'_, dyn Store> {
        self.log_of(self.segment)
    }

    /// Returns the log of another segment of the session.
    fn log_of(&self, segment: SegmentId) -> SegmentRef<'_, dyn Store> {
        let store: &dyn Store = &self.store;
        store.segment(self.session, segment)
    }

    /// Opens a plain connection to another file with the same tables.
    fn floor(&self) -> Fallible<Raw> {
        Raw::create(&self.folder.join("floor.db"), Durability::Process)
    }
}

impl HasStore for Setup {
    fn store(&self) -> &dyn Store {
        &self.store
    }

    fn another_handle(&self) -> Fallible<Box<dyn Store>> {
        Ok(Box::new(SqliteStore::open(self.folder.join("store.db"))?))
    }
}

impl HasSize for Setup {
    /// Returns the bytes of the database's pages. The WAL is not counted, because its length does
    /// not depend on the number of entries.
    fn stored_bytes(&self) -> Fallible<u64> {
        let database = rusqlite::Connection::open(self.folder.join("store.db"))?;
        let bytes = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
        Ok(database.query_row(bytes, (), |row| row.get::<_, i64>(0))?.unsigned_abs())
    }
}
