//! What is there, by the names of folders and files. Anything that is not ours is passed over (L4).

use std::fs::{self, DirEntry};
use std::path::Path;

use session_store_core::{SegmentId, SessionId, StoreError};

use crate::failure::{Attempt, if_found};
use crate::layout::{Kind, Layout, segment_of, session_of};

impl Layout {
    /// The sessions with at least one log, newest first (L1).
    pub(crate) fn sessions(&self) -> Result<Vec<SessionId>, StoreError> {
        let mut ids = Vec::new();
        for session_id in self.session_folders()? {
            if self.files(session_id)?.any(|(_, kind)| kind == Kind::Log) {
                ids.push(session_id);
            }
        }
        ids.sort_unstable_by(|a, b| b.cmp(a));
        Ok(ids)
    }

    /// The session's logs, newest first (L2).
    pub(crate) fn segments(&self, session_id: SessionId) -> Result<Vec<SegmentId>, StoreError> {
        let logs = self.files(session_id)?.filter(|&(_, kind)| kind == Kind::Log);
        let mut ids: Vec<_> = logs.map(|(segment_id, _)| segment_id).collect();
        ids.sort_unstable_by(|a, b| b.cmp(a));
        // A file that is replaced while the folder is listed may be met twice.
        ids.dedup();
        Ok(ids)
    }

    /// The folders named as sessions, whatever they hold.
    pub(crate) fn session_folders(&self) -> Result<impl Iterator<Item = SessionId>, StoreError> {
        Ok(entries(self.root())?.into_iter().filter_map(|entry| session_of(&entry.file_name())))
    }

    /// The logs and traces in a session's folder.
    pub(crate) fn files(
        &self,
        session_id: SessionId,
    ) -> Result<impl Iterator<Item = (SegmentId, Kind)>, StoreError> {
        let files = entries(&self.session(session_id))?.into_iter().filter(is_file);
        Ok(files.filter_map(|entry| segment_of(&entry.file_name())))
    }
}

/// What a folder holds; nothing if it is not there, or no folder.
fn entries(folder: &Path) -> Result<Vec<DirEntry>, StoreError> {
    use std::io::ErrorKind::NotADirectory;
    let listing = match fs::read_dir(folder) {
        Err(error) if error.kind() == NotADirectory => return Ok(Vec::new()),
        result => if_found(result).trying("list", folder)?,
    };
    listing.into_iter().flatten().collect::<Result<_, _>>().trying("list", folder)
}

fn is_file(entry: &DirEntry) -> bool {
    match entry.file_type() {
        Ok(kind) if kind.is_symlink() => entry.path().is_file(),
        Ok(kind) => kind.is_file(),
        Err(_) => false,
    }
}
