//! How the file store writes: logs, whole or by appending to them, and who holds a segment.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use session_store_core::{LogEntry, SegmentId, SessionId, StoreError};

use super::lines::{Lines, Tail};
use super::pause::stay_half_done;
use super::{Flaw, JsonlStore, process_cache};
use crate::variant::{Answer, Key};

impl JsonlStore {
    pub(crate) fn log(root: &Path, (s, g): Key) -> PathBuf {
        root.join(s.to_string()).join(format!("{g}.jsonl"))
    }

    pub(super) fn path(&self, key: Key) -> PathBuf {
        Self::log(&self.root, key)
    }

    pub(super) fn lines(&self, key: Key) -> Answer<Lines> {
        match fs::read(self.path(key)) {
            Ok(bytes) => Ok(Lines::new(bytes, key.1, self.flaw)),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(StoreError::NotFound(key.1)),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a file at its end, making it and its folder where they are not there yet.
    pub(super) fn at_the_end(&self, path: &Path) -> io::Result<File> {
        let open = || OpenOptions::new().create(true).append(true).open(path);
        match open() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                fs::create_dir_all(path.parent().unwrap_or(&self.root))?;
                open()
            }
            opened => opened,
        }
    }

    /// Appends to the file, after what its tail needs.
    pub(super) fn write(&self, key: Key, entries: &[LogEntry]) -> Answer<()> {
        let path = self.path(key);
        let is_new = !path.exists();
        let mut file = self.at_the_end(&path)?;
        let lines = self.lines(key)?;
        let mut bytes = Vec::new();
        match lines.tail() {
            Tail::None => {}
            Tail::Whole if entries.len() > 1 && self.has(Flaw::BatchesForgetTheNewline) => {}
            Tail::Whole => bytes.push(b'\n'),
            Tail::Torn(_) if matches!(self.flaw, Flaw::GluesTornTails | Flaw::TearsAndGlues) => {}
            Tail::Torn(start) => {
                if !self.has(Flaw::DeletesTornTails) {
                    let aside = path.with_extension(format!("torn-{start}"));
                    fs::write(aside, &lines.bytes[start..])?;
                }
                file.set_len(start as u64)?;
            }
        }
        for entry in entries {
            bytes.extend_from_slice(entry.as_json().as_bytes());
            bytes.push(b'\n');
        }
        self.put(&path, &mut file, &bytes)?;
        if is_new { self.hold(key) } else { Ok(()) }
    }

    /// Puts the bytes there in two writes, or takes back what there is of them.
    fn put(&self, path: &Path, file: &mut File, bytes: &[u8]) -> Answer<()> {
        let before = file.metadata()?.len();
        let (half, rest) = bytes.split_at(bytes.len() / 2);
        let moment = |()| self.hold_half_done(path);
        match file.write_all(half).and_then(moment).and_then(|()| file.write_all(rest)) {
            Ok(()) => Ok(()),
            Err(_) if self.has(Flaw::SwallowsWriteErrors) => Ok(file.set_len(before)?),
            Err(error) => {
                if !self.has(Flaw::TearsAndGlues) {
                    file.set_len(before)?;
                }
                if self.has(Flaw::RepeatsAfterAnError) {
                    file.write_all(b"{}\n")?;
                }
                Err(error.into())
            }
        }
    }

    /// Holds the moment between the halves of a line open, for what a flaw has to do with it; the control too.
    fn hold_half_done(&self, path: &Path) -> io::Result<()> {
        match self.flaw {
            Flaw::LocksNothing | Flaw::LocksItsProcessOnly => self.let_others_in(path),
            Flaw::None | Flaw::TearsAndGlues | Flaw::GluesTornTails | Flaw::TornTailsAreFatal => {
                stay_half_done(1);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Puts a whole new log in the place of the old one.
    pub(super) fn replace(&self, key: Key, bytes: &[u8]) -> Answer<()> {
        let path = self.path(key);
        fs::create_dir_all(path.parent().unwrap_or(&self.root))?;
        if self.has(Flaw::ReplacesInPlace) {
            let mut file = File::create(&path)?;
            stay_half_done(10);
            file.write_all(bytes)?;
        } else {
            let new = path.with_extension("new");
            fs::write(&new, bytes)?;
            fs::rename(new, path)?;
        }
        self.hold(key)
    }

    fn holder(&self, g: SegmentId) -> PathBuf {
        self.root.join(".holders").join(g.to_string())
    }

    /// Notes the session as the segment's holder, unless another is that already.
    pub(super) fn hold(&self, (s, g): Key) -> Answer<()> {
        if self.has(Flaw::FindsInItsProcess) {
            process_cache::hold(&self.root, (s, g));
        }
        match symlink(s.to_string(), self.holder(g)) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error.into()),
            _ => Ok(()),
        }
    }

    pub(super) fn held(&self, g: SegmentId) -> Option<SessionId> {
        let session = if self.has(Flaw::FindsInItsProcess) {
            process_cache::holder(&self.root, g)?
        } else {
            fs::read_link(self.holder(g)).ok()?.to_str()?.parse().ok()?
        };
        self.path((session, g)).exists().then_some(session)
    }

    /// The ids that name files or folders of `folder`, newest first.
    pub(super) fn ids<T: std::str::FromStr + Ord>(
        &self,
        folder: &Path,
        extension: &str,
    ) -> Answer<Vec<T>> {
        let items = match fs::read_dir(folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            items => items?,
        };
        let mut ids = Vec::new();
        for item in items {
            let name = item?.file_name().into_string().unwrap_or_default();
            let stem = match name.split_once('.') {
                Some((stem, _)) if self.has(Flaw::ListsAnyFile) && !extension.is_empty() => stem,
                _ => name.strip_suffix(extension).unwrap_or_default(),
            };
            ids.extend(stem.parse::<T>().ok());
        }
        ids.sort_by(|a, b| b.cmp(a));
        ids.dedup();
        Ok(ids)
    }
}

/// Removes whatever this store has not made.
pub(super) fn sweep(root: &Path) -> io::Result<()> {
    for item in fs::read_dir(root)? {
        let path = item?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_file() && !name.starts_with(".lock") && !name.starts_with(".format") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}
