//! A live store as a harness: each check gets a part of the store beside the existing data.

use std::io;
use std::sync::Arc;

use session_store::{Capability, OpenStore, Store, StoreError};
use session_store_conformance::{Harness, Storage};

use super::fence::{Fence, Fenced};
use crate::failure::Context;
use crate::store::reopener;

/// A live store as a harness. Each check gets a part of the store.
pub(super) struct Live {
    pub(super) store: OpenStore,
}

impl Harness for Live {
    fn fresh(&self) -> Box<dyn Storage> {
        Box::new(Part { store: self.store.clone(), fence: Arc::default() })
    }
}

/// The sessions and pods that one check creates. They are deleted when the check ends.
struct Part {
    store: OpenStore,
    fence: Arc<Fence>,
}

impl Storage for Part {
    fn open(&self) -> Result<Box<dyn Store>, StoreError> {
        // An exclusive handle prevents other handles, so the check uses a clone of it.
        let store = match self.store.capabilities().has(Capability::MultiProcess) {
            true => reopener(&self.store)().map_err(io::Error::other)?,
            false => self.store.clone(),
        };
        Ok(Box::new(Fenced::new(store, Arc::clone(&self.fence))))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let deleted = self.fence.clear(&self.store);
        let url = self.store.url();
        if let Err(failure) = deleted.context(|| format!("delete the data of a check from {url}")) {
            failure.report();
        }
    }
}
