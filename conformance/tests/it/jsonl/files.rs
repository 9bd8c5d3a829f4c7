//! The files of the store: appending to logs, replacing them, and the index of sessions.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::SeqCst;

use session_store_core::{LogEntry, SegmentId, SegmentKey, SessionId, StoreError};

use super::lines::{Lines, Tail};
use super::pause::stay_half_written;
use super::{Flaw, JsonlStore, process_cache};
use crate::variant::Result;

impl JsonlStore {
    pub(crate) fn log(root: &Path, SegmentKey { session_id, segment_id }: SegmentKey) -> PathBuf {
        root.join(session_id.to_string()).join(format!("{segment_id}.jsonl"))
    }

    pub(super) fn path(&self, key: SegmentKey) -> PathBuf {
        Self::log(&self.root, key)
    }

    pub(super) fn lines(&self, key: SegmentKey) -> Result<Lines> {
        match fs::read(self.path(key)) {
            Ok(bytes) => Ok(Lines::new(bytes, key.segment_id, self.flaw)),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Err(StoreError::NotFound(key.segment_id))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a file for appending, and creates the file and its folder if needed.
    pub(super) fn open_for_append(&self, path: &Path) -> io::Result<File> {
        let open = || OpenOptions::new().create(true).append(true).open(path);
        match open() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                fs::create_dir_all(path.parent().unwrap_or(&self.root))?;
                open()
            }
            opened => opened,
        }
    }

    /// Repairs the tail of the file and appends the entries.
    pub(super) fn write(&self, key: SegmentKey, entries: &[LogEntry]) -> Result<()> {
        let path = self.path(key);
        let is_new = !path.exists();
        let mut file = self.open_for_append(&path)?;
        let lines = self.lines(key)?;
        let mut bytes = Vec::new();
        match lines.tail() {
            Tail::None => {}
            Tail::Whole if entries.len() > 1 && self.has(Flaw::BatchesForgetTheNewline) => {}
            Tail::Whole => bytes.push(b'\n'),
            Tail::Torn(_) if matches!(self.flaw, Flaw::GluesTornTails | Flaw::TearsAndGlues) => {}
            Tail::Torn(start) => {
                if !self.has(Flaw::DeletesTornTails) {
                    let torn = path.with_extension(format!("torn-{start}"));
                    fs::write(torn, &lines.bytes[start..])?;
                }
                file.set_len(start as u64)?;
                let owes_newline = start > 0 && lines.bytes[start - 1] != b'\n';
                bytes.extend(owes_newline.then_some(b'\n'));
            }
        }
        for entry in entries {
            bytes.extend_from_slice(entry.as_json().as_bytes());
            bytes.push(b'\n');
        }
        self.write_halves(&path, &mut file, &bytes)?;
        if is_new { self.hold(key) } else { Ok(()) }
    }

    /// Writes the bytes in two writes, and removes them again if one fails.
    fn write_halves(&self, path: &Path, file: &mut File, bytes: &[u8]) -> Result<()> {
        if self.has(Flaw::StopsAfterAnError) && self.has_failed.load(SeqCst) {
            return Err(io::Error::other("an earlier write failed").into());
        }
        let before = file.metadata()?.len();
        let (half, rest) = bytes.split_at(bytes.len() / 2);
        let pause = |()| self.pause_half_written(path);
        match file.write_all(half).and_then(pause).and_then(|()| file.write_all(rest)) {
            Ok(()) => Ok(()),
            Err(_) if self.has(Flaw::SwallowsWriteErrors) => Ok(file.set_len(before)?),
            Err(error) => {
                self.has_failed.store(true, SeqCst);
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

    /// Pauses between the two halves of a line, as far as the flaw needs it. The control pauses
    /// too, so that a kill hits it in the same places.
    fn pause_half_written(&self, path: &Path) -> io::Result<()> {
        match self.flaw {
            Flaw::LocksNothing | Flaw::LocksItsProcessOnly => self.wait_for_others(path),
            Flaw::None | Flaw::TearsAndGlues | Flaw::GluesTornTails | Flaw::TornTailsAreFatal => {
                stay_half_written(1);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Replaces the log by a file with these bytes.
    pub(super) fn replace(&self, key: SegmentKey, bytes: &[u8]) -> Result<()> {
        let path = self.path(key);
        fs::create_dir_all(path.parent().unwrap_or(&self.root))?;
        if self.has(Flaw::ReplacesInPlace) {
            let mut file = File::create(&path)?;
            stay_half_written(10);
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

    /// Records the session as the holder of the segment, unless another session is recorded.
    pub(super) fn hold(&self, key: SegmentKey) -> Result<()> {
        if self.has(Flaw::FindsInItsProcess) {
            process_cache::hold(&self.root, key);
        }
        match symlink(key.session_id.to_string(), self.holder(key.segment_id)) {
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
        self.path(SegmentKey::new(session, g)).exists().then_some(session)
    }

    /// Returns the ids that are names of files or folders in `folder`, in descending order.
    pub(super) fn ids<T: std::str::FromStr + Ord>(
        &self,
        folder: &Path,
        extension: &str,
    ) -> Result<Vec<T>> {
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

/// Deletes all files that this store has not created.
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
