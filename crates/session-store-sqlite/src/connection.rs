//! Connections to a database file: the check of the SQLite version, the settings of a connection,
//! and a connection that does not change the file. `schema.rs` defines the tables.
//!
//! WAL means write-ahead log, SQLite's file of recent changes. A checkpoint copies the pages of the
//! WAL into the database.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use session_store_core::Durability;

use crate::error::{DatabaseError, Result, is_busy};
use crate::mode_lock::{self, ModeLock};
use crate::schema;
use crate::sync::{self, WalState};
use crate::transaction::check_writable;
use crate::wal_check::{self, WalStamp};

/// SQLite 3.51.3, the first version without the WAL-reset bug. In older versions a checkpoint can
/// reset the WAL while another connection reads it, which corrupts the database.
const OLDEST_LIBRARY: i32 = 3_051_003;

/// The journal mode in which readers and a writer do not block each other.
const WAL_MODE: &str = "wal";

/// The size of the page cache of a bulk load, in KiB.
#[cfg(unix)]
const BULK_CACHE_KIB: i32 = 64 << 10;

/// The pause between two attempts, for locks that SQLite itself does not wait for.
pub(crate) const RETRY_PAUSE: Duration = Duration::from_millis(1);

/// Fails if the linked SQLite library is too old. `version` is its number.
pub(crate) fn check_library(version: i32) -> Result<()> {
    if version >= OLDEST_LIBRARY {
        return Ok(());
    }
    let [found, oldest] = [version, OLDEST_LIBRARY]
        .map(|number| format!("{}.{}.{}", number / 1_000_000, number / 1000 % 1000, number % 1000));
    Err(DatabaseError::Impossible(format!(
        "the linked SQLite {found} can corrupt a database in use; link SQLite {oldest} or newer, \
         or build with the feature \"bundled\""
    )))
}

/// The settings that all connections of a handle share.
pub(crate) struct ConnectionSettings {
    /// The absolute path of the database file. SQLite gives `:memory:`, `file:…` and the empty path
    /// a special meaning, which an absolute path cannot have.
    pub(crate) path: PathBuf,
    pub(crate) busy_timeout: Duration,
    pub(crate) durability: Durability,
    /// Whether the handle has one connection, which locks the database until it is closed.
    pub(crate) is_exclusive: bool,
    pub(crate) wal: Arc<WalState>,
}

impl ConnectionSettings {
    /// Opens a connection for reads.
    ///
    /// The connection never checkpoints the WAL, not even when it is the last connection to be
    /// closed.
    pub(crate) fn open_reader(&self) -> Result<Connection> {
        let _lock = self.lock_mode()?;
        let connection = self.connect()?;
        self.configure(&connection)?;
        open_wal(&connection)?;
        wal_check::check_length(&connection, &self.path)?;
        Ok(connection)
    }

    /// Opens the connection for changes.
    ///
    /// The database must be a store. With `create`, an empty database becomes a store first.
    ///
    /// The connection does not checkpoint the WAL when it is closed, unless [`checkpoint_on_close`]
    /// is called. If opening fails and the database had no WAL before, this function calls
    /// `checkpoint_on_close`, so that SQLite removes the new empty WAL.
    pub(crate) fn open_writer(&self, create: bool) -> Result<Connection> {
        let _lock = self.lock_mode()?;
        let had_wal = WalStamp::of(&self.path).is_some();
        let mut connection = self.connect()?;
        let prepared = self.prepare_writer(&mut connection, create);
        if prepared.is_err() && !had_wal {
            // Ignore this error, because a remaining file is harmless, and the first error is
            // returned.
            let _ = checkpoint_on_close(&connection);
        }
        match prepared {
            Err(DatabaseError::Sqlite(error)) if self.is_exclusive && is_busy(&error) => {
                Err(mode_lock::other_handle().into())
            }
            prepared => prepared.map(|()| connection),
        }
    }

    /// Fails if an exclusive handle has the database open. Until the returned value is dropped, no
    /// handle can become exclusive.
    fn lock_mode(&self) -> Result<Option<ModeLock>> {
        Ok(if self.is_exclusive { None } else { ModeLock::shared(&self.path)? })
    }

    fn prepare_writer(&self, connection: &mut Connection, create: bool) -> Result<()> {
        self.configure(connection)?;
        schema::check_or_create(connection, &self.path, create)?;
        use_wal_mode(connection, self.busy_timeout)?;
        open_wal(connection)?;
        wal_check::check_length(connection, &self.path)?;
        // SQLite's automatic checkpoint ignores a failed sync and syncs again after the next
        // commit. The second sync would succeed and hide the loss, so the store runs its own
        // checkpoints.
        Ok(connection.pragma_update(None, "wal_autocheckpoint", 0)?)
    }

    /// Opens the only connection of a bulk load. An empty database becomes a store.
    ///
    /// The journal in memory makes it possible to roll a change back. A crash or an error of the
    /// disk can leave the file corrupt. The cache is large, so that SQLite rarely reads a page
    /// again and rarely writes a page before the commit.
    #[cfg(unix)]
    pub(crate) fn open_bulk(&self) -> Result<Connection> {
        let mut connection = self.connect()?;
        self.configure(&connection)?;
        connection.pragma_update(None, "journal_mode", "MEMORY")?;
        connection.pragma_update(None, "synchronous", "OFF")?;
        connection.pragma_update(None, "cache_size", -BULK_CACHE_KIB)?;
        schema::check_or_create(&mut connection, &self.path, true)?;
        Ok(connection)
    }

    fn connect(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        // By default, closing the last connection copies the WAL into the database, even if the
        // connection has made no change. This is switched off: if the database file was replaced,
        // for example by a backup, the WAL belongs to the former file and would damage the new one.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        Ok(connection)
    }

    fn configure(&self, connection: &Connection) -> rusqlite::Result<()> {
        distrust_schema(connection)?;
        // The timeout comes first because every later statement can meet a lock.
        connection.busy_timeout(self.busy_timeout)?;
        if self.is_exclusive {
            // The lock needs a file that is open for writing.
            check_writable(connection)?;
            // Set before the first read, so that SQLite does not create the `-shm` file.
            connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        }
        sync::set_durability(connection, self.durability)?;
        connection.set_prepared_statement_cache_capacity(32);
        Ok(())
    }
}

/// Opens an existing file without locks, without its WAL, and without creating a file beside it.
///
/// A query can see a half-finished change of another connection.
///
/// The file is opened by SQLite and not by [`std::fs::File`]. POSIX drops all locks of a process on
/// a file when the process closes any descriptor of that file. SQLite knows which of its
/// connections hold locks, and delays the close. `File` would close at once and drop the locks.
pub(crate) fn open_immutable(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(immutable_uri(path), flags)?;
    distrust_schema(&connection)?;
    Ok(connection)
}

/// Switches off everything in a schema that can change the effect of a store's statements.
///
/// The database can come from another program. It can then have views, CHECK constraints that call
/// functions, and triggers that delete appended rows. A store never creates any of these.
pub(crate) fn distrust_schema(connection: &Connection) -> rusqlite::Result<()> {
    use DbConfig as Config;
    for (config, value) in [
        (Config::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
        (Config::SQLITE_DBCONFIG_ENABLE_VIEW, false),
        (Config::SQLITE_DBCONFIG_ENABLE_FKEY, false),
        (Config::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (Config::SQLITE_DBCONFIG_DEFENSIVE, true),
    ] {
        connection.set_db_config(config, value)?;
    }
    connection.pragma_update(None, "ignore_check_constraints", true)
}

/// Formats the path as a URI. Every byte is percent-encoded, so no byte has a special meaning.
fn immutable_uri(path: &Path) -> String {
    let bytes = path.as_os_str().as_encoded_bytes().iter();
    let encoded: String = bytes.map(|byte| format!("%{byte:02X}")).collect();
    format!("file:///{encoded}?immutable=1")
}

/// Makes SQLite open the WAL and its shared memory now. Without this query, SQLite opens them at
/// the first read.
fn open_wal(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_query(None, "schema_version", |_| Ok(()))
}

/// Lets SQLite checkpoint and remove the WAL if this connection is the last one to be closed.
pub(crate) fn checkpoint_on_close(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).map(drop)
}

/// Switches the database to WAL mode, unless it is in that mode.
///
/// The switch needs an exclusive lock. SQLite does not wait for this lock: the switch ignores the
/// busy timeout and fails at once. When 600 processes opened a new file at the same moment, 91
/// failed with "database is locked". So this function retries for the length of the busy timeout.
fn use_wal_mode(connection: &Connection, busy_timeout: Duration) -> Result<()> {
    let start = Instant::now();
    loop {
        match switch_to_wal_mode(connection) {
            Ok(mode) if mode == WAL_MODE => return Ok(()),
            Ok(mode) => {
                return Err(DatabaseError::Impossible(format!(
                    "the file system does not support a write-ahead log: the journal mode stays \
                     {mode}"
                )));
            }
            Err(error) if is_busy(&error) && start.elapsed() < busy_timeout => {
                thread::sleep(RETRY_PAUSE);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Tries the switch once. Returns the journal mode of the database afterwards.
fn switch_to_wal_mode(connection: &Connection) -> rusqlite::Result<String> {
    let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    if mode == WAL_MODE {
        return Ok(mode);
    }
    // SQLite returns the row with the new mode before it commits the switch. The commit can fail,
    // so the statement has to be run to its end.
    let mut switch = connection.prepare(&format!("PRAGMA journal_mode = {WAL_MODE}"))?;
    let modes =
        switch.query_map((), |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
    Ok(modes.concat())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(3_040_001, Some("the linked SQLite 3.40.1 can corrupt"))]
    #[case(3_051_002, Some("the linked SQLite 3.51.2 can corrupt"))]
    #[case(3_051_003, None)]
    #[case(4_000_000, None)]
    fn an_old_library_is_refused(#[case] version: i32, #[case] refusal: Option<&str>) {
        match (check_library(version), refusal) {
            (Err(DatabaseError::Impossible(reason)), Some(start)) => {
                assert!(reason.starts_with(start), "{reason}");
            }
            (result, refusal) => assert_eq!(result.is_ok(), refusal.is_none()),
        }
    }

    #[rstest]
    #[case("/a.b", "file:///%2F%61%2E%62?immutable=1")]
    #[case("?#%&", "file:///%3F%23%25%26?immutable=1")]
    #[case("é", "file:///%C3%A9?immutable=1")]
    fn a_path_is_encoded_as_a_uri(#[case] path: &str, #[case] uri: &str) {
        assert_eq!(immutable_uri(Path::new(path)), uri);
    }
}
