//! What is there, by the names of folders and files. Anything that is not ours is passed over (L4).

use std::cmp::Reverse;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{Dir, DirEntry, FileType, Mode, OFlags};
use session_store_core::{SegmentId, SessionId, StoreError};
use uuid::Uuid;

use crate::failure::{Attempt, if_found};
use crate::layout::{Key, Kind, Layout, segment_of, session_of};
use crate::stripe::{Generation, Keep, Stripe};

/// The sessions that were last listed, and the generation of deletions in which their folders were seen to
/// hold a log. Until something is deleted they still do, so that listing them again opens none of them.
#[derive(Default)]
pub(crate) struct Listed(Option<(Generation, Arc<Vec<SessionId>>)>);

impl Keep for Listed {}

impl Listed {
    fn in_generation(&self, generation: Generation) -> Arc<Vec<SessionId>> {
        match &self.0 {
            Some((listed, sessions)) if *listed == generation => Arc::clone(sessions),
            _ => Arc::default(),
        }
    }
}

/// How often a listing is tried without a lock before it keeps the lock.
const TRIES_WITHOUT_LOCK: usize = 2;

/// What `list` finds while no log is replaced: some file systems, btrfs and tmpfs among them, list a file that
/// is renamed meanwhile neither in its old place nor in its new one. Whoever replaces a log holds the lock of
/// `replacements` and has moved on its generation.
pub(crate) fn while_none_is_replaced<T>(
    replacements: &Stripe<()>,
    list: impl Fn() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    for _ in 0..TRIES_WITHOUT_LOCK {
        let generation = replacements.existing()?.generation();
        let listed = list()?;
        if replacements.still(generation)? {
            return Ok(listed);
        }
    }
    let _none_at_work = replacements.existing()?;
    list()
}

impl Layout {
    /// The sessions with at least one log, newest first (L1). Whoever deletes a log holds the lock of
    /// `deletions` and has moved on its generation.
    pub(crate) fn sessions(
        &self,
        deletions: &Stripe<Listed>,
    ) -> Result<Vec<SessionId>, StoreError> {
        let (generation, known) = {
            let mut none_at_work = deletions.existing()?;
            let generation = none_at_work.generation();
            (generation, none_at_work.kept().in_generation(generation))
        };
        let sessions = self.holding_logs(self.session_folders()?, &known)?;
        if sessions != *known && deletions.still(generation)? {
            let listed = Listed(Some((generation, Arc::new(sessions.clone()))));
            *deletions.existing()?.kept() = listed;
        }
        Ok(sessions)
    }

    /// Those of the folders that hold a log, newest first. Of the `known` ones, which are in the same order,
    /// that needs no look.
    fn holding_logs(
        &self,
        mut folders: Vec<SessionId>,
        known: &[SessionId],
    ) -> Result<Vec<SessionId>, StoreError> {
        newest_first(&mut folders);
        let mut known = known.iter().peekable();
        let mut sessions = Vec::with_capacity(folders.len());
        for session_id in folders {
            while known.next_if(|&known| *known > session_id).is_some() {}
            if known.next_if_eq(&&session_id).is_some() || self.holds_a_log(session_id)? {
                sessions.push(session_id);
            }
        }
        Ok(sessions)
    }

    fn holds_a_log(&self, session_id: SessionId) -> Result<bool, StoreError> {
        Ok(self.files(session_id)?.iter().any(|&(_, kind)| kind == Kind::Log))
    }

    /// The session's logs, newest first (L2).
    pub(crate) fn segments(&self, session_id: SessionId) -> Result<Vec<SegmentId>, StoreError> {
        let logs = self.files(session_id)?.into_iter().filter(|&(_, kind)| kind == Kind::Log);
        let mut ids: Vec<_> = logs.map(|(segment_id, _)| segment_id).collect();
        newest_first(&mut ids);
        Ok(ids)
    }

    /// Whether the segment has a log.
    pub(crate) fn has_log(&self, key: Key) -> Result<bool, StoreError> {
        is_there(&self.file(key, Kind::Log))
    }

    /// The folders named as sessions, whatever they hold.
    pub(crate) fn session_folders(&self) -> Result<Vec<SessionId>, StoreError> {
        let mut ids = Vec::new();
        for_each(self.root(), |entry| ids.extend(session_of(name(entry))))?;
        Ok(ids)
    }

    /// The logs and traces in a session's folder.
    pub(crate) fn files(
        &self,
        session_id: SessionId,
    ) -> Result<Vec<(SegmentId, Kind)>, StoreError> {
        let folder = self.session(session_id);
        let mut files = Vec::new();
        for_each(&folder, |entry| {
            let named = segment_of(name(entry));
            files.extend(named.filter(|_| is_file(&folder, entry)));
        })?;
        Ok(files)
    }
}

/// By descending bytes of their ids, which are compared as numbers. What goes and comes again while it is
/// listed may be met twice.
fn newest_first<I: Copy + PartialEq + Into<Uuid>>(ids: &mut Vec<I>) {
    ids.sort_unstable_by_key(|&id| Reverse(id.into().as_u128()));
    ids.dedup();
}

/// Whether there is a file at the path. Where nobody can tell, that is an error.
pub(crate) fn is_there(path: &Path) -> Result<bool, StoreError> {
    use std::io::ErrorKind::{InvalidFilename, NotADirectory};
    match fs::metadata(path) {
        // A stranger's file where the folder would be, or a name that the file system cannot hold.
        Err(error) if matches!(error.kind(), NotADirectory | InvalidFilename) => Ok(false),
        result => Ok(if_found(result).trying("look for", path)?.is_some_and(|it| it.is_file())),
    }
}

/// Calls back for everything in a folder; for nothing if it is not there, or no folder.
fn for_each(folder: &Path, found: impl FnMut(&DirEntry)) -> Result<(), StoreError> {
    use std::io::ErrorKind::NotADirectory;
    match read(folder, found) {
        Err(error) if error.kind() == NotADirectory => Ok(()),
        result => if_found(result).trying("list", folder).map(drop),
    }
}

/// The standard library allocates each name twice, which takes longer than reading it.
fn read(folder: &Path, mut found: impl FnMut(&DirEntry)) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    for entry in Dir::new(rustix::fs::open(folder, flags, Mode::empty())?)? {
        found(&entry?);
    }
    Ok(())
}

fn name(entry: &DirEntry) -> &OsStr {
    OsStr::from_bytes(entry.file_name().to_bytes())
}

fn is_file(folder: &Path, entry: &DirEntry) -> bool {
    match entry.file_type() {
        FileType::RegularFile => true,
        // A link, or a file system that does not tell.
        FileType::Symlink | FileType::Unknown => folder.join(name(entry)).is_file(),
        _ => false,
    }
}
