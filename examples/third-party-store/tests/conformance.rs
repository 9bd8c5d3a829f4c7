//! All checks of the conformance kit over the store.

use std::sync::Arc;

use session_store_conformance::{Storage, conformance_tests};
use session_store_core::{Store, StoreError};
use tempfile::TempDir;
use third_party_store::RedbStore;

/// A database file in a temporary folder.
struct File {
    store: Arc<RedbStore>,
    _folder: TempDir,
}

fn file() -> File {
    let folder = tempfile::tempdir().expect("a temporary folder can be created");
    let store = RedbStore::open_or_create(&folder.path().join("sessions.redb"));
    File { store: Arc::new(store.expect("an empty file can be created")), _folder: folder }
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
        maintenance: "redb checks its own file",
        sizes: "it stores no sizes",
        times: "it stores no times",
        epoch: "a head is only a count",
        own_batches: "append_all is the provided body",
        atomic_batch: "append_all is the provided body",
        persistent: "not declared: the harness keeps one handle open",
        multi_process: "redb cannot open a file twice",
        process: "redb cannot open a file twice",
        folder: "it is one file",
        log_file: "its file has no lines",
        overwrite: "nothing else writes to its file",
        unlist: "its listings read the logs",
        open_missing: "it always creates a missing file",
        raise_format: "redb manages its own format",
    },
}
