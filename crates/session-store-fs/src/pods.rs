//! Pods: a folder each, under the pod's name where every file system can hold it and tell it apart, else
//! under a hash of it with the name inside.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use session_store_core::{Pod, PodName, PodStore, StoreError};
use tempfile::NamedTempFile;
use uuid::Uuid;

use crate::FsStore;
use crate::failure::{Attempt, corrupt, if_found};
use crate::listing::is_there;
use crate::side::create_folder;

/// What a pod is stored in.
const METADATA: &str = "metadata.json";

/// Where the name is, in a folder that is named by its hash.
const NAME: &str = "name";

/// Begins the name of a folder that is named by a hash.
const HASHED: char = '~';

/// Sets these hashes apart from all others made the same way (RFC 9562, version 5).
const NAMESPACE: Uuid = Uuid::from_u128(0x2f1c_93a0_5d7e_4c6b_9e84_6a0d_71b3_c258);

/// Whether a folder of this name is this pod's on every file system: none folds its case, normalises it,
/// reserves it or finds it too long.
fn is_plain(name: &str) -> bool {
    const RESERVED: [&str; 4] = ["con", "prn", "aux", "nul"];
    let stem = name.split('.').next().unwrap_or(name);
    let numbered = stem.len() == 4 && (stem.starts_with("com") || stem.starts_with("lpt"));
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.');
    name.bytes().all(plain)
        && !name.starts_with('.')
        && !name.ends_with('.')
        && !numbered
        && !RESERVED.contains(&stem)
}

impl FsStore {
    fn hashed_folder(&self, name: &PodName) -> PathBuf {
        let hash = Uuid::new_v5(&NAMESPACE, name.as_str().as_bytes());
        self.layout().pods().join(format!("{HASHED}{hash}"))
    }

    fn plain_folder(&self, name: &PodName) -> PathBuf {
        self.layout().pods().join(name.as_str())
    }

    /// The folder that holds the pod now, if any: under the hash of its name, or under its very name, where
    /// another program may have made it.
    fn pod_folder(&self, name: &PodName) -> Result<Option<PathBuf>, StoreError> {
        let hashed = self.hashed_folder(name);
        if is_there(&hashed.join(METADATA))? {
            return Ok(Some(hashed));
        }
        let plain = self.plain_folder(name);
        let there = is_there(&plain.join(METADATA))? && self.is_exact(name, &plain)?;
        Ok(there.then_some(plain))
    }

    /// Whether the folder that the system finds by this name bears it: a file system that folds names must
    /// not pass off another pod's.
    fn is_exact(&self, name: &PodName, plain: &PathBuf) -> Result<bool, StoreError> {
        let upper = self.layout().pods().join(name.as_str().to_uppercase());
        // Nothing in upper case: nothing folds, or only into what is no plain name.
        Ok(is_plain(name.as_str()) && !upper.exists() || self.pod_folders()?.contains(plain))
    }

    fn pod_folders(&self) -> Result<Vec<PathBuf>, StoreError> {
        let pods = self.layout().pods();
        let Some(listing) = if_found(fs::read_dir(&pods)).trying("list", &pods)? else {
            return Ok(Vec::new());
        };
        let paths = listing.map(|entry| entry.map(|entry| entry.path()));
        paths.collect::<Result<_, _>>().trying("list", &pods)
    }

    /// Where the pod goes, made if need be.
    fn folder_for(&self, name: &PodName) -> Result<PathBuf, StoreError> {
        if let Some(folder) = self.pod_folder(name)? {
            return Ok(folder);
        }
        let plain = self.plain_folder(name);
        if is_plain(name.as_str()) && (!plain.exists() || self.is_exact(name, &plain)?) {
            create_folder(&plain)?;
            return Ok(plain);
        }
        let folder = self.hashed_folder(name);
        create_folder(&folder)?;
        let path = folder.join(NAME);
        self.layout().name_file(self.file_with(name.as_str())?, &path)?;
        Ok(folder)
    }

    /// A pod's folder may have been made or removed.
    fn pod_folders_changed(&self) -> Result<(), StoreError> {
        let syncs = &self.layout().syncs;
        syncs.folder(&self.layout().pods())?;
        syncs.folder(self.layout().root())
    }

    fn file_with(&self, text: &str) -> Result<NamedTempFile, StoreError> {
        self.layout().temporary_file(|file| file.write_all(text.as_bytes()))
    }
}

/// The pod that a folder holds.
fn name_of(folder: &Path) -> Result<Option<PodName>, StoreError> {
    if !is_there(&folder.join(METADATA))? {
        return Ok(None);
    }
    let Some(plain) = folder.file_name().and_then(|name| name.to_str()) else { return Ok(None) };
    let hash = plain.strip_prefix(HASHED).and_then(|hash| Uuid::try_parse(hash).ok());
    if hash.is_none() {
        return Ok(plain.parse().ok());
    }
    // Without a name inside it is a pod that is just being deleted.
    let path = folder.join(NAME);
    let inside = if_found(fs::read_to_string(&path)).trying("read", &path)?;
    Ok(inside.and_then(|name| name.parse().ok()))
}

impl PodStore for FsStore {
    fn put_pod(&self, name: &PodName, pod: &Pod) -> Result<(), StoreError> {
        self.prepare()?;
        let _guard = self.pod_lock().exclusive()?;
        let file = self.file_with(&format!("{}\n", pod.as_json()))?;
        self.layout().name_file(file, &self.folder_for(name)?.join(METADATA))?;
        self.pod_folders_changed()
    }

    fn read_pod(&self, name: &PodName) -> Result<Option<Pod>, StoreError> {
        let Some(folder) = self.pod_folder(name)? else { return Ok(None) };
        let path = folder.join(METADATA);
        match fs::read_to_string(&path) {
            Ok(text) => Pod::from_json(text).map(Some).map_err(|error| corrupt(&path, 1, &error)),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                Err(corrupt(&path, 1, &StoreError::from(error)))
            }
            Err(error) => if_found(Err(error)).trying("read", &path),
        }
    }

    fn list_pods(&self) -> Result<Vec<PodName>, StoreError> {
        let mut names = BTreeSet::new();
        for folder in self.pod_folders()? {
            names.extend(name_of(&folder)?);
        }
        Ok(names.into_iter().collect())
    }

    fn delete_pod(&self, name: &PodName) -> Result<bool, StoreError> {
        if self.pod_folder(name)?.is_none() {
            return Ok(false);
        }
        self.prepare()?;
        let _guard = self.pod_lock().exclusive()?;
        let Some(folder) = self.pod_folder(name)? else { return Ok(false) };
        let path = folder.join(METADATA);
        if_found(fs::remove_file(&path)).trying("delete", &path)?;
        if folder == self.hashed_folder(name) {
            let _ = fs::remove_file(folder.join(NAME));
        }
        // Another program's files in it are not ours to delete.
        let _ = fs::remove_dir(&folder);
        self.layout().syncs.folder(&folder)?;
        self.pod_folders_changed()?;
        Ok(true)
    }
}
