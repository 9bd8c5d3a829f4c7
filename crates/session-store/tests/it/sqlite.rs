//! The checks of the conformance kit over the SQLite backend. Every storage is a database file in a
//! new folder.

use std::io;
use std::path::PathBuf;

use rusqlite::Connection;
use session_store_conformance::{Storage, conformance_tests};
use session_store_core::{SegmentId, SessionId, Store, StoreError};
use session_store_sqlite::SqliteStore;
use tempfile::TempDir;
use uuid::Uuid;

struct Database(TempDir);

impl Database {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder can be created"))
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("sessions.db")
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
        Ok(Box::new(SqliteStore::open_or_create(self.file())?))
    }

    fn address(&self) -> Option<String> {
        self.file().to_str().map(String::from)
    }

    fn open_at(address: &str) -> Result<Box<dyn Store>, StoreError> {
        Ok(Box::new(SqliteStore::open_or_create(address)?))
    }

    fn keep(&mut self) -> Option<PathBuf> {
        self.0.disable_cleanup(true);
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
        let opened = SqliteStore::open(self.0.path().join("mistyped.db"));
        Some(opened.map(|store| Box::new(store) as Box<dyn Store>))
    }
}

conformance_tests! {
    harness: Database::new,
    skip: {
        folder: "a database file is not a folder; a foreign database has a test of its own",
        log_file: "a database file does not consist of lines",
        unlist: "the listings read the table of the logs",
    }
}
