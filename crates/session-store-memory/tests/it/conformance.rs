//! The checks of the conformance kit over the memory backend.

use session_store_conformance::{Storage, conformance_matrix};
use session_store_memory::MemoryStore;

fn storage() -> impl Storage {
    let store = MemoryStore::new();
    move || store.clone()
}

conformance_matrix! {
    memory: {
        harness: storage,
        skip: {
            multi_process: "a store in memory exists in one process",
            persistent: "a store in memory ends with its last handle",
            process: "a store in memory exists in one process",
            folder: "a store in memory does not have a folder",
            log_file: "a store in memory does not have files",
            overwrite: "a store in memory cannot be damaged from outside",
            unlist: "a store in memory does not have an index apart from its logs",
            open_missing: "a store in memory does not have a place that can be missing",
            raise_format: "a store in memory does not have a format with a version",
            maintenance: "a store in memory has nothing to check",
        },
    },
}
