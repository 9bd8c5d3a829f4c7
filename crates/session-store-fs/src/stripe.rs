//! The locks of segments. The hash of a segment id chooses one of 256 locks (stripes). Only some
//! stripes have open files at a time. The head of an open log is usually read without the lock.

use std::collections::VecDeque;
use std::mem;
use std::sync::Mutex;
use std::time::Instant;

use session_store_core::{Head, SegmentId, SegmentKey, StoreError};

use crate::cache::Cache;
use crate::cached_head::CachedHeads;
use crate::layout::{Layout, stripe_of};
use crate::lock_file::{Guard, LockFile};
use crate::mutex::lock;

/// The maximum number of stripes with open files. The files of other stripes are closed, and opened
/// again when a call needs them.
const OPEN_STRIPES: usize = 64;

/// All stripes of a handle.
pub(crate) struct Stripes {
    stripes: Vec<Stripe>,
    /// The stripes with open files, in the order in which they were opened.
    open: Mutex<VecDeque<u8>>,
}

struct Stripe {
    lock_file: LockFile<Cache>,
    heads: CachedHeads,
}

impl Stripes {
    pub(crate) fn new(layout: &Layout) -> Self {
        let stripe = |number| Stripe {
            lock_file: LockFile::new(layout.stripe(number)),
            heads: CachedHeads::default(),
        };
        Self { stripes: (0..=u8::MAX).map(stripe).collect(), open: Mutex::default() }
    }

    /// Returns the head of a segment without the lock, or `None` if the head must be read under the
    /// lock.
    pub(crate) fn cached_head(&self, key: SegmentKey, now: Instant) -> Option<Head> {
        let Stripe { lock_file, heads } = self.of(key.segment_id);
        heads.get(key)?.if_current(now, |generation| lock_file.is_current(generation))
    }

    /// Returns the cached heads of a segment's stripe.
    pub(crate) fn cached_heads(&self, segment_id: SegmentId) -> &CachedHeads {
        &self.of(segment_id).heads
    }

    /// Locks the stripe of a segment as [`LockFile::lock_write`] does.
    pub(crate) fn lock_write(&self, segment_id: SegmentId) -> Result<Guard<'_, Cache>, StoreError> {
        let number = stripe_of(segment_id);
        let guard = self.stripes[usize::from(number)].lock_file.lock_write()?;
        Ok(self.with_files(number, guard))
    }

    /// Locks the stripe of a segment as [`LockFile::lock_mutex`] does.
    pub(crate) fn lock_mutex(&self, segment_id: SegmentId) -> Guard<'_, Cache> {
        self.of(segment_id).lock_file.lock_mutex()
    }

    /// Locks the stripe of a segment as [`LockFile::lock_read`] does.
    pub(crate) fn lock_read(&self, segment_id: SegmentId) -> Result<Guard<'_, Cache>, StoreError> {
        let number = stripe_of(segment_id);
        let guard = self.stripes[usize::from(number)].lock_file.lock_read()?;
        Ok(self.with_files(number, guard))
    }

    fn of(&self, segment_id: SegmentId) -> &Stripe {
        &self.stripes[usize::from(stripe_of(segment_id))]
    }

    /// Records that the locked stripe has open files. Closes the files of another stripe if too
    /// many stripes have open files.
    ///
    /// The caller holds the lock of a stripe, so this function must not wait for the lock of
    /// another stripe. If the oldest stripe is in use, it keeps its files and goes to the end of
    /// the queue.
    fn with_files<'a>(&self, number: u8, mut guard: Guard<'a, Cache>) -> Guard<'a, Cache> {
        if mem::replace(&mut guard.cached.is_counted, true) {
            return guard;
        }
        let mut open = lock(&self.open);
        open.push_back(number);
        if open.len() > OPEN_STRIPES
            && let Some(oldest) = open.pop_front()
            && !self.stripes[usize::from(oldest)].lock_file.close_if_idle(Cache::close_files)
        {
            open.push_back(oldest);
        }
        guard
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_some_stripes_keep_files_open() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path().to_owned());
        std::fs::create_dir_all(layout.locks()).unwrap();
        let stripes = Stripes::new(&layout);
        for _ in 0..2_000 {
            let segment_id = SegmentId::new();
            let generation = stripes.lock_write(segment_id).unwrap().lock.generation;
            assert!(stripes.of(segment_id).lock_file.is_current(generation).unwrap());
        }
        let open = stripes.stripes.iter().filter(|stripe| stripe.lock_file.opened().is_some());
        assert_eq!(open.count(), OPEN_STRIPES);
    }
}
