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
        base_level: "the store has only the nine required methods",
        only_open: "redb cannot open a file twice",
    },
}
