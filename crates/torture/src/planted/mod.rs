//! Stores with planted bugs.

use std::path::Path;

use session_store::{Store, StoreError};

/// A planted bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {}

/// Returns the address of a store with the bug.
pub(crate) fn address(flaw: Flaw, _path: &Path, _url: &str) -> String {
    match flaw {}
}

/// Opens a store with a planted bug, if the address names one.
pub(crate) fn open(_address: &str) -> Option<Result<Box<dyn Store>, StoreError>> {
    None
}
