//! A segment whose lock is held: the steps of every change. A crash between any two steps leaves
//! the segment as it was before the change or as it is after it.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::mem;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Instant;

use session_store_core::{Head, SegmentInfo, SegmentKey, StoreError};
use tempfile::NamedTempFile;

use crate::bad_lines::{Plan, write_good_lines};
use crate::cache::Cache;
use crate::directory::Directory;
use crate::error::Context;
use crate::file::{self, create_own_folder};
use crate::group_commit::Written;
use crate::index::LineIndex;
use crate::layout::Kind;
use crate::listing::ListedSessions;
use crate::lock_file::{Generation, Guard, HeldLock, LockFile};
use crate::log::Log;
use crate::read::Part;
use crate::sidecar::epoch::{Cut, Epoch, NO_CUT, new_token};

/// The head that a change requires.
#[derive(Clone, Copy)]
pub(crate) enum Expected {
    Any,
    /// This head, or that the segment does not exist.
    Head(Option<Head>),
}

impl Expected {
    fn check(self, log: Option<&Log>) -> Result<(), StoreError> {
        let actual = log.map(|log| log.known.head());
        match self {
            Self::Head(expected) if expected != actual => {
                Err(StoreError::Conflict { expected, actual })
            }
            _ => Ok(()),
        }
    }
}

/// A segment under the lock of its stripe.
pub(crate) struct Segment<'a> {
    files: Files<'a>,
    guard: Guard<'a, Cache>,
}

impl<'a> Segment<'a> {
    pub(crate) fn new(directory: &'a Directory, key: SegmentKey, guard: Guard<'a, Cache>) -> Self {
        Self { files: Files { directory, key }, guard }
    }

    /// Returns the file as it is now, or `None` if it does not exist.
    pub(crate) fn open(&mut self, kind: Kind) -> Result<Option<&mut Log>, StoreError> {
        self.files.open(kind, self.guard.lock.generation, &mut self.guard.cached)
    }

    /// Returns the facts about the log, or `None` if it does not exist. A log that is known and has
    /// not changed is not opened.
    pub(crate) fn info(&mut self) -> Result<Option<SegmentInfo>, StoreError> {
        let Self { files, guard } = self;
        let Some(metadata) = file::metadata(&files.path(Kind::Log))? else { return Ok(None) };
        let generation = guard.lock.generation;
        let known = guard.cached.known((files.key, Kind::Log));
        match known.filter(|known| known.is_current(generation, &metadata)) {
            Some(known) => Ok(Some(known.info(&metadata))),
            None => Ok(self.open(Kind::Log)?.map(|log| log.known.info(&metadata))),
        }
    }

    /// Returns the start of a log that is long and not known yet, to read a page without the rest
    /// of the log.
    pub(crate) fn first_part(&mut self) -> Result<Option<Part>, StoreError> {
        let Self { files, guard } = self;
        if guard.cached.known((files.key, Kind::Log)).is_some() {
            return Ok(None);
        }
        let log = files.open_new(Kind::Log, guard.lock.generation, Instant::now())?;
        log.map_or(Ok(None), |log| Part::first_of(&log))
    }

    pub(crate) fn into_guard(self) -> Guard<'a, Cache> {
        self.guard
    }

    /// Appends the entries and returns the new head.
    ///
    /// Creates the file if it does not exist ([A2](session_store_core::contract#a2)). The head is
    /// compared and the entries are written under one lock ([H2](session_store_core::contract#h2)).
    pub(crate) fn append<'e>(
        &mut self,
        kind: Kind,
        expected: Expected,
        entries: impl ExactSizeIterator<Item = &'e str> + Clone,
    ) -> Result<(Head, Option<Written>), StoreError> {
        let Self { files, guard } = self;
        let mut log = files.open(kind, guard.lock.generation, &mut guard.cached)?;
        expected.check(log.as_deref())?;
        let Some(log) = &mut log else {
            let count = entries.len();
            let epoch = files.create(kind, files.directory.entries_file(entries)?)?;
            return Ok((Head::new(count, epoch.map_or(0, |epoch| epoch.token)), None));
        };
        if entries.len() == 0 {
            return Ok((log.known.head(), None));
        }
        files.make_ready(&mut guard.lock, log)?;
        let (before, count) = (log.known.index.len(), entries.len());
        if let Err(error) = log.append(entries) {
            return Err(files.undo_append(&mut guard.lock, log, before, count, error));
        }
        let written = log.written(&files.directory.syncs);
        Ok((log.known.head(), written))
    }

    /// Replaces the log by a file, or creates it.
    ///
    /// The rename replaces the whole log in one step ([C2](session_store_core::contract#c2)).
    pub(crate) fn replace(
        &mut self,
        file: NamedTempFile,
        replacements: &LockFile<()>,
    ) -> Result<(), StoreError> {
        let Self { files, guard } = self;
        // The file was written before the lock was taken. Its time must not be before that of an
        // append that came first.
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
            file.persist(&path).map_err(|error| error.error).context("write", &path)?;
            drop(replacing);
            files.directory.renamed(&path)
        });
        epoch.map(drop)
    }

    /// Moves the bad lines of a file out of it, and gives each of several entries on one line a
    /// line of its own. Returns the repair that was made.
    ///
    /// The bad lines are copied to the quarantine and synced before the repaired file replaces the
    /// other one. A crash in between leaves the file as it was, and the next repair writes the same
    /// copies again.
    pub(crate) fn repair_lines(
        &mut self,
        kind: Kind,
        replacements: &LockFile<()>,
    ) -> Result<Plan, StoreError> {
        let Self { files, guard } = self;
        let Files { directory, key } = *files;
        let Some(log) = files.open(kind, guard.lock.generation, &mut guard.cached)? else {
            return Ok(Plan::default());
        };
        let plan = Plan::of(log)?;
        if plan.is_empty() {
            return Ok(plan);
        }
        files.make_ready(&mut guard.lock, log)?;
        for range in &plan.bad {
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
        let Self { files, guard } = self;
        let log = files.open(Kind::Log, guard.lock.generation, &mut guard.cached)?;
        expected.check(log.as_deref())?;
        let log = log.ok_or(StoreError::NotFound(files.key.segment_id))?;
        let entries = log.known.index.entries();
        if entries_len > entries {
            return Err(StoreError::past_the_end(files.key.segment_id, entries_len, entries));
        }
        if entries_len < entries {
            files.make_ready(&mut guard.lock, log)?;
            let mark = log.find(entries_len)?;
            let cut = files.begin_cut(log, mark.offset)?;
            let epoch = files.under_new_epoch(&mut guard.lock, Some(cut), || {
                log.set_len(mark.offset)?;
                log.known.index.cut(mark);
                log.sync(&files.directory.syncs)
            })?;
            log.known.generation = guard.lock.generation;
            log.known.epoch = Some(epoch);
            log.known.is_cut_durable = true;
        }
        Ok(log.known.head())
    }

    /// Returns the torn bytes of a file, and whether they are the rest of a cut that a power cut
    /// interrupted. Returns `None` if there are none.
    pub(crate) fn torn(&mut self, kind: Kind) -> Result<Option<(Range<u64>, bool)>, StoreError> {
        let Some(log) = self.open(kind)? else { return Ok(None) };
        let torn = log.known.index.torn();
        let is_cut = log.known.epoch.is_some_and(|epoch| epoch.cut == torn.start);
        Ok((!torn.is_empty()).then_some((torn, is_cut)))
    }

    /// Deletes log and trace, and returns whether either existed.
    pub(crate) fn delete(
        &mut self,
        deletions: &LockFile<ListedSessions>,
    ) -> Result<bool, StoreError> {
        let Self { files, guard } = self;
        let Files { directory, key } = *files;
        guard.lock.advance_generation()?;
        for kind in [Kind::Log, Kind::Trace] {
            guard.cached.forget((key, kind));
        }
        let existed = files.delete_both(deletions)?;
        // Sidecar files are only hints. A stale one is ignored, so failing to delete it is
        // harmless.
        let _ = directory.delete_epoch(key);
        let _ = directory.delete_quarantined(key);
        let _ = directory.remove_hint(key);
        // Fails if the folder is not empty, or gone. Then it stays as it is.
        let _ = fs::remove_dir(directory.layout.session(key.session_id));
        if existed {
            files.sync_folders()?;
        }
        Ok(existed)
    }
}

/// The files of a segment, and the steps that changes have in common.
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
        cache.open((self.key, kind), generation, |now| self.open_new(kind, generation, now))
    }

    /// Opens the file, and reads nothing of it.
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

    /// Does what must be done before a file is changed. Nothing here changes the head, so a caller
    /// can repeat a change that fails afterwards with the same head.
    fn make_ready(self, lock: &mut HeldLock<'_>, log: &mut Log) -> Result<(), StoreError> {
        let directory = self.directory;
        log.check_writable()?;
        if directory.syncs.is_power() && !log.known.is_name_durable {
            // Syncing the file saves its content only. A handle without this durability may have
            // created the file, and then a power cut could still take its name.
            self.sync_folders()?;
            log.known.is_name_durable = true;
        }
        if let Some(epoch) = log.known.epoch.filter(|epoch| !epoch.is_stored) {
            // The token was derived from the file's time, which this change will change. Storing
            // the same token keeps the heads valid that callers have read.
            log.known.epoch = Some(directory.store_epoch(self.key, epoch.token, NO_CUT)?);
        }
        self.repair_tail(lock, log)
    }

    /// Moves torn bytes out of the log, and finishes a cut that a power cut interrupted.
    ///
    /// An entry appended to a torn tail would become part of an invalid line
    /// ([A5](session_store_core::contract#a5)). Nothing is deleted
    /// ([R5](session_store_core::contract#r5)).
    fn repair_tail(self, lock: &mut HeldLock<'_>, log: &mut Log) -> Result<(), StoreError> {
        let torn = log.known.index.torn();
        if torn.is_empty() {
            return Ok(());
        }
        self.directory.quarantine(self.key, &log.file, torn.clone())?;
        // The next entry may be as long as the tail. Without a new generation another handle, which
        // compares lengths, would still take the entry for a torn tail.
        lock.advance_generation()?;
        log.known.generation = lock.generation;
        log.set_len(torn.start)?;
        log.known.index.drop_torn();
        let syncs = &self.directory.syncs;
        if log.known.epoch.is_some_and(|epoch| epoch.cut == torn.start) {
            // Until the new length is on the device, the mark is needed as it is: an entry in the
            // place of the NULs would hide that the lines after it were cut.
            return log.sync(syncs);
        }
        syncs.sync_file(&log.path, &log.file)
    }

    /// Sets the file back to its length before an append that failed.
    ///
    /// A part of one entry needs no mark. If a power cut interrupts the cut, the part is a torn
    /// tail, with or without NULs. The lines of a batch would be entries.
    fn undo_append(
        self,
        lock: &mut HeldLock<'_>,
        log: &mut Log,
        before: u64,
        entries: usize,
        error: io::Error,
    ) -> StoreError {
        // An earlier write of the same append may be in the index. The length alone would not show
        // that it is gone, once another handle has appended as much. So the file is read again.
        log.known.index = LineIndex::empty();
        let undone = match log.known.epoch {
            Some(epoch) if entries > 1 => self.take_back(lock, log, epoch.token, before),
            _ => log.set_len(before),
        };
        let operation = format!("append to {}", log.path.display());
        match undone {
            Ok(()) => StoreError::io(operation, error),
            Err(_) => StoreError::Indeterminate { operation, source: error.into() },
        }
    }

    /// Cuts the part of a batch that was written.
    fn take_back(
        self,
        lock: &mut HeldLock<'_>,
        log: &mut Log,
        token: u128,
        before: u64,
    ) -> Result<(), StoreError> {
        let mark = |lock: &mut HeldLock<'_>, log: &mut Log| {
            let cut = self.begin_cut(log, before)?;
            lock.advance_generation()?;
            log.known.generation = lock.generation;
            log.known.epoch = Some(self.directory.store_mark(self.key, token, cut)?);
            Ok::<(), StoreError>(())
        };
        // Without a mark, which may fail to be written on a full disk, only a power cut at this
        // moment could do harm. The entries must be gone in any case.
        let marked = mark(lock, log);
        log.set_len(before)?;
        log.sync(&self.directory.syncs)?;
        log.known.is_cut_durable = marked.is_ok();
        Ok(())
    }

    /// Begins a cut of several lines.
    ///
    /// The next mark replaces the one of the last cut, which is not on the device yet if its
    /// process was killed. Two interrupted cuts with one mark could leave NULs that no mark
    /// explains, so the last cut is synced first.
    fn begin_cut(self, log: &mut Log, offset: u64) -> Result<Cut, StoreError> {
        let is_named = mem::take(&mut log.known.is_cut_durable);
        if !is_named && log.known.epoch.is_some_and(|epoch| epoch.cut != NO_CUT) {
            log.sync(&self.directory.syncs)?;
        }
        Ok(Cut { offset, is_named })
    }

    /// Gives the segment a new epoch and makes a change that cuts or replaces entries.
    ///
    /// The order matters. The generation advances before the epoch is written, so that no handle
    /// trusts its cached epoch from then on. The epoch is written before the change: after a crash
    /// in between, a head that a writer holds no longer matches an unchanged log, which costs it a
    /// conflict. The other order could leave a truncated log under its former epoch, and a
    /// conditional append would not notice the cut.
    ///
    /// If the change fails and is known not to have happened, the former epoch is restored.
    ///
    /// `cut` is where the change cuts the log. Another change keeps the mark of the last cut: if it
    /// is interrupted, the log may still have the NULs of that cut.
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

    /// Creates a file that does not exist yet, with its first entries. Returns the epoch of a new
    /// log.
    ///
    /// Epoch and hint are written before the log appears. If a crash leaves them without a log,
    /// they are only stale. A log that appeared first would change its head when the epoch follows,
    /// and a lookup could return another session that creates the same segment id
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
            let _ = fs::remove_dir(folder);
            return Err(error);
        }
        directory.renamed(&path)?;
        directory.syncs.sync_folder(directory.layout.root())?;
        Ok(epoch)
    }

    /// Deletes both files, and returns whether either existed.
    ///
    /// The trace is deleted first. A crash in between leaves a log without a trace, which is found
    /// and can be deleted again. A trace without a log would not be listed, and the next segment
    /// with these ids would have it.
    ///
    /// An empty session folder may remain. Advancing the generation of deletions first invalidates
    /// every cached listing that names the session.
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

/// Gives a file its name in the session's folder, and creates the folder.
///
/// Another process that deletes the last segment of the session removes the folder, at any moment.
/// The folder is then created again.
fn place(folder: &Path, path: &Path, mut file: NamedTempFile) -> Result<(), StoreError> {
    use io::ErrorKind::{AlreadyExists, NotFound};
    const ATTEMPTS: usize = 100;
    let is_race = |error: &io::Error| matches!(error.kind(), AlreadyExists | NotFound);
    let mut attempt = 0;
    loop {
        attempt += 1;
        match create_own_folder(folder) {
            Err(StoreError::Io(error)) if is_race(&error) && attempt < ATTEMPTS => continue,
            result => result?,
        }
        match file.persist_noclobber(path) {
            Ok(_) => return Ok(()),
            Err(error) if error.error.kind() == NotFound && attempt < ATTEMPTS => {
                file = error.file;
            }
            Err(error) => return Err(error.error).context("create", path),
        }
    }
}
