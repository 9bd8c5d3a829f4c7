//! The place of one store of a test.

use session_store::{OpenStore, open_or_create};
use test_servers::Backend;

/// The place of a store.
pub(super) struct Place {
    url: String,
    /// The first handle. A store in memory is deleted with its last handle, so the first handle
    /// stays open.
    first: OpenStore,
    _place: test_servers::Place,
}

impl Place {
    pub(super) fn new(backend: Backend) -> Self {
        let place = test_servers::Place::new();
        let url = place.url(backend);
        Self { first: open_or_create(&url).unwrap(), url, _place: place }
    }

    /// Returns a new handle.
    pub(super) fn open(&self) -> OpenStore {
        if self.url == "memory:" {
            return self.first.clone();
        }
        session_store::open(&self.url).unwrap()
    }
}
