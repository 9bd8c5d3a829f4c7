//! How a directory is opened.

use std::path::Path;

use session_store_core::StoreError;

use crate::FsStore;
use crate::failure::Attempt;
use crate::layout::Layout;
use crate::side::create_folder;

/// Options for opening a directory as a store.
#[derive(Clone, Debug, Default)]
pub struct FsOptions {
    create: bool,
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
        let layout = Layout::new(root);
        layout.check_format()?;
        Ok(FsStore::over(layout))
    }
}
