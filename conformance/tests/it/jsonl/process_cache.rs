//! Data that this process caches, for the flaws that ignore other processes.

use std::collections::HashMap;
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
