//! Checkpoints. A checkpoint is the start of a line in a log, with the number of entries and lines
//! before this line. A new handle starts its scan of the log there.
//!
//! A checkpoint is only a hint. It contains the token of the epoch, the inode of the log, and a
//! hash of the bytes before its offset. The token is a random number that changes before every cut.
//! A log that was cut, replaced, restored from a copy, or rewritten by another program differs in
//! at least one of these three. The hash also covers the other fields, so a damaged file is
//! recognized.
//!
//! The hash does not show that another program has changed an earlier part of the log in place and
//! kept the length. The counts of the checkpoint can then be wrong. A truncation and a check
//! therefore scan the whole log. The end of the log is never wrong, because it is always read from
//! the log itself.

use std::fs::File;
use std::io::{self, Write};

use session_store_core::{SegmentKey, StoreError};
use uuid::Uuid;

use crate::directory::Directory;
use crate::error::Context;
use crate::file::{self, create_own_folder};
use crate::index::{LineStart, read_range};
use crate::sidecar::epoch::Epoch;

/// The number of bytes by which a log grows before the next checkpoint is stored.
pub(crate) const EVERY: u64 = 1024 * 1024;

/// The number of bytes before the offset that the hash covers. Lines often end with the same
/// fields, so this is more than the usual length of a line.
const SAMPLE: u64 = 4096;

/// The maximum number of bytes that are read of a checkpoint. Every checkpoint is shorter.
const MAX_BYTES: u64 = 256;

/// A log, as a checkpoint identifies it.
#[derive(Clone, Copy)]
pub(crate) struct Identity<'a> {
    pub(crate) file: &'a File,
    pub(crate) inode: u64,
    pub(crate) epoch: Epoch,
}

/// The stored checkpoint of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Checkpoint {
    Missing,
    /// The checkpoint does not fit this log, or no longer fits it.
    Wrong,
    At(LineStart),
}

impl Identity<'_> {
    /// Returns the content of a checkpoint of this log.
    fn text(self, start: LineStart) -> io::Result<String> {
        let (token, inode, LineStart { offset, entries, lines }) =
            (self.epoch.token, self.inode, start);
        let place = format!("{token:032x} {inode:016x} {offset:016x} {entries:016x} {lines:016x}");
        let sample = read_range(self.file, offset.saturating_sub(SAMPLE), offset)?;
        let hash = Uuid::new_v5(&Uuid::NAMESPACE_OID, &[place.as_bytes(), &sample].concat());
        Ok(format!("{place} {}\n", hash.simple()))
    }

    /// Returns whether the log can have a line that starts at the offset.
    ///
    /// At least one line must follow the offset. A crash can leave NULs in the last line, so a scan
    /// has to read that line from its start. The offset must not be after the end of an interrupted
    /// cut.
    fn can_start_at(self, offset: u64) -> io::Result<bool> {
        let byte =
            |at: u64| Ok::<_, io::Error>(read_range(self.file, at, at + 1)?.first().copied());
        let cut = self.epoch.cut;
        Ok(self.epoch.is_stored
            && offset > 0
            && offset < self.file.metadata()?.len()
            && byte(offset - 1)? == Some(b'\n')
            && (cut >= offset || byte(cut)? != Some(0)))
    }
}

/// Parses the offset and the counts of a checkpoint.
fn parse(text: &str) -> Option<LineStart> {
    let mut fields = text.split(' ').skip(2).map(|field| u64::from_str_radix(field, 16).ok());
    let mut next = || fields.next().flatten();
    Some(LineStart {
        offset: next()?,
        entries: usize::try_from(next()?).ok()?,
        lines: usize::try_from(next()?).ok()?,
    })
}

impl Directory {
    /// Returns the stored checkpoint of a log. The caller holds the lock of the segment. A
    /// checkpoint that cannot be read is wrong.
    pub(crate) fn checkpoint(&self, key: SegmentKey, log: Identity<'_>) -> Checkpoint {
        let stored = match file::read(&self.layout.checkpoint(key), MAX_BYTES) {
            Ok(None) => return Checkpoint::Missing,
            Ok(Some(bytes)) => String::from_utf8(bytes).unwrap_or_default(),
            Err(_) => return Checkpoint::Wrong,
        };
        let is_of_log = |start: &LineStart| {
            log.can_start_at(start.offset).is_ok_and(|can| can)
                && log.text(*start).is_ok_and(|text| text == stored)
        };
        parse(&stored).filter(is_of_log).map_or(Checkpoint::Wrong, Checkpoint::At)
    }

    /// Stores a checkpoint. The caller holds the lock of the segment.
    ///
    /// The checkpoint is not synced. If a power cut leaves a checkpoint that is newer than its log,
    /// the bytes before its offset are missing, or differ. The checkpoint is then ignored.
    pub(crate) fn store_checkpoint(
        &self,
        key: SegmentKey,
        log: Identity<'_>,
        start: LineStart,
    ) -> Result<(), StoreError> {
        let path = self.layout.checkpoint(key);
        let write = || file::open_to_overwrite(&path)?.0.write_all(log.text(start)?.as_bytes());
        let written = match write() {
            // Only the first checkpoint of a store creates the folder.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                create_own_folder(&self.layout.checkpoints())?;
                write()
            }
            result => result,
        };
        written.context("write", &path)
    }

    /// Deletes the stored checkpoint.
    pub(crate) fn delete_checkpoint(&self, key: SegmentKey) -> Result<(), StoreError> {
        file::delete(&self.layout.checkpoint(key)).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_parsed_as_it_was_written() {
        let log = tempfile::tempfile().unwrap();
        log.set_len(5_000).unwrap();
        let epoch = Epoch { token: u128::MAX, cut: 0, is_stored: true };
        let start = LineStart { offset: 4_999, entries: 17, lines: 18 };
        let identity = Identity { file: &log, inode: u64::MAX, epoch };
        let text = identity.text(start).unwrap();
        assert!(text.len() as u64 <= MAX_BYTES);
        assert_eq!(parse(&text), Some(start));
        for damaged in ["", " ", "x y z", "1 2 3", &text[..70], &text.replace(' ', "\n")] {
            assert_eq!(parse(damaged), None, "{damaged:?}");
        }
    }
}
