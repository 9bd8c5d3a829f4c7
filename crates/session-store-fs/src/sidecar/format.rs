//! The version of the stored format, and the creation of the sidecar folder `.session-store`.

use std::fs;
use std::io::Write;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use session_store_core::StoreError;

use crate::directory::Directory;
use crate::error::Context;
use crate::file::{self, create_own_folder};
use crate::mode_lock::ModeLock;

/// The version that this crate writes, and the newest version that it reads.
///
/// - In version 1, a pod had a folder of its own name only if the name was the same in every file
///   system, for example without an upper case letter. Every other pod had a folder with the hash
///   of its name.
/// - In version 2, a pod has the folder of its own name, and folders with a hash are read. Only a
///   put of a pod raises the version, so that older programs can use a store until its pods change.
const VERSION: u64 = 2;

/// The maximum number of bytes that are read of the file `format`. This crate writes much shorter
/// files.
const MAX_BYTES: u64 = 64 * 1024;

/// The content of the file `format`.
#[derive(Serialize, Deserialize)]
struct Format {
    version: u64,
    /// Whether session folders existed before the sidecar folder. These sessions have no lookup
    /// hints, which are files that name the session of a segment.
    #[serde(default)]
    adopted: bool,
}

impl Directory {
    /// Fails if a newer version of this crate has written the directory.
    pub(crate) fn check_format(&self) -> Result<(), StoreError> {
        self.read_format().map(drop)
    }

    /// Returns whether the directory may contain logs of another program, which have no lookup
    /// hints.
    pub(crate) fn is_adopted(&self) -> Result<bool, StoreError> {
        Ok(self.read_format()?.is_some_and(|format| format.adopted))
    }

    /// Returns whether the directory is a store: it has a sidecar folder, or a log, a trace or a
    /// pod that another program has written.
    pub(crate) fn is_store(&self) -> Result<bool, StoreError> {
        let sidecar = self.layout.sidecar();
        if file::exists(&sidecar).context("look for", &sidecar)? || self.has_pod()? {
            return Ok(true);
        }
        for session_id in self.session_folders()? {
            if !self.files(session_id)?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns whether the directory is empty.
    pub(crate) fn is_empty(&self) -> Result<bool, StoreError> {
        let mut is_empty = true;
        file::list(self.layout.root(), |_| is_empty = false)?;
        Ok(is_empty)
    }

    /// Makes the directory an empty store.
    pub(crate) fn create_store(&self) -> Result<(), StoreError> {
        self.create_sidecar()?;
        self.sync_names(&self.layout.sidecar())
    }

    /// Prepares the directory for a change: creates the sidecar folder if it does not exist, and
    /// locks the mode before the first change. Fails if another handle is exclusive.
    ///
    /// Any number of processes can call this function at the same moment
    /// ([S6](session_store_core::contract#s6)). Existing folders are not an error, and the file
    /// `format` is written by a rename.
    pub(crate) fn prepare(&self) -> Result<(), StoreError> {
        self.syncs.check()?;
        match self.mode.get() {
            None => {
                self.create_sidecar()?;
                let lock = ModeLock::take(&self.layout, self.is_exclusive)?;
                self.mode.get_or_init(|| lock);
                Ok(())
            }
            Some(lock) if self.is_exclusive || lock.is_check_due() => lock.check(&self.layout),
            Some(_) => Ok(()),
        }
    }

    fn create_sidecar(&self) -> Result<(), StoreError> {
        let layout = &self.layout;
        for folder in [layout.locks(), layout.epochs(), layout.hints(), layout.temporary()] {
            create_own_folder(&folder)?;
        }
        if self.read_format()?.is_none() {
            let adopted = !self.session_folders()?.is_empty();
            self.write_format(&Format { version: VERSION, adopted })?;
        }
        self.delete_old_temporary_files()
    }

    /// Raises the format version of a directory that an older program has written. The caller holds
    /// the lock of the pods.
    ///
    /// A handle of an older program then fails at its first change. If such a handle has already
    /// made a change, it does not read the version again and continues to work. The handle finds a
    /// pod in the folder of its name or of its hash. If both folders hold the pod, the handle uses
    /// the folder of the hash.
    pub(crate) fn raise_format(&self) -> Result<(), StoreError> {
        match self.read_format()? {
            Some(format) if format.version < VERSION => {
                self.write_format(&Format { version: VERSION, ..format })
            }
            _ => Ok(()),
        }
    }

    fn write_format(&self, format: &Format) -> Result<(), StoreError> {
        let text = serde_json::to_string(format)? + "\n";
        let file = self.temporary_file(|file| file.write_all(text.as_bytes()))?;
        self.persist(file, &self.layout.format())
    }

    fn read_format(&self) -> Result<Option<Format>, StoreError> {
        let path = self.layout.format();
        let bytes = file::read(&path, MAX_BYTES).context("read", &path)?.unwrap_or_default();
        if bytes.iter().all(|&byte| byte == 0) {
            // A power cut can leave the file empty, or full of NULs. The next change writes the
            // file again.
            return Ok(None);
        }
        let format: Format =
            serde_json::from_slice(&bytes).map_err(|error| StoreError::NotAStore {
                place: path.display().to_string(),
                found: format!(
                    "not the description of a format ({error}); delete the file if the logs are intact"
                ),
            })?;
        if format.version > VERSION {
            return Err(StoreError::NewerFormat {
                place: self.layout.root().display().to_string(),
                found: format.version,
                supported: VERSION,
            });
        }
        Ok(Some(format))
    }

    /// Deletes temporary files that are older than a day, because killed processes left them.
    fn delete_old_temporary_files(&self) -> Result<(), StoreError> {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        file::list(&self.layout.temporary(), |entry| {
            let path = entry.path();
            let modified = fs::symlink_metadata(&path).and_then(|metadata| metadata.modified());
            let age = modified.ok().and_then(|modified| modified.elapsed().ok());
            if age.is_some_and(|age| age > DAY) {
                let _ = file::delete(&path);
            }
        })
    }
}
