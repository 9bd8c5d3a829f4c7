//! Quarantined tails: what crashes left of entries, moved out of the logs and kept for inspection.

use std::io::Write;

use session_store_core::{SegmentKey, StoreError};
use uuid::Uuid;

use crate::directory::Directory;
use crate::file::{self, create_folder};
use crate::layout::Layout;

impl Directory {
    /// Copies a torn tail into a file beside the log.
    ///
    /// The name is a hash of the bytes. If a later step fails and the repair runs again, it writes
    /// the same file again and not another copy.
    pub(crate) fn quarantine(&self, key: SegmentKey, tail: &[u8]) -> Result<(), StoreError> {
        let folder = self.layout.torn();
        create_folder(&folder)?;
        let hash = Uuid::new_v5(&Uuid::NAMESPACE_OID, tail);
        let path = folder.join(format!("{}{hash}", Layout::torn_prefix(key)));
        self.persist(self.temporary_file(|file| file.write_all(tail))?, &path)
    }

    /// Deletes the quarantined tails of a segment.
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
