//! Benchmarks the SQLite backend against its floor: the same statements on a plain connection.

mod append;
mod growth;
pub(crate) mod raw;
mod read;
mod threads;

use std::path::PathBuf;

use session_store_core::{SegmentId, SegmentRef, SessionId, Store, StoreExt};
use session_store_sqlite::SqliteStore;

use crate::Fallible;
use crate::plan::{Bench, Plan};
use crate::sessions::HasStore;
use raw::Raw;

pub(crate) const BENCHES: [Bench; 6] =
    [append::ONE, append::MANY, read::BENCH, threads::BENCH, growth::ENTRIES, growth::SESSIONS];

/// A new store, and the ids of a segment.
pub(crate) struct Setup {
    folder: PathBuf,
    store: SqliteStore,
    session: SessionId,
    segment: SegmentId,
}

impl Setup {
    pub(crate) fn new(plan: &Plan) -> Fallible<Self> {
        let folder = plan.folder()?;
        let store = SqliteStore::open_or_create(folder.join("store.db"))?;
        Ok(Self { folder, store, session: SessionId::new(), segment: SegmentId::new() })
    }

    /// Returns the log of the segment.
    fn log(&self) -> SegmentRef<'_, dyn Store> {
        let store: &dyn Store = &self.store;
        store.segment(self.session, self.segment)
    }

    /// Opens a plain connection to another file with the same tables.
    fn floor(&self) -> Fallible<Raw> {
        Raw::create(&self.folder.join("floor.db"))
    }
}

impl HasStore for Setup {
    fn store(&self) -> &dyn Store {
        &self.store
    }
}
