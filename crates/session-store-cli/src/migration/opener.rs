//! Opening the stores of a migration, twice each: to copy, and once more for the proof.

use std::io::ErrorKind;
use std::sync::OnceLock;

use session_store::{OpenError, OpenStore, Store, StoreError, StoreUrl};
use session_store_migrate::Opened;

use crate::store::{open, open_or_create};

/// What to do where there is no store.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// It is an error.
    Fails,
    /// It is made.
    IsCreated,
    /// It is as good as an empty one, and not made.
    IsEmpty,
}

/// Opens one store as often as asked. One in memory stays the same, since another would be empty.
pub(crate) struct Opener<'a> {
    url: &'a StoreUrl,
    missing: Missing,
    in_memory: OnceLock<OpenStore>,
}

impl<'a> Opener<'a> {
    pub(crate) fn new(url: &'a StoreUrl, missing: Missing) -> Self {
        Self { url, missing, in_memory: OnceLock::new() }
    }

    pub(crate) fn open(&self) -> Opened<Box<dyn Store>> {
        if let Some(store) = self.in_memory.get() {
            return Ok(Box::new(store.clone()));
        }
        let store = match self.missing {
            Missing::IsCreated => open_or_create(self.url)?,
            Missing::Fails => open(self.url)?,
            Missing::IsEmpty => open(self.url).or_else(empty_if_missing)?,
        };
        if *store.url() == StoreUrl::memory() {
            return Ok(Box::new(self.in_memory.get_or_init(|| store).clone()));
        }
        Ok(Box::new(store))
    }
}

fn empty_if_missing(error: OpenError) -> Result<OpenStore, OpenError> {
    match &error {
        OpenError::Store { source, .. } if is_missing(source) => session_store::open("memory:"),
        _ => Err(error),
    }
}

fn is_missing(error: &StoreError) -> bool {
    matches!(error, StoreError::Io(error) if error.kind() == ErrorKind::NotFound)
}
