//! How a directory is opened.

use std::path::Path;

use session_store_core::{Durability, StoreError};

use crate::FsStore;
use crate::failure::Attempt;
use crate::layout::Layout;
use crate::side::create_folder;

/// Options for opening a directory as a store.
#[derive(Clone, Debug, Default)]
pub struct FsOptions {
    create: bool,
    durability: Durability,
}

impl FsOptions {
    /// The defaults: the directory must exist.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether to make the directory, with mode 0700, where it is missing.
    pub fn create(&mut self, create: bool) -> &mut Self {
        self.create = create;
        self
    }

    /// What an acknowledged change survives; [`Durability::Process`] by default. With
    /// [`Durability::Power`] every change waits until the device has it: appends to one segment that come
    /// at the same time share one `fdatasync(2)`. After a failed sync the handle makes no further change.
    pub fn durability(&mut self, durability: Durability) -> &mut Self {
        self.durability = durability;
        self
    }

    /// Opens the directory. Nothing is written below it before the first change (S7).
    ///
    /// # Errors
    /// [`StoreError::Io`] where the directory is missing, is none, or cannot be made;
    /// [`StoreError::NewerFormat`] where a newer version has written it.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<FsStore, StoreError> {
        let path = path.as_ref();
        if self.create {
            create_folder(path)?;
        }
        // Later calls must find it after a change of the working directory, too.
        let root = path.canonicalize().trying("open the store", path)?;
        if !root.is_dir() {
            return Err(std::io::ErrorKind::NotADirectory.into()).trying("open the store", path);
        }
        let layout = Layout::new(root, self.durability);
        layout.check_format()?;
        if let (true, Some(parent)) = (self.create, layout.root().parent()) {
            layout.syncs.folder(parent)?;
        }
        Ok(FsStore::over(layout))
    }
}
