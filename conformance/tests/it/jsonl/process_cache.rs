//! What this process has seen, for the flaws that look nowhere else.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use session_store_core::{SegmentId, SessionId};

use crate::variant::Key;

/// The count of each log that was appended to or truncated, by its storage's root.
static COUNTS: Mutex<Option<HashMap<(PathBuf, Key), usize>>> = Mutex::new(None);

/// The session that first held a segment.
static HOLDERS: Mutex<Option<HashMap<(PathBuf, SegmentId), SessionId>>> = Mutex::new(None);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn count(root: &Path, key: Key) -> Option<usize> {
    lock(&COUNTS).as_ref()?.get(&(root.into(), key)).copied()
}

pub(super) fn set_count(root: &Path, key: Key, count: usize) {
    lock(&COUNTS).get_or_insert_default().insert((root.into(), key), count);
}

pub(super) fn holder(root: &Path, segment_id: SegmentId) -> Option<SessionId> {
    lock(&HOLDERS).as_ref()?.get(&(root.into(), segment_id)).copied()
}

pub(super) fn hold(root: &Path, (session_id, segment_id): Key) {
    let mut holders = lock(&HOLDERS);
    holders.get_or_insert_default().entry((root.into(), segment_id)).or_insert(session_id);
}
