//! The SQLite backend: `sqlite:PATH`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use session_store_core::{Durability, StoreError};

use super::BackendLocation;
use crate::error::UrlError;
use crate::syntax::{
    BUSY_TIMEOUT, DURABILITY, EXCLUSIVE, SplitUrl, durability_option, exclusive_option,
    parse_durability, parse_duration, parse_switch, path_text, query_text,
};

/// The location of a database file.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct SqliteLocation {
    path: PathBuf,
    busy_timeout: Option<Duration>,
    durability: Durability,
    is_exclusive: bool,
}

impl SqliteLocation {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, busy_timeout: None, durability: Durability::default(), is_exclusive: false }
    }
}

impl BackendLocation for SqliteLocation {
    fn parse(url: &SplitUrl<'_>) -> Result<Self, UrlError> {
        let mut location = Self::new(url.path()?);
        for (option, value) in url.options(&[BUSY_TIMEOUT, DURABILITY, EXCLUSIVE])? {
            match option {
                BUSY_TIMEOUT => location.busy_timeout = Some(parse_duration(option, &value)?),
                DURABILITY => location.durability = parse_durability(&value)?,
                EXCLUSIVE => location.is_exclusive = parse_switch(option, &value)?,
                _ => unreachable!("the list of options has no {option}"),
            }
        }
        Ok(location)
    }

    #[cfg(feature = "sqlite")]
    fn open(&self, create: bool) -> super::OpenResult {
        let options = crate::sqlite::SqliteOptions::new().create(create);
        let mut options = options.durability(self.durability).exclusive(self.is_exclusive);
        if let Some(timeout) = self.busy_timeout {
            options = options.busy_timeout(timeout);
        }
        Some(options.open(&self.path).map(super::Opened::from))
    }

    fn path(&self) -> Option<&Path> {
        Some(&self.path)
    }
}

impl fmt::Display for SqliteLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let busy_timeout = self.busy_timeout.map(|timeout| timeout.as_millis());
        let busy_timeout = busy_timeout.map(|ms| format!("{BUSY_TIMEOUT}={ms}ms"));
        let query = query_text([
            busy_timeout,
            durability_option(self.durability),
            exclusive_option(self.is_exclusive),
        ]);
        write!(f, "sqlite:{}{query}", path_text(&self.path))
    }
}

/// Whether a path leads to an SQLite database.
#[cfg(feature = "sqlite")]
pub(super) fn is_sqlite_file(path: &Path) -> Result<bool, StoreError> {
    if !path.is_file() {
        return Ok(false);
    }
    crate::sqlite::is_sqlite_file(path)
        .map_err(|error| StoreError::io(format!("read {}", path.display()), error))
}

/// Without the feature, no database can be opened, so no file counts as a database.
#[cfg(not(feature = "sqlite"))]
pub(super) fn is_sqlite_file(_: &Path) -> Result<bool, StoreError> {
    Ok(false)
}
