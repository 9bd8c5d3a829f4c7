//! One open file of entries, a log or a trace: the cached state of the file, and the writes to it.
//! A write never leaves a part of a line between two entries. The caller holds the segment's lock.

use std::convert::identity;
use std::fs::{File, Metadata};
use std::io::{self, Seek, SeekFrom, Write};
use std::mem;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use session_store_core::{Head, SegmentInfo, StoreError};

use crate::error::Context;
use crate::file;
use crate::group_commit::{GroupCommit, Written};
use crate::index::{LineIndex, LineStart};
use crate::lock_file::Generation;
use crate::sidecar::checkpoint::{Checkpoint, Identity};
use crate::sidecar::epoch::{Epoch, NO_CUT};
use crate::sync::Syncs;

/// The number of bytes after which a batch is split into several writes.
const WRITE_BYTES: usize = 1024 * 1024;

/// The maximum size of the buffer that an open file keeps for the next write.
const KEPT_BYTES: usize = 16 * 1024;

/// The time after which an open file is opened again by its path.
///
/// Another program can replace or move the file without taking the store's lock. Without this
/// limit, a handle would continue to append to a file that no longer has the log's name.
pub(crate) const TRUST: Duration = Duration::from_secs(1);

/// An open file of entries.
pub(crate) struct Log {
    pub(crate) path: Arc<Path>,
    pub(crate) file: Arc<File>,
    is_writable: bool,
    opened: Instant,
    /// The length of the file when it was opened.
    pub(crate) opened_len: u64,
    pub(crate) state: LogState,
    commit: Arc<GroupCommit>,
    buffer: Vec<u8>,
    /// The number of the last sync round in which the path was recorded ([`Syncs::round`]).
    recorded: Option<u64>,
}

/// The cached state of a file. A handle keeps it after it closes the file. `generation` is the
/// generation at which the state was read: a counter of the lock, which advances before every
/// change that is not an append.
pub(crate) struct LogState {
    pub(crate) generation: Generation,
    inode: u64,
    /// The token of the head, and the mark, which is the end of the log after its last cut. `None`
    /// for a trace, which has no head.
    pub(crate) epoch: Option<Epoch>,
    pub(crate) index: LineIndex,
    /// Whether the file has the length of the index only if no other program has written to it. An
    /// exclusive handle appends without reading the length.
    pub(crate) is_length_assumed: bool,
    /// Whether the name of the file survives a power cut. Without [`Durability::Power`], it is also
    /// true if the name is only recorded for the next sync.
    ///
    /// [`Durability::Power`]: session_store_core::Durability::Power
    pub(crate) is_name_durable: bool,
    /// Whether two things survive a power cut: the last truncation, and the epoch file with the
    /// mark of this truncation.
    pub(crate) is_cut_durable: bool,
    /// The offset of the last checkpoint that this handle has read or stored. A new handle starts
    /// its scan of the log at a checkpoint.
    pub(crate) checkpointed: u64,
    /// Whether a wrong checkpoint is stored. The next change deletes it.
    pub(crate) has_wrong_checkpoint: bool,
}

impl Log {
    /// Opens the file, or returns `None` if the file does not exist. `read_epoch` reads the epoch.
    pub(crate) fn open(
        path: &Path,
        generation: Generation,
        now: Instant,
        read_epoch: impl FnOnce(&File) -> Result<Option<Epoch>, StoreError>,
    ) -> Result<Option<Self>, StoreError> {
        let Some(opened) = file::open_existing(path).context("open", path)? else {
            return Ok(None);
        };
        let (file, inode) = (opened.file, opened.metadata.ino());
        let (epoch, index) = (read_epoch(&file)?, LineIndex::empty());
        Ok(Some(Self {
            path: path.into(),
            file: Arc::new(file),
            is_writable: opened.is_writable,
            opened: now,
            opened_len: opened.metadata.len(),
            state: LogState {
                generation,
                inode,
                epoch,
                index,
                is_length_assumed: false,
                is_name_durable: false,
                is_cut_durable: false,
                checkpointed: 0,
                has_wrong_checkpoint: false,
            },
            commit: Arc::default(),
            buffer: Vec::new(),
            recorded: None,
        }))
    }

    /// Returns whether the open file can still be used: its only changes were appends, and the file
    /// was opened a short time ago.
    pub(crate) fn is_fresh(&self, generation: Generation, now: Instant) -> bool {
        self.state.generation == generation && self.trusted_until().is_some_and(|until| now < until)
    }

    /// Returns the time until which the open file can be used if its only changes were appends.
    ///
    /// Returns `None` if the file must be opened again for each call. A log whose epoch is not
    /// stored is always opened again, because changes of other programs change its head. A file
    /// that is open for reads only is always opened again too, because the process may have got the
    /// permission to write.
    pub(crate) fn trusted_until(&self) -> Option<Instant> {
        let is_epoch_stored = self.state.epoch.is_none_or(|epoch| epoch.is_stored);
        (self.is_writable && is_epoch_stored).then(|| self.opened + TRUST)
    }

    /// Takes over an earlier state of the file, unless entries may have been cut since then.
    /// Returns whether the state was taken over.
    pub(crate) fn inherit(&mut self, before: LogState) -> bool {
        let now = &self.state;
        let token = |state: &LogState| state.epoch.map(|epoch| (epoch.token, epoch.cut));
        // Every cut stores a new token or a new mark. So no entry was cut if both stored values are
        // the same as before. A token that is not stored is derived from the file's time, so it
        // changes when another program changes the file. A cut by a handle changes the generation.
        let is_uncut = token(now) == token(&before)
            && (now.generation == before.generation || now.epoch.is_some_and(|now| now.is_stored));
        if !is_uncut || now.inode != before.inode {
            return false;
        }
        let (generation, epoch) = (now.generation, now.epoch);
        self.state = LogState { generation, epoch, ..before };
        self.state.index.forget_tail();
        true
    }

    /// Returns the log as a checkpoint identifies it, or `None` for a trace.
    pub(crate) fn identity(&self) -> Option<Identity<'_>> {
        let epoch = self.state.epoch?;
        Some(Identity { file: &self.file, inode: self.state.inode, epoch })
    }

    /// Lets the first scan start at a checkpoint.
    pub(crate) fn start_at(&mut self, checkpoint: Checkpoint) {
        self.state.has_wrong_checkpoint = checkpoint == Checkpoint::Wrong;
        if let Checkpoint::At(start) = checkpoint {
            self.state.index = LineIndex::starting_at(start);
            self.state.checkpointed = start.offset;
        }
    }

    /// Closes the file and returns its state.
    pub(crate) fn into_state(self) -> LogState {
        self.state
    }

    /// Updates the index with the lines that were appended since the last call.
    pub(crate) fn catch_up(&mut self) -> Result<(), StoreError> {
        let len = (&*self.file).seek(SeekFrom::End(0)).context("read the length of", &self.path)?;
        self.catch_up_to(len, identity)
    }

    /// Updates the index of a file that was not read yet. Returns the content of the file, in
    /// blocks of whole lines.
    pub(crate) fn load(&mut self) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut blocks = Vec::new();
        let keep = |block| {
            blocks.push(block);
            Vec::new()
        };
        self.catch_up_to(self.opened_len, keep)?;
        Ok(blocks)
    }

    fn catch_up_to(
        &mut self,
        len: u64,
        keep: impl FnMut(Vec<u8>) -> Vec<u8>,
    ) -> Result<(), StoreError> {
        let is_assumed = mem::take(&mut self.state.is_length_assumed);
        if len != self.state.index.len() {
            if is_assumed {
                // Another program has written to the file. Its bytes can be before the last lines
                // of this handle, so these lines are not where the index has them.
                self.state.index = LineIndex::empty();
            }
            let cut = self.state.epoch.map_or(NO_CUT, |epoch| epoch.cut);
            self.state.index.catch_up(&self.file, len, cut, keep).context("read", &self.path)?;
        }
        Ok(())
    }

    /// Returns the head, the size and the time of the file.
    pub(crate) fn info(&mut self) -> Result<SegmentInfo, StoreError> {
        let metadata = self.file.metadata().context("read the metadata of", &self.path)?;
        // An exclusive handle can append after the last read of the length. The index and the time
        // must be of the same moment.
        self.catch_up_to(metadata.len(), identity)?;
        Ok(self.state.info(&metadata))
    }

    /// Scans the whole file if the first scan started at a checkpoint.
    pub(crate) fn scan_skipped(&mut self) -> Result<(), StoreError> {
        if self.state.index.is_partial() {
            self.state.index = LineIndex::empty();
            self.catch_up()?;
        }
        Ok(())
    }

    /// Scans the whole file if the entry is before the checkpoint at which the first scan
    /// started. The index has no places before the checkpoint, so each search for such an entry
    /// would start at the beginning of the file.
    pub(crate) fn scan_before(&mut self, entry: usize) -> Result<(), StoreError> {
        if self.state.index.is_skipped(entry) { self.scan_skipped() } else { Ok(()) }
    }

    /// Records a write to the file. If every change must survive a power cut, returns a handle with
    /// which the caller must wait for the sync. Otherwise records the file for the next `sync_all`.
    pub(crate) fn written(&mut self, syncs: &Syncs) -> Option<Written> {
        if syncs.is_power() {
            return Some(Written::new(&self.commit, &self.file, &self.path));
        }
        self.record(syncs);
        None
    }

    /// Records the file for the next `sync_all`, and its name unless the name is durable.
    ///
    /// Reads record the file too. Its entries can be changes of a process that was killed before
    /// its own sync, and a program that has read these entries can make them durable
    /// ([S4](session_store_core::contract#s4)).
    pub(crate) fn record(&mut self, syncs: &Syncs) {
        let round = Some(syncs.round());
        if mem::replace(&mut self.recorded, round) == round {
            return;
        }
        syncs.record(&self.path);
        if !self.state.is_name_durable {
            // The folder of the session, and the root.
            self.path.ancestors().skip(1).take(2).for_each(|folder| syncs.record(folder));
            // With `Power`, the flag stays false, because `sync_all` may come much later. The next
            // change of this file syncs the folders itself, and then sets the flag.
            self.state.is_name_durable = !syncs.is_power();
        }
    }

    /// Returns the start of the entry.
    pub(crate) fn find(&self, entry: usize) -> Result<LineStart, StoreError> {
        self.state.index.find(&self.file, entry).context("read", &self.path)
    }

    /// Appends the entries. The file must not end with a part of an entry that a crash left. If a
    /// write fails, the file may contain a part of the new entries. The caller must remove it.
    pub(crate) fn append<'a>(
        &mut self,
        mut entries: impl Iterator<Item = &'a str> + Clone,
    ) -> io::Result<()> {
        loop {
            let of_this_write = entries.clone();
            let owes_newline = self.state.index.tail().owes_newline();
            let count = next_write(&mut self.buffer, owes_newline, &mut entries);
            if count == 0 {
                break;
            }
            let written = write_entries(&self.file, &self.buffer)?;
            self.state.index.record_write(written, of_this_write.take(count).map(str::len));
        }
        if self.buffer.capacity() > KEPT_BYTES {
            self.buffer = Vec::new();
        }
        Ok(())
    }

    /// Fails with the error of the operating system if the file is open for reads only.
    pub(crate) fn check_writable(&self) -> Result<(), StoreError> {
        if self.is_writable {
            return Ok(());
        }
        file::open_to_append(&self.path).context("open for writing", &self.path)?;
        // The permission was granted after the file was opened. A retry succeeds, because the next
        // call opens the file again.
        Err(io::Error::from(io::ErrorKind::ResourceBusy)).context("open for writing", &self.path)
    }

    /// Sets the length of the file.
    pub(crate) fn set_len(&self, len: u64) -> Result<(), StoreError> {
        self.file.set_len(len).context("truncate", &self.path)
    }

    /// Syncs the content of the file, whatever the durability of the handle.
    pub(crate) fn sync(&self, syncs: &Syncs) -> Result<(), StoreError> {
        syncs.run(&self.path, || self.file.sync_data())
    }
}

impl LogState {
    /// Records a cut that was made under a new epoch and is synced. Every stored checkpoint has the
    /// former epoch, so it no longer counts.
    pub(crate) fn record_durable_cut(&mut self, generation: Generation, epoch: Epoch) {
        self.generation = generation;
        self.epoch = Some(epoch);
        self.is_cut_durable = true;
        self.checkpointed = 0;
    }

    /// Returns whether the file still has this state, by its metadata.
    pub(crate) fn is_current(&self, generation: Generation, metadata: &Metadata) -> bool {
        let is_epoch_current = |epoch: Epoch| epoch.is_stored || epoch == Epoch::derived(metadata);
        self.generation == generation
            && self.inode == metadata.ino()
            && self.index.len() == metadata.len()
            && self.epoch.is_none_or(is_epoch_current)
    }

    pub(crate) fn head(&self) -> Head {
        Head::new(self.index.entries(), self.epoch.map_or(0, |epoch| epoch.token))
    }

    pub(crate) fn info(&self, metadata: &Metadata) -> SegmentInfo {
        SegmentInfo::new(self.head())
            .with_bytes(Some(self.index.readable()))
            .with_modified(metadata.modified().ok())
    }
}

/// Puts the bytes of the next write into `bytes`, and returns the number of entries in them. If the
/// last line in the file has no newline yet, the bytes begin with a newline.
fn next_write<'a>(
    bytes: &mut Vec<u8>,
    owes_newline: bool,
    entries: &mut (impl Iterator<Item = &'a str> + Clone),
) -> usize {
    let mut size = usize::from(owes_newline);
    let fits = |entry: &&str| {
        let fits = size < WRITE_BYTES;
        size += if fits { entry.len() + 1 } else { 0 };
        fits
    };
    let count = entries.clone().take_while(fits).count();
    bytes.clear();
    bytes.reserve(size);
    bytes.extend(owes_newline.then_some(b'\n'));
    for entry in entries.take(count) {
        bytes.extend_from_slice(entry.as_bytes());
        bytes.push(b'\n');
    }
    count
}

/// Writes the bytes. Returns the number of written bytes: all bytes, or all except the last
/// newline.
///
/// A write that lacks only the newline has succeeded, because the closing brace commits an entry
/// ([R5](session_store_core::contract#r5)). The next append then writes this newline first.
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
