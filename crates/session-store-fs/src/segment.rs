//! A segment whose lock is held: the steps of every change, in the order that a crash between any two of
//! them leaves the segment as it was or as it shall be.

use std::collections::HashMap;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use session_store_core::{Head, StoreError};
use tempfile::NamedTempFile;

use crate::failure::{Attempt, if_found};
use crate::index::Range;
use crate::layout::{Key, Kind, Layout};
use crate::log::{Known, Log};
use crate::side::create_folder;
use crate::stripe::{Generation, Guard};
use crate::sync::Written;
use crate::torn::Tail;

/// How many files a stripe keeps open. What is known about a closed one stays known.
const OPEN_FILES: usize = 2;

/// What a handle keeps about the segments of one stripe.
#[derive(Default)]
pub(crate) struct Kept {
    open: Vec<(Name, Log)>,
    known: HashMap<Name, Known>,
}

type Name = (Key, Kind);

impl Kept {
    fn take(&mut self, name: Name) -> Option<Log> {
        let at = self.open.iter().position(|(kept, _)| *kept == name)?;
        Some(self.open.swap_remove(at).1)
    }

    fn put(&mut self, name: Name, log: Log) {
        self.open.push((name, log));
        if self.open.len() > OPEN_FILES {
            let oldest = self.open.iter().enumerate().min_by_key(|(_, (_, log))| log.used());
            if let Some((at, _)) = oldest {
                let (name, log) = self.open.swap_remove(at);
                self.known.insert(name, log.into_known());
            }
        }
    }

    fn forget(&mut self, name: Name) {
        self.take(name);
        self.known.remove(&name);
    }
}

/// A segment under its stripe's lock, shared or exclusive.
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
        let name = (self.key, kind);
        let kept = self.guard.kept();
        let before = match kept.take(name) {
            Some(mut log) if log.is_fresh(generation) => {
                log.catch_up()?;
                return Ok(Some(log));
            }
            Some(log) => Some(log.into_known()),
            None => kept.known.remove(&name),
        };
        let epoch = |file: &fs::File| match kind {
            Kind::Log => self.layout.read_epoch(self.key, file).map(Some),
            Kind::Trace => Ok(None),
        };
        let path = self.layout.file(self.key, kind);
        let Some(mut log) = Log::open(&path, generation, epoch)? else { return Ok(None) };
        if let Some(before) = before {
            log.inherit(before);
        }
        log.catch_up()?;
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
        entries: impl Iterator<Item = &'e str>,
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
        mut entries: impl ExactSizeIterator<Item = &'e str>,
    ) -> Result<(Head, Option<Written>), StoreError> {
        match self.open_expected(expected)? {
            Some(log) if entries.len() == 0 => {
                let head = log.head();
                self.keep(Kind::Log, log);
                Ok((head, None))
            }
            Some(log) => self.append_to(Kind::Log, log, &mut entries),
            None => {
                self.place_first(Kind::Log, self.layout.entries_file(entries)?)?;
                let log = self.open(Kind::Log)?.ok_or(StoreError::NotFound(self.key.1))?;
                Ok((log.head(), None))
            }
        }
    }

    fn append_to<'e>(
        &mut self,
        kind: Kind,
        mut log: Log,
        entries: impl Iterator<Item = &'e str>,
    ) -> Result<(Head, Option<Written>), StoreError> {
        self.settle(&mut log)?;
        self.heal(kind, &mut log)?;
        if log.epoch().is_some_and(|epoch| !epoch.written) {
            self.move_on(kind, &mut log)?;
        }
        log.append(entries)?;
        let written = log.written(&self.layout.syncs);
        let head = log.head();
        self.keep(kind, log);
        Ok((head, written))
    }

    /// What is to survive a power cut must be in a file whose name does. A handle that promises less may have
    /// made it.
    fn settle(&self, log: &mut Log) -> Result<(), StoreError> {
        if self.layout.syncs.is_power() && !log.is_settled() {
            self.folders_changed()?;
            log.set_settled();
        }
        Ok(())
    }

    /// Makes the log exactly what is in `file`, whatever it was (C2).
    pub(crate) fn replace(&mut self, file: NamedTempFile) -> Result<(), StoreError> {
        let path = self.layout.file(self.key, Kind::Log);
        if !path.try_exists().trying("look for", &path)? {
            return self.place_first(Kind::Log, file);
        }
        self.guard.kept().forget((self.key, Kind::Log));
        self.layout.new_epoch(self.key)?;
        self.guard.bump()?;
        self.layout.name_file(file, &path)
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
            self.settle(&mut log)?;
            self.heal(Kind::Log, &mut log)?;
            let mark = log.find(entries_len)?;
            self.move_on(Kind::Log, &mut log)?;
            log.cut(mark)?;
            self.layout.syncs.file(log.path(), log.file())?;
        }
        let head = log.head();
        self.keep(Kind::Log, log);
        Ok(head)
    }

    /// Deletes log and trace, and says whether there was either (D1).
    pub(crate) fn delete(&mut self) -> Result<bool, StoreError> {
        self.guard.bump()?;
        let mut found = false;
        for kind in [Kind::Trace, Kind::Log] {
            self.guard.kept().forget((self.key, kind));
            let path = self.layout.file(self.key, kind);
            found |= if_found(fs::remove_file(&path)).trying("delete", &path)?.is_some();
        }
        self.layout.forget(self.key)?;
        self.layout.drop_hint(self.key)?;
        remove_if_empty(&self.layout.session(self.key.0));
        if found {
            self.folders_changed()?;
        }
        Ok(found)
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
    fn heal(&mut self, kind: Kind, log: &mut Log) -> Result<(), StoreError> {
        let index = log.index();
        if index.tail() != Tail::Torn {
            return Ok(());
        }
        let start = index.tail_start();
        let torn = Range { file: log.file(), at: start.offset, end: index.len() };
        self.layout.set_aside(self.key, torn)?;
        self.move_on(kind, log)?;
        log.cut(start)?;
        self.layout.syncs.file(log.path(), log.file())
    }

    /// Tells every handle that the file is not merely longer: before anything is cut from it, and when a
    /// log that another program made gets its first epoch.
    fn move_on(&mut self, kind: Kind, log: &mut Log) -> Result<(), StoreError> {
        let epoch = match kind {
            Kind::Log => Some(self.layout.new_epoch(self.key)?),
            Kind::Trace => None,
        };
        self.guard.bump()?;
        log.moved_on(self.guard.generation(), epoch);
        Ok(())
    }

    /// Gives a file that is not there yet its name, whole.
    fn place_first(&mut self, kind: Kind, file: NamedTempFile) -> Result<(), StoreError> {
        if kind == Kind::Log {
            self.layout.new_epoch(self.key)?;
            self.layout.leave_hint(self.key)?;
        }
        let folder = self.layout.session(self.key.0);
        let path = self.layout.file(self.key, kind);
        if let Err(error) = place(&folder, &path, file) {
            remove_if_empty(&folder);
            return Err(error);
        }
        self.layout.named(&path)?;
        self.layout.syncs.folder(self.layout.root())
    }

    /// The session's folder names another set of files, or is another or gone.
    fn folders_changed(&self) -> Result<(), StoreError> {
        self.layout.syncs.folder(&self.layout.session(self.key.0))?;
        self.layout.syncs.folder(self.layout.root())
    }
}

/// Somebody who deletes the session's last segment removes the folder; then it is made again.
fn place(folder: &Path, path: &Path, mut file: NamedTempFile) -> Result<(), StoreError> {
    const TRIES: usize = 100;
    for _ in 1..TRIES {
        create_folder(folder)?;
        match file.persist_noclobber(path) {
            Ok(_) => return Ok(()),
            Err(error) if error.error.kind() == io::ErrorKind::NotFound => file = error.file,
            Err(error) => return Err(error.error).trying("create", path),
        }
    }
    file.persist_noclobber(path).map(drop).map_err(|error| error.error).trying("create", path)
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
