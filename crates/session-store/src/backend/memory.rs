//! The memory backend: `memory:`.

use std::fmt;

use super::BackendLocation;
use crate::error::UrlError;
use crate::syntax::SplitUrl;

/// The location of a store in memory. The location has no parts, because every open creates a new
/// store.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct MemoryLocation;

impl BackendLocation for MemoryLocation {
    fn parse(url: &SplitUrl<'_>) -> Result<Self, UrlError> {
        url.options(&[])?;
        if matches!(url.target, "" | "//") { Ok(Self) } else { Err(UrlError::MemoryPath) }
    }

    #[cfg(feature = "memory")]
    fn open(&self, _create: bool) -> super::OpenResult {
        Some(Ok(crate::memory::MemoryStore::new().into()))
    }
}

impl fmt::Display for MemoryLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("memory:")
    }
}
