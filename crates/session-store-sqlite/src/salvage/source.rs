//! Opens a damaged database without writing to its files.

use std::fs;
use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use tempfile::TempDir;

use crate::connection::{distrust_schema, open_immutable};
use crate::error::{NOT_A_DATABASE, Result, no_store, not_a_store};
use crate::schema::Identity;
use crate::schema_check;
use crate::wal_check::{self, sidecar};

/// A connection to a damaged database, or to a copy of it.
pub(super) struct Source {
    // Must be dropped before the folder of the copy, so it is the first field.
    pub(super) connection: Connection,
    _copy: Option<TempDir>,
}

impl Source {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let path = &std::path::absolute(path)?;
        match fs::metadata(path) {
            Ok(file) if !file.is_file() => {
                return Err(
                    not_a_store(path, "a folder or another thing that is not a file").into()
                );
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(no_store(path, "the file does not exist").into());
            }
            file => file?,
        };
        let (connection, copy) = if wal_check::is_file_complete(path) {
            (open_immutable(path)?, None)
        } else {
            let (connection, copy) = open_copy(path)?;
            (connection, Some(copy))
        };
        read_past_damage(&connection)?;
        let identity = match Identity::of(&connection) {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
                return Err(not_a_store(path, NOT_A_DATABASE).into());
            }
            identity => identity?,
        };
        identity.check(path)?;
        match schema_check::difference(&connection, identity.has_info_columns())? {
            Some(difference) => Err(not_a_store(path, difference).into()),
            None => Ok(Self { connection, _copy: copy }),
        }
    }
}

/// Copies the database together with its journals, and opens the copy. SQLite writes to the copy
/// when it applies the journals.
fn open_copy(path: &Path) -> Result<(Connection, TempDir)> {
    let folder = tempfile::tempdir()?;
    let copy = folder.path().join("copy.db");
    fs::copy(path, &copy)?;
    for ending in ["-wal", "-journal"] {
        let journal = sidecar(path, ending)?;
        if journal.exists() {
            fs::copy(journal, sidecar(&copy, ending)?)?;
        }
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&copy, flags)?;
    distrust_schema(&connection)?;
    Ok((connection, folder))
}

/// Makes SQLite read a file that is shorter than its first page says, and check each page.
fn read_past_damage(connection: &Connection) -> Result<()> {
    // SQLite refuses a file that is too short, unless `writable_schema` is on. This setting has no
    // effect in the defensive mode, so the mode is switched off. The connection does not write.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_WRITABLE_SCHEMA, true)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    Ok(())
}
