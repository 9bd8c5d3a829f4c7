//! Options: how a directory is opened.

use std::path::Path;

use session_store_core::{Durability, StoreError};

use crate::directory::Directory;
use crate::error::Context;
use crate::file::create_folder;
use crate::file_system;
use crate::store::FsStore;

/// The options for opening a directory as a store.
#[derive(Clone, Debug, Default)]
pub struct FsOptions {
    create: bool,
    durability: Durability,
}

impl FsOptions {
    /// Returns the default options: the directory must exist, and changes survive the process.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets whether a missing directory is created, with mode 0700.
    #[must_use]
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Sets what an acknowledged change survives. The default is [`Durability::Process`].
    ///
    /// With [`Durability::Power`] every change waits until it is on the device. Concurrent appends
    /// to one segment share an `fdatasync(2)`. After a failed sync the handle makes no further
    /// change.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Opens the directory.
    ///
    /// Nothing is written in a directory that is a store before the first change
    /// ([S7](session_store_core::contract#s7)). A directory is a store if it has a folder of a
    /// session, a folder `pods`, or a folder `.session-store`. In another directory, and in a
    /// created one, the folder `.session-store` is created.
    ///
    /// # Errors
    /// [`StoreError::Io`] if the path does not exist, is not a directory, is not a store, or cannot
    /// be created;
    /// [`StoreError::NewerFormat`] if a newer version of this crate has written the directory;
    /// [`StoreError::NotAStore`] if its file `.session-store/format` has other content.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<FsStore, StoreError> {
        let path = path.as_ref();
        if self.create {
            create_folder(path)?;
        }
        // An absolute path stays valid after the process has changed its working directory.
        let root = path.canonicalize().context("open the directory", path)?;
        if !root.is_dir() {
            let error = std::io::ErrorKind::NotADirectory.into();
            return Err(error).context("open the directory", path);
        }
        let directory = Directory::new(root, self.durability);
        directory.check_format()?;
        if !directory.is_store()? {
            if !self.create {
                let cause = "it has no session folder and no folder .session-store; check the path, or create a store";
                let error = std::io::Error::new(std::io::ErrorKind::NotFound, cause);
                return Err(error).context("find a session store in", path);
            }
            directory.prepare()?;
        }
        if let (true, Some(parent)) = (self.create, directory.layout.root().parent()) {
            // The name of the directory itself must survive a power cut, too.
            directory.syncs.sync_folder(parent)?;
        }
        let warnings = file_system::warnings(directory.layout.root());
        Ok(FsStore::new(directory, warnings))
    }
}

impl FsStore {
    /// Opens an existing store. A directory of sessions that another program wrote is a store.
    ///
    /// # Errors
    /// As [`FsOptions::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        FsOptions::new().open(path)
    }

    /// Opens a directory, and creates a store in it if there is none.
    ///
    /// # Errors
    /// As [`FsOptions::open`].
    pub fn open_or_create(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        FsOptions::new().create(true).open(path)
    }
}
