//! The file backend: `fs:PATH`.

use std::fmt;
use std::path::{Path, PathBuf};

use session_store_core::Durability;

use super::BackendLocation;
use crate::error::UrlError;
use crate::syntax::{
    DURABILITY, SplitUrl, durability_option, parse_durability, path_text, query_text,
};

/// A directory of JSONL files.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct FsLocation {
    path: PathBuf,
    durability: Durability,
}

impl FsLocation {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, durability: Durability::default() }
    }

    #[cfg(feature = "fs")]
    pub(super) fn open(
        &self,
        create: bool,
    ) -> Result<super::Opened, session_store_core::StoreError> {
        let store = crate::fs::FsOptions::new()
            .create(create)
            .durability(self.durability)
            .open(&self.path)?;
        Ok(super::Opened { store: std::sync::Arc::new(store), warnings: Vec::new() })
    }
}

impl BackendLocation for FsLocation {
    fn parse(url: &SplitUrl<'_>) -> Result<Self, UrlError> {
        let mut location = Self::new(url.path()?);
        for (_, value) in url.options(&[DURABILITY])? {
            location.durability = parse_durability(&value)?;
        }
        Ok(location)
    }

    fn path(&self) -> Option<&Path> {
        Some(&self.path)
    }
}

impl fmt::Display for FsLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let query = query_text([durability_option(self.durability)]);
        write!(f, "fs:{}{query}", path_text(&self.path))
    }
}
