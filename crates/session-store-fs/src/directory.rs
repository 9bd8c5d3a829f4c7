//! The directory of a store: its paths, and files that get their names only when they are complete.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use session_store_core::{Durability, StoreError};
use tempfile::NamedTempFile;

use crate::error::Context;
use crate::layout::Layout;
use crate::searches::Searches;
use crate::sync::Syncs;

/// The number of bytes that a file of entries is written with at a time. The first batch of an
/// import or a migration is about 1 MiB.
const WRITE_BYTES: usize = 64 * 1024;

/// The directory that a handle works on.
#[derive(Debug)]
pub(crate) struct Directory {
    pub(crate) layout: Layout,
    pub(crate) syncs: Syncs,
    /// Set after the sidecar folder was created.
    pub(crate) prepared: OnceLock<()>,
    pub(crate) searches: Searches,
}

impl Directory {
    pub(crate) fn new(root: PathBuf, durability: Durability) -> Self {
        let syncs = Syncs::new(root.clone(), durability);
        Self {
            layout: Layout::new(root),
            syncs,
            prepared: OnceLock::new(),
            searches: Searches::default(),
        }
    }

    /// Writes a temporary file that gets its name later.
    ///
    /// With [`Durability::Power`] it is synced here, before it has the name: otherwise a power cut
    /// could leave the name with an empty file.
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

    /// Syncs a temporary file that replaces another file, with every durability.
    ///
    /// Without this sync, a power cut could leave the name with an empty file, and the replaced
    /// file would be lost too.
    pub(crate) fn sync_replacement(&self, file: &NamedTempFile) -> Result<(), StoreError> {
        if self.syncs.is_power() {
            return Ok(());
        }
        self.syncs.run(file.path(), || file.as_file().sync_all())
    }

    /// Writes a temporary file of entries, one a line.
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

    /// Renames a temporary file to its path, and replaces a file that is there.
    pub(crate) fn persist(&self, file: NamedTempFile, path: &Path) -> Result<(), StoreError> {
        file.persist(path).map_err(|error| error.error).context("write", path)?;
        self.renamed(path)
    }

    /// Makes changed names in a folder below the root durable, and the name of the folder itself.
    pub(crate) fn sync_names(&self, folder: &Path) -> Result<(), StoreError> {
        self.syncs.sync_folder(folder)?;
        self.syncs.sync_folder(self.layout.root())
    }

    /// Makes the new name of a temporary file durable.
    pub(crate) fn renamed(&self, path: &Path) -> Result<(), StoreError> {
        if !self.syncs.is_power() {
            self.syncs.record(path);
        }
        path.parent().map_or(Ok(()), |folder| self.syncs.sync_folder(folder))
    }
}
