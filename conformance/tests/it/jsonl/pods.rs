//! The pods of the store: a file for each pod. The first line of the file is the name of the pod.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;

use session_store_core::{Pod, PodName, PodStore, StoreError};

use super::files::{read_if_exists, remove_if_exists};
use super::pause::stay_half_written;
use super::{Flaw, JsonlStore, process_cache};
use crate::variant::Result;

impl JsonlStore {
    fn pods_folder(&self) -> PathBuf {
        self.root.join(".pods")
    }

    /// Returns the file of a pod. The name of the file is a hash, because not every name of a pod
    /// can be the name of a file.
    fn pod(&self, name: &PodName) -> PathBuf {
        self.pods_folder().join(name.hashed_folder().as_str())
    }
}

impl PodStore for JsonlStore {
    fn put_pod(&self, name: &PodName, pod: &Pod) -> Result<()> {
        let _lock = self.lock()?;
        fs::create_dir_all(self.pods_folder())?;
        let (path, text) = (self.pod(name), format!("{name}\n{}", pod.as_json()));
        process_cache::forget(&path);
        if self.has(Flaw::PutsPodsInPlace) {
            let mut file = File::create(&path)?;
            stay_half_written(1);
            return Ok(file.write_all(text.as_bytes())?);
        }
        let new = self.root.join(".pod.new");
        fs::write(&new, text)?;
        Ok(fs::rename(new, path)?)
    }

    fn read_pod(&self, name: &PodName) -> Result<Option<Pod>> {
        let _lock = self.lock()?;
        let path = self.pod(name);
        let read = || read_if_exists(&path);
        let bytes =
            if self.has(Flaw::CachesPods) { process_cache::read(&path, read) } else { read() };
        let Some(bytes) = bytes? else { return Ok(None) };
        let (_, text) = split(&bytes)?;
        Pod::from_json(text).map(Some)
    }

    fn list_pods(&self) -> Result<Vec<PodName>> {
        let _lock = self.lock()?;
        let mut names = Vec::new();
        if self.pods_folder().exists() {
            for item in fs::read_dir(self.pods_folder())? {
                let bytes = fs::read(item?.path())?;
                names.push(split(&bytes)?.0.parse()?);
            }
        }
        names.sort();
        Ok(names)
    }

    fn delete_pod(&self, name: &PodName) -> Result<bool> {
        let _lock = self.lock()?;
        process_cache::forget(&self.pod(name));
        Ok(remove_if_exists(&self.pod(name))?)
    }
}

/// Splits the content of a file into the name and the text of the pod.
fn split(bytes: &[u8]) -> Result<(&str, &str), StoreError> {
    let text = str::from_utf8(bytes).ok().and_then(|text| text.split_once('\n'));
    Ok(text.ok_or_else(|| io::Error::other("the file of a pod is not whole"))?)
}
