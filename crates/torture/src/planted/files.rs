//! A small file store. It is correct unless it has a planted bug. Every change syncs the data that
//! it writes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use session_store::{LogEntry, SegmentKey, StoreError};

use super::Flaw;
use super::logs::{Edit, Logs, check};

/// The pause between the two halves of an append.
const PAUSE: Duration = Duration::from_millis(2);

/// One file for each log, all in one folder.
pub(super) struct Files {
    root: PathBuf,
    flaw: Flaw,
}

impl Files {
    pub(super) fn open(root: &Path, flaw: Flaw) -> Result<Self, StoreError> {
        fs::create_dir_all(root)?;
        let store = Self { root: root.into(), flaw };
        store.sync_folder(root)?;
        root.parent().map_or(Ok(()), |parent| store.sync_folder(parent))?;
        Ok(store)
    }

    fn path(&self, key: SegmentKey) -> PathBuf {
        self.root.join(format!("{}_{}", key.session_id, key.segment_id))
    }

    fn lock(&self) -> io::Result<Option<File>> {
        if matches!(self.flaw, Flaw::NoLock | Flaw::TwoWrites) {
            return Ok(None);
        }
        let file = OpenOptions::new().create(true).append(true).open(self.root.join("lock"))?;
        file.lock()?;
        Ok(Some(file))
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        let synced = match file.sync_all() {
            Err(_) if self.flaw == Flaw::RetriedSync => file.sync_all(),
            synced => synced,
        };
        // The outcome of a failed sync is unknown, also on a full disk. So the error loses its
        // kind, because the kind `StorageFull` would mean that nothing was changed.
        synced.map_err(io::Error::other)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.sync(&File::open(folder).map_err(io::Error::other)?)
    }

    fn read(&self, key: SegmentKey) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.path(key)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            bytes => bytes.map(Some),
        }
    }

    fn replace(&self, key: SegmentKey, bytes: &[u8]) -> io::Result<()> {
        let (path, number) = (self.path(key), std::process::id());
        let new = path.with_extension(format!("new-{number}"));
        let mut file = File::create(&new)?;
        file.write_all(bytes)?;
        if self.flaw != Flaw::UnsyncedRename {
            self.sync(&file)?;
        }
        fs::rename(new, path)?;
        self.sync_folder(&self.root)
    }

    fn append(&self, key: SegmentKey, bytes: &[u8], entries: &[LogEntry]) -> io::Result<()> {
        let whole = end_of_lines(bytes);
        if whole < bytes.len() && self.flaw != Flaw::GluedStump {
            self.replace(key, &bytes[..whole])?;
        }
        let kept = if self.flaw == Flaw::GluedStump { bytes.len() } else { whole };
        let text = lines(entries);
        let mut file = OpenOptions::new().append(true).create(true).open(self.path(key))?;
        if let Err(error) = self.write(&mut file, text.as_bytes()) {
            file.set_len(kept as u64)?;
            return Err(error);
        }
        self.sync(&file)?;
        self.sync_folder(&self.root)
    }

    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        if self.flaw == Flaw::ShortWrite {
            return file.write(bytes).map(drop);
        }
        // Even two writes are correct if the lock is held. The pause between the writes makes it
        // likely that a kill happens between them.
        let (first, second) = bytes.split_at(bytes.len() / 2);
        file.write_all(first)?;
        thread::sleep(PAUSE);
        file.write_all(second)
    }

    fn truncate(&self, key: SegmentKey, bytes: &[u8], len: usize) -> io::Result<()> {
        let kept: usize =
            bytes.split_inclusive(|&byte| byte == b'\n').take(len).map(<[_]>::len).sum();
        if self.flaw != Flaw::BareTruncate {
            return self.replace(key, &bytes[..kept]);
        }
        let file = OpenOptions::new().write(true).open(self.path(key))?;
        file.set_len(kept as u64)?;
        self.sync(&file)
    }
}

/// Returns the position after the last newline. An incomplete line can follow.
fn end_of_lines(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1)
}

fn lines(entries: &[LogEntry]) -> String {
    entries.iter().map(|entry| format!("{}\n", entry.as_json())).collect()
}

fn parse(bytes: &[u8]) -> Result<Vec<LogEntry>, StoreError> {
    let lines = bytes[..end_of_lines(bytes)].split_inclusive(|&byte| byte == b'\n');
    lines.map(|line| LogEntry::from_utf8(line.trim_ascii_end().to_vec())).collect()
}

impl Logs for Files {
    fn load(&self, key: SegmentKey) -> Result<Option<Vec<LogEntry>>, StoreError> {
        let _lock = self.lock()?;
        self.read(key)?.map(|bytes| parse(&bytes)).transpose()
    }

    fn change(&self, key: SegmentKey, edit: &Edit<'_>) -> Result<Option<usize>, StoreError> {
        let _lock = self.lock()?;
        let bytes = self.read(key)?;
        let count = bytes.as_deref().map(parse).transpose()?.map(|entries| entries.len());
        check(key, count, edit)?;
        let bytes = bytes.unwrap_or_default();
        match edit {
            Edit::Append(_, entries) if count.is_none() => {
                self.replace(key, lines(entries).as_bytes())
            }
            Edit::Append(_, entries) => self.append(key, &bytes, entries),
            Edit::Truncate(len) => self.truncate(key, &bytes, *len),
            Edit::Replace(entries) => self.replace(key, lines(entries).as_bytes()),
            Edit::Delete if count.is_none() => Ok(()),
            Edit::Delete => {
                fs::remove_file(self.path(key)).and_then(|()| self.sync_folder(&self.root))
            }
        }
        .map_err(|error| match error.kind() {
            ErrorKind::StorageFull => StoreError::io("change a log", error),
            _ => StoreError::indeterminate("change a log", error.into()),
        })?;
        Ok(count)
    }

    fn keys(&self) -> Result<Vec<SegmentKey>, StoreError> {
        let mut keys = Vec::new();
        for item in fs::read_dir(&self.root)? {
            let name = item?.file_name().into_string().unwrap_or_default();
            let ids =
                name.split_once('_').and_then(|(s, g)| Some((s.parse().ok()?, g.parse().ok()?)));
            keys.extend(ids.map(|(s, g)| SegmentKey::new(s, g)));
        }
        Ok(keys)
    }
}
