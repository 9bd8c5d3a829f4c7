//! The memory backend: `memory:`.

use std::fmt;

use super::BackendLocation;
use crate::error::UrlError;
use crate::syntax::SplitUrl;

/// No location: every open creates a new store.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct MemoryLocation;

impl MemoryLocation {
    #[cfg(feature = "memory")]
    pub(super) fn open(
        &self,
        _create: bool,
    ) -> Result<super::Opened, session_store_core::StoreError> {
        let store = std::sync::Arc::new(crate::memory::MemoryStore::new());
        Ok(super::Opened { store, warnings: Vec::new() })
    }
}

impl BackendLocation for MemoryLocation {
    fn parse(url: &SplitUrl<'_>) -> Result<Self, UrlError> {
        url.options(&[])?;
        if matches!(url.target, "" | "//") { Ok(Self) } else { Err(UrlError::MemoryPath) }
    }
}

impl fmt::Display for MemoryLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("memory:")
    }
}
