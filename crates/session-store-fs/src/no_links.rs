//! Opens files and folders by path without following symbolic links.
//!
//! The root of a store is a canonical path, without links. A link in a path was therefore created
//! by another program later, and could lead to any file of the user.

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

/// Opens a path. Fails if any part of it is a symbolic link.
pub(crate) fn open(path: &Path, flags: OFlags) -> io::Result<File> {
    // With NONBLOCK, opening a FIFO without a writer does not block. For files the flag has no
    // effect.
    let flags = flags | OFlags::CLOEXEC | OFlags::NONBLOCK;
    // A new file has mode 0600.
    let mode = Mode::RUSR | Mode::WUSR;
    match open_without_links(path, flags, mode) {
        Err(Errno::LOOP) => Err(link_error()),
        result => Ok(File::from(result?)),
    }
}

/// Opens a file as [`open`] does, and fails if it is not a regular file. Also returns its metadata.
pub(crate) fn open_file(path: &Path, flags: OFlags) -> io::Result<(File, Metadata)> {
    let file = open(path, flags)?;
    let metadata = file.metadata()?;
    if metadata.is_file() {
        return Ok((file, metadata));
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "the path is not a regular file"))
}

/// Returns the metadata of a path without opening the file for reads or writes.
#[cfg(target_os = "linux")]
pub(crate) fn metadata(path: &Path) -> io::Result<Metadata> {
    // The kernel accepts only a few flags together with PATH.
    match open_without_links(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()) {
        Err(Errno::LOOP) => Err(link_error()),
        result => File::from(result?).metadata(),
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn metadata(path: &Path) -> io::Result<Metadata> {
    must_have_no_links(path)?;
    path.symlink_metadata()
}

#[cfg(target_os = "linux")]
fn open_without_links(
    path: &Path,
    flags: OFlags,
    mode: Mode,
) -> Result<rustix::fd::OwnedFd, Errno> {
    use rustix::fs::{CWD, ResolveFlags, openat2};
    let created = if flags.contains(OFlags::CREATE) { mode } else { Mode::empty() };
    match openat2(CWD, path, flags, created, ResolveFlags::NO_SYMLINKS) {
        // The kernel is older than 5.6, or a sandbox refuses the call.
        Err(Errno::NOSYS | Errno::PERM) => open_after_check(path, flags, mode),
        result => result,
    }
}

#[cfg(not(target_os = "linux"))]
use open_after_check as open_without_links;

fn open_after_check(path: &Path, flags: OFlags, mode: Mode) -> Result<rustix::fd::OwnedFd, Errno> {
    must_have_no_links(path).map_err(|_| Errno::LOOP)?;
    rustix::fs::open(path, flags | OFlags::NOFOLLOW, mode)
}

/// Fails if a part of the path is a symbolic link.
fn must_have_no_links(path: &Path) -> io::Result<()> {
    let is_link = path.ancestors().any(Path::is_symlink);
    if is_link { Err(link_error()) } else { Ok(()) }
}

fn link_error() -> io::Error {
    let reason = "a part of the path is a symbolic link, and the store does not follow links";
    io::Error::new(io::ErrorKind::InvalidInput, reason)
}
