//! A temporary folder in memory, in which a sync takes no time.

use std::path::Path;

use tempfile::TempDir;

/// A file system in memory that most Linux machines have.
const MEMORY: &str = "/dev/shm";

/// The free space that the tests need, in bytes. Some tests store several entries of 64 MiB at the
/// same time.
const ROOM: u64 = 1 << 30;

/// Returns a temporary folder in memory if the machine has enough memory, and otherwise a temporary
/// folder on disk.
///
/// This folder is for tests that sync often but never cut the power. On a disk, the syncs would
/// take most of the time of these tests.
///
/// # Panics
/// If no folder can be created.
#[must_use]
pub fn fast_folder() -> TempDir {
    let has_room = rustix::fs::statvfs(Path::new(MEMORY))
        .is_ok_and(|place| place.f_bavail.saturating_mul(place.f_frsize) >= ROOM);
    let in_memory = has_room.then(|| tempfile::tempdir_in(MEMORY).ok()).flatten();
    in_memory.unwrap_or_else(|| tempfile::tempdir().expect("a temporary folder can be created"))
}
