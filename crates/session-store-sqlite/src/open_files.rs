//! Finds out whether a file of an open database was removed, moved or replaced by another program.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::change_time::ChangeTime;
use crate::error::gone;
use crate::file::{self, FileId};
use crate::wal_check::sidecar;

/// The endings of the write-ahead log and of its shared memory.
const SIDECARS: [&str; 2] = ["-wal", "-shm"];

/// The ending of the only sidecar file of an exclusive handle, which has no shared memory.
const EXCLUSIVE_SIDECARS: [&str; 1] = ["-wal"];

/// The files of all handles of this process.
static HANDLES: Mutex<Vec<Weak<OpenFiles>>> = Mutex::new(Vec::new());

/// The database and its two sidecar files, as they were when a connection opened them.
///
/// SQLite continues to use the files that it has opened, even if they were moved or removed. If the
/// write-ahead log (WAL) is removed, the handle appends to a file without a name. Another process
/// then creates a new WAL and does not see these changes. A later checkpoint of one process
/// overwrites the changes of the other process. So a handle compares the files before it begins a
/// change or a read, and again before it acknowledges a change.
///
/// The files are compared by device and inode. The comparison is exact, because SQLite keeps its
/// files open as long as a connection is open. The inode number of an open file is not reused.
pub(crate) struct OpenFiles {
    /// The path of the database, which can be a symbolic link.
    path: PathBuf,
    database: FileId,
    /// Whether the database had several names when it was opened.
    had_other_names: bool,
    /// The WAL, and the shared memory if the handle is not exclusive.
    sidecars: Vec<PathBuf>,
    /// The folder of all three files, or `None` if the path of the database is a symbolic link.
    folder: Option<PathBuf>,
    opened: Mutex<Opened>,
}

#[derive(Clone, Copy, Default)]
struct Opened {
    /// The WAL and the shared memory. `None` while the handle has no connection, because another
    /// process that closes the database then removes these files.
    sidecars: Option<[Option<FileId>; 2]>,
    /// The last change of the folder at the last comparison, if a later change of the folder cannot
    /// have the same time.
    compared: Option<ChangeTime>,
}

impl OpenFiles {
    /// Records the database file. [`connected`](Self::connected) records the sidecar files.
    ///
    /// Fails if the files of another handle of this process were removed or replaced. All
    /// connections of a process use one `-shm` file, so a new connection would use the removed
    /// `-shm` file together with a new WAL.
    pub(crate) fn new(path: &Path, is_exclusive: bool) -> io::Result<Arc<Self>> {
        let files = Arc::new(Self::unshared(path, is_exclusive)?);
        let mut handles = HANDLES.lock().unwrap_or_else(PoisonError::into_inner);
        handles.retain(|handle| handle.strong_count() > 0);
        for other in handles.iter().filter_map(Weak::upgrade) {
            if other.database == files.database {
                other.check()?;
            }
        }
        handles.push(Arc::downgrade(&files));
        Ok(files)
    }

    /// Records the database file as [`new`](Self::new) does, without regard to other handles.
    pub(crate) fn unshared(path: &Path, is_exclusive: bool) -> io::Result<Self> {
        let endings = if is_exclusive { &EXCLUSIVE_SIDECARS[..] } else { &SIDECARS };
        let sidecars = endings.iter().map(|ending| sidecar(path, ending));
        let sidecars = sidecars.collect::<io::Result<_>>()?;
        let is_link = fs::symlink_metadata(path)?.is_symlink();
        let folder = path.parent().filter(|_| !is_link).map(Path::to_owned);
        let (path, database) = (path.to_owned(), FileId::at(path)?);
        let had_other_names = file::has_other_names(&path)?;
        Ok(Self { path, database, had_other_names, sidecars, folder, opened: Mutex::default() })
    }

    /// Fails if the database or one of its sidecar files is not at its path.
    ///
    /// Removing, replacing or moving a file changes its folder. So the files are compared only if
    /// the folder has changed since the last comparison.
    pub(crate) fn check(&self) -> io::Result<()> {
        let folder = self.folder.as_deref().map(ChangeTime::of).transpose()?;
        let opened = self.opened();
        if folder.is_some() && folder == opened.compared {
            return Ok(());
        }
        self.database.check(&self.path)?;
        if let Some(sidecars) = opened.sidecars {
            self.check_sidecars(sidecars)?;
        }
        self.update(|opened| opened.compared = folder.filter(|time| time.is_settled()));
        Ok(())
    }

    /// Fails if the database has several names. Must be called before each change.
    ///
    /// SQLite finds the WAL by the name of the database. So handles that use different names have
    /// different WALs, and the checkpoint of one WAL overwrites the changes of the other. A name
    /// that is created after the handle was opened is not noticed here. The handle that opens the
    /// database by the new name notices it.
    pub(crate) fn check_names(&self) -> io::Result<()> {
        if self.had_other_names && file::has_other_names(&self.path)? {
            return Err(io::Error::other(
                "the database has several names (hard links), and SQLite would write a -wal file \
                 for each name; delete the other names, or change a copy of the database",
            ));
        }
        Ok(())
    }

    /// Records the sidecar files that a new connection has opened. Fails if another connection of
    /// the handle has opened different files.
    pub(crate) fn connected(&self) -> io::Result<()> {
        match self.opened().sidecars {
            Some(sidecars) => self.check_sidecars(sidecars),
            None => {
                let mut ids = [None; 2];
                for (id, path) in ids.iter_mut().zip(&self.sidecars) {
                    *id = Some(self.find(path)?);
                }
                self.update(|opened| *opened = Opened { sidecars: Some(ids), compared: None });
                Ok(())
            }
        }
    }

    /// Forgets the sidecar files, because the handle has closed all its connections.
    pub(crate) fn disconnected(&self) {
        self.update(|opened| *opened = Opened::default());
    }

    /// Returns the length of the WAL file, or 0 if it is not at its path.
    pub(crate) fn wal_bytes(&self) -> u64 {
        fs::metadata(&self.sidecars[0]).map_or(0, |wal| wal.len())
    }

    /// Returns whether SQLite can checkpoint and remove the WAL when the last connection closes.
    ///
    /// A checkpoint is not safe if another file is at one of the three paths. SQLite removes the
    /// sidecar files by their paths, so it would remove the files of another process with
    /// acknowledged changes. The changes that are only in the removed WAL are then lost.
    ///
    /// A checkpoint is safe if files are missing and no other files are at their paths. No other
    /// process has then changed the database. Such a process would have created a WAL, and could
    /// not have removed the WAL while this handle is open. So the checkpoint saves all acknowledged
    /// changes.
    ///
    /// A checkpoint is also safe if another WAL is at the path, but is empty, and the shared memory
    /// was not replaced. A connection with the same shared memory has created this WAL and has then
    /// failed.
    pub(crate) fn is_checkpoint_safe(&self) -> bool {
        let is_in_place = |path: &Path, expected| match FileId::at(path) {
            Ok(found) => Some(found) == expected,
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        };
        let Some(sidecars) = self.opened().sidecars else { return false };
        let (wal, shm) = (&self.sidecars[0], self.sidecars.get(1));
        let is_empty = |path: &Path| path.metadata().is_ok_and(|file| file.len() == 0);
        is_in_place(&self.path, Some(self.database))
            && shm.is_none_or(|shm| is_in_place(shm, sidecars[1]))
            && (is_in_place(wal, sidecars[0]) || is_empty(wal))
    }

    fn check_sidecars(&self, expected: [Option<FileId>; 2]) -> io::Result<()> {
        for (path, expected) in self.sidecars.iter().zip(expected) {
            if Some(self.find(path)?) != expected {
                return Err(gone(path));
            }
        }
        Ok(())
    }

    fn find(&self, path: &Path) -> io::Result<FileId> {
        FileId::at(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => gone(path),
            _ => error,
        })
    }

    fn opened(&self) -> Opened {
        *self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, change: impl FnOnce(&mut Opened)) {
        change(&mut self.opened.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
