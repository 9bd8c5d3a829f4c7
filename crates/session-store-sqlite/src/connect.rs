//! Connections to a database file: which library, which settings, and a look at a file that changes
//! nothing. What is in the database is not known here.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use session_store_core::Durability;

use crate::error::{Failure, is_busy};
use crate::{schema, sync};

/// SQLite 3.51.3: the first whose write-ahead log cannot be reset under a reader and so corrupt the file.
const OLDEST_LIBRARY: i32 = 3_051_003;

/// The journal mode in which readers and a writer do not wait for each other.
const WRITE_AHEAD: &str = "wal";

/// How long to wait before asking again for what SQLite does not wait for itself.
const PAUSE: Duration = Duration::from_millis(1);

/// Fails if the SQLite library that the program is linked to is too old; `version` is its number.
pub(crate) fn check_library(version: i32) -> Result<(), Failure> {
    if version >= OLDEST_LIBRARY {
        return Ok(());
    }
    let [found, oldest] = [version, OLDEST_LIBRARY]
        .map(|number| format!("{}.{}.{}", number / 1_000_000, number / 1000 % 1000, number % 1000));
    Err(Failure::Impossible(format!(
        "SQLite {found} is linked and can corrupt a database in use; link {oldest} or newer, or build with \
         the feature \"bundled\""
    )))
}

/// What all connections of a handle have in common.
pub(crate) struct Settings {
    /// Absolute: SQLite gives `:memory:`, `file:…` and the empty path meanings of their own.
    pub(crate) path: PathBuf,
    pub(crate) busy_timeout: Duration,
    pub(crate) durability: Durability,
    /// Set when a sync has failed. After that the system takes the lost pages for written: a second sync
    /// would succeed and save nothing. So none is relied on, and there is no further change.
    pub(crate) sync_failed: Arc<AtomicBool>,
    /// How long the write-ahead log was after the last change.
    pub(crate) log_pages: Arc<AtomicI32>,
}

impl Settings {
    /// A connection to read with. It leaves the write-ahead log to those that write, also as the last one
    /// to be closed.
    pub(crate) fn reader(&self) -> rusqlite::Result<Connection> {
        let connection = self.connect()?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        Ok(connection)
    }

    /// The connection that makes the changes, to a database that is a store; with `create`, an empty one
    /// becomes one first.
    pub(crate) fn writer(&self, create: bool) -> Result<Connection, Failure> {
        let mut connection = self.connect()?;
        schema::admit(&mut connection, &self.path, create)?;
        use_write_ahead_log(&connection, self.busy_timeout)?;
        connection.wal_hook(Some(sync::checkpoint(
            Arc::clone(&self.sync_failed),
            Arc::clone(&self.log_pages),
        )))?;
        Ok(connection)
    }

    /// Opens an existing file to read and write.
    fn connect(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        // First of all, since any other statement can meet a lock.
        connection.busy_timeout(self.busy_timeout)?;
        sync::promise(&connection, self.durability)?;
        connection.set_prepared_statement_cache_capacity(32);
        Ok(connection)
    }
}

/// Opens an existing file to look at it as it is: no lock is taken, no write-ahead log is read or written
/// back, no file is made beside it. What is seen can be half of a change that another is just making.
///
/// SQLite does this, and not `File`, because closing any descriptor of a file drops all locks that the
/// process has on it (POSIX); SQLite alone knows when that hurts another connection.
pub(crate) fn as_it_is(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(immutable_uri(path), flags)
}

/// The path as a URI that no part of the path can be mistaken for another part of.
fn immutable_uri(path: &Path) -> String {
    let mut uri = String::from("file:///");
    for &byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                uri.push(byte.into());
            }
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri + "?immutable=1"
}

/// Brings the database into write-ahead mode, if it is not.
///
/// The switch needs the file for itself alone, and SQLite does not wait for that: of 600 processes that
/// opened a new file at the same moment, 91 were told that it is locked. So this waits, as long as for
/// any other lock.
fn use_write_ahead_log(connection: &Connection, busy_timeout: Duration) -> Result<(), Failure> {
    let start = Instant::now();
    loop {
        match switch_to_write_ahead_log(connection) {
            Ok(mode) if mode == WRITE_AHEAD => return Ok(()),
            Ok(mode) => {
                let reason = "the file system allows no write-ahead log: the journal mode stays";
                return Err(Failure::Impossible(format!("{reason} {mode}")));
            }
            Err(error) if is_busy(&error) && start.elapsed() < busy_timeout => thread::sleep(PAUSE),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Which mode the database is in then.
fn switch_to_write_ahead_log(connection: &Connection) -> rusqlite::Result<String> {
    let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    if mode == WRITE_AHEAD {
        return Ok(mode);
    }
    // The switch is committed, and can fail, after the row with the new mode.
    let mut switch = connection.prepare(&format!("PRAGMA journal_mode = {WRITE_AHEAD}"))?;
    let modes =
        switch.query_map((), |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
    Ok(modes.concat())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(3_040_001, Some("SQLite 3.40.1 is linked"))]
    #[case(3_051_002, Some("SQLite 3.51.2 is linked"))]
    #[case(3_051_003, None)]
    #[case(4_000_000, None)]
    fn an_old_library_is_refused(#[case] version: i32, #[case] told: Option<&str>) {
        match (check_library(version), told) {
            (Err(Failure::Impossible(reason)), Some(told)) => assert!(reason.starts_with(told)),
            (result, told) => assert_eq!(result.is_ok(), told.is_none()),
        }
    }

    #[rstest]
    #[case("/a/b.db", "file:////a/b.db?immutable=1")]
    #[case("/a b?c#d%e&f", "file:////a%20b%3Fc%23d%25e%26f?immutable=1")]
    #[case("/é", "file:////%C3%A9?immutable=1")]
    fn a_path_survives_as_a_uri(#[case] path: &str, #[case] uri: &str) {
        assert_eq!(immutable_uri(Path::new(path)), uri);
    }
}
