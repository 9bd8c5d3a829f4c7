//! The files of the store: appending to logs, replacing them, and the index of sessions.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::SeqCst;

use session_store_core::{Entry, LogEntry, SegmentId, SegmentKey, SessionId, StoreError};

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
        self.lines_of(&self.path(key), key.segment_id)
    }

    /// Returns the lines of a log or a trace.
    fn lines_of(&self, path: &Path, segment_id: SegmentId) -> Result<Lines> {
        let bytes = read_if_exists(path)?.ok_or(StoreError::NotFound(segment_id))?;
        Ok(Lines::new(bytes, segment_id, self.flaw))
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

    /// Appends the entries to the log. A new log appears together with its entries, unless the flaw
    /// is about locks. With such a flaw, two writers that create one log must see the writes of
    /// each other.
    pub(super) fn write(&self, key: SegmentKey, entries: &[LogEntry]) -> Result<()> {
        let path = self.path(key);
        let is_new = !path.exists();
        if is_new && !matches!(self.flaw, Flaw::LocksNothing | Flaw::LocksItsProcessOnly) {
            return self.replace(key, &lines_of_entries(entries));
        }
        let written = self.append_to(&path, key.segment_id, entries);
        if is_new && written.is_err() {
            remove_if_exists(&path)?;
        }
        written?;
        if is_new { self.hold(key) } else { Ok(()) }
    }

    /// Repairs the tail of a log or a trace and appends the entries.
    pub(super) fn append_to<E: Entry>(
        &self,
        path: &Path,
        segment_id: SegmentId,
        entries: &[E],
    ) -> Result<()> {
        let mut file = self.open_for_append(path)?;
        let lines = self.lines_of(path, segment_id)?;
        let mut bytes = Vec::new();
        match lines.tail() {
            Tail::None => {}
            Tail::Whole if entries.len() > 1 && self.has(Flaw::BatchesForgetTheNewline) => {}
            Tail::Whole => bytes.push(b'\n'),
            Tail::Torn(_) if self.glues(path) => {}
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
        if let (Flaw::WritesBatchesBackwards, [_, rest @ ..]) = (self.flaw, entries)
            && !rest.is_empty()
        {
            let before = file.metadata()?.len();
            let written = file.write_all(&[bytes.clone(), lines_of_entries(rest)].concat());
            stay_half_written(1);
            file.set_len(before)?;
            written?;
        }
        bytes.extend(lines_of_entries(entries));
        self.write_halves(path, &mut file, &bytes)
    }

    /// Returns whether an append to the file follows a torn tail without removing the tail.
    fn glues(&self, path: &Path) -> bool {
        match self.flaw {
            Flaw::GluesTornTails | Flaw::TearsAndGlues => true,
            Flaw::TracesGlueTornTails => path.to_string_lossy().ends_with(TRACE),
            _ => false,
        }
    }

    /// Writes the bytes in two writes. If a write fails, removes the bytes of both.
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

    /// Pauses between the two halves of a line, if the flaw needs the pause. The control pauses
    /// too, so that a kill interrupts the control in the same places.
    fn pause_half_written(&self, path: &Path) -> io::Result<()> {
        match self.flaw {
            Flaw::LocksNothing | Flaw::LocksItsProcessOnly => self.wait_for_others(path),
            Flaw::None
            | Flaw::TearsAndGlues
            | Flaw::GluesTornTails
            | Flaw::TornTailsAreFatal
            | Flaw::DeclaresAtomicBatches
            | Flaw::TracesGlueTornTails => {
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
        let in_place = match self.flaw {
            Flaw::ReplacesInPlace => true,
            Flaw::CreatesInPlace => !path.exists(),
            _ => false,
        };
        if in_place {
            let mut file = File::create(&path)?;
            stay_half_written(10);
            file.write_all(bytes)?;
        } else {
            // This name begins with a dot, so that no listing shows the file as a segment, even in
            // a store with a flaw.
            let new = path.with_file_name(format!(".{}", key.segment_id));
            let written = fs::write(&new, bytes);
            let moved = written.and_then(|()| fs::rename(&new, path));
            if moved.is_err() {
                remove_if_exists(&new)?;
            }
            moved?;
        }
        self.hold(key)
    }

    pub(super) fn holder(&self, g: SegmentId) -> PathBuf {
        self.root.join(".holders").join(g.to_string())
    }

    /// Records the session as the holder of the segment, unless another session is recorded.
    pub(super) fn hold(&self, key: SegmentKey) -> Result<()> {
        if self.has(Flaw::FindsInItsProcess) {
            process_cache::hold(&self.root, key);
        }
        process_cache::forget(&self.holder(key.segment_id));
        match symlink(key.session_id.to_string(), self.holder(key.segment_id)) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Removes the record of the session as the holder of the segment.
    fn release(&self, key: SegmentKey) -> Result<()> {
        let holder = self.holder(key.segment_id);
        process_cache::forget(&holder);
        let session = fs::read_link(&holder).ok();
        if session.is_some_and(|session| session.to_str() == Some(&key.session_id.to_string())) {
            fs::remove_file(holder)?;
        }
        Ok(())
    }

    /// Deletes the trace and the log of a segment, in this order: a killed process must not leave a
    /// trace without a log. Returns whether one of them existed.
    pub(super) fn delete(&self, key: SegmentKey) -> Result<bool> {
        let (log, trace) = (self.path(key), self.trace(key));
        let is_there = log.exists() || trace.exists();
        process_cache::forget(&trace);
        if self.has(Flaw::DeletesTheLogFirst) {
            remove_if_exists(&log)?;
            stay_half_written(1);
        }
        remove_if_exists(&trace)?;
        if let (Flaw::ArchivesBeforeItDeletes, Some(bytes)) = (self.flaw, read_if_exists(&log)?) {
            self.open_for_append(&self.root.join(".archive"))?.write_all(&bytes)?;
        }
        remove_if_exists(&log)?;
        self.release(key)?;
        Ok(is_there)
    }

    pub(super) fn trace(&self, key: SegmentKey) -> PathBuf {
        self.path(key).with_extension(&TRACE[1..])
    }

    /// Returns the lines of a trace. A segment without a trace has none.
    pub(super) fn trace_lines(&self, key: SegmentKey) -> Result<Lines> {
        let path = self.trace(key);
        let read = || read_if_exists(&path);
        let bytes =
            if self.has(Flaw::CachesTraces) { process_cache::read(&path, read) } else { read() };
        Ok(Lines::new(bytes?.unwrap_or_default(), key.segment_id, self.flaw))
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

/// The end of the name of a trace.
pub(super) const TRACE: &str = ".trace.jsonl";

fn lines_of_entries<E: Entry>(entries: &[E]) -> Vec<u8> {
    entries.iter().map(|entry| format!("{}\n", entry.as_json())).collect::<String>().into_bytes()
}

/// Returns the content of a file, or `None` if there is no file.
pub(super) fn read_if_exists(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}

/// Removes a file, and returns whether the file existed.
pub(super) fn remove_if_exists(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        removed => removed.map(|()| true),
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
