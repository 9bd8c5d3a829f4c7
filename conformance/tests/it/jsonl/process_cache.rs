//! The caches of this process, for the flaws that ignore other processes.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use session_store_core::{SegmentId, SegmentKey, SessionId};

/// The count of each log that this process has changed, with the root of its storage.
static COUNTS: Mutex<Option<HashMap<(PathBuf, SegmentKey), usize>>> = Mutex::new(None);

/// The session that first held each segment.
static HOLDERS: Mutex<Option<HashMap<(PathBuf, SegmentId), SessionId>>> = Mutex::new(None);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn count(root: &Path, key: SegmentKey) -> Option<usize> {
    lock(&COUNTS).as_ref()?.get(&(root.into(), key)).copied()
}

pub(super) fn set_count(root: &Path, key: SegmentKey, count: usize) {
    lock(&COUNTS).get_or_insert_default().insert((root.into(), key), count);
}

pub(super) fn holder(root: &Path, segment_id: SegmentId) -> Option<SessionId> {
    lock(&HOLDERS).as_ref()?.get(&(root.into(), segment_id)).copied()
}

pub(super) fn hold(root: &Path, key: SegmentKey) {
    let mut holders = lock(&HOLDERS);
    holders.get_or_insert_default().entry((root.into(), key.segment_id)).or_insert(key.session_id);
}

/// The content of each file that this process has read, or `None` if the file did not exist.
static FILES: Mutex<Option<HashMap<PathBuf, Option<Vec<u8>>>>> = Mutex::new(None);

/// Returns the content that `read` returned when this process first read the file.
pub(super) fn read(
    path: &Path,
    read: impl FnOnce() -> io::Result<Option<Vec<u8>>>,
) -> io::Result<Option<Vec<u8>>> {
    if let Some(known) = lock(&FILES).get_or_insert_default().get(path) {
        return Ok(known.clone());
    }
    let content = read()?;
    lock(&FILES).get_or_insert_default().insert(path.into(), content.clone());
    Ok(content)
}

/// Removes a file from the cache, because this process changes it.
pub(super) fn forget(path: &Path) {
    lock(&FILES).get_or_insert_default().remove(path);
}
