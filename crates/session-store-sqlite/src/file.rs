//! The database as a file: made for its owner's eyes only, and looked at before SQLite may touch it.

use std::fs::{self, Metadata, OpenOptions};
use std::io;
#[cfg(unix)]
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rusqlite::ErrorCode;

use crate::connect;
use crate::error::{Failure, NO_DATABASE, not_a_store};
use crate::schema::Identity;

/// What a database begins with. A shorter file is none, but SQLite takes one of a single byte for empty.
const HEADER_BYTES: u64 = 100;

/// Whether the file at `path` is a SQLite database, anybody's. An empty file is none, nor is a folder.
///
/// The file is left as it is. It is safe to ask while stores of this process have the database open; to
/// open and close such a file by other means is not, since that drops SQLite's locks on it (POSIX).
///
/// # Errors
/// That of the operating system if there is nothing at `path`, or it cannot be read.
pub fn is_sqlite_file(path: &Path) -> io::Result<bool> {
    let path = std::path::absolute(path)?;
    let file = fs::metadata(&path)?;
    if !file.is_file() || file.len() < HEADER_BYTES {
        return Ok(false);
    }
    match peek(&path) {
        Ok(_) => Ok(true),
        Err(error) => match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Ok(false),
            // A database, seen in the middle of somebody's change.
            Some(ErrorCode::DatabaseCorrupt) => Ok(true),
            _ => Err(io::Error::other(error)),
        },
    }
}

/// Makes an empty file that only its owner can read and write (0600), unless something is there already.
/// SQLite gives the files that it puts beside a database the mode of the database.
pub(crate) fn create(path: &Path) -> io::Result<()> {
    // Closing the new file would drop the locks that another thread's connection took on it in the
    // meantime (POSIX). Nobody takes any before having been here, and here is one at a time.
    static CREATING: Mutex<()> = Mutex::new(());
    let _alone = CREATING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Fails if the file is no store and, with `adopt`, no empty database either, as far as can be seen without
/// touching it: another program's database stays as it is, byte for byte.
pub(crate) fn check(path: &Path, adopt: bool) -> Result<(), Failure> {
    let file = fs::metadata(path)?;
    if !file.is_file() {
        return Err(not_a_store(path, "a folder or another thing that is no file").into());
    }
    if (1..HEADER_BYTES).contains(&file.len()) {
        return Err(not_a_store(path, NO_DATABASE).into());
    }
    match peek(path) {
        Ok(identity) if identity.is_empty() && (adopt || has_write_ahead_log(path, &file)) => {
            Ok(())
        }
        Ok(identity) => Ok(identity.check(path)?),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
            Err(not_a_store(path, NO_DATABASE).into())
        }
        // Whatever else is wrong is told, or turns out to be a change half made, once there are locks.
        Err(_) => Ok(()),
    }
}

/// Which of all files stands at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileId {
    #[cfg(unix)]
    device_and_inode: (u64, u64),
}

impl FileId {
    pub(crate) fn at(path: &Path) -> io::Result<Self> {
        fs::metadata(path).map(|_file| Self {
            // Elsewhere a file that is open stays in its place.
            #[cfg(unix)]
            device_and_inode: (_file.dev(), _file.ino()),
        })
    }

    /// Fails if the file stands at `path` no more. SQLite would go on with the one that it has open: what is
    /// acknowledged then is nowhere to be found again.
    pub(crate) fn check(self, path: &Path) -> io::Result<()> {
        if Self::at(path)? == self {
            return Ok(());
        }
        Err(io::Error::other("another file is in the place of the database; open the store anew"))
    }
}

fn peek(path: &Path) -> rusqlite::Result<Identity> {
    Identity::of(&connect::as_it_is(path)?)
}

/// Whether what is in the database may stand in a write-ahead log beside it, where a look at the file
/// does not show it. What lies beside a file of no bytes is the remains of another.
fn has_write_ahead_log(path: &Path, file: &Metadata) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    file.len() > 0 && fs::metadata(log).is_ok_and(|log| log.len() > 0)
}
