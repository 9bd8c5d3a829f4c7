//! A temporary folder in which a sync costs nothing.

use std::path::Path;

use tempfile::TempDir;

/// A file system in memory that most Linux machines have.
const MEMORY: &str = "/dev/shm";

/// The room that the tests need. Some of them store entries of 64 MiB, several at once.
const ROOM: u64 = 1 << 30;

/// Returns a temporary folder in memory if the machine has enough room there, and another one
/// otherwise.
///
/// It is for tests that sync often but never cut the power: on a device, their syncs would take
/// most of the time.
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
