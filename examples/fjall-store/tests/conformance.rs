//! All checks of the conformance kit over the store, which is closed and opened again.

use std::sync::{Arc, Mutex, Weak};

use fjall_store::FjallStore;
use session_store_conformance::{Storage, conformance_tests};
use session_store_core::{Store, StoreError};
use tempfile::TempDir;

/// A storage for one check: a database in a temporary folder.
struct Folder {
    folder: TempDir,
    /// The open store. fjall cannot open a folder twice, so all handles share the store. The last
    /// handle closes the store, and the next handle opens the folder again.
    store: Mutex<Weak<FjallStore>>,
}

fn folder() -> Folder {
    let folder = tempfile::tempdir().expect("a temporary folder can be created");
    Folder { folder, store: Mutex::default() }
}

impl Storage for Folder {
    fn open(&self) -> Result<Box<dyn Store>, StoreError> {
        let mut current = self.store.lock().expect("no check panics while it opens a handle");
        if let Some(store) = current.upgrade() {
            return Ok(Box::new(store));
        }
        let store = Arc::new(FjallStore::open_or_create(self.folder.path())?);
        *current = Arc::downgrade(&store);
        Ok(Box::new(store))
    }
}

conformance_tests! {
    harness: folder,
    skip: {
        only_open: "fjall cannot open a folder twice",
        multi_process: "fjall cannot open a folder twice",
        pods: "the store keeps no pods",
        maintenance: "the store has no maintenance",
        sizes: "the store does not count bytes",
        times: "the store does not record times",
    },
}
