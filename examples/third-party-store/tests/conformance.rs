//! Every check of the conformance kit against the store.

use std::sync::Arc;

use session_store_conformance::{Storage, conformance_tests};
use session_store_core::{Store, StoreError};
use tempfile::TempDir;
use third_party_store::RedbStore;

/// A database file, in a folder that goes when the storage does.
struct File {
    store: Arc<RedbStore>,
    _folder: TempDir,
}

fn file() -> File {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let store = RedbStore::open_or_create(&folder.path().join("sessions.redb"));
    File { store: Arc::new(store.expect("an empty file can be made")), _folder: folder }
}

impl Storage for File {
    fn open(&self) -> Result<Box<dyn Store>, StoreError> {
        Ok(Box::new(Arc::clone(&self.store)))
    }
}

conformance_tests! {
    harness: file,
    skip: {
        pods: "it keeps no pods",
        epoch: "a head is only a count",
        own_batches: "append_all is the trait's own loop",
        atomic_batch: "append_all is the trait's own loop",
        persistent: "not declared: the harness keeps one handle open",
        multi_process: "redb lets one process open a file",
        process: "redb lets one process open a file",
        folder: "it is one file",
        log_file: "its file holds no lines",
        overwrite: "nothing else writes to its file",
        open_missing: "it has no open that does not create",
        raise_format: "redb looks after its own format",
    },
}
