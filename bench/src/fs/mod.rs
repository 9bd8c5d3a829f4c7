//! Benchmarks the file backend against its floor: plain files.

mod append;
mod count;
mod growth;
mod list;
mod power;
mod read;
mod threads;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use session_store_core::{SegmentId, SegmentRef, SessionId, Store, StoreExt};
use session_store_fs::{FsOptions, FsStore};

use crate::Fallible;
use crate::plan::{Bench, Plan};
use crate::sessions::HasStore;
use crate::size::{self, HasSize, sizes};

pub(crate) const BENCHES: [Bench; 10] = [
    append::ONE,
    append::MANY,
    power::BENCH,
    read::BENCH,
    count::BENCH,
    growth::ENTRIES,
    growth::SESSIONS,
    list::SEGMENTS,
    threads::BENCH,
    SIZE,
];

const SIZE: Bench = Bench {
    name: "fs/size",
    about: size::ABOUT,
    run: |plan| sizes(plan, &|| Ok(Box::new(Setup::new(plan)?))),
};

/// A new store, the ids of a segment, and a folder for the floor.
pub(crate) struct Setup {
    folder: PathBuf,
    store: FsStore,
    session: SessionId,
    segment: SegmentId,
}

impl Setup {
    pub(crate) fn new(plan: &Plan) -> Fallible<Self> {
        Self::with(plan, &FsOptions::new())
    }

    pub(crate) fn with(plan: &Plan, options: &FsOptions) -> Fallible<Self> {
        let folder = plan.folder()?;
        let store = options.clone().create(true).open(folder.join("store"))?;
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

    /// Returns the file of the segment. A floor must read this file and not a copy of it. A copy is
    /// written in larger pieces than a log, so the page cache holds the copy in larger pieces, and
    /// reading the copy is faster.
    fn log_file(&self) -> PathBuf {
        self.root().join(self.session.to_string()).join(format!("{}.jsonl", self.segment))
    }
}

impl HasStore for Setup {
    fn store(&self) -> &dyn Store {
        &self.store
    }

    fn another_handle(&self) -> Fallible<Box<dyn Store>> {
        Ok(Box::new(FsStore::open(self.root())?))
    }
}

impl HasSize for Setup {
    fn stored_bytes(&self) -> Fallible<u64> {
        allocated_bytes(&self.root())
    }
}

/// Returns the allocated bytes of a file, or of a folder and everything below it.
fn allocated_bytes(path: &Path) -> Fallible<u64> {
    const BLOCK: u64 = 512;
    let metadata = path.symlink_metadata()?;
    let mut bytes = metadata.blocks() * BLOCK;
    if metadata.is_dir() {
        for below in fs::read_dir(path)? {
            bytes += allocated_bytes(&below?.path())?;
        }
    }
    Ok(bytes)
}
