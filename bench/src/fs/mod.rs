//! Benchmarks the file backend against its floor: plain files.

mod append;
mod count;
mod growth;
mod list;
mod power;
mod read;
mod threads;

use std::path::PathBuf;

use session_store_core::{SegmentId, SegmentRef, SessionId, Store, StoreExt};
use session_store_fs::FsStore;

use crate::Fallible;
use crate::plan::{Bench, Plan};
use crate::sessions::HasStore;

pub(crate) const BENCHES: [Bench; 9] = [
    append::ONE,
    append::MANY,
    power::BENCH,
    read::BENCH,
    count::BENCH,
    growth::ENTRIES,
    growth::SESSIONS,
    list::SEGMENTS,
    threads::BENCH,
];

/// A new store, the ids of a segment, and a folder for the floor.
pub(crate) struct Setup {
    folder: PathBuf,
    store: FsStore,
    session: SessionId,
    segment: SegmentId,
}

impl Setup {
    pub(crate) fn new(plan: &Plan) -> Fallible<Self> {
        let folder = plan.folder()?;
        let store = FsStore::open_or_create(folder.join("store"))?;
        Ok(Self { folder, store, session: SessionId::new(), segment: SegmentId::new() })
    }

    /// Returns the log of the segment.
    fn log(&self) -> SegmentRef<'_, dyn Store> {
        let store: &dyn Store = &self.store;
        store.segment(self.session, self.segment)
    }

    /// Returns the folder of the store.
    fn root(&self) -> PathBuf {
        self.folder.join("store")
    }

    /// Returns the file of the segment. A floor must read this file and not a copy. A copy is
    /// written in large pieces, so the page cache holds it in larger pieces, and reading it is
    /// faster.
    fn log_file(&self) -> PathBuf {
        self.root().join(self.session.to_string()).join(format!("{}.jsonl", self.segment))
    }
}

impl HasStore for Setup {
    fn store(&self) -> &dyn Store {
        &self.store
    }
}
