//! The SQLite backend against the same statements on a bare connection.

mod growth;
pub(crate) mod raw;
mod read;
mod threads;
mod write;

use std::path::PathBuf;

use session_store_core::{SegmentId, SessionId, Store};
use session_store_sqlite::SqliteStore;

use crate::Answer;
use crate::crowd::HasStore;
use crate::plan::{Bench, Plan};
use raw::Raw;

pub(crate) const BENCHES: [Bench; 6] =
    [write::ONE, write::MANY, read::BENCH, threads::BENCH, growth::ENTRIES, growth::SESSIONS];

/// A fresh store and a segment's name in it.
pub(crate) struct Bed {
    folder: PathBuf,
    store: SqliteStore,
    session: SessionId,
    segment: SegmentId,
}

impl Bed {
    pub(crate) fn new(plan: &Plan) -> Answer<Self> {
        let folder = plan.folder()?;
        let store = SqliteStore::open_or_create(folder.join("store.db"))?;
        Ok(Self { folder, store, session: SessionId::new(), segment: SegmentId::new() })
    }

    /// A connection to another file with the same tables.
    fn floor(&self) -> Answer<Raw> {
        Raw::create(&self.folder.join("floor.db"))
    }
}

impl HasStore for Bed {
    fn store(&self) -> &dyn Store {
        &self.store
    }
}
