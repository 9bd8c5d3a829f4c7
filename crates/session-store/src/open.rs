//! From a URL to an opened store: which backend, and whether it may create anything.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::store::OpenStore;
use crate::url::{Place, StoreUrl, UrlError};
use crate::{Durability, Store, StoreError};

/// Opens the store at a URL; see [`StoreUrl`] for what it may look like. Nothing is created: a mistyped
/// place is an error and leaves nothing behind (S7). A store in memory is always new.
///
/// # Errors
/// As [`OpenError`] lists them.
pub fn open(url: &str) -> Result<OpenStore, OpenError> {
    url.parse::<StoreUrl>()?.open()
}

/// Opens the store at a URL, and creates an empty one where there is none. Several processes may do so at
/// the same moment.
///
/// # Errors
/// As [`OpenError`] lists them.
pub fn open_or_create(url: &str) -> Result<OpenStore, OpenError> {
    url.parse::<StoreUrl>()?.open_or_create()
}

/// Why a store was not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The text is no URL of a store.
    #[error(transparent)]
    Url(#[from] UrlError),

    /// The URL is right, but this program was built without the backend that it needs.
    #[error(
        "cannot open {url}: this program was built without the feature \"{feature}\" of session-store"
    )]
    FeatureOff {
        /// What was to be opened.
        url: StoreUrl,
        /// The cargo feature to switch on.
        feature: &'static str,
    },

    /// The backend refused.
    #[error("cannot open {url}")]
    Store {
        /// What was to be opened.
        url: StoreUrl,
        /// What the backend says.
        source: Box<StoreError>,
    },
}

/// Whether a store that is not there is an error or is made.
#[derive(Clone, Copy)]
enum Missing {
    Fails,
    IsCreated,
}

impl StoreUrl {
    /// As [`open()`].
    ///
    /// # Errors
    /// [`OpenError::FeatureOff`] and [`OpenError::Store`].
    pub fn open(&self) -> Result<OpenStore, OpenError> {
        open_place(self, Missing::Fails)
    }

    /// As [`open_or_create()`].
    ///
    /// # Errors
    /// [`OpenError::FeatureOff`] and [`OpenError::Store`].
    pub fn open_or_create(&self) -> Result<OpenStore, OpenError> {
        open_place(self, Missing::IsCreated)
    }

    /// Whether both name one storage, as far as that can be told without opening it: paths are followed to
    /// what is there, through links too, but a Redis storage under another name passes for another one. Each
    /// `memory:` is a storage of its own.
    #[must_use]
    pub fn is_same_storage(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            #[cfg(feature = "redis")]
            (Place::Redis(a), Place::Redis(b)) => a == b,
            (a, b) => real_path(a).is_some_and(|path| real_path(b) == Some(path)),
        }
    }
}

fn open_place(url: &StoreUrl, missing: Missing) -> Result<OpenStore, OpenError> {
    let url = settle(url)?;
    let store = match &url.0 {
        Place::Bare(path) => open_fs(&url, path, Durability::default(), missing),
        Place::Fs { path, durability } => open_fs(&url, path, *durability, missing),
        Place::Sqlite { path, busy_timeout, durability } => {
            open_sqlite(&url, path, *busy_timeout, *durability, missing)
        }
        Place::Memory => open_memory(&url),
        #[cfg(feature = "redis")]
        Place::Redis(place) => return open_redis(url.clone(), place, missing),
    }?;
    Ok(OpenStore::new(store, url))
}

/// What a path leads to, if the place is one and something is there.
fn real_path(place: &Place) -> Option<PathBuf> {
    match place {
        Place::Bare(path) | Place::Fs { path, .. } | Place::Sqlite { path, .. } => {
            path.canonicalize().ok()
        }
        _ => None,
    }
}

fn refused(url: &StoreUrl, source: StoreError) -> OpenError {
    OpenError::Store { url: url.clone(), source: Box::new(source) }
}

/// Gives a bare path its scheme, by what is there now.
fn settle(url: &StoreUrl) -> Result<StoreUrl, OpenError> {
    let Place::Bare(path) = &url.0 else {
        return Ok(url.clone());
    };
    match is_sqlite_file(path) {
        Ok(true) => Ok(StoreUrl::sqlite(path)),
        Ok(false) => Ok(StoreUrl::fs(path)),
        Err(source) => Err(refused(url, source)),
    }
}

#[cfg(feature = "sqlite")]
fn is_sqlite_file(path: &Path) -> Result<bool, StoreError> {
    if !path.is_file() {
        return Ok(false);
    }
    crate::sqlite::is_sqlite_file(path)
        .map_err(|error| StoreError::io(format!("read {}", path.display()), error))
}

#[cfg(not(feature = "sqlite"))]
fn is_sqlite_file(_: &Path) -> Result<bool, StoreError> {
    Ok(false)
}

type Opened = Result<Arc<dyn Store>, OpenError>;

#[cfg(feature = "fs")]
fn open_fs(url: &StoreUrl, path: &Path, durability: Durability, missing: Missing) -> Opened {
    let mut options = crate::fs::FsOptions::new();
    options.create(matches!(missing, Missing::IsCreated)).durability(durability);
    Ok(Arc::new(options.open(path).map_err(|error| refused(url, error))?))
}

#[cfg(not(feature = "fs"))]
fn open_fs(url: &StoreUrl, _: &Path, _: Durability, _: Missing) -> Opened {
    Err(OpenError::FeatureOff { url: url.clone(), feature: "fs" })
}

#[cfg(feature = "sqlite")]
fn open_sqlite(
    url: &StoreUrl,
    path: &Path,
    busy_timeout: Option<Duration>,
    durability: Durability,
    missing: Missing,
) -> Opened {
    let mut options = crate::sqlite::SqliteOptions::new()
        .create(matches!(missing, Missing::IsCreated))
        .durability(durability);
    if let Some(timeout) = busy_timeout {
        options = options.busy_timeout(timeout);
    }
    Ok(Arc::new(options.open(path).map_err(|error| refused(url, error))?))
}

#[cfg(not(feature = "sqlite"))]
fn open_sqlite(url: &StoreUrl, _: &Path, _: Option<Duration>, _: Durability, _: Missing) -> Opened {
    Err(OpenError::FeatureOff { url: url.clone(), feature: "sqlite" })
}

#[cfg(feature = "memory")]
fn open_memory(_: &StoreUrl) -> Opened {
    Ok(Arc::new(crate::memory::MemoryStore::new()))
}

#[cfg(not(feature = "memory"))]
fn open_memory(url: &StoreUrl) -> Opened {
    Err(OpenError::FeatureOff { url: url.clone(), feature: "memory" })
}

#[cfg(feature = "redis")]
fn open_redis(
    url: StoreUrl,
    place: &crate::redis::RedisUrl,
    missing: Missing,
) -> Result<OpenStore, OpenError> {
    let mut options = crate::redis::RedisOptions::new();
    options.create(matches!(missing, Missing::IsCreated));
    let store = options.open_url(place).map_err(|error| refused(&url, error))?;
    Ok(OpenStore::redis(store, url))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "memory")]
    #[test]
    fn each_open_in_memory_is_a_store_of_its_own() {
        use crate::{SegmentId, SessionId};

        let (a, b) = (open("memory:").unwrap(), open("memory:").unwrap());
        a.create_segment(SessionId::new(), SegmentId::new(), &[]).unwrap();
        assert_eq!(a.clone().list_sessions().unwrap().len(), 1, "a clone is the same store");
        assert_eq!(b.list_sessions().unwrap().len(), 0);
        assert_eq!(format!("{a:?}"), "OpenStore(memory:)");
    }

    #[cfg(all(feature = "fs", feature = "sqlite"))]
    #[test]
    fn a_bare_path_becomes_what_is_there() {
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
    fn one_storage_has_many_names() {
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
        assert!(!nowhere.is_same_storage(&nowhere), "nothing is there");
        assert!(!StoreUrl::memory().is_same_storage(&StoreUrl::memory()));
    }

    #[cfg(feature = "redis")]
    #[test]
    fn a_redis_storage_is_known_by_its_url() {
        let url = |text: &str| text.parse::<StoreUrl>().unwrap();
        assert!(url("redis://db").is_same_storage(&url("redis://db:6379/0")));
        for other in ["redis://db/1", "redis://db?prefix=a", "redis://other", "fs:db"] {
            assert!(!url("redis://db").is_same_storage(&url(other)), "{other}");
        }
    }

    #[cfg(all(feature = "fs", feature = "sqlite"))]
    #[test]
    fn open_creates_nothing_and_says_where_and_why() {
        let folder = tempfile::tempdir().unwrap();
        for url in
            [StoreUrl::fs(folder.path().join("a")), StoreUrl::sqlite(folder.path().join("a"))]
        {
            let error = url.open().unwrap_err();
            assert_eq!(error.to_string(), format!("cannot open {url}"));
            assert!(std::error::Error::source(&error).is_some());
            assert_eq!(folder.path().read_dir().unwrap().count(), 0);
        }
    }

    #[cfg(not(feature = "sqlite"))]
    #[test]
    fn a_backend_that_is_switched_off_names_its_feature() {
        let error = open("sqlite:a.db").unwrap_err();
        assert!(matches!(error, OpenError::FeatureOff { feature: "sqlite", .. }), "{error:?}");
        assert!(error.to_string().contains("the feature \"sqlite\""), "{error}");
    }
}
