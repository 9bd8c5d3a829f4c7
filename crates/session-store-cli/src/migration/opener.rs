//! Opens the stores of a migration: once for the copy, and once more for the proof.

use std::io::ErrorKind;

use session_store::{Capability, OpenError, OpenStore, Store, StoreError, StoreUrl};
use session_store_migrate::Opened;

use crate::store::open;

/// Opens the destination of a dry run. If it does not exist, it counts as empty and is not created.
pub(crate) fn open_or_empty(url: &StoreUrl) -> Result<OpenStore, OpenError> {
    open(url).or_else(|error| match &error {
        OpenError::Store { source, .. } if is_missing(source) => session_store::open("memory:"),
        _ => Err(error),
    })
}

fn is_missing(error: &StoreError) -> bool {
    matches!(error, StoreError::Io(error) if error.kind() == ErrorKind::NotFound)
}

/// Returns a function that opens the store again.
///
/// A store in memory ends with its last handle, so the function returns a clone of this handle.
pub(crate) fn reopener(store: &OpenStore) -> impl FnOnce() -> Opened<OpenStore> + use<> {
    let url = store.url().clone();
    let is_persistent = store.capabilities().has(Capability::Persistent);
    let in_memory = (!is_persistent).then(|| store.clone());
    move || in_memory.map_or_else(|| Ok(open(&url)?), Ok)
}
