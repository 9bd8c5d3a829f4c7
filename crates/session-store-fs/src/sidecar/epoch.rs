//! Epochs: the random tokens of heads, a file for each segment.
//!
//! A log that was truncated and has grown again can have its former number of entries and its
//! former length. A token that changes before every cut shows the difference.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};

use session_store_core::{SegmentKey, StoreError};
use uuid::Uuid;

use crate::directory::Directory;
use crate::error::{Context, if_found};
use crate::file;
use crate::layout::Kind;

/// The number of hexadecimal digits of a stored token.
const DIGITS: usize = 32;

/// The epoch of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Epoch {
    pub(crate) token: u128,
    /// Whether the token is stored. One that is not stored changes with the next change to the log.
    pub(crate) is_stored: bool,
}

impl Epoch {
    /// Derives the epoch of a log that has no stored one: another program wrote the log, or the
    /// sidecar folder was lost. The file's identity and time tell logs apart until the next change
    /// stores a token.
    pub(crate) fn derived(log: &Metadata) -> Self {
        let seen = format!("{}:{}:{}.{}", log.dev(), log.ino(), log.mtime(), log.mtime_nsec());
        let token = Uuid::new_v5(&Uuid::NAMESPACE_OID, seen.as_bytes()).as_u128();
        Self { token, is_stored: false }
    }
}

impl Directory {
    /// Returns the epoch of a segment whose log is open.
    pub(crate) fn read_epoch(&self, key: SegmentKey, log: &File) -> Result<Epoch, StoreError> {
        if let Some(token) = self.stored_token(key)? {
            return Ok(Epoch { token, is_stored: true });
        }
        let path = self.layout.file(key, Kind::Log);
        Ok(Epoch::derived(&log.metadata().context("read the metadata of", &path)?))
    }

    /// Returns the stored token, if it is whole.
    pub(crate) fn stored_token(&self, key: SegmentKey) -> Result<Option<u128>, StoreError> {
        let path = self.layout.epoch(key);
        let bytes = if_found(fs::read(&path)).context("read", &path)?.unwrap_or_default();
        let digits = bytes.get(..DIGITS).and_then(|digits| str::from_utf8(digits).ok());
        Ok(digits.and_then(|digits| u128::from_str_radix(digits, 16).ok()))
    }

    /// Stores an epoch that the segment never had.
    pub(crate) fn store_new_epoch(&self, key: SegmentKey) -> Result<Epoch, StoreError> {
        self.store_epoch(key, Uuid::new_v4().as_u128())
    }

    /// Stores an epoch.
    ///
    /// All epochs have the same length, and each is written over the one before. A full disk
    /// therefore cannot leave a part of one.
    pub(crate) fn store_epoch(&self, key: SegmentKey, token: u128) -> Result<Epoch, StoreError> {
        let path = self.layout.epoch(key);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let write = || -> io::Result<_> {
            let mut file = options.open(&path)?;
            let is_new = file.metadata()?.len() == 0;
            file.write_all(format!("{token:0DIGITS$x}\n").as_bytes())?;
            Ok((file, is_new))
        };
        let (file, is_new) = write().context("write", &path)?;
        if !is_new {
            // Without this sync a power cut could bring back the former epoch, and with it a former
            // head. A new file needs none: if a power cut takes it, the segment only gets another
            // epoch.
            self.syncs.sync_file(&path, &file)?;
        }
        Ok(Epoch { token, is_stored: true })
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
