//! All checks of the conformance kit over the store. Checks whose requirements the store does not
//! meet are skipped, with the reasons.

use std::sync::Arc;

use session_store_conformance::{Storage, conformance_tests};
use session_store_core::{Store, StoreError};
use tempfile::TempDir;
use third_party_store::RedbStore;

/// A storage for one check: a database file in a temporary folder.
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
        pods: "the store does not keep pods",
        maintenance: "redb checks its own file",
        sizes: "the store does not record sizes",
        times: "the store does not record times",
        epoch: "a head is only the number of entries",
        own_batches: "append_all is the provided body",
        atomic_batch: "append_all is the provided body",
        persistent: "not declared: the harness keeps one handle open",
        multi_process: "redb cannot open a file twice",
        process: "redb cannot open a file twice",
        folder: "the store is one file",
        log_file: "the file does not consist of lines",
        overwrite: "the harness cannot change the file while redb has it open",
        unlist: "the store does not have an index apart from its logs",
        open_missing: "the store always creates a missing file",
        raise_format: "redb manages its own format",
    },
}
