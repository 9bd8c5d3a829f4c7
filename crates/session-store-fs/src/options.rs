//! `FsOptions`: the options for opening a directory, and the steps of opening it.

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
    exclusive: bool,
}

impl FsOptions {
    /// Returns the default options: the directory must exist, and changes survive the end of the
    /// process.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets whether a store is created if the directory is missing or contains no store. A missing
    /// directory is created with mode 0700.
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

    /// Sets whether the handle makes all changes of the store. The default is false.
    ///
    /// An append of a single entry is then one `write(2)`, without a file lock. While the handle
    /// and its clones are open, every change of another handle fails at once
    /// ([S11](session_store_core::contract#s11)). Handles of this process and of other processes
    /// can read at any time. The store does not declare the capability
    /// [`MultiProcess`](session_store_core::Capability::MultiProcess).
    ///
    /// The mode ends when the last clone is dropped, or when the process ends. A child process that
    /// was made by fork(2) prolongs the mode of its parent, until the child executes a program or
    /// ends.
    ///
    /// Older versions of this crate do not notice that a store is open in this mode. While the
    /// handle is open, other programs must not change the files.
    #[must_use]
    pub fn exclusive(mut self, exclusive: bool) -> Self {
        self.exclusive = exclusive;
        self
    }

    /// Opens the directory.
    ///
    /// Opening an existing store writes nothing, unless it is opened exclusively. A directory is a
    /// store if it has a folder `.session-store`, or a log, a trace or a pod in the layout of this
    /// crate ([S7](session_store_core::contract#s7)). Another program can have written these files.
    ///
    /// # Errors
    /// - [`StoreError::NoStore`] if the path does not exist, or is a directory without a store.
    /// - [`StoreError::Io`] if the path is not a directory, or cannot be read or created. The kind
    ///   is [`ResourceBusy`](std::io::ErrorKind::ResourceBusy) if the store cannot be opened
    ///   exclusively, because another handle is exclusive, or has made changes and is open.
    /// - [`StoreError::NewerFormat`] if a newer version of this crate has written the directory.
    /// - [`StoreError::NotAStore`] if the file `.session-store/format` is not a description of a
    ///   format.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<FsStore, StoreError> {
        let path = path.as_ref();
        if self.create {
            create_folder(path)?;
        }
        // An absolute path stays valid after the process has changed its working directory.
        let root = match path.canonicalize() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(no_store(path, "the directory does not exist"));
            }
            root => root.context("open the directory", path)?,
        };
        if !root.is_dir() {
            let error = std::io::ErrorKind::NotADirectory.into();
            return Err(error).context("open the directory", path);
        }
        let directory = Directory::new(root, self.durability, self.exclusive);
        directory.check_format()?;
        if let (true, Some(parent)) = (self.create, directory.layout.root().parent()) {
            if !directory.is_store()? {
                directory.create_store()?;
            }
            // The name of the directory itself must survive a power cut, too.
            directory.syncs.sync_folder(parent)?;
        } else if !directory.is_store()? {
            let is_empty = directory.is_empty()?;
            let found = if is_empty { "the directory is empty" } else { FOREIGN };
            return Err(no_store(path, found));
        }
        if self.exclusive {
            directory.prepare()?;
        }
        let warnings = file_system::warnings(directory.layout.root());
        Ok(FsStore::new(directory, warnings))
    }
}

/// The description of a directory that has files and no store.
const FOREIGN: &str = "the directory contains only other files";

fn no_store(path: &Path, found: &str) -> StoreError {
    StoreError::NoStore { place: path.display().to_string(), found: found.to_owned() }
}

impl FsStore {
    /// Opens an existing store. Another program can have written it.
    ///
    /// # Errors
    /// As [`FsOptions::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        FsOptions::new().open(path)
    }

    /// Opens a store, and creates an empty one if there is none.
    ///
    /// # Errors
    /// As [`FsOptions::open`].
    pub fn open_or_create(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        FsOptions::new().create(true).open(path)
    }
}
