//! Opening the stores that the arguments name, and passing on what their backends warn of.

use session_store::{OpenError, OpenStore, StoreUrl};

use crate::failure::warn;

/// Opens a store that must exist.
pub(crate) fn open(url: &StoreUrl) -> Result<OpenStore, OpenError> {
    url.open().inspect(pass_on_warnings)
}

/// Opens a store that is written to, and makes it if it is not there.
pub(crate) fn open_or_create(url: &StoreUrl) -> Result<OpenStore, OpenError> {
    url.open_or_create().inspect(pass_on_warnings)
}

fn pass_on_warnings(store: &OpenStore) {
    for warning in store.warnings() {
        warn(&format!("{}: warning: {warning}", store.url()));
    }
}
