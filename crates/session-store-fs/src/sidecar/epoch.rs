//! Epochs: the random tokens of heads and the marks of cuts, a file for each segment.
//!
//! A log that was truncated and has grown again can have its former number of entries and its
//! former length. A token that changes before every cut shows the difference.
//!
//! The file is `TOKEN OFFSET`, where the offset is the mark: the end of the log after its last cut.
//! To truncate a file, a file system writes NULs from the new end to the end of the block, and then
//! the new length. A power cut in between leaves the old length and a log with NULs inside. The
//! mark is on the device before the cut begins, so that such a log is recognized: it is longer than
//! the mark, and the byte there is NUL. It then ends at the mark.
//!
//! The mark is never cleared. After the log has grown again, the byte at the mark is the start of
//! an entry or a newline.

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

/// The number of bytes that are read of an epoch file. No epoch is longer.
const MAX_BYTES: u64 = 64;

/// The offset that is stored before the first cut. No file is longer.
pub(crate) const NO_CUT: u64 = u64::MAX;

/// The epoch of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Epoch {
    pub(crate) token: u128,
    /// Where the log ended after its last cut, or [`NO_CUT`].
    pub(crate) cut: u64,
    /// Whether the token is stored. One that is not stored changes with the next change to the log.
    pub(crate) is_stored: bool,
}

/// A cut that is about to begin.
#[derive(Clone, Copy)]
pub(crate) struct Cut {
    /// Where the log will end.
    pub(crate) offset: u64,
    /// Whether the name of the epoch file is known to be durable.
    pub(crate) is_named: bool,
}

/// An epoch that was written and not synced.
struct Written {
    epoch: Epoch,
    path: PathBuf,
    file: File,
    is_new: bool,
}

impl Epoch {
    /// Derives the epoch of a log that has no stored one: another program wrote the log, or the
    /// sidecar folder was lost. The file's identity and time tell logs apart until the next change
    /// stores a token.
    pub(crate) fn derived(log: &Metadata) -> Self {
        let seen = format!("{}:{}:{}.{}", log.dev(), log.ino(), log.mtime(), log.mtime_nsec());
        let token = Uuid::new_v5(&Uuid::NAMESPACE_OID, seen.as_bytes()).as_u128();
        Self { token, cut: NO_CUT, is_stored: false }
    }

    /// Parses the content of the file, if it is whole.
    ///
    /// Older versions write the token and a newline over the start of the file, and leave the rest.
    /// Only a space after the token therefore shows that the offset belongs to it.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let token = u128::from_str_radix(str::from_utf8(bytes.get(..DIGITS)?).ok()?, 16).ok()?;
        let offset = bytes[DIGITS..].strip_prefix(b" ").and_then(|rest| rest.get(..OFFSET_DIGITS));
        let offset = offset.and_then(|digits| str::from_utf8(digits).ok());
        let cut = offset.and_then(|digits| u64::from_str_radix(digits, 16).ok());
        Some(Self { token, cut: cut.unwrap_or(NO_CUT), is_stored: true })
    }

    /// Returns the content of the file. It always has the same length.
    fn text(self) -> String {
        format!("{:0DIGITS$x} {:0OFFSET_DIGITS$x}\n", self.token, self.cut)
    }
}

/// Returns a token that no segment ever had.
pub(crate) fn new_token() -> u128 {
    Uuid::new_v4().as_u128()
}

impl Directory {
    /// Returns the epoch of a segment whose log is open.
    pub(crate) fn read_epoch(&self, key: SegmentKey, log: &File) -> Result<Epoch, StoreError> {
        if let Some(epoch) = self.stored_epoch(key)? {
            return Ok(epoch);
        }
        let path = self.layout.file(key, Kind::Log);
        Ok(Epoch::derived(&log.metadata().context("read the metadata of", &path)?))
    }

    /// Returns the stored epoch, if it is whole.
    pub(crate) fn stored_epoch(&self, key: SegmentKey) -> Result<Option<Epoch>, StoreError> {
        let path = self.layout.epoch(key);
        let bytes = file::read(&path, MAX_BYTES).context("read", &path)?.unwrap_or_default();
        Ok(Epoch::parse(&bytes))
    }

    /// Stores an epoch.
    pub(crate) fn store_epoch(
        &self,
        key: SegmentKey,
        token: u128,
        cut: u64,
    ) -> Result<Epoch, StoreError> {
        let written = self.write_epoch(key, token, cut)?;
        if !written.is_new {
            // Without this sync a power cut could bring back the former epoch, and with it a former
            // head. A new file needs none: if a power cut takes it, the segment only gets another
            // epoch.
            self.syncs.sync_file(&written.path, &written.file)?;
        }
        Ok(written.epoch)
    }

    /// Stores an epoch with the mark of a cut that is about to begin, and makes both durable,
    /// whatever the durability of the handle. A mark that a power cut takes is useless.
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
    /// All epochs have the same length, and each is written over the one before. A full disk
    /// therefore cannot leave a part of one.
    fn write_epoch(&self, key: SegmentKey, token: u128, cut: u64) -> Result<Written, StoreError> {
        let (path, epoch) = (self.layout.epoch(key), Epoch { token, cut, is_stored: true });
        let write = || -> io::Result<_> {
            let (mut file, metadata) = file::open_to_write(&path)?;
            let is_new = metadata.len() == 0;
            file.write_all(epoch.text().as_bytes())?;
            Ok((file, is_new))
        };
        let (file, is_new) = write().context("write", &path)?;
        Ok(Written { epoch, path, file, is_new })
    }

    /// Deletes the stored epoch.
    pub(crate) fn delete_epoch(&self, key: SegmentKey) -> Result<(), StoreError> {
        if file::delete(&self.layout.epoch(key))? {
            // A power cut must not bring it back, since it could be the epoch of an earlier log.
            self.syncs.sync_folder(&self.layout.epochs())?;
        }
        Ok(())
    }
}
