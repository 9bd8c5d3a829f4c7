//! Pods on disk: each pod has a folder, which has the name of the pod if the file system allows
//! that. A pod is a named agent with a pointer to its active session.
//!
//! A *plain* folder has the pod's own name, because other programs look for the pod there. A
//! *hashed* folder is named by a hash ([`PodName::hashed_folder`]), and its file `name` contains
//! the pod's name. A pod has a hashed folder in two cases:
//! - The file system cannot hold the name, or opens the folder of another pod by that name. The
//!   second happens if the file system folds case or normalizes Unicode. The rules differ between
//!   file systems, so the code creates the folder and then checks that the folder has exactly this
//!   name.
//! - The name has the form of a hashed folder.
//!
//! Format version 1 gave a hashed folder to every name that some file system could confuse with
//! another name. The next put moves such a pod to its plain folder. Until then the pod is read from
//! its hashed folder.
//!
//! If both folders hold a pod, the plain folder counts, because other programs see only the plain
//! folder. The store itself never creates this state, because a move is one rename of the file that
//! holds the pod.

use std::collections::BTreeSet;
use std::fs::DirBuilder;
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use session_store_core::{Pod, PodFolder, PodName, PodStore, StoreError};

use crate::directory::Directory;
use crate::error::{Context, corrupt};
use crate::file::{self, create_own_folder, is_file};
use crate::listing::list_consistent;
use crate::lock_file::HeldLock;
use crate::no_links;
use crate::store::FsStore;

/// The file that holds the pod.
const METADATA: &str = "metadata.json";

/// The file that holds the pod's name, in a folder that is named by a hash.
const NAME: &str = "name";

/// The maximum number of bytes that are read from the file `name`. The name of a pod is shorter.
const MAX_NAME: u64 = 1024;

impl Directory {
    /// Returns the folders that hold the pod. If there are two folders, the first folder counts.
    pub(crate) fn folders_of(&self, name: &PodName) -> Result<Vec<PathBuf>, StoreError> {
        let mut folders = Vec::new();
        if let Some(plain) = self.plain_folder(name)
            && is_file(&plain.join(METADATA))?
            && self.is_exact(&plain)?
        {
            folders.push(plain);
        }
        let hashed = self.hashed_folder(name);
        folders.extend(is_file(&hashed.join(METADATA))?.then_some(hashed));
        Ok(folders)
    }

    /// Returns whether the store has a pod.
    pub(crate) fn has_pod(&self) -> Result<bool, StoreError> {
        for folder in self.pod_folders()? {
            if is_file(&folder.join(METADATA))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns all folders in `pods/`. A folder need not hold a pod.
    pub(crate) fn pod_folders(&self) -> Result<Vec<PathBuf>, StoreError> {
        let mut folders = Vec::new();
        file::list(&self.layout.pods(), |entry| {
            folders.extend(entry.is_folder().then(|| entry.path()));
        })?;
        Ok(folders)
    }

    /// Returns the plain folder of the pod, or `None` if this folder could be the hashed folder of
    /// another pod. The names are compared without case, because some file systems fold case.
    fn plain_folder(&self, name: &PodName) -> Option<PathBuf> {
        let lower = name.as_str().to_ascii_lowercase();
        let is_hashed = PodFolder::parse(&lower).is_some_and(|folder| folder.is_hashed());
        (!is_hashed).then(|| self.layout.pod(name.as_str()))
    }

    fn hashed_folder(&self, name: &PodName) -> PathBuf {
        self.layout.pod(name.hashed_folder().as_str())
    }

    /// Returns whether the existing folder has exactly this name. A file system that folds case or
    /// normalizes names opens a folder by other names, too.
    fn is_exact(&self, folder: &PathBuf) -> Result<bool, StoreError> {
        let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let is_simple = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let other_case: String = name.chars().map(swap_case).collect();
        let is_case_kept =
            other_case == name || folder.with_file_name(&other_case).symlink_metadata().is_err();
        // For these characters, a file system can only confuse upper case with lower case. If the
        // name in the other case does not find the folder, no listing is needed.
        Ok(is_case_kept && name.bytes().all(is_simple) || self.pod_folders()?.contains(folder))
    }

    /// Returns the folder for the pod. Creates the folder if it does not exist, and moves a pod of
    /// format version 1 into it.
    fn create_pod_folder(
        &self,
        lock: &mut HeldLock<'_>,
        name: &PodName,
    ) -> Result<PathBuf, StoreError> {
        let hashed = self.hashed_folder(name);
        let is_hashed = is_file(&hashed.join(METADATA))?;
        let Some(plain) = self.create_plain_folder(name)? else {
            if !is_hashed {
                create_own_folder(&hashed)?;
                self.write_file(name.as_str(), &hashed.join(NAME))?;
            }
            return Ok(hashed);
        };
        let path = plain.join(METADATA);
        if is_hashed && !is_file(&path)? {
            // During the move, a reader can find the pod in neither folder. The generation is a
            // counter of the lock, and a reader reads again if the generation has changed.
            lock.advance_generation()?;
            file::rename(&hashed.join(METADATA), &path).context("move the pod to", &path)?;
            self.renamed(&path)?;
            self.remove_pod_folder(&hashed);
        }
        Ok(plain)
    }

    /// Creates the plain folder. Returns `None` if the pod needs the hashed folder.
    fn create_plain_folder(&self, name: &PodName) -> Result<Option<PathBuf>, StoreError> {
        create_own_folder(&self.layout.pods())?;
        let Some(plain) = self.plain_folder(name) else { return Ok(None) };
        let is_usable = match DirBuilder::new().mode(0o700).create(&plain) {
            Ok(()) => {
                let is_exact = self.is_exact(&plain)?;
                if !is_exact {
                    let _ = file::remove_folder(&plain);
                }
                is_exact
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let metadata = no_links::metadata(&plain).context("open the folder", &plain)?;
                metadata.is_dir() && self.is_exact(&plain)?
            }
            Err(error) if is_name_refused(&error) => false,
            Err(error) => return Err(error).context("create the folder", &plain),
        };
        Ok(is_usable.then_some(plain))
    }

    /// Removes a folder whose pod was deleted or moved. If another program has put files in the
    /// folder, the folder remains.
    fn remove_pod_folder(&self, folder: &Path) {
        let name = folder.file_name().and_then(|name| name.to_str()).and_then(PodFolder::parse);
        if name.is_some_and(|name| name.is_hashed()) {
            let _ = file::delete(&folder.join(NAME));
        }
        let _ = file::remove_folder(folder);
    }

    fn write_pod(
        &self,
        lock: &mut HeldLock<'_>,
        name: &PodName,
        pod: &Pod,
    ) -> Result<(), StoreError> {
        self.raise_format()?;
        let path = self.create_pod_folder(lock, name)?.join(METADATA);
        self.write_file(&format!("{}\n", pod.as_json()), &path)?;
        self.sync_names(&self.layout.pods())
    }

    fn read_pod(&self, name: &PodName) -> Result<Option<Pod>, StoreError> {
        let folders = self.folders_of(name)?;
        let Some(folder) = folders.first() else { return Ok(None) };
        let path = folder.join(METADATA);
        let bytes = file::read(&path, u64::MAX).context("read", &path)?;
        // The process that wrote the pod may have been killed before its own sync. The next
        // `sync_all` of this handle therefore syncs these paths.
        for path in [&path, &folder.join(NAME), folder, &self.layout.pods(), self.layout.root()] {
            self.syncs.record(path);
        }
        let pod = bytes.map(|bytes| {
            let text = String::from_utf8(bytes)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            Pod::from_json(text)
        });
        pod.transpose().map_err(|error| corrupt(&path, 1, "a pod", &error))
    }

    fn write_file(&self, text: &str, path: &Path) -> Result<(), StoreError> {
        let file = self.temporary_file(|file| file.write_all(text.as_bytes()))?;
        self.sync_replacement(&file)?;
        self.persist(file, path)
    }
}

fn swap_case(letter: char) -> char {
    if letter.is_ascii_lowercase() {
        letter.to_ascii_uppercase()
    } else {
        letter.to_ascii_lowercase()
    }
}

/// Returns whether the error means that the file system cannot hold the name. The name is then too
/// long, or has characters that the file system does not allow.
fn is_name_refused(error: &io::Error) -> bool {
    let refused = [Errno::NAMETOOLONG, Errno::INVAL, Errno::ILSEQ];
    Errno::from_io_error(error).is_some_and(|errno| refused.contains(&errno))
}

/// Returns whether the folder holds a pod.
pub(crate) fn holds_pod(folder: &Path) -> Result<bool, StoreError> {
    is_file(&folder.join(METADATA))
}

/// Returns the name of the pod in a folder, or `None` if no call can name the pod.
pub(crate) fn name_of(folder: &Path) -> Result<Option<PodName>, StoreError> {
    let Some(plain) = folder.file_name().and_then(|name| name.to_str()) else { return Ok(None) };
    let parsed = PodFolder::parse(plain).filter(PodFolder::is_hashed);
    let Some(hashed) = parsed else { return Ok(plain.parse().ok()) };
    // The file is missing while a pod is being deleted.
    let path = folder.join(NAME);
    let inside = file::read(&path, MAX_NAME).context("read", &path)?;
    let name = inside.and_then(|name| String::from_utf8(name).ok());
    let name = name.and_then(|name| name.parse::<PodName>().ok());
    Ok(name.filter(|name| name.hashed_folder() == hashed))
}

impl PodStore for FsStore {
    fn put_pod(&self, name: &PodName, pod: &Pod) -> Result<(), StoreError> {
        self.directory.prepare()?;
        let mut guard = self.pod_lock.lock_write()?;
        self.directory.write_pod(&mut guard.lock, name, pod)
    }

    fn put_pod_if(
        &self,
        name: &PodName,
        expected: Option<&Pod>,
        pod: &Pod,
    ) -> Result<(), StoreError> {
        self.directory.prepare()?;
        let mut guard = self.pod_lock.lock_write()?;
        if self.directory.read_pod(name)?.as_ref() != expected {
            return Err(StoreError::PodConflict { name: name.to_string() });
        }
        self.directory.write_pod(&mut guard.lock, name, pod)
    }

    fn read_pod(&self, name: &PodName) -> Result<Option<Pod>, StoreError> {
        list_consistent(&self.pod_lock, || self.directory.read_pod(name))
    }

    fn list_pods(&self) -> Result<Vec<PodName>, StoreError> {
        list_consistent(&self.pod_lock, || {
            let mut names = BTreeSet::new();
            for folder in self.directory.pod_folders()? {
                if holds_pod(&folder)? {
                    names.extend(name_of(&folder)?);
                }
            }
            Ok(names.into_iter().collect())
        })
    }

    fn delete_pod(&self, name: &PodName) -> Result<bool, StoreError> {
        let directory = &self.directory;
        // After a deletion whose sync failed, the pod is gone, but the deletion is not durable.
        // This check fails then, so that a repeated deletion does not return `Ok(false)`.
        directory.syncs.check()?;
        // The search comes before `prepare`, because a deletion that finds no pod writes nothing.
        if directory.folders_of(name)?.is_empty() {
            return Ok(false);
        }
        directory.prepare()?;
        let _guard = self.pod_lock.lock_write()?;
        let folders = directory.folders_of(name)?;
        // The folder that counts is deleted last. After a crash between the two deletions, the pod
        // is unchanged.
        for folder in folders.iter().rev() {
            file::delete(&folder.join(METADATA))?;
            directory.remove_pod_folder(folder);
            directory.syncs.sync_folder(folder)?;
        }
        directory.sync_names(&directory.layout.pods())?;
        Ok(!folders.is_empty())
    }
}
