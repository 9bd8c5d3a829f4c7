//! The database as a file: private creation, checks before SQLite opens it, and its identity.

use std::fs::{self, Metadata, OpenOptions};
use std::io;
#[cfg(unix)]
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rusqlite::ErrorCode;

use crate::connection;
use crate::error::{NOT_A_DATABASE, Result, no_store, not_a_store};
use crate::permission;
use crate::schema::Identity;
use crate::wal_check::{self, FirstPage, WalStamp, sidecar};

/// The size of a database's header. A shorter file is not a database, although SQLite opens a file
/// of one byte as an empty database.
const HEADER_BYTES: u64 = 100;

/// Returns whether the file at `path` is a SQLite database, of any program.
///
/// An empty file is not a database. The file is not changed. The call is safe while stores of this
/// process have the database open. Opening and closing such a file by other means is not safe,
/// because that drops SQLite's locks on it (POSIX).
///
/// # Errors
/// The error of the operating system if `path` does not exist or cannot be read.
pub fn is_sqlite_file(path: &Path) -> io::Result<bool> {
    let path = std::path::absolute(path)?;
    let file = fs::metadata(&path)?;
    if !file.is_file() || file.len() < HEADER_BYTES {
        return Ok(false);
    }
    match read_identity(&path) {
        Ok(_) => Ok(true),
        Err(error) => match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Ok(false),
            // The header is valid. The rest can look corrupt while another connection writes,
            // because this read takes no lock.
            Some(ErrorCode::DatabaseCorrupt) => Ok(true),
            _ => {
                permission::can_read(&path)?;
                Err(io::Error::other(error))
            }
        },
    }
}

/// Creates an empty file that only its owner can read and write (0600), unless `path` exists.
///
/// SQLite gives the files that it creates beside a database the mode of the database.
pub(crate) fn create(path: &Path) -> io::Result<()> {
    // Closing the new file drops all locks that this process holds on it (POSIX). Another thread
    // could have opened the file with SQLite and locked it between the creation and the close. All
    // threads pass through this function before they open the file with SQLite, and the mutex
    // admits one at a time. So no connection to the new file exists when it is closed.
    static CREATE: Mutex<()> = Mutex::new(());
    let _guard = CREATE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Fails if a write-ahead log (WAL) exists at its path, but the database does not exist or is
/// empty.
///
/// SQLite would delete that WAL.
pub(crate) fn check_wal_has_a_database(path: &Path) -> Result<()> {
    // Check the WAL before the database, because a process that creates a store creates the
    // database before the WAL.
    let has_wal = WalStamp::of(path).is_some();
    let is_empty = match fs::metadata(path) {
        Ok(file) => file.is_file() && file.len() == 0,
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    };
    if has_wal && is_empty {
        Err(wal_check::foreign(path, "the database is empty"))
    } else {
        Ok(())
    }
}

/// Fails if the file is not a store. With `adopt`, accepts an empty database too. Returns the first
/// page of the file, or `None` if the page cannot be read.
///
/// The check does not write to the file, so the database of another program stays the same byte for
/// byte. The check takes no locks and does not read the WAL. So `schema::check_or_create` checks
/// again under locks.
pub(crate) fn check(path: &Path, adopt: bool) -> Result<Option<FirstPage>> {
    let file = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && !adopt => {
            return Err(no_store(path, "the file does not exist").into());
        }
        file => file?,
    };
    if !file.is_file() {
        return Err(not_a_store(path, "a folder or another thing that is not a file").into());
    }
    if (1..HEADER_BYTES).contains(&file.len()) {
        return Err(not_a_store(path, NOT_A_DATABASE).into());
    }
    let identity = connection::open_immutable(path)
        .and_then(|connection| Ok((Identity::of(&connection)?, FirstPage::of(&connection)?)));
    match identity {
        Ok((identity, first_page)) => {
            if !identity.is_empty() || !(adopt || has_wal(path, &file)) {
                identity.check(path)?;
            }
            wal_check::check_page_size(path, first_page)?;
            Ok(Some(first_page))
        }
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
            Err(not_a_store(path, NOT_A_DATABASE).into())
        }
        // This read takes no lock, so any other error may come from a change in progress. If the
        // error has another cause, the later check under locks reports it.
        Err(_) => Ok(None),
    }
}

/// The identity of a file, independent of its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileId {
    #[cfg(unix)]
    device_and_inode: (u64, u64),
}

impl FileId {
    pub(crate) fn at(path: &Path) -> io::Result<Self> {
        fs::metadata(path).map(|_file| Self {
            // Other systems do not permit moving or replacing an open file.
            #[cfg(unix)]
            device_and_inode: (_file.dev(), _file.ino()),
        })
    }

    /// Fails if there is no file at `path`, or another file.
    ///
    /// SQLite continues to write to the file that it has open. Its acknowledged changes would then
    /// be in a file that is not at `path`.
    pub(crate) fn check(self, path: &Path) -> io::Result<()> {
        if Self::at(path)? == self {
            return Ok(());
        }
        Err(io::Error::other("another file has replaced the database; reopen the store"))
    }
}

/// Returns whether the file has other names (hard links).
pub(crate) fn has_other_names(path: &Path) -> io::Result<bool> {
    let _file = fs::metadata(path)?;
    #[cfg(unix)]
    return Ok(_file.nlink() > 1);
    #[cfg(not(unix))]
    Ok(false)
}

fn read_identity(path: &Path) -> rusqlite::Result<Identity> {
    Identity::of(&connection::open_immutable(path)?)
}

/// Returns whether the database has a WAL, which may hold tables that the file itself lacks.
///
/// A WAL beside an empty file belongs to another database and does not count.
fn has_wal(path: &Path, file: &Metadata) -> bool {
    let wal = sidecar(path, "-wal").and_then(fs::metadata);
    file.len() > 0 && wal.is_ok_and(|wal| wal.len() > 0)
}
