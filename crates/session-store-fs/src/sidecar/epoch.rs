//! Epochs. The epoch file of a segment contains a random token, which is a part of the head, and
//! the mark of the last cut.
//!
//! A log that was truncated and has grown again can have its former number of entries and its
//! former length. The two states still differ in the token, because the token changes before every
//! cut.
//!
//! The content of the file is `TOKEN OFFSET`. The offset is the *mark*, the end of the log after
//! its last cut. To truncate a file, a file system writes NULs from the new end to the end of the
//! block, and then the new length. A power cut between the two steps leaves the old length, and
//! NULs inside the log. The mark is on the device before the cut begins. So such a log is
//! recognized: the log is longer than the mark, and the byte at the mark is NUL. Readers then end
//! the log at the mark.
//!
//! The mark is never cleared, and an old mark is harmless. After the log has grown again, the byte
//! at the mark is the start of an entry or a newline, and not NUL.

use std::fs::{File, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use session_store_core::{SegmentKey, StoreError};
use uuid::Uuid;

use crate::directory::Directory;
use crate::error::Context;
use crate::file;
use crate::layout::Kind;

/// The number of hexadecimal digits of a stored token.
const DIGITS: usize = 32;

/// The number of hexadecimal digits of a stored offset.
const OFFSET_DIGITS: usize = 16;

/// The maximum number of bytes that are read of an epoch file. Every epoch is shorter.
const MAX_BYTES: u64 = 64;

/// The offset that is stored before the first cut. No log has this length.
pub(crate) const NO_CUT: u64 = u64::MAX;

/// The epoch of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Epoch {
    pub(crate) token: u128,
    /// The end of the log after its last cut, or [`NO_CUT`].
    pub(crate) cut: u64,
    /// Whether the token is stored. A token that is not stored is derived from the time of the log,
    /// so it changes when another program changes the log.
    pub(crate) is_stored: bool,
}

/// A cut that is about to begin.
#[derive(Clone, Copy)]
pub(crate) struct Cut {
    /// The end of the log after the cut.
    pub(crate) offset: u64,
    /// Whether the name of the epoch file is durable, as far as this handle knows.
    pub(crate) is_named: bool,
}

/// An epoch that is written and not synced yet.
struct WrittenEpoch {
    epoch: Epoch,
    path: PathBuf,
    file: File,
    is_new: bool,
}

impl Epoch {
    /// Derives an epoch from the inode and the time of a log. A log has no stored epoch if another
    /// program wrote the log, or the sidecar folder was lost. The next change stores the derived
    /// token.
    pub(crate) fn derived(log: &Metadata) -> Self {
        let seen = format!("{}:{}:{}.{}", log.dev(), log.ino(), log.mtime(), log.mtime_nsec());
        let token = Uuid::new_v5(&Uuid::NAMESPACE_OID, seen.as_bytes()).as_u128();
        Self { token, cut: NO_CUT, is_stored: false }
    }

    /// Parses the content of the file. Returns `None` if the file does not begin with a whole
    /// token.
    ///
    /// An older version of this crate overwrites only the start of the file, with a token and a
    /// newline. The offset of the former epoch then remains after the newline. An offset therefore
    /// counts only after a space.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let token = u128::from_str_radix(str::from_utf8(bytes.get(..DIGITS)?).ok()?, 16).ok()?;
        let offset = bytes[DIGITS..].strip_prefix(b" ").and_then(|rest| rest.get(..OFFSET_DIGITS));
        let offset = offset.and_then(|digits| str::from_utf8(digits).ok());
        let cut = offset.and_then(|digits| u64::from_str_radix(digits, 16).ok());
        Some(Self { token, cut: cut.unwrap_or(NO_CUT), is_stored: true })
    }

    /// Returns the content of the file, which always has the same length.
    fn text(self) -> String {
        format!("{:0DIGITS$x} {:0OFFSET_DIGITS$x}\n", self.token, self.cut)
    }
}

/// Returns a new random token, which differs from the tokens of all segments.
pub(crate) fn new_token() -> u128 {
    Uuid::new_v4().as_u128()
}

impl Directory {
    /// Returns the stored epoch of a segment, or an epoch that is derived from its open log.
    pub(crate) fn read_epoch(&self, key: SegmentKey, log: &File) -> Result<Epoch, StoreError> {
        if let Some(epoch) = self.stored_epoch(key)? {
            return Ok(epoch);
        }
        let path = self.layout.file(key, Kind::Log);
        Ok(Epoch::derived(&log.metadata().context("read the metadata of", &path)?))
    }

    /// Returns the stored epoch, or `None` if no valid epoch is stored.
    pub(crate) fn stored_epoch(&self, key: SegmentKey) -> Result<Option<Epoch>, StoreError> {
        let path = self.layout.epoch(key);
        let bytes = file::read(&path, MAX_BYTES).context("read", &path)?.unwrap_or_default();
        Ok(Epoch::parse(&bytes))
    }

    /// Stores an epoch. Syncs the epoch only if the durability of the handle requires that.
    pub(crate) fn store_epoch(
        &self,
        key: SegmentKey,
        token: u128,
        cut: u64,
    ) -> Result<Epoch, StoreError> {
        let written = self.write_epoch(key, token, cut)?;
        if !written.is_new {
            // Without this sync, a power cut could restore the former epoch and so a former head. A
            // new file is not synced. If a power cut removes the file, the segment only gets
            // another epoch.
            self.syncs.sync_file(&written.path, &written.file)?;
        }
        Ok(written.epoch)
    }

    /// Stores an epoch with the mark of a cut that is about to begin. Always syncs the file,
    /// whatever the durability of the handle, because the mark is needed after a power cut.
    pub(crate) fn store_mark(
        &self,
        key: SegmentKey,
        token: u128,
        cut: Cut,
    ) -> Result<Epoch, StoreError> {
        let written = self.write_epoch(key, token, cut.offset)?;
        self.syncs.run(&written.path, || written.file.sync_data())?;
        if written.is_new || !cut.is_named {
            self.syncs.sync_path(&self.layout.epochs())?;
            self.syncs.sync_path(&self.layout.sidecar())?;
            self.syncs.sync_path(self.layout.root())?;
        }
        Ok(written.epoch)
    }

    /// Writes an epoch to its file.
    ///
    /// All epochs have the same length, and a new epoch overwrites the former one in place. A full
    /// disk therefore cannot leave a part of an epoch.
    fn write_epoch(
        &self,
        key: SegmentKey,
        token: u128,
        cut: u64,
    ) -> Result<WrittenEpoch, StoreError> {
        let (path, epoch) = (self.layout.epoch(key), Epoch { token, cut, is_stored: true });
        let write = || -> io::Result<_> {
            let (mut file, metadata) = file::open_to_overwrite(&path)?;
            let is_new = metadata.len() == 0;
            file.write_all(epoch.text().as_bytes())?;
            Ok((file, is_new))
        };
        let (file, is_new) = write().context("write", &path)?;
        Ok(WrittenEpoch { epoch, path, file, is_new })
    }

    /// Deletes the stored epoch.
    pub(crate) fn delete_epoch(&self, key: SegmentKey) -> Result<(), StoreError> {
        if file::delete(&self.layout.epoch(key))? {
            // Sync the deletion. Otherwise a power cut could restore the file, and a later log of
            // the same ids would have the epoch of the deleted log.
            self.syncs.sync_folder(&self.layout.epochs())?;
        }
        Ok(())
    }
}
