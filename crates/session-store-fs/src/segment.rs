//! A segment whose lock is held: the steps of every change, in the order that a crash between any two of
//! them leaves the segment as it was or as it shall be.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::mem;
use std::path::Path;
use std::time::Instant;

use session_store_core::{Head, StoreError};
use tempfile::NamedTempFile;

use crate::failure::{Attempt, if_found};
use crate::layout::{Key, Kind, Layout};
use crate::listing::Listed;
use crate::log::{Known, Log};
use crate::side::{Epoch, make_folder};
use crate::stripe::{Generation, Guard, Keep, Stripe};
use crate::sync::Written;
use crate::torn::Tail;

/// How many files a stripe keeps open. What is known about a closed one stays known.
const OPEN_FILES: usize = 2;

/// How many closed files of a stripe stay known: those that were closed last.
const KNOWN_FILES: usize = 64;

/// What a handle keeps about the segments of one stripe.
#[derive(Default)]
pub(crate) struct Kept {
    open: Vec<(Name, Log)>,
    known: VecDeque<(Name, Known)>,
}

type Name = (Key, Kind);

impl Kept {
    fn take(&mut self, name: Name) -> Option<Log> {
        let at = self.open.iter().position(|(kept, _)| *kept == name)?;
        Some(self.open.swap_remove(at).1)
    }

    fn take_known(&mut self, name: Name) -> Option<Known> {
        let at = self.known.iter().position(|(kept, _)| *kept == name)?;
        self.known.remove(at).map(|(_, known)| known)
    }

    fn put(&mut self, name: Name, log: Log) {
        self.open.push((name, log));
        if self.open.len() > OPEN_FILES {
            let oldest = self.open.iter().enumerate().min_by_key(|(_, (_, log))| log.used());
            if let Some((at, _)) = oldest {
                let (name, log) = self.open.swap_remove(at);
                self.close(name, log);
            }
        }
    }

    fn close(&mut self, name: Name, log: Log) {
        if self.known.len() == KNOWN_FILES {
            self.known.pop_front();
        }
        self.known.push_back((name, log.into_known()));
    }

    fn forget(&mut self, name: Name) {
        self.take(name);
        self.take_known(name);
    }
}

impl Keep for Kept {
    fn close_files(&mut self) {
        for (name, log) in mem::take(&mut self.open) {
            self.close(name, log);
        }
    }
}

/// A segment under its stripe's lock.
pub(crate) struct Segment<'a> {
    layout: &'a Layout,
    key: Key,
    guard: Guard<'a, Kept>,
}

impl<'a> Segment<'a> {
    pub(crate) fn new(layout: &'a Layout, key: Key, guard: Guard<'a, Kept>) -> Self {
        Self { layout, key, guard }
    }

    /// The file as it is at this moment, if it is there.
    pub(crate) fn open(&mut self, kind: Kind) -> Result<Option<Log>, StoreError> {
        let generation = self.guard.generation();
        let (name, now) = ((self.key, kind), Instant::now());
        let kept = self.guard.kept();
        let before = match kept.take(name) {
            Some(mut log) if log.is_fresh(generation, now) => {
                log.catch_up(now)?;
                return Ok(Some(log));
            }
            Some(log) => Some(log.into_known()),
            None => kept.take_known(name),
        };
        let epoch = |file: &fs::File| match kind {
            Kind::Log => self.layout.read_epoch(self.key, file).map(Some),
            Kind::Trace => Ok(None),
        };
        let path = self.layout.file(self.key, kind);
        let Some(mut log) = Log::open(&path, generation, now, epoch)? else { return Ok(None) };
        if let Some(before) = before {
            log.inherit(before);
        }
        log.catch_up(now)?;
        Ok(Some(log))
    }

    /// Keeps the file open for the next call. One that is not given back after a failure is looked at anew.
    pub(crate) fn keep(&mut self, kind: Kind, log: Log) {
        self.guard.kept().put((self.key, kind), log);
    }

    /// The generation of the lock that is held.
    pub(crate) fn generation(&self) -> Generation {
        self.guard.generation()
    }

    /// Appends the entries, at least one, and creates the file if need be.
    pub(crate) fn append<'e>(
        &mut self,
        kind: Kind,
        entries: impl Iterator<Item = &'e str> + Clone,
    ) -> Result<Option<Written>, StoreError> {
        match self.open(kind)? {
            Some(log) => Ok(self.append_to(kind, log, entries)?.1),
            None => {
                self.place_first(kind, self.layout.entries_file(entries)?)?;
                Ok(None)
            }
        }
    }

    /// Appends if the head is as expected, and returns the new one (H2).
    pub(crate) fn append_if<'e>(
        &mut self,
        expected: Option<Head>,
        entries: impl ExactSizeIterator<Item = &'e str> + Clone,
    ) -> Result<(Head, Option<Written>), StoreError> {
        match self.open_expected(expected)? {
            Some(log) if entries.len() == 0 => {
                let head = log.head();
                self.keep(Kind::Log, log);
                Ok((head, None))
            }
            Some(log) => self.append_to(Kind::Log, log, entries),
            None => {
                let count = entries.len();
                let epoch = self.place_first(Kind::Log, self.layout.entries_file(entries)?)?;
                Ok((Head::new(count, epoch.map_or(0, |epoch| epoch.token)), None))
            }
        }
    }

    fn append_to<'e>(
        &mut self,
        kind: Kind,
        mut log: Log,
        entries: impl Iterator<Item = &'e str> + Clone,
    ) -> Result<(Head, Option<Written>), StoreError> {
        self.make_ready(&mut log)?;
        log.append(entries)?;
        let written = log.written(&self.layout.syncs);
        let head = log.head();
        self.keep(kind, log);
        Ok((head, written))
    }

    /// What must be so before anything in the file is changed. None of it changes the head, so a change that
    /// fails afterwards can be repeated.
    fn make_ready(&mut self, log: &mut Log) -> Result<(), StoreError> {
        log.check_writable()?;
        if self.layout.syncs.is_power() && !log.is_settled() {
            // What is to survive a power cut must be in a file whose name does. A handle that promises less
            // may have made it.
            self.folders_changed()?;
            log.set_settled();
        }
        if let Some(epoch) = log.epoch().filter(|epoch| !epoch.written) {
            // Another program made the log. It keeps the token that was seen.
            log.set_epoch(self.layout.write_epoch(self.key, epoch.token)?);
        }
        self.heal(log)
    }

    /// Makes the log exactly what is in `file`, whatever it was (C2).
    pub(crate) fn replace(
        &mut self,
        file: NamedTempFile,
        replacements: &Stripe<()>,
    ) -> Result<(), StoreError> {
        let path = self.layout.file(self.key, Kind::Log);
        if !path.try_exists().trying("look for", &path)? {
            return self.place_first(Kind::Log, file).map(drop);
        }
        self.guard.kept().forget((self.key, Kind::Log));
        let epoch = self.under_new_epoch(|segment| {
            let mut replacing = replacements.exclusive()?;
            replacing.bump()?;
            file.persist(&path).map_err(|error| error.error).trying("write", &path)?;
            drop(replacing);
            segment.layout.named(&path)
        });
        epoch.map(drop)
    }

    /// Keeps the first `entries_len` entries, if the head is as expected, and returns the new one.
    pub(crate) fn truncate(
        &mut self,
        expected: Option<Head>,
        entries_len: usize,
    ) -> Result<Head, StoreError> {
        let found = match expected {
            Some(_) => self.open_expected(expected)?,
            None => self.open(Kind::Log)?,
        };
        let mut log = found.ok_or(StoreError::NotFound(self.key.1))?;
        let entries = log.index().entries();
        if entries_len > entries {
            self.keep(Kind::Log, log);
            return Err(StoreError::past_the_end(self.key.1, entries_len, entries));
        }
        if entries_len < entries {
            self.make_ready(&mut log)?;
            let mark = log.find(entries_len)?;
            let epoch = self.under_new_epoch(|segment| {
                log.cut(mark)?;
                segment.layout.syncs.file(log.path(), log.file())
            })?;
            log.set_generation(self.guard.generation());
            log.set_epoch(epoch);
        }
        let head = log.head();
        self.keep(Kind::Log, log);
        Ok(head)
    }

    /// Deletes log and trace, and says whether there was either (D1).
    pub(crate) fn delete(&mut self, deletions: &Stripe<Listed>) -> Result<bool, StoreError> {
        self.guard.bump()?;
        let (logged, traced) = self.unlink_both(deletions)?;
        // What lies beside a segment can be lost, and it may stay too: nothing believes it.
        let _ = self.layout.forget(self.key);
        let _ = self.layout.drop_hint(self.key);
        remove_if_empty(&self.layout.session(self.key.0));
        if logged || traced {
            self.folders_changed()?;
        }
        Ok(logged || traced)
    }

    /// The session may be left with a folder and no log: the generation of deletions keeps everybody from
    /// listing it by what was known of it.
    fn unlink_both(&mut self, deletions: &Stripe<Listed>) -> Result<(bool, bool), StoreError> {
        let mut deleting = deletions.exclusive()?;
        deleting.bump()?;
        let logged = self.unlink(Kind::Log)?;
        match self.unlink(Kind::Trace) {
            Err(error) if logged => {
                let operation = format!("delete the trace of segment {}", self.key.1);
                Err(StoreError::Indeterminate { operation, source: error.into() })
            }
            result => result.map(|traced| (logged, traced)),
        }
    }

    fn unlink(&mut self, kind: Kind) -> Result<bool, StoreError> {
        self.guard.kept().forget((self.key, kind));
        let path = self.layout.file(self.key, kind);
        Ok(if_found(fs::remove_file(&path)).trying("delete", &path)?.is_some())
    }

    /// Opens the log if its head is as expected; `None` expects none.
    fn open_expected(&mut self, expected: Option<Head>) -> Result<Option<Log>, StoreError> {
        let log = self.open(Kind::Log)?;
        let actual = log.as_ref().map(Log::head);
        if actual == expected {
            return Ok(log);
        }
        if let Some(log) = log {
            self.keep(Kind::Log, log);
        }
        Err(StoreError::Conflict { expected, actual })
    }

    /// Moves a torn tail out of the way of the next entry (R5).
    fn heal(&mut self, log: &mut Log) -> Result<(), StoreError> {
        if log.index().tail() != Tail::Torn {
            return Ok(());
        }
        self.layout.set_aside(self.key, &log.tail()?)?;
        self.guard.bump()?;
        log.set_generation(self.guard.generation());
        log.cut(log.index().tail_start())?;
        self.layout.syncs.file(log.path(), log.file())
    }

    /// Does what cuts or replaces entries under an epoch that the segment never had, which tells every handle
    /// that the log is not merely longer. If it fails, the former epoch holds on.
    fn under_new_epoch(
        &mut self,
        change: impl FnOnce(&mut Self) -> Result<(), StoreError>,
    ) -> Result<Epoch, StoreError> {
        // Before the epoch: whoever keeps the old one must not trust it from here on.
        self.guard.bump()?;
        let former = self.layout.stored_epoch(self.key)?;
        let epoch = self.layout.new_epoch(self.key)?;
        match change(self) {
            Err(error) if !error.is_indeterminate() => {
                let _ = match former {
                    Some(token) => self.layout.write_epoch(self.key, token).map(drop),
                    None => self.layout.forget_epoch(self.key),
                };
                Err(error)
            }
            result => result.map(|()| epoch),
        }
    }

    /// Gives a file that is not there yet its name, whole, and a log its first epoch.
    fn place_first(
        &mut self,
        kind: Kind,
        file: NamedTempFile,
    ) -> Result<Option<Epoch>, StoreError> {
        let epoch = match kind {
            Kind::Trace => None,
            Kind::Log => {
                let epoch = self.layout.new_epoch(self.key)?;
                self.layout.leave_hint(self.key)?;
                Some(epoch)
            }
        };
        let folder = self.layout.session(self.key.0);
        let path = self.layout.file(self.key, kind);
        if let Err(error) = place(&folder, &path, file) {
            remove_if_empty(&folder);
            return Err(error);
        }
        self.layout.named(&path)?;
        self.layout.syncs.folder(self.layout.root())?;
        Ok(epoch)
    }

    /// The session's folder names another set of files, or is another or gone.
    fn folders_changed(&self) -> Result<(), StoreError> {
        self.layout.syncs.folder(&self.layout.session(self.key.0))?;
        self.layout.syncs.folder(self.layout.root())
    }
}

/// Somebody who deletes the session's last segment removes the folder, even while it is being made; then it
/// is made again.
fn place(folder: &Path, path: &Path, mut file: NamedTempFile) -> Result<(), StoreError> {
    const TRIES: usize = 100;
    let mut tries = 0;
    loop {
        tries += 1;
        if let Err(error) = make_folder(folder)
            && (error.kind() != io::ErrorKind::AlreadyExists || tries == TRIES)
        {
            return Err(error).trying("create the folder", folder);
        }
        match file.persist_noclobber(path) {
            Ok(_) => return Ok(()),
            Err(error) if error.error.kind() == io::ErrorKind::NotFound && tries < TRIES => {
                file = error.file;
            }
            Err(error) => return Err(error.error).trying("create", path),
        }
    }
}

/// A folder that is not empty, or gone, stays as it is.
fn remove_if_empty(folder: &Path) {
    let _ = fs::remove_dir(folder);
}

impl Layout {
    /// A temporary file that holds the entries, a line each.
    pub(crate) fn entries_file<'e>(
        &self,
        entries: impl Iterator<Item = &'e str>,
    ) -> Result<NamedTempFile, StoreError> {
        self.temporary_file(|file| {
            let mut file = BufWriter::new(file);
            for entry in entries {
                file.write_all(entry.as_bytes())?;
                file.write_all(b"\n")?;
            }
            file.flush()
        })
    }
}
