//! One open file of entries, a log or a trace: what is known about it, and the writes that keep its lines
//! whole. Whoever calls holds the segment's lock.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use session_store_core::{Head, StoreError};

use crate::failure::{Attempt, if_found};
use crate::index::{LineIndex, Mark, read_range};
use crate::side::Epoch;
use crate::stripe::{Generation, is_forbidden};
use crate::sync::{GroupCommit, Syncs, Written};

/// About as much as one write gets; larger batches take several.
const WRITE_BYTES: usize = 1024 * 1024;

/// Another program may replace the file while nobody uses it, and somebody may take it away while it is in use.
/// A file that was opened this long ago is therefore opened by its path again.
const TRUST: Duration = Duration::from_secs(1);

/// An open file of entries.
pub(crate) struct Log {
    path: Arc<Path>,
    file: Arc<File>,
    writable: bool,
    opened: Instant,
    used: Instant,
    known: Known,
    commit: Arc<GroupCommit>,
    /// The last round of syncs for which the file is remembered.
    remembered: Option<u64>,
}

/// What has been found out about a file, and the generation in which it was true.
pub(crate) struct Known {
    generation: Generation,
    inode: u64,
    /// A trace has none, and no head.
    epoch: Option<Epoch>,
    index: LineIndex,
    /// Whether the file's name is known to survive a power cut.
    settled: bool,
}

impl Log {
    /// Opens the file, if it is there: to read, where nobody may write it. `epoch` reads the epoch.
    pub(crate) fn open(
        path: &Path,
        generation: Generation,
        now: Instant,
        epoch: impl FnOnce(&File) -> Result<Option<Epoch>, StoreError>,
    ) -> Result<Option<Self>, StoreError> {
        let opened = OpenOptions::new().read(true).append(true).open(path);
        let (opened, writable) = match opened {
            Err(error) if is_forbidden(&error) => (File::open(path), false),
            result => (result, true),
        };
        let Some(file) = if_found(opened).trying("open", path)? else { return Ok(None) };
        let inode = file.metadata().trying("look at", path)?.ino();
        let (epoch, index) = (epoch(&file)?, LineIndex::empty());
        let known = Known { generation, inode, epoch, index, settled: false };
        Ok(Some(Self {
            path: path.into(),
            file: Arc::new(file),
            writable,
            opened: now,
            used: now,
            known,
            commit: Arc::default(),
            remembered: None,
        }))
    }

    /// Whether the file and what is known of it can be used as they are: nothing but appends happened, it
    /// was opened just now, and its epoch does not hang on what another program does to it.
    pub(crate) fn is_fresh(&self, generation: Generation, now: Instant) -> bool {
        self.writable
            && self.known.epoch.is_none_or(|epoch| epoch.written)
            && self.known.generation == generation
            && now.duration_since(self.opened) < TRUST
    }

    /// Takes over the lines that were known before, unless something may have been cut since.
    pub(crate) fn inherit(&mut self, before: Known) {
        let epoch = self.known.epoch;
        let same_epoch = epoch == before.epoch && epoch.is_some_and(|epoch| epoch.written);
        let uncut = self.known.generation == before.generation || same_epoch;
        if uncut && self.known.inode == before.inode {
            self.known.index = before.index;
            self.known.index.forget_tail();
            self.known.settled = before.settled;
        }
    }

    /// Closes the file and keeps what is known.
    pub(crate) fn into_known(self) -> Known {
        self.known
    }

    /// Looks at what was appended since the last look.
    pub(crate) fn catch_up(&mut self, now: Instant) -> Result<(), StoreError> {
        let len = (&*self.file).seek(SeekFrom::End(0)).trying("measure", &self.path)?;
        if len != self.known.index.len() {
            self.known.index.catch_up(&self.file, len).trying("read", &self.path)?;
        }
        self.used = now;
        Ok(())
    }

    pub(crate) fn path(&self) -> &Arc<Path> {
        &self.path
    }

    pub(crate) fn file(&self) -> &Arc<File> {
        &self.file
    }

    pub(crate) fn used(&self) -> Instant {
        self.used
    }

    pub(crate) fn index(&self) -> &LineIndex {
        &self.known.index
    }

    pub(crate) fn epoch(&self) -> Option<Epoch> {
        self.known.epoch
    }

    pub(crate) fn head(&self) -> Head {
        let token = self.known.epoch.map_or(0, |epoch| epoch.token);
        Head::new(self.known.index.entries(), token)
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.known.settled
    }

    pub(crate) fn set_settled(&mut self) {
        self.known.settled = true;
    }

    /// What was just appended, to be waited for without the lock; or it is only remembered.
    pub(crate) fn written(&mut self, syncs: &Syncs) -> Option<Written> {
        if syncs.is_power() {
            return Some(self.commit.written(&self.file, &self.path));
        }
        let round = Some(syncs.round());
        if self.remembered != round {
            syncs.remember(&self.path);
            self.remembered = round;
        }
        None
    }

    /// Where the entry begins.
    pub(crate) fn find(&self, entry: usize) -> Result<Mark, StoreError> {
        self.known.index.find(&self.file, entry).trying("read", &self.path)
    }

    /// The stripe has moved on by this handle's own doing.
    pub(crate) fn set_generation(&mut self, generation: Generation) {
        self.known.generation = generation;
    }

    pub(crate) fn set_epoch(&mut self, epoch: Epoch) {
        self.known.epoch = Some(epoch);
    }

    /// The bytes after the last line.
    pub(crate) fn tail(&self) -> Result<Vec<u8>, StoreError> {
        let index = &self.known.index;
        read_range(&self.file, index.tail_start().offset, index.len()).trying("read", &self.path)
    }

    /// Appends the entries, all or none: after a failure what arrived is taken back. The tail is not torn.
    pub(crate) fn append<'a>(
        &mut self,
        mut entries: impl Iterator<Item = &'a str> + Clone,
    ) -> Result<(), StoreError> {
        let file = Arc::clone(&self.file);
        let before = self.known.index.len();
        loop {
            let of_this_write = entries.clone();
            let (bytes, count) = next_write(self.known.index.tail().owes_newline(), &mut entries);
            if count == 0 {
                return Ok(());
            }
            match write_entries(&file, &bytes) {
                Ok(written) => {
                    let lengths = of_this_write.take(count).map(str::len);
                    self.known.index.wrote(written, lengths);
                }
                Err(error) => return Err(self.take_back(&file, before, error)),
            }
        }
    }

    /// Fails where the file can only be read, in the system's own words. Once it can be written it is opened
    /// anew.
    pub(crate) fn check_writable(&self) -> Result<(), StoreError> {
        if self.writable {
            return Ok(());
        }
        OpenOptions::new().append(true).open(&self.path).trying("open for writing", &self.path)?;
        Err(io::Error::from(io::ErrorKind::ResourceBusy)).trying("open for writing", &self.path)
    }

    fn take_back(&self, file: &File, before: u64, error: io::Error) -> StoreError {
        let operation = format!("append to {}", self.path.display());
        match file.set_len(before) {
            Ok(()) => StoreError::io(operation, error),
            Err(_) => StoreError::Indeterminate { operation, source: error.into() },
        }
    }

    /// Cuts the file where the mark is.
    pub(crate) fn cut(&mut self, mark: Mark) -> Result<(), StoreError> {
        self.file.set_len(mark.offset).trying("truncate", &self.path)?;
        self.known.index.cut(mark);
        Ok(())
    }
}

/// The bytes of the next write, a newline if one is owed and entries with theirs, and how many entries they are.
fn next_write<'a>(
    owes_newline: bool,
    entries: &mut (impl Iterator<Item = &'a str> + Clone),
) -> (Vec<u8>, usize) {
    let mut size = usize::from(owes_newline);
    let fits = |entry: &&str| {
        let fits = size < WRITE_BYTES;
        size += if fits { entry.len() + 1 } else { 0 };
        fits
    };
    let count = entries.clone().take_while(fits).count();
    let mut bytes = Vec::with_capacity(size);
    bytes.extend(owes_newline.then_some(b'\n'));
    for entry in entries.take(count) {
        bytes.extend_from_slice(entry.as_bytes());
        bytes.push(b'\n');
    }
    (bytes, count)
}

/// Writes everything, or everything but the last newline: the closing brace has committed the entry, and
/// the next append writes the newline in its own write (R5). Returns how much was written.
fn write_entries(mut file: &File, bytes: &[u8]) -> io::Result<usize> {
    let mut written = 0;
    while written < bytes.len() {
        match file.write(&bytes[written..]) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) if written + 1 == bytes.len() => return Ok(written),
            Err(error) => return Err(error),
        }
    }
    Ok(written)
}
