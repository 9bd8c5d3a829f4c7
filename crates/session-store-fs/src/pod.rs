//! Pods: a folder for each, as [`PodName::folder`] names it.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use session_store_core::{Pod, PodFolder, PodName, PodStore, StoreError};

use crate::directory::Directory;
use crate::error::{Context, corrupt};
use crate::file::{self, create_own_folder, is_file};
use crate::store::FsStore;

/// The file that holds the pod.
const METADATA: &str = "metadata.json";

/// The file that holds the pod's name, in a folder that is named by a hash.
const NAME: &str = "name";

/// The number of bytes that are read of a pod's name. A longer text is not the name of a pod.
const MAX_NAME: u64 = 1024;

impl Directory {
    /// Returns the folder that holds the pod. Another program may have created it under the pod's
    /// plain name, whatever that name is.
    fn pod_folder(&self, name: &PodName) -> Result<Option<PathBuf>, StoreError> {
        let hashed = self.layout.pod(name.hashed_folder().as_str());
        if is_file(&hashed.join(METADATA))? {
            return Ok(Some(hashed));
        }
        let plain = self.layout.pod(name.as_str());
        let exists = is_file(&plain.join(METADATA))? && self.is_exact(name, &plain)?;
        Ok(exists.then_some(plain))
    }

    /// Returns whether the existing folder has exactly this name. On a case-insensitive file system
    /// the path of one pod also opens the folder of another.
    fn is_exact(&self, name: &PodName, plain: &PathBuf) -> Result<bool, StoreError> {
        // If the name in upper case does not exist, the file system does not fold case, and the
        // path of a plain name opens no other folder. That saves a listing.
        let upper = self.layout.pod(&name.as_str().to_uppercase());
        Ok(!name.folder().is_hashed() && !upper.exists() || self.pod_folders()?.contains(plain))
    }

    fn pod_folders(&self) -> Result<Vec<PathBuf>, StoreError> {
        let mut folders = Vec::new();
        file::list(&self.layout.pods(), |entry| {
            folders.extend(entry.is_folder().then(|| entry.path()));
        })?;
        Ok(folders)
    }

    /// Returns the folder of the pod, and creates it if it does not exist.
    fn create_pod_folder(&self, name: &PodName) -> Result<PathBuf, StoreError> {
        if let Some(folder) = self.pod_folder(name)? {
            return Ok(folder);
        }
        let plain = self.layout.pod(name.as_str());
        let is_taken = plain.exists() && !self.is_exact(name, &plain)?;
        let folder = if is_taken { name.hashed_folder() } else { name.folder() };
        let (is_hashed, folder) = (folder.is_hashed(), self.layout.pod(folder.as_str()));
        create_own_folder(&folder)?;
        if is_hashed {
            self.write_file(name.as_str(), &folder.join(NAME))?;
        }
        Ok(folder)
    }

    fn write_pod(&self, name: &PodName, pod: &Pod) -> Result<(), StoreError> {
        let path = self.create_pod_folder(name)?.join(METADATA);
        self.write_file(&format!("{}\n", pod.as_json()), &path)?;
        self.sync_names(&self.layout.pods())
    }

    fn write_file(&self, text: &str, path: &Path) -> Result<(), StoreError> {
        let file = self.temporary_file(|file| file.write_all(text.as_bytes()))?;
        self.sync_replacement(&file)?;
        self.persist(file, path)
    }
}

/// Returns the name of the pod in a folder, or `None` if there is no pod in it.
fn name_of(folder: &Path) -> Result<Option<PodName>, StoreError> {
    if !is_file(&folder.join(METADATA))? {
        return Ok(None);
    }
    let Some(plain) = folder.file_name().and_then(|name| name.to_str()) else { return Ok(None) };
    if !PodFolder::parse(plain).is_some_and(|folder| folder.is_hashed()) {
        return Ok(plain.parse().ok());
    }
    // A folder without this file belongs to a pod that is being deleted.
    let path = folder.join(NAME);
    let inside = file::read(&path, MAX_NAME).context("read", &path)?;
    let name = inside.and_then(|name| String::from_utf8(name).ok());
    Ok(name.and_then(|name| name.parse().ok()))
}

impl PodStore for FsStore {
    fn put_pod(&self, name: &PodName, pod: &Pod) -> Result<(), StoreError> {
        self.directory.prepare()?;
        let _guard = self.pod_lock.lock_write()?;
        self.directory.write_pod(name, pod)
    }

    fn put_pod_if(
        &self,
        name: &PodName,
        expected: Option<&Pod>,
        pod: &Pod,
    ) -> Result<(), StoreError> {
        self.directory.prepare()?;
        let _guard = self.pod_lock.lock_write()?;
        if self.read_pod(name)?.as_ref() != expected {
            return Err(StoreError::PodConflict { name: name.to_string() });
        }
        self.directory.write_pod(name, pod)
    }

    fn read_pod(&self, name: &PodName) -> Result<Option<Pod>, StoreError> {
        let Some(folder) = self.directory.pod_folder(name)? else { return Ok(None) };
        let path = folder.join(METADATA);
        let bytes = file::read(&path, u64::MAX).context("read", &path)?;
        let pod = bytes.map(|bytes| {
            let text = String::from_utf8(bytes)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            Pod::from_json(text)
        });
        pod.transpose().map_err(|error| corrupt(&path, 1, &error))
    }

    fn list_pods(&self) -> Result<Vec<PodName>, StoreError> {
        let mut names = BTreeSet::new();
        for folder in self.directory.pod_folders()? {
            names.extend(name_of(&folder)?);
        }
        Ok(names.into_iter().collect())
    }

    fn delete_pod(&self, name: &PodName) -> Result<bool, StoreError> {
        let directory = &self.directory;
        if directory.pod_folder(name)?.is_none() {
            return Ok(false);
        }
        directory.prepare()?;
        let _guard = self.pod_lock.lock_write()?;
        let Some(folder) = directory.pod_folder(name)? else { return Ok(false) };
        file::delete(&folder.join(METADATA))?;
        if folder == directory.layout.pod(name.hashed_folder().as_str()) {
            let _ = file::delete(&folder.join(NAME));
        }
        // Fails if another program has put files in the folder, which then stays.
        let _ = fs::remove_dir(&folder);
        directory.syncs.sync_folder(&folder)?;
        directory.sync_names(&directory.layout.pods())?;
        Ok(true)
    }
}
