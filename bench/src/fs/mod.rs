//! The file backend against bare files.

mod append;
mod count;
mod growth;
mod list;
mod power;
mod read;
mod threads;

use std::path::PathBuf;

use session_store_core::{SegmentId, SessionId, Store};
use session_store_fs::FsStore;

use crate::Answer;
use crate::crowd::HasStore;
use crate::plan::{Bench, Plan};

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

/// A fresh store, a segment's name in it, and a folder beside it for the floor.
pub(crate) struct Bed {
    folder: PathBuf,
    store: FsStore,
    session: SessionId,
    segment: SegmentId,
}

impl Bed {
    pub(crate) fn new(plan: &Plan) -> Answer<Self> {
        let folder = plan.folder()?;
        let store = FsStore::open_or_create(folder.join("store"))?;
        Ok(Self { folder, store, session: SessionId::new(), segment: SegmentId::new() })
    }

    /// The store's own folder.
    fn root(&self) -> PathBuf {
        self.folder.join("store")
    }

    /// The segment's file. A floor that reads does so from the same file: a copy lies in the page cache in
    /// other pieces, and is read faster.
    fn log(&self) -> PathBuf {
        self.root().join(self.session.to_string()).join(format!("{}.jsonl", self.segment))
    }
}

impl HasStore for Bed {
    fn store(&self) -> &dyn Store {
        &self.store
    }
}
