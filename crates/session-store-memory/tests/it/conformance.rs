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
            only_open: "a store in memory has no place, no files and no format",
            maintenance: "a store in memory has nothing to check",
        },
    },
}
