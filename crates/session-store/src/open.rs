//! Opens the store at a URL.

use std::path::Path;

use session_store_core::StoreError;

use crate::backend::location_of_path;
use crate::error::UrlError;
use crate::store::OpenStore;
use crate::url::{StoreUrl, Target};

/// Opens the store at a URL, which [`StoreUrl`] describes.
///
/// If there is no store, nothing is created and the result is an error
/// ([S7](session_store_core::contract#s7)). The exception is `memory:`, which creates a new store
/// each time.
///
/// # Errors
/// [`OpenError`]
pub fn open(url: &str) -> Result<OpenStore, OpenError> {
    url.parse::<StoreUrl>()?.open()
}

/// Opens the store at a URL. Creates an empty store if there is no store yet.
///
/// Any number of processes can open the same new store at the same time
/// ([S6](session_store_core::contract#s6)).
///
/// # Errors
/// [`OpenError`]
pub fn open_or_create(url: &str) -> Result<OpenStore, OpenError> {
    url.parse::<StoreUrl>()?.open_or_create()
}

/// The reason why a store was not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The text is not the URL of a store.
    #[error(transparent)]
    Url(#[from] UrlError),

    /// This program was built without the backend of the URL.
    #[error(
        "cannot open {url}: this program was built without the feature \"{feature}\" of session-store"
    )]
    FeatureOff {
        /// The URL.
        url: StoreUrl,
        /// The cargo feature that the backend needs.
        feature: &'static str,
    },

    /// The backend returned an error.
    #[error("cannot open {url}: {source}")]
    Store {
        /// The URL.
        url: StoreUrl,
        /// The error of the backend.
        source: Box<StoreError>,
    },
}

impl StoreUrl {
    /// Opens the store like [`open()`].
    ///
    /// # Errors
    /// [`OpenError::FeatureOff`] and [`OpenError::Store`].
    pub fn open(&self) -> Result<OpenStore, OpenError> {
        self.open_with(false)
    }

    /// Opens or creates the store like [`open_or_create()`].
    ///
    /// # Errors
    /// [`OpenError::FeatureOff`] and [`OpenError::Store`].
    pub fn open_or_create(&self) -> Result<OpenStore, OpenError> {
        self.open_with(true)
    }

    /// Returns whether both URLs certainly name the same storage.
    ///
    /// Two paths name the same storage if both lead to the same file or folder, even through
    /// symbolic links. Other URLs are compared part by part. So the result is false for two
    /// different addresses of the same Redis server. Two `memory:` URLs never name the same
    /// storage.
    #[must_use]
    pub fn is_same_storage(&self, other: &Self) -> bool {
        let real_path = |path: &Path| path.canonicalize().ok();
        match (&self.0, &other.0) {
            (Target::Location(a), Target::Location(b)) if a.is_same_storage(b) => true,
            _ => {
                let path = self.path().and_then(real_path);
                path.is_some() && path == other.path().and_then(real_path)
            }
        }
    }

    fn open_with(&self, create: bool) -> Result<OpenStore, OpenError> {
        let failed = |url, source| OpenError::Store { url, source: Box::new(source) };
        let location = match &self.0 {
            Target::Location(location) => location.clone(),
            Target::BarePath(path) => {
                location_of_path(path).map_err(|source| failed(self.clone(), source))?
            }
        };
        let (opened, feature) = (location.open(create), location.feature());
        let url = Self::from(location);
        match opened {
            Some(Ok(opened)) => Ok(OpenStore::new(opened, url)),
            Some(Err(source)) => Err(failed(url, source)),
            None => Err(OpenError::FeatureOff { url, feature }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "memory")]
    #[test]
    fn every_open_in_memory_creates_a_new_store() {
        use crate::{SegmentId, SessionId, Store};

        let (a, b) = (open("memory:").unwrap(), open("memory:").unwrap());
        a.create_segment(SessionId::new(), SegmentId::new(), &[]).unwrap();
        assert_eq!(a.clone().list_sessions().unwrap().len(), 1, "a clone is the same store");
        assert_eq!(b.list_sessions().unwrap().len(), 0);
        assert_eq!(format!("{a:?}"), "OpenStore(memory:)");
    }

    #[cfg(all(feature = "fs", feature = "sqlite"))]
    #[test]
    fn a_bare_path_opens_the_existing_storage() {
        let folder = tempfile::tempdir().unwrap();
        let (files, database) = (folder.path().join("files"), folder.path().join("a.db"));
        StoreUrl::sqlite(&database).open_or_create().unwrap();
        let opened = open_or_create(database.to_str().unwrap()).unwrap();
        assert_eq!(*opened.url(), StoreUrl::sqlite(&database));
        let opened = open_or_create(files.to_str().unwrap()).unwrap();
        assert_eq!(*opened.url(), StoreUrl::fs(&files));
    }

    #[cfg(unix)]
    #[test]
    fn paths_to_the_same_folder_are_the_same_storage() {
        let folder = tempfile::tempdir().unwrap();
        let [logs, others, link] = ["logs", "others", "link"].map(|name| folder.path().join(name));
        std::fs::create_dir(&logs).unwrap();
        std::fs::create_dir(&others).unwrap();
        std::os::unix::fs::symlink(&logs, &link).unwrap();
        let url = |path: &Path| path.to_str().unwrap().parse::<StoreUrl>().unwrap();
        for same in [url(&logs), url(&link), StoreUrl::fs(others.join("../logs"))] {
            assert!(StoreUrl::fs(&logs).is_same_storage(&same), "{same}");
        }
        let nowhere = StoreUrl::fs(folder.path().join("nowhere"));
        for other in [&StoreUrl::fs(&others), &StoreUrl::memory(), &nowhere] {
            assert!(!StoreUrl::fs(&logs).is_same_storage(other), "{other}");
        }
        assert!(!nowhere.is_same_storage(&nowhere), "no storage exists");
        assert!(!StoreUrl::memory().is_same_storage(&StoreUrl::memory()));
    }

    #[cfg(feature = "redis")]
    #[test]
    fn equal_urls_of_redis_are_the_same_storage() {
        let url = |text: &str| text.parse::<StoreUrl>().unwrap();
        assert!(url("redis://db").is_same_storage(&url("redis://db:6379/0")));
        for other in ["redis://db/1", "redis://db?prefix=a", "redis://other", "fs:db"] {
            assert!(!url("redis://db").is_same_storage(&url(other)), "{other}");
        }
    }

    #[cfg(all(feature = "fs", feature = "sqlite"))]
    #[test]
    fn open_creates_nothing_and_its_error_has_place_and_cause() {
        let folder = tempfile::tempdir().unwrap();
        for url in
            [StoreUrl::fs(folder.path().join("a")), StoreUrl::sqlite(folder.path().join("a"))]
        {
            let error = url.open().unwrap_err();
            let cause = std::error::Error::source(&error).unwrap();
            assert_eq!(error.to_string(), format!("cannot open {url}: {cause}"));
            assert_eq!(folder.path().read_dir().unwrap().count(), 0);
        }
    }

    #[cfg(not(feature = "sqlite"))]
    #[test]
    fn the_error_for_a_disabled_backend_names_the_feature() {
        let error = open("sqlite:a.db").unwrap_err();
        assert!(matches!(error, OpenError::FeatureOff { feature: "sqlite", .. }), "{error:?}");
        assert!(error.to_string().contains("the feature \"sqlite\""), "{error}");
    }
}
