//! What is there, by the names of folders and files. Anything that is not ours is passed over (L4).

use std::fs::{self, DirEntry};
use std::path::Path;
use std::sync::Arc;

use session_store_core::{SegmentId, SessionId, StoreError};

use crate::failure::{Attempt, if_found};
use crate::layout::{Kind, Layout, segment_of, session_of};
use crate::stripe::{Generation, Keep, Stripe};

/// The sessions that were last listed, and the generation of deletions in which their folders were seen to
/// hold a log. Until something is deleted they still do, so that listing them again opens none of them.
#[derive(Default)]
pub(crate) struct Listed(Option<(Generation, Arc<Vec<SessionId>>)>);

impl Keep for Listed {}

impl Listed {
    fn in_generation(&self, generation: Generation) -> Arc<Vec<SessionId>> {
        match &self.0 {
            Some((listed, sessions)) if *listed == generation => Arc::clone(sessions),
            _ => Arc::default(),
        }
    }
}

impl Layout {
    /// The sessions with at least one log, newest first (L1). Whoever deletes a log holds the lock of
    /// `deletions` and has moved on its generation.
    pub(crate) fn sessions(
        &self,
        deletions: &Stripe<Listed>,
    ) -> Result<Vec<SessionId>, StoreError> {
        let (generation, known) = {
            let mut none_at_work = deletions.existing()?;
            let generation = none_at_work.generation();
            (generation, none_at_work.kept().in_generation(generation))
        };
        let sessions = self.holding_logs(self.session_folders()?, &known)?;
        if sessions != *known && deletions.still(generation)? {
            let listed = Listed(Some((generation, Arc::new(sessions.clone()))));
            *deletions.existing()?.kept() = listed;
        }
        Ok(sessions)
    }

    /// Those of the folders that hold a log, newest first. Of the `known` ones, which are in the same order,
    /// that needs no look.
    fn holding_logs(
        &self,
        folders: impl Iterator<Item = SessionId>,
        known: &[SessionId],
    ) -> Result<Vec<SessionId>, StoreError> {
        let mut folders: Vec<_> = folders.collect();
        folders.sort_unstable_by(|a, b| b.cmp(a));
        let mut known = known.iter().peekable();
        let mut sessions = Vec::with_capacity(folders.len());
        for session_id in folders {
            while known.next_if(|&known| *known > session_id).is_some() {}
            if known.next_if_eq(&&session_id).is_some() || self.holds_a_log(session_id)? {
                sessions.push(session_id);
            }
        }
        Ok(sessions)
    }

    fn holds_a_log(&self, session_id: SessionId) -> Result<bool, StoreError> {
        Ok(self.files(session_id)?.any(|(_, kind)| kind == Kind::Log))
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
