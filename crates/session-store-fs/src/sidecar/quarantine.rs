//! The quarantine: files in `.session-store/torn/` with parts of entries that crashes left, and
//! with bad lines. Both are moved there out of the logs and kept for inspection.

use std::fs::File;
use std::io::Write;
use std::ops::Range;

use session_store_core::{SegmentKey, StoreError};
use uuid::Uuid;

use crate::directory::Directory;
use crate::file::{self, create_own_folder};
use crate::index::read_range;
use crate::layout::Layout;

/// The number of bytes that are copied at once.
const BLOCK: u64 = 1024 * 1024;

impl Directory {
    /// Copies a range of the log to a quarantine file.
    ///
    /// The name of the file is a hash of the first bytes and the length. If a later step fails and
    /// the repair runs again, it writes the same file again instead of another copy.
    pub(crate) fn quarantine(
        &self,
        key: SegmentKey,
        log: &File,
        Range { start, end }: Range<u64>,
    ) -> Result<(), StoreError> {
        let folder = self.layout.torn();
        create_own_folder(&folder)?;
        let mut hashed = Vec::new();
        let temporary = self.temporary_file(|file| {
            let mut at = start;
            while at < end {
                let block = read_range(log, at, end.min(at + BLOCK))?;
                file.write_all(&block)?;
                at += block.len() as u64;
                if hashed.is_empty() {
                    hashed = block;
                }
            }
            Ok(())
        })?;
        if end - start > BLOCK {
            hashed.extend((end - start).to_le_bytes());
        }
        let hash = Uuid::new_v5(&Uuid::NAMESPACE_OID, &hashed);
        self.persist(temporary, &folder.join(format!("{}{hash}", Layout::torn_prefix(key))))
    }

    /// Deletes the quarantine files of a segment.
    pub(crate) fn delete_quarantined(&self, key: SegmentKey) -> Result<(), StoreError> {
        let prefix = Layout::torn_prefix(key);
        let mut tails = Vec::new();
        file::list(&self.layout.torn(), |file| {
            let is_own = file.name().as_encoded_bytes().starts_with(prefix.as_bytes());
            tails.extend(is_own.then(|| file.path()));
        })?;
        tails.iter().try_for_each(|path| file::delete(path).map(drop))
    }
}
