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
        multi_process: "a store in memory is in one process",
        persistent: "a store in memory ends with its last handle",
        process: "a store in memory is in one process",
        folder: "nothing else can be in there",
        log_file: "there is no file",
        overwrite: "there is no way to damage it from outside",
        open_missing: "a store in memory is in no place",
        raise_format: "memory has no format",
    }
}
