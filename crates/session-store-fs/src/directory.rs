//! The directory of a store: its paths, and the temporary files in it. A new file is written under
//! a temporary name and renamed when it is complete.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use session_store_core::{Durability, StoreError};
use tempfile::NamedTempFile;

use crate::error::Context;
use crate::file::{self, create_folder};
use crate::layout::Layout;
use crate::mode_lock::ModeLock;
use crate::searches::Searches;
use crate::sync::Syncs;

/// The number of bytes in one write of a file of entries.
const WRITE_BYTES: usize = 64 * 1024;

/// The directory that a handle works on.
#[derive(Debug)]
pub(crate) struct Directory {
    pub(crate) layout: Layout,
    pub(crate) syncs: Syncs,
    /// Whether this handle makes all changes of the store ([`FsOptions::exclusive`]).
    ///
    /// [`FsOptions::exclusive`]: crate::FsOptions::exclusive
    pub(crate) is_exclusive: bool,
    /// The mode lock. It is set before the first change of this handle, after the handle has
    /// created or found `.session-store`. This folder holds the sidecar files, which can be lost
    /// without losing an entry.
    pub(crate) mode: OnceLock<ModeLock>,
    pub(crate) searches: Searches,
}

impl Directory {
    pub(crate) fn new(root: PathBuf, durability: Durability, is_exclusive: bool) -> Self {
        let syncs = Syncs::new(root.clone(), durability);
        Self {
            layout: Layout::new(root),
            syncs,
            is_exclusive,
            mode: OnceLock::new(),
            searches: Searches::default(),
        }
    }

    /// Writes a temporary file. [`persist`](Self::persist) gives the file its name later.
    ///
    /// With [`Durability::Power`] the file is synced here, because a power cut after the rename
    /// could otherwise leave an empty file under the new name.
    pub(crate) fn temporary_file(
        &self,
        write: impl FnOnce(&mut File) -> io::Result<()>,
    ) -> Result<NamedTempFile, StoreError> {
        let folder = self.layout.temporary();
        let written = NamedTempFile::new_in(&folder).and_then(|mut file| {
            write(file.as_file_mut())?;
            Ok(file)
        });
        let file = written.context("write a temporary file in", &folder)?;
        if self.syncs.is_power() {
            self.syncs.run(file.path(), || file.as_file().sync_all())?;
        }
        Ok(file)
    }

    /// Syncs a temporary file that will replace another file, with every durability.
    ///
    /// Without this sync, a power cut after the rename could leave an empty file under the name.
    /// The content of the replaced file would then be lost.
    pub(crate) fn sync_replacement(&self, file: &NamedTempFile) -> Result<(), StoreError> {
        if self.syncs.is_power() {
            return Ok(());
        }
        self.syncs.run(file.path(), || file.as_file().sync_all())
    }

    /// Writes a temporary file of entries, one entry on each line.
    pub(crate) fn entries_file<'e>(
        &self,
        entries: impl Iterator<Item = &'e str>,
    ) -> Result<NamedTempFile, StoreError> {
        self.temporary_file(|file| {
            let mut file = BufWriter::with_capacity(WRITE_BYTES, file);
            for entry in entries {
                file.write_all(entry.as_bytes())?;
                file.write_all(b"\n")?;
            }
            file.flush()
        })
    }

    /// Renames a temporary file to `path`. Replaces a file that has this path.
    pub(crate) fn persist(&self, file: NamedTempFile, path: &Path) -> Result<(), StoreError> {
        file::persist(file, path).context("write", path)?;
        self.renamed(path)
    }

    /// Makes the names of the files in a folder durable, and the name of the folder in the root.
    pub(crate) fn sync_names(&self, folder: &Path) -> Result<(), StoreError> {
        self.syncs.sync_folder(folder)?;
        self.syncs.sync_folder(self.layout.root())
    }

    /// Makes the name of a renamed file durable. Without [`Durability::Power`], only records the
    /// name for the next `sync_all`.
    pub(crate) fn renamed(&self, path: &Path) -> Result<(), StoreError> {
        if !self.syncs.is_power() {
            self.syncs.record(path);
        }
        path.parent().map_or(Ok(()), |folder| self.syncs.sync_folder(folder))
    }
}

/// Renames a temporary file to `path` in the session's folder. Creates the folder if it is missing.
///
/// A process that deletes the last segment of the session also removes the folder. If that happens
/// before the rename, the folder is created again and the rename is repeated.
pub(crate) fn place(folder: &Path, path: &Path, mut file: NamedTempFile) -> Result<(), StoreError> {
    use io::ErrorKind::{AlreadyExists, NotFound};
    const ATTEMPTS: usize = 100;
    let is_race = |error: &io::Error| matches!(error.kind(), AlreadyExists | NotFound);
    let mut attempt = 0;
    loop {
        attempt += 1;
        // If the folder is a link, this call succeeds and the rename fails.
        match create_folder(folder) {
            Err(StoreError::Io(error)) if is_race(&error) && attempt < ATTEMPTS => continue,
            result => result?,
        }
        match file::persist_new(file, path) {
            Ok(()) => return Ok(()),
            Err(error) if error.error.kind() == NotFound && attempt < ATTEMPTS => {
                file = error.file;
            }
            Err(error) => return Err(error.error).context("create", path),
        }
    }
}
