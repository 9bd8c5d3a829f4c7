//! A segment whose lock is held, and the steps of every change. A crash between two steps leaves
//! the segment as it was before the change, or as it is after the change.
//!
//! Terms: the *generation* is a counter of the lock, which advances before every change that is not
//! an append. The *epoch* file of a segment contains the random token of its head and the *mark*,
//! the end of the log after its last truncation. If the power fails during a truncation, the log
//! can keep its old length, with NULs after the mark. Readers therefore end a log at the mark if
//! the byte there is NUL. A *checkpoint* is a stored place in a log at which a new handle starts
//! its scan. Bytes at the end of a file are *torn* if a crash left only a part of an entry.

mod append;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::mem;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::Instant;

use session_store_core::{Head, PageRequest, SegmentInfo, SegmentKey, StoreError};
use tempfile::NamedTempFile;

use crate::bad_lines::{Plan, write_good_lines};
use crate::cache::Cache;
use crate::directory::{Directory, place};
use crate::error::Context;
use crate::file;
use crate::index::LineStart;
use crate::layout::Kind;
use crate::listing::ListedSessions;
use crate::lock_file::{Generation, Guard, HeldLock, LockFile};
use crate::log::Log;
use crate::read::{FIRST_BYTES, Part};
use crate::sidecar::checkpoint::{self, Checkpoint};
use crate::sidecar::epoch::{Cut, Epoch, NO_CUT, new_token};
use crate::stripe::Stripes;

pub(crate) use append::Appended;

/// The head that a change requires.
#[derive(Clone, Copy)]
pub(crate) enum Expected {
    Any,
    /// The segment must have this head. With `None` the segment must not exist.
    Head(Option<Head>),
}

impl Expected {
    fn check(self, log: Option<&Log>) -> Result<(), StoreError> {
        let actual = log.map(|log| log.state.head());
        match self {
            Self::Head(expected) if expected != actual => {
                Err(StoreError::Conflict { expected, actual })
            }
            _ => Ok(()),
        }
    }
}

/// The bytes after the readable part of a file.
pub(crate) struct TornTail {
    pub(crate) bytes: Range<u64>,
    /// Whether the bytes are the rest of a truncation that a power cut interrupted.
    pub(crate) is_interrupted_cut: bool,
}

/// A segment under the lock of its stripe, a group of segments that share a lock.
pub(crate) struct Segment<'a> {
    files: Files<'a>,
    guard: Guard<'a, Cache>,
    stripes: &'a Stripes,
}

impl<'a> Segment<'a> {
    pub(crate) fn new(
        directory: &'a Directory,
        key: SegmentKey,
        guard: Guard<'a, Cache>,
        stripes: &'a Stripes,
    ) -> Self {
        Self { files: Files { directory, key }, guard, stripes }
    }

    /// Returns the file as it is now, or `None` if the file does not exist.
    pub(crate) fn open(&mut self, kind: Kind) -> Result<Option<&mut Log>, StoreError> {
        self.files.open(kind, self.guard.lock.generation, &mut self.guard.cached)
    }

    /// Returns the head, or `None` if the log does not exist. Caches the head for reads without the
    /// lock.
    pub(crate) fn head(&mut self) -> Result<Option<Head>, StoreError> {
        let (stripes, key) = (self.stripes, self.files.key);
        let log = self.open(Kind::Log)?;
        Ok(log.map(|log| {
            stripes.cached_heads(key.segment_id).insert(key, log);
            log.state.head()
        }))
    }

    /// Returns the head, the size and the time of the log, or `None` if the log does not exist. The
    /// file is not opened if its cached state is current.
    pub(crate) fn info(&mut self) -> Result<Option<SegmentInfo>, StoreError> {
        let Self { files, guard, .. } = self;
        let path = files.path(Kind::Log);
        // Without a cached state, the file is opened anyway. Looking it up by its path first would
        // cost as much again.
        if let Some(state) = guard.cached.state((files.key, Kind::Log)) {
            let Some(metadata) = file::metadata(&path)? else { return Ok(None) };
            if state.is_current(guard.lock.generation, &metadata) {
                return Ok(Some(state.info(&metadata)));
            }
        }
        match self.open(Kind::Log) {
            Ok(None) => Ok(None),
            Ok(Some(log)) => log.info().map(Some),
            // A path that is not a file is not a log.
            Err(error) => file::metadata(&path)?.map_or(Ok(None), |_| Err(error)),
        }
    }

    /// Returns the part of a file from the start of a page on, or `None` if the file does not
    /// exist. The part of a long log that this handle has not scanned yet can be only the start of
    /// the log, if the request does not need the head.
    pub(crate) fn part(
        &mut self,
        kind: Kind,
        request: PageRequest,
    ) -> Result<Option<Part>, StoreError> {
        let PageRequest { start, max_bytes, needs_head, .. } = request;
        // Only the first page can be read without the rest of the log. For a later page, the search
        // for its first entry could pass the place where an interrupted truncation has ended the
        // log.
        if start == 0
            && let Some(part) = self.first_part(kind, max_bytes, needs_head)?
        {
            return Ok(Some(part));
        }
        let syncs = &self.files.directory.syncs;
        let Some(log) = self.open(kind)? else { return Ok(None) };
        log.record(syncs);
        log.scan_before(start)?;
        Ok(Some(Part::new(log, start)))
    }

    /// Returns the part of a file for its first page, if the file can be read in one pass. Returns
    /// `None` for a file that this handle has already scanned.
    fn first_part(
        &mut self,
        kind: Kind,
        max_bytes: usize,
        needs_head: bool,
    ) -> Result<Option<Part>, StoreError> {
        let Self { files, guard, .. } = self;
        let name = (files.key, kind);
        if guard.cached.state(name).is_some() {
            return Ok(None);
        }
        let log = files.open_new(kind, guard.lock.generation, Instant::now())?;
        let Some(mut log) = log else { return Ok(None) };
        log.record(&files.directory.syncs);
        if log.opened_len > FIRST_BYTES {
            return Ok((!needs_head).then(|| Part::first_of(&log)));
        }
        // The scan of a longer log can start at a checkpoint, so the log is not read as a whole.
        if log.opened_len > checkpoint::EVERY.min(max_bytes as u64) {
            return Ok(None);
        }
        files.start_at_checkpoint(&mut log);
        let part = Part::load(&mut log)?;
        guard.cached.insert(name, log);
        Ok(Some(part))
    }

    pub(crate) fn into_guard(self) -> Guard<'a, Cache> {
        self.guard
    }

    /// Replaces the log by a file, or creates the log.
    ///
    /// The rename replaces the whole log in one step ([C2](session_store_core::contract#c2)).
    pub(crate) fn replace(
        &mut self,
        file: NamedTempFile,
        replacements: &LockFile<()>,
    ) -> Result<(), StoreError> {
        let Self { files, guard, .. } = self;
        // The file was written before the lock was taken, and another handle may have appended
        // meanwhile. Without a new time, the time of the last change would go backwards.
        file::touch(file.as_file()).context("set the time of", file.path())?;
        let path = files.path(Kind::Log);
        if !file::exists(&path).context("look for", &path)? {
            return files.create(Kind::Log, file).map(drop);
        }
        files.directory.sync_replacement(&file)?;
        guard.cached.forget((files.key, Kind::Log));
        let epoch = files.under_new_epoch(&mut guard.lock, None, || {
            let mut replacing = replacements.lock_write()?;
            replacing.lock.advance_generation()?;
            file::persist(file, &path).context("write", &path)?;
            drop(replacing);
            files.directory.renamed(&path)
        });
        epoch.map(drop)
    }

    /// Moves the bad lines out of the file. Splits a line of several entries into one line for each
    /// entry. Returns the repair that was made.
    ///
    /// The bad lines are copied to the quarantine, a separate file, and synced before the repaired
    /// file replaces the log or trace. After a crash between these steps, the log or trace is
    /// unchanged. The next repair writes the same copies again.
    pub(crate) fn repair_lines(
        &mut self,
        kind: Kind,
        replacements: &LockFile<()>,
    ) -> Result<Plan, StoreError> {
        let Self { files, guard, .. } = self;
        let Files { directory, key } = *files;
        let Some(log) = files.open(kind, guard.lock.generation, &mut guard.cached)? else {
            return Ok(Plan::default());
        };
        let plan = Plan::of(log)?;
        if plan.is_empty() {
            return Ok(plan);
        }
        files.make_ready(&mut guard.lock, log)?;
        for range in plan.moved() {
            directory.quarantine(key, &log.file, range.clone())?;
        }
        let repaired = directory.temporary_file(|file| {
            let mut file = BufWriter::new(file);
            write_good_lines(log, &mut file)?;
            file.flush()
        })?;
        directory.syncs.sync_all()?;
        match kind {
            Kind::Log => self.replace(repaired, replacements)?,
            Kind::Trace => {
                directory.sync_replacement(&repaired)?;
                guard.cached.forget((key, kind));
                guard.lock.advance_generation()?;
                directory.persist(repaired, &files.path(kind))?;
            }
        }
        Ok(plan)
    }

    /// Truncates the log to its first `entries_len` entries and returns the new head.
    pub(crate) fn truncate(
        &mut self,
        expected: Expected,
        entries_len: usize,
    ) -> Result<Head, StoreError> {
        let Self { files, guard, .. } = self;
        let mut log = files.open(Kind::Log, guard.lock.generation, &mut guard.cached)?;
        if let Some(log) = &mut log {
            // Scan the part before the checkpoint too, because a wrong checkpoint must not decide
            // which entries are deleted.
            log.scan_skipped()?;
        }
        expected.check(log.as_deref())?;
        let log = log.ok_or(StoreError::NotFound(files.key.segment_id))?;
        let entries = log.state.index.entries();
        if entries_len > entries {
            return Err(StoreError::past_the_end(files.key.segment_id, entries_len, entries));
        }
        if entries_len < entries {
            files.make_ready(&mut guard.lock, log)?;
            let end = log.find(entries_len)?;
            let cut = files.begin_cut(log, end.offset)?;
            let epoch = files.under_new_epoch(&mut guard.lock, Some(cut), || {
                log.set_len(end.offset)?;
                log.state.index.cut(end);
                log.sync(&files.directory.syncs)
            })?;
            log.state.record_durable_cut(guard.lock.generation, epoch);
        }
        Ok(log.state.head())
    }

    /// Returns the torn tail of a file, or `None` if the tail is not torn.
    pub(crate) fn torn_tail(&mut self, kind: Kind) -> Result<Option<TornTail>, StoreError> {
        let Some(log) = self.open(kind)? else { return Ok(None) };
        log.scan_skipped()?;
        let bytes = log.state.index.torn();
        if bytes.is_empty() {
            return Ok(None);
        }
        // A write that was torn after a complete truncation begins at the mark too, but not with a
        // NUL byte.
        let mut first = [1];
        log.file.read_exact_at(&mut first, bytes.start).context("read", &log.path)?;
        let is_at_mark = log.state.epoch.is_some_and(|epoch| epoch.cut == bytes.start);
        Ok(Some(TornTail { bytes, is_interrupted_cut: is_at_mark && first == [0] }))
    }

    /// Returns the log and the checkpoint at which a new handle would start its scan.
    pub(crate) fn checkpoint(&mut self) -> Result<Option<(Log, LineStart)>, StoreError> {
        let Self { files, guard, .. } = self;
        let Some(log) = files.open_new(Kind::Log, guard.lock.generation, Instant::now())? else {
            return Ok(None);
        };
        Ok(match files.checkpoint(&log) {
            Some(Checkpoint::At(start)) => Some((log, start)),
            _ => None,
        })
    }

    /// Deletes the checkpoint, and gives the segment a new epoch. Every handle then scans the log
    /// again.
    pub(crate) fn delete_checkpoint(&mut self) -> Result<(), StoreError> {
        let Self { files, guard, .. } = self;
        guard.cached.forget((files.key, Kind::Log));
        let delete = || files.directory.delete_checkpoint(files.key);
        files.under_new_epoch(&mut guard.lock, None, delete).map(drop)
    }

    /// Deletes the log and the trace. Returns whether at least one of them existed.
    pub(crate) fn delete(
        &mut self,
        deletions: &LockFile<ListedSessions>,
    ) -> Result<bool, StoreError> {
        let Self { files, guard, .. } = self;
        let Files { directory, key } = *files;
        guard.lock.advance_generation()?;
        for kind in [Kind::Log, Kind::Trace] {
            guard.cached.forget((key, kind));
        }
        let existed = files.delete_both(deletions)?;
        // A sidecar file without a log is ignored, so failing to delete one of these is harmless.
        let _ = directory.delete_epoch(key);
        let _ = directory.delete_checkpoint(key);
        let _ = directory.delete_quarantined(key);
        let _ = directory.remove_hint(key);
        // Ignore the error if the folder is not empty, or does not exist.
        let _ = file::remove_folder(&directory.layout.session(key.session_id));
        if existed {
            files.sync_folders()?;
        }
        Ok(existed)
    }
}

/// The files of a segment, and the common steps of changes.
#[derive(Clone, Copy)]
struct Files<'a> {
    directory: &'a Directory,
    key: SegmentKey,
}

impl Files<'_> {
    fn path(self, kind: Kind) -> PathBuf {
        self.directory.layout.file(self.key, kind)
    }

    fn open(
        self,
        kind: Kind,
        generation: Generation,
        cache: &mut Cache,
    ) -> Result<Option<&mut Log>, StoreError> {
        cache.open((self.key, kind), generation, |now, state| {
            let Some(mut log) = self.open_new(kind, generation, now)? else { return Ok(None) };
            if !state.is_some_and(|state| log.inherit(state)) {
                self.start_at_checkpoint(&mut log);
            }
            Ok(Some(log))
        })
    }

    /// Lets the first scan start at the stored checkpoint of a log.
    fn start_at_checkpoint(self, log: &mut Log) {
        if let Some(checkpoint) = self.checkpoint(log) {
            log.start_at(checkpoint);
        }
    }

    /// Returns the stored checkpoint of a log, or `None` for a trace.
    ///
    /// Every checkpoint is after the first [`checkpoint::EVERY`] bytes. A checkpoint of a shorter
    /// log is therefore wrong. The checkpoint of a shorter log is not looked up, because most logs
    /// are short and have no checkpoint.
    fn checkpoint(self, log: &Log) -> Option<Checkpoint> {
        let identity = log.identity()?;
        if log.opened_len <= checkpoint::EVERY {
            return Some(Checkpoint::Wrong);
        }
        Some(self.directory.checkpoint(self.key, identity))
    }

    /// Opens the file without reading it.
    fn open_new(
        self,
        kind: Kind,
        generation: Generation,
        now: Instant,
    ) -> Result<Option<Log>, StoreError> {
        let read_epoch = |file: &File| match kind {
            Kind::Log => self.directory.read_epoch(self.key, file).map(Some),
            Kind::Trace => Ok(None),
        };
        Log::open(&self.path(kind), generation, now, read_epoch)
    }

    /// Prepares a file for a change: makes its name durable, stores its epoch if the epoch is not
    /// stored yet, and repairs the tail. These steps do not change the head. If the change then
    /// fails, a caller can repeat the change with the same head.
    fn make_ready(self, lock: &mut HeldLock<'_>, log: &mut Log) -> Result<(), StoreError> {
        let directory = self.directory;
        log.check_writable()?;
        if self.is_ready(log) {
            return Ok(());
        }
        if directory.syncs.is_power() && !log.state.is_name_durable {
            // Syncing the file saves its content only. If a handle without this durability created
            // the file, a power cut could still remove its name.
            self.sync_folders()?;
            log.state.is_name_durable = true;
        }
        if log.state.has_wrong_checkpoint {
            // After the change, the wrong checkpoint could happen to match the log. It would then
            // be trusted.
            directory.delete_checkpoint(self.key)?;
            log.state.has_wrong_checkpoint = false;
        }
        if let Some(epoch) = log.state.epoch.filter(|epoch| !epoch.is_stored) {
            // The token was derived from the file's time, and this change changes the time. The
            // same token is stored, so that heads that callers have read remain valid.
            log.state.epoch = Some(directory.store_epoch(self.key, epoch.token, NO_CUT)?);
        }
        self.repair_tail(lock, log)
    }

    /// Returns whether [`make_ready`](Self::make_ready) has nothing to do, if the file is writable.
    fn is_ready(self, log: &Log) -> bool {
        let state = &log.state;
        (state.is_name_durable || !self.directory.syncs.is_power())
            && !state.has_wrong_checkpoint
            && state.epoch.is_none_or(|epoch| epoch.is_stored)
            && state.index.torn().is_empty()
    }

    /// Moves torn bytes out of the log. Finishes a truncation that a power cut interrupted.
    ///
    /// An entry appended to a torn tail would become part of an invalid line
    /// ([A5](session_store_core::contract#a5)). Nothing is deleted
    /// ([R5](session_store_core::contract#r5)).
    fn repair_tail(self, lock: &mut HeldLock<'_>, log: &mut Log) -> Result<(), StoreError> {
        let torn = log.state.index.torn();
        if torn.is_empty() {
            return Ok(());
        }
        self.directory.quarantine(self.key, &log.file, torn.clone())?;
        // The next entry may be as long as the tail. Another handle compares only the generation
        // and the length. Without a new generation, it would mistake the entry for the torn tail.
        advance_generation(lock, log)?;
        log.set_len(torn.start)?;
        log.state.index.drop_torn();
        let syncs = &self.directory.syncs;
        if log.state.epoch.is_some_and(|epoch| epoch.cut == torn.start) {
            // The next append overwrites the NUL at the mark, the only sign of the interrupted
            // truncation. If a power cut restored the old length after that, readers would return
            // the lines that were cut. The new length is therefore synced first.
            return log.sync(syncs);
        }
        syncs.sync_file(&log.path, &log.file)
    }

    /// Begins a cut of several lines. Must be called before the mark of this cut is stored.
    ///
    /// The new mark replaces the mark of the last cut. If the process that made the last cut was
    /// killed, the device can still hold the log as it was before the last cut. A power failure
    /// could then leave NULs at the end of the last cut, and the mark that shows these NULs would
    /// be gone. The last cut is therefore synced first.
    fn begin_cut(self, log: &mut Log, offset: u64) -> Result<Cut, StoreError> {
        let is_named = mem::take(&mut log.state.is_cut_durable);
        if !is_named && log.state.epoch.is_some_and(|epoch| epoch.cut != NO_CUT) {
            log.sync(&self.directory.syncs)?;
        }
        Ok(Cut { offset, is_named })
    }

    /// Gives the segment a new epoch, and then makes a change that cuts or replaces entries.
    ///
    /// The order of the steps:
    /// - The generation advances before the epoch is written, so that no handle trusts its cached
    ///   epoch afterwards.
    /// - The epoch is written before the change. Otherwise a crash could leave a truncated log with
    ///   its former epoch, and a conditional append would not notice the cut. With this order, a
    ///   crash leaves an unchanged log with a new epoch, which only causes a conflict.
    ///
    /// If the change fails with a definite error, the former epoch is restored.
    ///
    /// `cut` is the place where the change cuts the log. A change without a cut keeps the mark of
    /// the last cut, because an interrupted change leaves the old log, which may need this mark.
    fn under_new_epoch(
        self,
        lock: &mut HeldLock<'_>,
        cut: Option<Cut>,
        change: impl FnOnce() -> Result<(), StoreError>,
    ) -> Result<Epoch, StoreError> {
        let Self { directory, key } = self;
        lock.advance_generation()?;
        let former = directory.stored_epoch(key)?;
        let last_cut = former.map_or(NO_CUT, |former| former.cut);
        let epoch = match cut {
            Some(cut) => directory.store_mark(key, new_token(), cut)?,
            None => directory.store_epoch(key, new_token(), last_cut)?,
        };
        match change() {
            Err(error) if !error.is_indeterminate() => {
                let _ = match former {
                    Some(former) => directory.store_epoch(key, former.token, former.cut).map(drop),
                    None => directory.delete_epoch(key),
                };
                Err(error)
            }
            result => result.map(|()| epoch),
        }
    }

    /// Creates the log or the trace from a file with its first entries. Returns the epoch of a new
    /// log, or `None` for a trace.
    ///
    /// The epoch and the lookup hint are written before the log appears. If a crash leaves them
    /// without a log, they are ignored. If the log appeared before the epoch, its head would change
    /// when the epoch is written. If the log appeared before the hint, another session could create
    /// the same segment id and write the hint first. A lookup would then return that session
    /// ([L5](session_store_core::contract#l5)).
    fn create(self, kind: Kind, file: NamedTempFile) -> Result<Option<Epoch>, StoreError> {
        let Self { directory, key } = self;
        let epoch = match kind {
            Kind::Trace => None,
            Kind::Log => {
                let epoch = directory.store_epoch(key, new_token(), NO_CUT)?;
                directory.store_hint(key)?;
                Some(epoch)
            }
        };
        let (folder, path) = (directory.layout.session(key.session_id), self.path(kind));
        if let Err(error) = place(&folder, &path, file) {
            let _ = file::remove_folder(&folder);
            return Err(error);
        }
        directory.renamed(&path)?;
        directory.syncs.sync_folder(directory.layout.root())?;
        Ok(epoch)
    }

    /// Deletes the log and the trace. Returns whether at least one of them existed.
    ///
    /// The trace is deleted first, because a crash can then only leave a log without a trace. Such
    /// a log is listed and can be deleted again. A trace without a log would not be listed, and a
    /// later segment with the same ids would have this trace. If the log cannot be deleted after
    /// the trace, the error is `Indeterminate`, because any other error would mean that nothing has
    /// changed.
    ///
    /// An empty session folder may remain. The generation of deletions advances before the files
    /// are deleted, so that no handle uses a cached listing that names the session.
    fn delete_both(self, deletions: &LockFile<ListedSessions>) -> Result<bool, StoreError> {
        let mut deleting = deletions.lock_write()?;
        deleting.lock.advance_generation()?;
        let had_trace = file::delete(&self.path(Kind::Trace))?;
        match file::delete(&self.path(Kind::Log)) {
            Err(error) if had_trace => {
                let operation = format!("delete the log of {} after its trace", self.key);
                Err(StoreError::indeterminate(operation, error))
            }
            result => result.map(|had_log| had_log || had_trace),
        }
    }

    /// Makes the names of the segment's files durable.
    fn sync_folders(self) -> Result<(), StoreError> {
        self.directory.sync_names(&self.directory.layout.session(self.key.session_id))
    }
}

/// Advances the generation, so that other handles read the log again. This handle keeps its state
/// of the log, because it makes the change itself.
fn advance_generation(lock: &mut HeldLock<'_>, log: &mut Log) -> Result<(), StoreError> {
    lock.advance_generation()?;
    log.state.generation = lock.generation;
    Ok(())
}
