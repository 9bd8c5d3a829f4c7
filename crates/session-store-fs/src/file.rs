//! Files and folders: opening, creating, testing and listing them. Nothing here knows about stores.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{
    Dir, DirEntry, FileType, Mode, OFlags, Timespec, Timestamps, UTIME_NOW, futimens,
};
use session_store_core::StoreError;

use crate::error::{Context, if_found};

/// A file opened to read, and to append if the process may write it.
pub(crate) struct Opened {
    pub(crate) file: File,
    pub(crate) is_writable: bool,
}

/// Opens the file, or returns `None` if it does not exist.
pub(crate) fn open(path: &Path) -> io::Result<Option<Opened>> {
    use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    let opened = match OpenOptions::new().read(true).append(true).open(path) {
        Err(error) if matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem) => {
            File::open(path).map(|file| Opened { file, is_writable: false })
        }
        result => result.map(|file| Opened { file, is_writable: true }),
    };
    if_found(opened)
}

/// Opens the file to read and append, and creates it with mode 0600 if it does not exist.
pub(crate) fn open_or_create(path: &Path) -> io::Result<Opened> {
    let file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
    Ok(Opened { file, is_writable: true })
}

/// Creates the folder and its parents with mode 0700. An existing folder is not an error.
pub(crate) fn create_folder(path: &Path) -> Result<(), StoreError> {
    let created = DirBuilder::new().recursive(true).mode(0o700).create(path);
    created.context("create the folder", path)
}

/// Deletes the file, and returns whether it existed.
pub(crate) fn delete(path: &Path) -> Result<bool, StoreError> {
    Ok(if_found(fs::remove_file(path)).context("delete", path)?.is_some())
}

/// Sets the time of the last modification to now.
///
/// The kernel reads the clock, as it does for a write. It stamps files with a coarser clock than
/// the one that programs read, so a time read here could be later than that of the next write.
pub(crate) fn touch(file: &File) -> io::Result<()> {
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    Ok(futimens(file, &Timestamps { last_access: now, last_modification: now })?)
}

/// Returns the metadata of the file, or `None` if the path is not a file. Fails if that cannot be
/// found out.
pub(crate) fn metadata(path: &Path) -> Result<Option<Metadata>, StoreError> {
    use io::ErrorKind::{InvalidFilename, NotADirectory};
    match fs::metadata(path) {
        // A foreign file in the place of the folder, or a name that the file system cannot hold.
        Err(error) if matches!(error.kind(), NotADirectory | InvalidFilename) => Ok(None),
        result => Ok(if_found(result).context("look for", path)?.filter(Metadata::is_file)),
    }
}

/// Returns whether the path is a file. Fails if that cannot be found out.
pub(crate) fn is_file(path: &Path) -> Result<bool, StoreError> {
    Ok(metadata(path)?.is_some())
}

/// One name in a folder.
pub(crate) struct FolderEntry<'a> {
    folder: &'a Path,
    entry: &'a DirEntry,
}

impl FolderEntry<'_> {
    pub(crate) fn name(&self) -> &OsStr {
        OsStr::from_bytes(self.entry.file_name().to_bytes())
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.join(self.name())
    }

    pub(crate) fn is_file(&self) -> bool {
        match self.entry.file_type() {
            FileType::RegularFile => true,
            // A link is followed, and some file systems do not report the type.
            FileType::Symlink | FileType::Unknown => self.path().is_file(),
            _ => false,
        }
    }
}

/// Calls `found` for everything in the folder. A folder that does not exist, or is a file, is
/// empty.
pub(crate) fn list(folder: &Path, found: impl FnMut(&FolderEntry<'_>)) -> Result<(), StoreError> {
    match read_folder(folder, found) {
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(()),
        result => if_found(result).context("list", folder).map(drop),
    }
}

/// Reads a folder. `std::fs::read_dir` allocates each name twice, which takes longer than reading
/// it.
fn read_folder(folder: &Path, mut found: impl FnMut(&FolderEntry<'_>)) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    for entry in Dir::new(rustix::fs::open(folder, flags, Mode::empty())?)? {
        let entry = FolderEntry { folder, entry: &entry? };
        if entry.name() != "." && entry.name() != ".." {
            found(&entry);
        }
    }
    Ok(())
}
