//! The folder `.session-store`: format version, epochs, torn tails set aside (and lookup hints, which have a file
//! of their own). All of it can be lost without losing an entry; what is missing is made anew by the next
//! change, never by a read.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use session_store_core::StoreError;
use tempfile::NamedTempFile;
use uuid::Uuid;

use crate::failure::{Attempt, if_found};
use crate::layout::{Key, Layout, session_of};

/// The version of the layout that this crate writes, and the newest that it reads.
const VERSION: u64 = 1;

/// How many digits a token on file has.
const TOKEN: usize = 32;

/// What the file `format` says.
#[derive(Serialize, Deserialize)]
struct Format {
    version: u64,
    /// Whether there were sessions before the side folder, which have no lookup hints.
    #[serde(default)]
    adopted: bool,
}

/// Makes the folder and those above it, for the owner only.
pub(crate) fn create_folder(path: &Path) -> Result<(), StoreError> {
    make_folder(path).trying("create the folder", path)
}

pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

impl Layout {
    /// Refuses a directory that a newer version has written (S7).
    pub(crate) fn check_format(&self) -> Result<(), StoreError> {
        self.read_format().map(drop)
    }

    /// Whether there may be logs without lookup hints, because another program made them.
    pub(crate) fn is_adopted(&self) -> Result<bool, StoreError> {
        Ok(self.read_format()?.is_some_and(|format| format.adopted))
    }

    fn read_format(&self) -> Result<Option<Format>, StoreError> {
        let path = self.format();
        let Some(bytes) = if_found(fs::read(&path)).trying("read", &path)? else { return Ok(None) };
        if bytes.iter().all(|&byte| byte == 0) {
            return Ok(None); // A power cut took it; it is made anew.
        }
        let format: Format =
            serde_json::from_slice(&bytes).map_err(|error| StoreError::NotAStore {
                place: path.display().to_string(),
                found: format!(
                    "no format description ({error}); if nothing else is wrong, delete the file"
                ),
            })?;
        if format.version > VERSION {
            return Err(StoreError::NewerFormat {
                place: self.root().display().to_string(),
                found: format.version,
                supported: VERSION,
            });
        }
        Ok(Some(format))
    }

    /// Makes what changes need. Many processes may do so at the same moment (S6).
    pub(crate) fn prepare(&self) -> Result<(), StoreError> {
        for folder in [self.locks(), self.epochs(), self.hints(), self.temporary()] {
            create_folder(&folder)?;
        }
        if self.read_format()?.is_none() {
            let format = Format { version: VERSION, adopted: self.holds_sessions()? };
            let text = serde_json::to_string(&format)? + "\n";
            let file = self.temporary_file(|file| file.write_all(text.as_bytes()))?;
            self.name_file(file, &self.format())?;
        }
        self.sweep();
        Ok(())
    }

    /// Deletes the temporary files of processes that were killed long ago.
    fn sweep(&self) {
        const LONG: Duration = Duration::from_secs(24 * 60 * 60);
        for file in fs::read_dir(self.temporary()).into_iter().flatten().flatten() {
            let age = file.metadata().and_then(|file| file.modified()).map(|time| time.elapsed());
            if age.is_ok_and(|age| age.is_ok_and(|age| age > LONG)) {
                let _ = fs::remove_file(file.path());
            }
        }
    }

    fn holds_sessions(&self) -> Result<bool, StoreError> {
        let entries = fs::read_dir(self.root()).trying("list", self.root())?;
        Ok(entries.flatten().any(|entry| session_of(&entry.file_name()).is_some()))
    }

    /// A file that is in nobody's way until it gets its name.
    pub(crate) fn temporary_file(
        &self,
        write: impl FnOnce(&mut File) -> io::Result<()>,
    ) -> Result<NamedTempFile, StoreError> {
        let folder = self.temporary();
        let filled = NamedTempFile::new_in(&folder).and_then(|mut file| {
            write(file.as_file_mut())?;
            Ok(file)
        });
        let file = filled.trying("write a temporary file in", &folder)?;
        if self.syncs.is_power() {
            self.syncs.attempt(file.path(), file.as_file().sync_all())?;
        }
        Ok(file)
    }

    /// Gives a temporary file its name, in place of whatever had it.
    pub(crate) fn name_file(&self, file: NamedTempFile, path: &Path) -> Result<(), StoreError> {
        file.persist(path).map_err(|error| error.error).trying("write", path)?;
        self.named(path)
    }

    /// A file that was synced, if need be, has got its name.
    pub(crate) fn named(&self, path: &Path) -> Result<(), StoreError> {
        if !self.syncs.is_power() {
            self.syncs.remember(path);
        }
        path.parent().map_or(Ok(()), |folder| self.syncs.folder(folder))
    }

    /// The segment's present epoch. Where it is lost, or was never written because another program made
    /// the log, the file itself tells logs apart until the next change writes one.
    pub(crate) fn read_epoch(&self, key: Key, log: &File) -> Result<Epoch, StoreError> {
        if let Some(token) = self.stored_epoch(key)? {
            return Ok(Epoch { token, written: true });
        }
        let file = log.metadata().trying("look at a log beside", &self.epoch(key))?;
        let seen = format!("{}:{}:{}.{}", file.dev(), file.ino(), file.mtime(), file.mtime_nsec());
        let token = Uuid::new_v5(&Uuid::NAMESPACE_OID, seen.as_bytes()).as_u128();
        Ok(Epoch { token, written: false })
    }

    /// The token on file, if one is there and whole.
    pub(crate) fn stored_epoch(&self, key: Key) -> Result<Option<u128>, StoreError> {
        let path = self.epoch(key);
        let bytes = if_found(fs::read(&path)).trying("read", &path)?;
        Ok(bytes.and_then(|bytes| {
            u128::from_str_radix(str::from_utf8(bytes.get(..TOKEN)?).ok()?, 16).ok()
        }))
    }

    /// Gives the segment an epoch that it never had.
    pub(crate) fn new_epoch(&self, key: Key) -> Result<Epoch, StoreError> {
        self.write_epoch(key, Uuid::new_v4().as_u128())
    }

    /// Every epoch has the same length and is written over the one before, so that a full disk can't leave a
    /// part of one.
    pub(crate) fn write_epoch(&self, key: Key, token: u128) -> Result<Epoch, StoreError> {
        let path = self.epoch(key);
        let write = || -> io::Result<_> {
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(&path)?;
            let is_new = file.metadata()?.len() == 0;
            file.write_all(format!("{token:0TOKEN$x}\n").as_bytes())?;
            Ok((file, is_new))
        };
        let (file, is_new) = write().trying("write", &path)?;
        if !is_new {
            // A power cut could bring the one before back, and with it a head from before. A new one it could
            // only take, which gives the segment another epoch.
            self.syncs.file(&path, &file)?;
        }
        Ok(Epoch { token, written: true })
    }

    /// Moves the bytes of a torn tail aside, for whoever wants to look at them: once, however often what
    /// follows fails.
    pub(crate) fn set_aside(&self, key: Key, torn: &[u8]) -> Result<(), StoreError> {
        let folder = self.torn();
        create_folder(&folder)?;
        let content = Uuid::new_v5(&Uuid::NAMESPACE_OID, torn);
        let path = folder.join(format!("{}{content}", Self::torn_prefix(key)));
        self.name_file(self.temporary_file(|file| file.write_all(torn))?, &path)
    }

    /// Deletes the segment's epoch, for good: one that a power cut brought back could be of an earlier log.
    pub(crate) fn forget_epoch(&self, key: Key) -> Result<(), StoreError> {
        let path = self.epoch(key);
        let found = if_found(fs::remove_file(&path)).trying("delete", &path)?;
        found.map_or(Ok(()), |()| self.syncs.folder(&self.epochs()))
    }

    /// Deletes what lies beside a segment: its epoch, and torn tails set aside.
    pub(crate) fn forget(&self, key: Key) -> Result<(), StoreError> {
        self.forget_epoch(key)?;
        let folder = self.torn();
        let Some(files) = if_found(fs::read_dir(&folder)).trying("list", &folder)? else {
            return Ok(());
        };
        let prefix = Self::torn_prefix(key);
        for file in files {
            let path = file.trying("list", &folder)?.path();
            let ours = path
                .file_name()
                .and_then(|name| name.to_str())
                .is_some_and(|name| name.starts_with(&prefix));
            if ours {
                if_found(fs::remove_file(&path)).trying("delete", &path)?;
            }
        }
        Ok(())
    }
}

/// A segment's epoch: the token of its heads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Epoch {
    pub(crate) token: u128,
    /// Whether it is on file. One that is not changes with the next change to the log.
    pub(crate) written: bool,
}
