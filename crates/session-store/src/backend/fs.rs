//! The file backend: `fs:PATH`.

use std::fmt;
use std::path::{Path, PathBuf};

use session_store_core::Durability;

use super::BackendLocation;
use crate::error::UrlError;
use crate::syntax::{
    DURABILITY, EXCLUSIVE, SplitUrl, durability_option, exclusive_option, parse_durability,
    parse_switch, path_text, query_text,
};

/// The location of a directory of JSONL files.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct FsLocation {
    path: PathBuf,
    durability: Durability,
    is_exclusive: bool,
}

impl FsLocation {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, durability: Durability::default(), is_exclusive: false }
    }
}

impl BackendLocation for FsLocation {
    fn parse(url: &SplitUrl<'_>) -> Result<Self, UrlError> {
        let mut location = Self::new(url.path()?);
        for (option, value) in url.options(&[DURABILITY, EXCLUSIVE])? {
            match option {
                DURABILITY => location.durability = parse_durability(&value)?,
                EXCLUSIVE => location.is_exclusive = parse_switch(option, &value)?,
                _ => unreachable!("the list of options has no {option}"),
            }
        }
        Ok(location)
    }

    #[cfg(feature = "fs")]
    fn open(&self, create: bool) -> super::OpenResult {
        let options = crate::fs::FsOptions::new().create(create).durability(self.durability);
        let opened = options.exclusive(self.is_exclusive).open(&self.path).map(|store| {
            let warnings = store.warnings().to_vec();
            super::Opened { warnings, ..store.into() }
        });
        Some(opened)
    }

    fn path(&self) -> Option<&Path> {
        Some(&self.path)
    }
}

impl fmt::Display for FsLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let query =
            query_text([durability_option(self.durability), exclusive_option(self.is_exclusive)]);
        write!(f, "fs:{}{query}", path_text(&self.path))
    }
}
