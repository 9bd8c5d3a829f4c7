//! Finds the cause if SQLite only reports "unable to open database file".

use std::io;
use std::path::Path;

/// Fails with the error of the operating system if this process cannot read the file.
pub(crate) fn can_read(path: &Path) -> io::Result<()> {
    access::read(path)
}

/// Fails with the error of the operating system if this process cannot create a file in the folder
/// of `path`.
pub(crate) fn can_create_beside(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), access::write)
}

#[cfg(unix)]
mod access {
    use rustix::fs::{Access, AtFlags, CWD, accessat};

    use super::{Path, io};

    pub(super) fn read(path: &Path) -> io::Result<()> {
        check(path, Access::READ_OK)
    }

    pub(super) fn write(path: &Path) -> io::Result<()> {
        check(path, Access::WRITE_OK)
    }

    fn check(path: &Path, access: Access) -> io::Result<()> {
        use io::ErrorKind as Kind;
        let error = accessat(CWD, path, access, AtFlags::EACCESS).err().map(io::Error::from);
        let denied = |error: &io::Error| {
            matches!(error.kind(), Kind::PermissionDenied | Kind::ReadOnlyFilesystem)
        };
        error.filter(denied).map_or(Ok(()), Err)
    }
}

/// Other systems do not have this call, so only the error of SQLite is reported.
#[cfg(not(unix))]
mod access {
    use super::{Path, io};

    pub(super) fn read(_: &Path) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn write(_: &Path) -> io::Result<()> {
        Ok(())
    }
}
