//! Opens, creates, deletes, tests and lists files and folders. The functions here do not depend on
//! the layout of a store.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, Metadata};
use std::io::{self, Read};
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::buffer::spare_capacity;
use rustix::fs::{
    AtFlags, CWD, Dir, DirEntry, FileType, OFlags, RawMode, Timespec, Timestamps, UTIME_NOW,
    futimens, linkat, renameat, unlinkat,
};
use rustix::io::{Errno, pread, retry_on_intr};
use session_store_core::StoreError;
use tempfile::{NamedTempFile, PersistError};

use crate::error::{Context, if_found};
use crate::no_links;

/// A regular file that is open for reads, and for appends if the process has permission to write
/// the file.
pub(crate) struct Opened {
    pub(crate) file: File,
    pub(crate) metadata: Metadata,
    pub(crate) is_writable: bool,
}

/// The maximum size of a block of lines, unless a single line is longer.
pub(crate) const BLOCK: usize = 256 * 1024;

/// The flags to read and append.
const APPEND: OFlags = OFlags::RDWR.union(OFlags::APPEND);

/// Opens the file to read, and to append if the process has permission. Returns `None` if the file
/// does not exist.
pub(crate) fn open_existing(path: &Path) -> io::Result<Option<Opened>> {
    use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    let (opened, is_writable) = match no_links::open_file(path, APPEND) {
        Err(error) if matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem) => {
            (no_links::open_file(path, OFlags::RDONLY), false)
        }
        opened => (opened, true),
    };
    if_found(opened.map(|(file, metadata)| Opened { file, metadata, is_writable }))
}

/// Opens the file to read and append. Creates the file with mode 0600 if it does not exist.
pub(crate) fn open_or_create(path: &Path) -> io::Result<Opened> {
    let (file, metadata) = no_links::open_file(path, APPEND | OFlags::CREATE)?;
    Ok(Opened { file, metadata, is_writable: true })
}

/// Opens the file to overwrite its content. Creates the file with mode 0600 if it does not exist.
pub(crate) fn open_to_overwrite(path: &Path) -> io::Result<(File, Metadata)> {
    no_links::open_file(path, OFlags::WRONLY | OFlags::CREATE)
}

/// Opens the file to append. Fails with the error of the operating system if the process has no
/// permission.
pub(crate) fn open_to_append(path: &Path) -> io::Result<File> {
    no_links::open_file(path, APPEND).map(|(file, _)| file)
}

/// Opens a file or folder to sync it.
pub(crate) fn open_to_sync(path: &Path) -> io::Result<File> {
    no_links::open(path, OFlags::RDONLY)
}

/// Reads the first `max_bytes` of a file, or returns `None` if it does not exist.
pub(crate) fn read(path: &Path, max_bytes: u64) -> io::Result<Option<Vec<u8>>> {
    let Some((file, metadata)) = if_found(no_links::open_file(path, OFlags::RDONLY))? else {
        return Ok(None);
    };
    // With a known length, one system call reads the file. Without it, two more calls find the end.
    let length = metadata.len().min(max_bytes);
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    file.take(length).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// Appends a range of the file to `bytes`. The range must be in the file.
///
/// `read_exact_at` would need initialized memory. Filling the memory with zeros takes time: without
/// that step, reading a cached file of 10 MB in blocks is 20% faster.
pub(crate) fn append_range(file: &File, range: Range<u64>, bytes: &mut Vec<u8>) -> io::Result<()> {
    let len = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
    let (mut at, end) = (range.start, bytes.len() + len);
    bytes.reserve_exact(len);
    while bytes.len() < end {
        match retry_on_intr(|| pread(file, spare_capacity(bytes), at))? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => at += read as u64,
        }
    }
    // The vector can have more capacity than requested.
    bytes.truncate(end);
    Ok(())
}

/// Reads whole lines from the start of the range on, and at least one line. The last line of the
/// range can lack its newline.
///
/// The block is not much larger than `wanted` bytes, because each entry keeps the whole block in
/// memory. The memory of the given block is used again.
pub(crate) fn read_lines(
    file: &File,
    range: Range<u64>,
    wanted: usize,
    mut block: Vec<u8>,
) -> io::Result<Vec<u8>> {
    let left = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
    let first = wanted.min(BLOCK);
    block.clear();
    loop {
        let start = block.len();
        let end = left.min(start + first.max(start));
        let read = range.start + start as u64..range.start + end as u64;
        append_range(file, read, &mut block)?;
        if block.len() < left {
            let Some(newline) = memchr::memrchr(b'\n', &block[start..]) else { continue };
            block.truncate(start + newline + 1);
        }
        if block.len() < block.capacity() / 2 {
            block.shrink_to_fit();
        }
        return Ok(block);
    }
}

/// Returns the range of each line of a block, without its newline.
pub(crate) fn lines(bytes: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let unterminated = (!bytes.ends_with(b"\n")).then_some(bytes.len());
    let mut start = 0;
    memchr::memchr_iter(b'\n', bytes).chain(unterminated).map(move |end| {
        let line = start..end;
        start = end + 1;
        line
    })
}

/// Creates a folder of the store as [`create_folder`] does. Fails if a part of the path is a
/// symbolic link.
pub(crate) fn create_own_folder(path: &Path) -> Result<(), StoreError> {
    create_folder(path)?;
    no_links::metadata(path).context("open the folder", path).map(drop)
}

/// Creates the folder and its parents with mode 0700. An existing folder is not an error.
pub(crate) fn create_folder(path: &Path) -> Result<(), StoreError> {
    let created = DirBuilder::new().recursive(true).mode(0o700).create(path);
    created.context("create the folder", path)
}

/// Deletes the file. Returns whether the file existed.
pub(crate) fn delete(path: &Path) -> Result<bool, StoreError> {
    match unlink(path, AtFlags::empty()) {
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(false),
        result => Ok(if_found(result).context("delete", path)?.is_some()),
    }
}

/// Removes the folder. Fails if it is not empty.
pub(crate) fn remove_folder(path: &Path) -> io::Result<()> {
    unlink(path, AtFlags::REMOVEDIR)
}

fn unlink(path: &Path, flags: AtFlags) -> io::Result<()> {
    let (folder, name) = open_parent(path)?;
    Ok(unlinkat(folder, name, flags)?)
}

/// Renames a file. Replaces a file that has the new path. Follows no link in either path.
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    let ((from_folder, from), (folder, name)) = (open_parent(from)?, open_parent(to)?);
    Ok(renameat(from_folder, from, folder, name)?)
}

/// Renames a temporary file to `path`. Replaces a file that has this path. Deletes the temporary
/// file if the rename fails.
pub(crate) fn persist<F>(file: NamedTempFile<F>, path: &Path) -> io::Result<()> {
    let (folder, name) = open_parent(path)?;
    // The name of a temporary file is random. A link in the place of its folder therefore cannot
    // lead to another file of this name.
    renameat(CWD, file.path(), folder, name)?;
    Ok(file.keep().map(drop)?)
}

/// Renames a temporary file to `path`. Fails with [`AlreadyExists`](io::ErrorKind::AlreadyExists) if
/// the path exists. An error contains the temporary file.
pub(crate) fn persist_new<F>(file: NamedTempFile<F>, path: &Path) -> Result<(), PersistError<F>> {
    match rename_new(file.path(), path) {
        Ok(()) => file.keep().map(drop),
        Err(error) => Err(PersistError { error, file }),
    }
}

fn rename_new(temporary: &Path, path: &Path) -> io::Result<()> {
    let (folder, name) = open_parent(path)?;
    match rename_without_replacing(temporary, &folder, name) {
        // The kernel or the file system does not support this rename. Creating a hard link also
        // fails if the name exists.
        Err(Errno::NOSYS | Errno::INVAL) => {
            linkat(CWD, temporary, folder, name, AtFlags::empty())?;
            // Ignore an error. A later first change of a handle deletes old temporary files.
            let _ = fs::remove_file(temporary);
            Ok(())
        }
        result => Ok(result?),
    }
}

#[cfg(any(target_vendor = "apple", target_os = "linux", target_os = "android"))]
fn rename_without_replacing(from: &Path, folder: &File, name: &OsStr) -> rustix::io::Result<()> {
    use rustix::fs::{RenameFlags, renameat_with};
    renameat_with(CWD, from, folder, name, RenameFlags::NOREPLACE)
}

#[cfg(not(any(target_vendor = "apple", target_os = "linux", target_os = "android")))]
fn rename_without_replacing(_: &Path, _: &File, _: &OsStr) -> rustix::io::Result<()> {
    Err(Errno::NOSYS)
}

/// Opens the folder of a path without following links. Also returns the last part of the path.
///
/// A system call with the open folder and this name cannot change a file of another folder. A call
/// with the whole path could, because another program can replace the folder by a link at any time.
fn open_parent(path: &Path) -> io::Result<(File, &OsStr)> {
    let folder = path.parent().unwrap_or(path);
    let opened = no_links::open(folder, OFlags::RDONLY | OFlags::DIRECTORY)?;
    Ok((opened, path.file_name().unwrap_or_default()))
}

/// Sets the time of the last modification to now.
///
/// The kernel takes the time from the same coarse clock as for a write. A time from a program's
/// clock could be later than the kernel's time of the next write. The modification time would then
/// go backwards.
pub(crate) fn touch(file: &File) -> io::Result<()> {
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    Ok(futimens(file, &Timestamps { last_access: now, last_modification: now })?)
}

/// Returns the metadata of the file, or `None` if the path is not a file. Fails if the metadata
/// cannot be read.
pub(crate) fn metadata(path: &Path) -> Result<Option<Metadata>, StoreError> {
    use io::ErrorKind::{InvalidFilename, NotADirectory};
    match no_links::metadata(path) {
        // A parent of the path is a file, or the file system does not allow the name. In both cases
        // the path cannot exist.
        Err(error) if matches!(error.kind(), NotADirectory | InvalidFilename) => Ok(None),
        result => Ok(if_found(result).context("look for", path)?.filter(Metadata::is_file)),
    }
}

/// Returns whether the path exists.
pub(crate) fn exists(path: &Path) -> io::Result<bool> {
    Ok(if_found(no_links::metadata(path))?.is_some())
}

/// Returns whether the path is a file. Fails if the metadata cannot be read.
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

    /// Returns whether the entry is a regular file. A link is not followed.
    pub(crate) fn is_file(&self) -> bool {
        self.is_type(FileType::RegularFile)
    }

    /// Returns whether the entry is a folder. A link is not followed.
    pub(crate) fn is_folder(&self) -> bool {
        self.is_type(FileType::Directory)
    }

    pub(crate) fn is_link(&self) -> bool {
        self.is_type(FileType::Symlink)
    }

    fn is_type(&self, expected: FileType) -> bool {
        match self.entry.file_type() {
            // Some file systems do not report the type.
            FileType::Unknown => self.path().symlink_metadata().is_ok_and(|metadata| {
                FileType::from_raw_mode(metadata.mode() as RawMode) == expected
            }),
            found => found == expected,
        }
    }
}

/// Calls `found` for each entry of the folder. A path that does not exist or is a file counts as an
/// empty folder.
pub(crate) fn list(
    folder: &Path,
    mut found: impl FnMut(&FolderEntry<'_>),
) -> Result<(), StoreError> {
    let none_matches = |entry: &FolderEntry<'_>| {
        found(entry);
        false
    };
    any(folder, none_matches).map(drop)
}

/// Returns whether `matches` returns true for an entry of the folder. Stops at the first such
/// entry. A path that does not exist or is a file counts as an empty folder.
pub(crate) fn any(
    folder: &Path,
    matches: impl FnMut(&FolderEntry<'_>) -> bool,
) -> Result<bool, StoreError> {
    match read_folder(folder, matches) {
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(false),
        result => Ok(if_found(result).context("list", folder)?.unwrap_or(false)),
    }
}

/// Reads a folder up to the first entry that matches. `std::fs::read_dir` is not used, because it
/// allocates each name twice. The allocations take longer than reading the folder.
fn read_folder(
    folder: &Path,
    mut matches: impl FnMut(&FolderEntry<'_>) -> bool,
) -> io::Result<bool> {
    let opened = no_links::open(folder, OFlags::RDONLY | OFlags::DIRECTORY)?;
    for entry in Dir::new(opened)? {
        let entry = FolderEntry { folder, entry: &entry? };
        if entry.name() != "." && entry.name() != ".." && matches(&entry) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// Another program can replace the folder by a link between a check of the caller and the
    /// change. Here the link exists before the call, so that the change always finds it.
    #[test]
    fn no_file_is_changed_through_a_link_in_the_place_of_its_folder() {
        let (own, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (own, outside) = (own.path().canonicalize().unwrap(), outside.path());
        fs::write(outside.join("file"), "outside").unwrap();
        fs::create_dir(outside.join("folder")).unwrap();
        symlink(outside, own.join("link")).unwrap();
        let (file, new) = (own.join("link/file"), own.join("link/new"));
        let temporary = || NamedTempFile::new_in(&own).unwrap();

        persist(temporary(), &file).unwrap_err();
        persist_new(temporary(), &new).unwrap_err();
        rename(temporary().path(), &file).unwrap_err();
        rename(&file, &own.join("moved")).unwrap_err();
        delete(&file).unwrap_err();
        remove_folder(&own.join("link/folder")).unwrap_err();
        assert_eq!(fs::read(outside.join("file")).unwrap(), b"outside");
        assert_eq!(fs::read_dir(outside).unwrap().count(), 2);
        assert_eq!(fs::read_dir(&own).unwrap().count(), 1, "a temporary file remains");
    }

    #[test]
    fn only_a_replacement_gets_a_name_that_exists() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().canonicalize().unwrap();
        let path = own.join("file");
        let temporary = || NamedTempFile::new_in(&own).unwrap();
        persist_new(temporary(), &path).unwrap();
        let error = persist_new(temporary(), &path).unwrap_err().error;
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        persist(temporary(), &path).unwrap();
        assert_eq!(fs::read_dir(&own).unwrap().count(), 1, "a temporary file remains");
    }
}
