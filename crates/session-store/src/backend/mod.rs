//! The table of backends: the schemes of their URLs, their features, and the functions that open a
//! store.
//!
//! A backend is one row of the table and one file in this folder. The parser of URLs, the texts of
//! errors and the docs all use the table.

#[cfg(not(all(feature = "postgres", feature = "redis")))]
mod disabled;
mod fs;
mod memory;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redis")]
mod redis;
mod sqlite;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

#[cfg(not(feature = "postgres"))]
use disabled::Disabled as PostgresLocation;
#[cfg(not(feature = "redis"))]
use disabled::Disabled as RedisLocation;
pub(crate) use fs::FsLocation;
pub(crate) use memory::MemoryLocation;
#[cfg(feature = "postgres")]
use postgres::PostgresLocation;
#[cfg(feature = "redis")]
use redis::RedisLocation;
pub(crate) use sqlite::SqliteLocation;

use session_store_core::{Store, StoreError};

use crate::error::UrlError;
use crate::password::PasswordOf;
use crate::syntax::SplitUrl;

/// A backend that this crate can open by URL.
#[derive(Debug)]
#[non_exhaustive]
pub struct Backend {
    /// The schemes of the backend's URLs.
    pub schemes: &'static [&'static str],
    /// The cargo feature that the backend needs.
    pub feature: &'static str,
    /// Whether this program was built with the feature.
    pub is_enabled: bool,
    /// An example of the backend's URLs, with placeholders.
    pub example: &'static str,
    /// A description of a store of the backend.
    pub description: &'static str,
    pub(crate) parse: fn(&SplitUrl<'_>) -> Result<Location, UrlError>,
}

/// The parts of a URL of one backend. `Display` writes the URL from these parts and not from the
/// parsed text, so that it can leave out a password in the text.
trait BackendLocation: fmt::Display + Eq + Sized {
    fn parse(url: &SplitUrl<'_>) -> Result<Self, UrlError>;

    /// Opens the store. With `create`, creates the store if it does not exist.
    fn open(&self, _create: bool) -> OpenResult {
        None
    }

    /// The path of the storage, if it is a file or a folder.
    fn path(&self) -> Option<&Path> {
        None
    }

    /// Returns whether two locations without a path certainly name the same storage.
    fn is_same_storage(&self, _other: &Self) -> bool {
        false
    }

    /// The passwords that the store can need and that the URL does not contain.
    fn missing_passwords(&self) -> Vec<PasswordOf> {
        Vec::new()
    }

    /// Sets a password, if the store can need it.
    fn with_password(self, _of: PasswordOf, _password: String) -> Self {
        self
    }
}

/// An opened store, and the warnings of its backend.
pub(crate) struct Opened {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) warnings: Vec<String>,
}

/// The result of opening a store. `None` if the feature of the backend is off.
pub(crate) type OpenResult = Option<Result<Opened, StoreError>>;

impl<S: Store + 'static> From<S> for Opened {
    fn from(store: S) -> Self {
        Self { store: Arc::new(store), warnings: Vec::new() }
    }
}

/// Generates the code with one part for each row of the table: the public list with its
/// documentation, and the enum that calls the methods of the backend.
macro_rules! backends {
    ($(
        $name:ident($location:ident) {
            schemes: [$($scheme:literal),+],
            feature: $feature:literal,
            example: $example:literal,
            description: $description:literal,
        }
    )+) => {
        /// Returns all backends that this crate knows, including the backends whose feature is off.
        ///
        /// | feature | URL | a store is |
        /// |---|---|---|
        $(#[doc = concat!("| `", $feature, "` | `", $example, "` | ", $description, " |")])+
        #[must_use]
        pub const fn backends() -> &'static [Backend] {
            BACKENDS
        }

        const BACKENDS: &[Backend] = &[$(Backend {
            schemes: &[$($scheme),+],
            feature: $feature,
            is_enabled: cfg!(feature = $feature),
            example: $example,
            description: $description,
            parse: |url| $location::parse(url).map(Location::$name),
        },)+];

        /// The location of a store.
        #[derive(Clone, PartialEq, Eq, Hash)]
        pub(crate) enum Location {
            $($name($location),)+
        }

        impl Location {
            /// Opens the store, as [`BackendLocation::open`].
            pub(crate) fn open(&self, create: bool) -> OpenResult {
                match self {$(Self::$name(location) => location.open(create),)+}
            }

            /// The cargo feature of the backend.
            pub(crate) const fn feature(&self) -> &'static str {
                match self {$(Self::$name(_) => $feature,)+}
            }

            /// The path of the storage, if it is a file or a folder.
            pub(crate) fn path(&self) -> Option<&Path> {
                match self {$(Self::$name(location) => location.path(),)+}
            }

            /// The passwords that the store can need and that the URL does not contain.
            pub(crate) fn missing_passwords(&self) -> Vec<PasswordOf> {
                match self {$(Self::$name(location) => location.missing_passwords(),)+}
            }

            /// Sets a password, if the store can need it.
            pub(crate) fn with_password(self, of: PasswordOf, password: String) -> Self {
                match self {
                    $(Self::$name(location) => Self::$name(location.with_password(of, password)),)+
                }
            }

            /// Whether two locations without a path certainly name the same storage.
            pub(crate) fn is_same_storage(&self, other: &Self) -> bool {
                match (self, other) {
                    $((Self::$name(a), Self::$name(b)) => a.is_same_storage(b),)+
                    _ => false,
                }
            }
        }

        impl fmt::Display for Location {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {$(Self::$name(location) => location.fmt(f),)+}
            }
        }
    };
}

backends! {
    Fs(FsLocation) {
        schemes: ["fs"],
        feature: "fs",
        example: "fs:PATH",
        description: "a directory, one JSONL file per segment",
    }
    Sqlite(SqliteLocation) {
        schemes: ["sqlite"],
        feature: "sqlite",
        example: "sqlite:PATH",
        description: "one SQLite database file",
    }
    Postgres(PostgresLocation) {
        schemes: ["postgres", "postgresql"],
        feature: "postgres",
        example: "postgres://HOST/DATABASE",
        description: "a schema of a PostgreSQL database",
    }
    Redis(RedisLocation) {
        schemes: [
            "redis", "rediss", "redis+unix", "unix", "redis-sentinel", "rediss-sentinel",
            "redis-cluster", "rediss-cluster"
        ],
        feature: "redis",
        example: "redis://HOST",
        description: "one server, a Sentinel group or a Cluster",
    }
    Memory(MemoryLocation) {
        schemes: ["memory"],
        feature: "memory",
        example: "memory:",
        description: "in memory, for tests",
    }
}

/// Returns the backend whose URLs have this scheme. The scheme is in lower case.
pub(crate) fn backend_of(scheme: &str) -> Option<&'static Backend> {
    backends().iter().find(|backend| backend.schemes.contains(&scheme))
}

/// Reads the storage at a bare path to find the backend. The backend is SQLite if the path leads to
/// a database file, and otherwise the file backend.
pub(crate) fn location_of_path(path: &Path) -> Result<Location, StoreError> {
    let is_database = sqlite::is_sqlite_file(path)?;
    let path = path.to_path_buf();
    Ok(if is_database {
        Location::Sqlite(SqliteLocation::new(path))
    } else {
        Location::Fs(FsLocation::new(path))
    })
}

/// Lists an example of each backend's URLs: `fs:PATH, sqlite:PATH, … and memory:`.
pub(crate) fn list_of_examples() -> String {
    let examples: Vec<_> = backends().iter().map(|backend| backend.example).collect();
    let (last, others) = examples.split_last().expect("the table has a backend");
    format!("{} and {last}", others.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scheme_belongs_to_one_backend() {
        let mut schemes: Vec<_> = backends().iter().flat_map(|backend| backend.schemes).collect();
        let count = schemes.len();
        schemes.sort();
        schemes.dedup();
        assert_eq!(schemes.len(), count);
    }

    #[test]
    fn the_docs_have_a_row_for_every_backend() {
        let docs = [include_str!("../lib.rs"), include_str!("../../README.md")];
        for Backend { feature, example, description, .. } in backends() {
            let cells =
                [format!("`{feature}`"), format!("`{example}`"), format!("| {description} |")];
            for text in docs {
                let has_row = text.lines().any(|line| cells.iter().all(|cell| line.contains(cell)));
                assert!(has_row, "no row of the docs has {cells:?}");
            }
        }
    }
}
