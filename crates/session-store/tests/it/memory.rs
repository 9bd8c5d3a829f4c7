//! The memory backend.

use session_store_conformance::{Storage, conformance_tests};
use session_store_memory::MemoryStore;

fn storage() -> impl Storage {
    let store = MemoryStore::new();
    move || store.clone()
}

conformance_tests! {
    harness: storage,
    skip: {
        multi_process: "a store in memory exists in one process",
        persistent: "a store in memory ends with its last handle",
        process: "a store in memory exists in one process",
        folder: "a store in memory is not a folder",
        log_file: "a store in memory has no file",
        overwrite: "a store in memory cannot be damaged from outside",
        open_missing: "a store in memory has no place",
        raise_format: "a store in memory has no format",
        maintenance: "a store in memory has nothing to check",
    }
}
