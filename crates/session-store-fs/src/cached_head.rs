//! Heads that a handle returns without the lock of the segment.
//!
//! A head that was read under the lock stays current while two values are unchanged: the
//! generation, which is a counter in the lock file, and the length of the log. A reader first reads
//! the length, and then the generation. The generation never decreases. If it is unchanged at the
//! end, it was also unchanged at the moment when the length was read. So only appends have changed
//! the log up to that moment. If the length is unchanged too, these appends have failed and were
//! undone. The head was therefore current at that moment.
//!
//! In the opposite order, the generation is read first. Another handle could append to the log
//! before this read, and truncate the log between the two reads. The length could then equal the
//! cached length, and the reader would return a head that was not current at any moment of the
//! call.
//!
//! If the length has changed, the head is read only under the lock, because a writer may be in the
//! middle of an append that fails and is undone ([R3](session_store_core::contract#r3)).

use std::fs::File;
use std::sync::{Arc, Mutex, Weak};
use std::time::Instant;

use rustix::fs::fstat;
use session_store_core::{Head, SegmentKey, StoreError};

use crate::lock_file::Generation;
use crate::log::Log;
use crate::mutex::lock;

/// The cached heads of the open logs of one stripe, a group of segments that share a lock.
///
/// A writer holds the mutex of the stripe's cache during its `write(2)`. The heads have a separate
/// mutex, so that a reader does not wait for the writer.
#[derive(Debug, Default)]
pub(crate) struct CachedHeads(Mutex<Vec<CachedHead>>);

/// The head of an open log, with the length and the generation at which it was read.
#[derive(Clone, Debug)]
pub(crate) struct CachedHead {
    key: SegmentKey,
    head: Head,
    len: u64,
    generation: Generation,
    trusted_until: Instant,
    /// The open file. When the handle closes the file, the head can no longer be used.
    file: Weak<File>,
}

impl CachedHeads {
    /// Caches the head of a log. The caller holds the lock of the segment.
    pub(crate) fn insert(&self, key: SegmentKey, log: &Log) {
        let Some(trusted_until) = log.trusted_until() else { return };
        let mut heads = lock(&self.0);
        heads.retain(|cached| cached.key != key && cached.file.strong_count() > 0);
        heads.push(CachedHead {
            key,
            head: log.state.head(),
            len: log.state.index.len(),
            generation: log.state.generation,
            trusted_until,
            file: Arc::downgrade(&log.file),
        });
    }

    pub(crate) fn get(&self, key: SegmentKey) -> Option<CachedHead> {
        lock(&self.0).iter().find(|cached| cached.key == key).cloned()
    }
}

impl CachedHead {
    /// Returns the head if it is current, and `None` if it must be read under the lock.
    /// `is_current` returns whether the lock file still has this generation.
    pub(crate) fn if_current(
        &self,
        now: Instant,
        is_current: impl FnOnce(Generation) -> Result<bool, StoreError>,
    ) -> Option<Head> {
        if now >= self.trusted_until {
            return None;
        }
        // lseek(2) would be faster, but it waits for a write(2) to the same open file.
        let len = fstat(self.file.upgrade()?).ok()?.st_size;
        (u64::try_from(len) == Ok(self.len) && is_current(self.generation).ok()?)
            .then_some(self.head)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::io::Write;
    use std::thread;

    use rstest::rstest;
    use session_store_core::{LogEntry, SegmentId, SegmentRef, SessionId, StoreExt};
    use tempfile::TempDir;
    use test_deadlines::wait_until;

    use super::*;
    use crate::FsStore;
    use crate::layout::Kind;
    use crate::log::TRUST;

    /// A handle with a cached head, and another handle that changes the log.
    struct Fixture {
        _folder: TempDir,
        key: SegmentKey,
        store: FsStore,
        other: FsStore,
        head: Head,
        /// A time before the log was opened. The tests pass this time as the current time, so that
        /// the time limit [`TRUST`] is not reached even in a slow test.
        now: Instant,
    }

    impl Fixture {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let key = SegmentKey::new(SessionId::new(), SegmentId::new());
            let open = || FsStore::open_or_create(folder.path()).unwrap();
            let (store, other) = (open(), open());
            other.at(key).append_all(&entries(2)).unwrap();
            let now = Instant::now();
            let head = store.at(key).head().unwrap().unwrap();
            Self { _folder: folder, key, store, other, head, now }
        }

        fn changed(&self) -> SegmentRef<'_, FsStore> {
            self.other.at(self.key)
        }

        /// Returns the cached head if it is current. Reads the length, calls `before`, reads the
        /// generation, and calls `after`.
        fn read(&self, before: impl FnOnce(), after: impl FnOnce()) -> Option<Head> {
            let cached = self.store.stripes.cached_heads(self.key.segment_id).get(self.key);
            cached.unwrap().if_current(self.now, |generation| {
                before();
                let guard = self.other.stripes.lock_read(self.key.segment_id)?;
                let is_current = guard.lock.generation == generation;
                drop(guard);
                after();
                Ok(is_current)
            })
        }
    }

    /// Returns entries of equal length.
    fn entries(count: usize) -> Vec<LogEntry> {
        (0..count).map(|n| LogEntry::from_json(format!("{{\"n\":{n}}}")).unwrap()).collect()
    }

    fn truncate(log: SegmentRef<'_, FsStore>) {
        log.truncate(1).unwrap();
    }

    fn regrow(log: SegmentRef<'_, FsStore>) {
        log.truncate(1).unwrap();
        log.append(&entries(1)[0]).unwrap();
    }

    fn replace(log: SegmentRef<'_, FsStore>) {
        log.create(&entries(2)).unwrap();
    }

    fn delete(log: SegmentRef<'_, FsStore>) {
        assert!(log.delete().unwrap());
    }

    fn recreate(log: SegmentRef<'_, FsStore>) {
        delete(log);
        log.append_all(&entries(2)).unwrap();
    }

    #[rstest]
    fn a_head_is_not_current_after_a_change_that_is_not_an_append(
        #[values(truncate, regrow, replace, delete, recreate)] change: fn(SegmentRef<'_, FsStore>),
        #[values(false, true)] is_between: bool,
    ) {
        let fixture = Fixture::new();
        let changed = || change(fixture.changed());
        if is_between {
            assert_eq!(fixture.read(changed, || ()), None);
        } else {
            changed();
            assert_eq!(fixture.read(|| (), || ()), None);
        }
        let read = |store: &FsStore| store.at(fixture.key).head().unwrap();
        assert_ne!(read(&fixture.store), Some(fixture.head));
        assert_eq!(read(&fixture.store), read(&fixture.other));
    }

    #[test]
    fn a_head_was_current_when_the_length_was_read() {
        let fixture = Fixture::new();
        let append = || fixture.changed().append(&entries(1)[0]).unwrap();
        assert_eq!(fixture.read(append, || ()), Some(fixture.head));
        // The log has grown, and a truncation restores the length after the generation is read.
        assert_eq!(fixture.read(|| (), || fixture.changed().truncate(2).unwrap()), None);
        let head = fixture.store.at(fixture.key).head().unwrap();
        assert_eq!(head, fixture.changed().head().unwrap());
    }

    #[rstest]
    fn an_append_is_not_visible_before_it_is_complete(#[values(false, true)] is_batch: bool) {
        let fixture = Fixture::new();
        let path = fixture.store.directory.layout.file(fixture.key, Kind::Log);
        let before = path.metadata().unwrap().len();
        let mut guard = fixture.other.stripes.lock_write(fixture.key.segment_id).unwrap();
        let mut log = OpenOptions::new().append(true).open(path).unwrap();
        log.write_all(b"{\"n\":2}\n{\"n\"").unwrap();
        let cached = || fixture.store.stripes.cached_head(fixture.key, fixture.now);
        assert_eq!(cached(), None);
        log.set_len(before).unwrap();
        assert_eq!(cached(), Some(fixture.head));
        if is_batch {
            guard.lock.advance_generation().unwrap();
            assert_eq!(cached(), None);
        }
        drop(guard);
        assert_eq!(fixture.store.at(fixture.key).head().unwrap(), Some(fixture.head));
    }

    #[rstest]
    fn a_reader_does_not_wait_for_a_writer(#[values(false, true)] is_other_handle: bool) {
        let fixture = Fixture::new();
        let (key, store) = (fixture.key, &fixture.store);
        thread::scope(|scope| {
            let writer = if is_other_handle { &fixture.other } else { store };
            let _guard = writer.stripes.lock_write(key.segment_id).unwrap();
            let reader = scope.spawn(|| store.stripes.cached_head(key, fixture.now));
            wait_until("the head", || reader.is_finished());
            assert_eq!(reader.join().unwrap(), Some(fixture.head));
        });
    }

    #[test]
    fn a_head_is_used_for_a_limited_time() {
        let fixture = Fixture::new();
        let at = |now| fixture.store.stripes.cached_head(fixture.key, now);
        assert_eq!(at(fixture.now), Some(fixture.head));
        assert_eq!(at(Instant::now() + TRUST), None);
    }
}
