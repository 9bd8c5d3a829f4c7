//! The function `check_store` of the crate `rig-memory`, over two handles of one storage.

use futures_lite::future::block_on;
use judges::{Backend, Files, Storage};
use rig_memory::conformance::check_store;

fn check(backend: Backend) {
    let storage = Storage::new(backend);
    let (first, second) = (Files::new(storage.open()), Files::new(storage.open()));
    block_on(check_store(&first, &second)).unwrap();
}

judges::backends! { check }
