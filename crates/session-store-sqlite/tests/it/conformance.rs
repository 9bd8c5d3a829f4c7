//! The checks of the conformance kit over the SQLite backend: with each durability, and with an
//! exclusive handle.

use std::io;
use std::path::PathBuf;

use rusqlite::Connection;
use session_store_conformance::{Harness, Storage, conformance_growth, conformance_matrix};
use session_store_core::{Durability, SegmentId, SessionId, Store, StoreError};
use session_store_sqlite::{SqliteOptions, SqliteStore};
use tempfile::TempDir;
use test_servers::{ExclusiveHandle, fast_folder};
use uuid::Uuid;

/// Every storage is a database file in a new folder.
struct Databases {
    options: SqliteOptions,
    folder: fn() -> TempDir,
    is_exclusive: bool,
}

impl Databases {
    fn with(durability: Durability, folder: fn() -> TempDir) -> Self {
        let options = SqliteOptions::new().create(true).durability(durability);
        Self { options, folder, is_exclusive: false }
    }

    fn exclusive() -> Self {
        let options = SqliteOptions::new().create(true).exclusive(true);
        Self { options, folder: temporary_folder, is_exclusive: true }
    }
}

fn temporary_folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder can be created")
}

impl Harness for Databases {
    fn fresh(&self) -> Box<dyn Storage> {
        let exclusive = self.is_exclusive.then(ExclusiveHandle::default);
        Box::new(Database { folder: (self.folder)(), options: self.options.clone(), exclusive })
    }

    fn open_at(&self, address: &str) -> Result<Box<dyn Store>, StoreError> {
        Ok(Box::new(self.options.open(address)?))
    }
}

struct Database {
    folder: TempDir,
    options: SqliteOptions,
    /// The handle of an exclusive store.
    exclusive: Option<ExclusiveHandle<SqliteStore>>,
}

impl Database {
    fn file(&self) -> PathBuf {
        self.folder.path().join("sessions.db")
    }

    /// Changes exactly one row with SQL, since the store itself cannot damage an entry.
    fn change(&self, sql: &str, parameters: impl rusqlite::Params) -> io::Result<()> {
        let change = || Connection::open(self.file())?.execute(sql, parameters);
        match change() {
            Ok(1) => Ok(()),
            Ok(rows) => Err(io::Error::other(format!("{sql} changed {rows} rows"))),
            Err(error) => Err(io::Error::other(error)),
        }
    }
}

impl Storage for Database {
    fn open(&self) -> Result<Box<dyn Store>, StoreError> {
        let open = || self.options.open(self.file());
        Ok(match &self.exclusive {
            Some(handle) => Box::new(handle.open(open)?),
            None => Box::new(open()?),
        })
    }

    fn address(&self) -> Option<String> {
        let is_shared = self.exclusive.is_none();
        is_shared.then(|| self.file().to_str().map(String::from))?
    }

    fn keep(&mut self) -> Option<PathBuf> {
        self.folder.disable_cleanup(true);
        Some(self.file())
    }

    fn overwrite(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        index: usize,
        bytes: &[u8],
    ) -> Option<io::Result<()>> {
        // The id of an entry is the number of its log in the upper 32 bits, and its index below.
        let sql = "UPDATE entry SET text = CAST(?1 AS TEXT) WHERE id = ?2 | (
                       SELECT number << 32 FROM log
                       WHERE session_id = ?3 AND segment_id = ?4 AND trace = 0)";
        let (session, segment) = (Uuid::from(session_id), Uuid::from(segment_id));
        let parameters = (bytes, index as i64, session.as_bytes(), segment.as_bytes());
        Some(self.change(sql, parameters))
    }

    fn raise_format(&self) -> Option<io::Result<()>> {
        let raise = || Connection::open(self.file())?.pragma_update(None, "user_version", 999);
        Some(raise().map_err(io::Error::other))
    }

    fn open_missing(&self) -> Option<Result<Box<dyn Store>, StoreError>> {
        let opened = SqliteStore::open(self.folder.path().join("mistyped.db"));
        Some(opened.map(|store| Box::new(store) as Box<dyn Store>))
    }
}

conformance_growth! {
    harness: Databases::with(Durability::Process, temporary_folder),
}

conformance_matrix! {
    process: {
        harness: Databases::with(Durability::Process, temporary_folder),
        skip: {
            folder: "the storage is not a folder; another test puts a foreign database there",
            log_file: "a database file does not consist of lines",
            unlist: "there is no separate index that could lose a segment",
        },
    },
    power: {
        harness: Databases::with(Durability::Power, fast_folder),
        skip: {
            folder: "the storage is not a folder; another test puts a foreign database there",
            log_file: "a database file does not consist of lines",
            unlist: "there is no separate index that could lose a segment",
        },
    },
    exclusive: {
        harness: Databases::exclusive(),
        skip: {
            folder: "the storage is not a folder; another test puts a foreign database there",
            log_file: "a database file does not consist of lines",
            unlist: "there is no separate index that could lose a segment",
            multi_process: "one handle makes all changes",
            process: "one handle makes all changes, and the torture kills its process",
            files: "one handle makes all changes, and the torture fills its disk",
        },
    },
}
