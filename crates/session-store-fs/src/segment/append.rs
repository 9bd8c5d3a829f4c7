//! Appends to a log or trace, and how a failed append is undone.

use std::io;

use session_store_core::{Head, StoreError};

use super::{Expected, Files, Segment, advance_generation};
use crate::group_commit::Written;
use crate::index::{LineIndex, LineStart};
use crate::layout::Kind;
use crate::lock_file::HeldLock;
use crate::log::Log;
use crate::sidecar::checkpoint;

/// The head after an append, and the append if the caller must wait for its sync.
pub(crate) type Appended = (Head, Option<Written>);

impl Segment<'_> {
    /// Appends the entries and returns the new head.
    ///
    /// Creates the file if it does not exist ([A2](session_store_core::contract#a2)). The head is
    /// compared and the entries are written under one lock ([H2](session_store_core::contract#h2)).
    pub(crate) fn append<'e>(
        &mut self,
        kind: Kind,
        expected: Expected,
        entries: impl ExactSizeIterator<Item = &'e str> + Clone,
    ) -> Result<Appended, StoreError> {
        let Self { files, guard, .. } = self;
        let mut log = files.open(kind, guard.lock.generation, &mut guard.cached)?;
        expected.check(log.as_deref())?;
        let Some(log) = &mut log else {
            let count = entries.len();
            let epoch = files.create(kind, files.directory.entries_file(entries)?)?;
            return Ok((Head::new(count, epoch.map_or(0, |epoch| epoch.token)), None));
        };
        if entries.len() == 0 {
            return Ok((log.state.head(), None));
        }
        files.make_ready(&mut guard.lock, log)?;
        files.append(&mut guard.lock, log, entries)
    }

    /// Appends a single entry while only the mutex of an exclusive handle is locked. Returns `None`
    /// if the append needs other steps first. These steps need the file lock.
    pub(crate) fn append_to_ready<'e>(
        &mut self,
        kind: Kind,
        expected: Expected,
        entry: impl ExactSizeIterator<Item = &'e str> + Clone,
    ) -> Result<Option<Appended>, StoreError> {
        let Self { files, guard, .. } = self;
        let name = (files.key, kind);
        let Some(log) = guard.cached.open_file(name, guard.lock.generation) else {
            return Ok(None);
        };
        // After a failed append, the index is empty, and the file must first be scanned again.
        let is_scanned = log.state.index.len() > 0;
        if !is_scanned || !files.is_ready(log) || needs_checkpoint(log) {
            return Ok(None);
        }
        expected.check(Some(log))?;
        log.state.is_length_assumed = true;
        files.append(&mut guard.lock, log, entry).map(Some)
    }
}

impl Files<'_> {
    /// Appends the entries to a file that is ready for a change.
    fn append<'e>(
        self,
        lock: &mut HeldLock<'_>,
        log: &mut Log,
        entries: impl ExactSizeIterator<Item = &'e str> + Clone,
    ) -> Result<Appended, StoreError> {
        let (before, count) = (log.state.index.len(), entries.len());
        let checkpoint = needs_checkpoint(log).then(|| log.state.index.tail_start());
        if let Err(error) = log.append(entries) {
            return Err(self.undo_append(lock, log, before, count, error));
        }
        if let Some(line) = checkpoint {
            self.store_checkpoint(log, line);
        }
        let written = log.written(&self.directory.syncs);
        Ok((log.state.head(), written))
    }

    /// Stores a checkpoint at the start of a line.
    fn store_checkpoint(self, log: &mut Log, line: LineStart) {
        if let Some(identity) = log.identity() {
            // A failure is harmless, because a checkpoint is only a hint.
            let _ = self.directory.store_checkpoint(self.key, identity, line);
            log.state.checkpointed = line.offset;
        }
    }

    /// Sets the file back to its length before a failed append.
    ///
    /// A *mark* in the epoch file is the end of the log after a cut. If a power cut interrupts the
    /// cut, readers end the log at the mark. An append of several entries needs a mark, because its
    /// whole lines would otherwise remain as entries. An append of a single entry needs no mark,
    /// because only a torn tail can remain.
    fn undo_append(
        self,
        lock: &mut HeldLock<'_>,
        log: &mut Log,
        before: u64,
        entries: usize,
        error: io::Error,
    ) -> StoreError {
        // A large append makes several writes, and the index may already contain the first ones.
        // After the cut, another handle can append just as many bytes. The length would then not
        // show that the index is wrong, so the file is scanned again.
        log.state.index = LineIndex::empty();
        let undone = match log.state.epoch {
            Some(epoch) if entries > 1 => self.take_back(lock, log, epoch.token, before),
            _ => lock.lock_after_write().and_then(|()| log.set_len(before)),
        };
        let operation = format!("append to {}", log.path.display());
        match undone {
            Ok(()) => StoreError::io(operation, error),
            Err(_) => StoreError::Indeterminate { operation, source: error.into() },
        }
    }

    /// Cuts the written part of a batch.
    fn take_back(
        self,
        lock: &mut HeldLock<'_>,
        log: &mut Log,
        token: u128,
        before: u64,
    ) -> Result<(), StoreError> {
        let mark = |lock: &mut HeldLock<'_>, log: &mut Log| {
            let cut = self.begin_cut(log, before)?;
            advance_generation(lock, log)?;
            log.state.epoch = Some(self.directory.store_mark(self.key, token, cut)?);
            Ok::<(), StoreError>(())
        };
        // Cut even if the mark cannot be written, for example on a full disk. The entries must not
        // remain, and without the mark only a power cut during the cut could restore them.
        let marked = mark(lock, log);
        log.set_len(before)?;
        log.sync(&self.directory.syncs)?;
        log.state.is_cut_durable = marked.is_ok();
        Ok(())
    }
}

/// Returns whether the log has grown enough since the last checkpoint for the next one.
fn needs_checkpoint(log: &Log) -> bool {
    let grown = log.state.index.tail_start().offset.saturating_sub(log.state.checkpointed);
    log.state.epoch.is_some() && grown >= checkpoint::EVERY
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::Instant;

    use session_store_core::{LogEntry, SegmentId, SegmentKey, SessionId, StoreExt};
    use tempfile::TempDir;

    use super::*;
    use crate::{FsOptions, FsStore};

    /// An exclusive handle with a log of two entries, and a reader.
    struct Fixture {
        _folder: TempDir,
        key: SegmentKey,
        owner: FsStore,
        reader: FsStore,
    }

    impl Fixture {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let key = SegmentKey::new(SessionId::new(), SegmentId::new());
            let owner = FsOptions::new().create(true).exclusive(true).open(folder.path()).unwrap();
            let reader = FsStore::open(folder.path()).unwrap();
            owner.at(key).append_all(&[entry("{}"), entry("{}")]).unwrap();
            Self { _folder: folder, key, owner, reader }
        }
    }

    fn entry(text: &str) -> LogEntry {
        LogEntry::from_json(text).unwrap()
    }

    #[test]
    fn a_single_entry_needs_no_file_lock() {
        let Fixture { key, owner, reader, .. } = &Fixture::new();
        let append = |entries: &[&str]| {
            owner.at(*key).append(&entry("{}")).unwrap();
            let _locked = reader.lock_read(*key).unwrap();
            let entries = entries.iter().copied();
            owner.append_single(*key, Kind::Log, Expected::Any, entries).unwrap().is_some()
        };
        // An open file is used for one second only, which can pass between the two appends.
        assert!((0..100).any(|_| append(&["{}"])));
        assert!(!append(&["{}", "{}"]));
    }

    #[test]
    fn a_reader_notices_an_entry_that_is_as_long_as_a_part_that_was_undone() {
        let Fixture { key, owner, reader, .. } = &Fixture::new();
        let now = Instant::now();
        {
            let guard = owner.stripes.lock_mutex(key.segment_id);
            let Segment { files, mut guard, .. } = owner.segment(*key, guard);
            let generation = guard.lock.generation;
            let log = files.open(Kind::Log, generation, &mut guard.cached).unwrap().unwrap();
            let before = log.state.index.len();
            (&*log.file).write_all(b"{\"long\":1").unwrap();
            assert_eq!(reader.at(*key).read_entry_count().unwrap(), 2);
            assert!(reader.stripes.cached_head(*key, now).is_some());
            let error = io::ErrorKind::StorageFull.into();
            let error = files.undo_append(&mut guard.lock, log, before, 1, error);
            assert!(!error.is_indeterminate(), "{error:?}");
        }
        owner.at(*key).append(&entry("{\"n\":\"\"}")).unwrap();
        assert_eq!(reader.stripes.cached_head(*key, now), None);
        assert_eq!(reader.at(*key).read_entry_count().unwrap(), 3);
        assert_eq!(reader.at(*key).head().unwrap(), owner.at(*key).head().unwrap());
    }

    #[test]
    fn the_facts_of_a_log_are_of_one_moment() {
        let Fixture { key, owner, reader, .. } = &Fixture::new();
        let mut segment = reader.lock_read(*key).unwrap();
        let log = segment.open(Kind::Log).unwrap().unwrap();
        // The exclusive handle appends without the file lock.
        (&*log.file).write_all(b"{}\n").unwrap();
        let info = log.info().unwrap();
        drop(segment);
        assert_eq!(info.head.entries(), 3);
        assert_eq!(Some(info), owner.at(*key).info().unwrap());
    }
}
