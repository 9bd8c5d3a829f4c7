//! Lookup hints: which session holds a segment id, as a symbolic link that leads nowhere, since one is made
//! and read in a single step. A hint is only a hint: one that is missing or wrong means a search.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;

use session_store_core::{SegmentId, SessionId, StoreError};
use uuid::Uuid;

use crate::failure::{Attempt, if_found};
use crate::layout::{Key, Layout, session_of};

/// Begins every target, so that none is the name of something that is there.
const PREFIX: &str = "session:";

/// Marks the id as one that several sessions hold or held.
const SHARED: char = '+';

#[derive(PartialEq, Eq)]
struct Hint {
    session_id: SessionId,
    shared: bool,
}

impl Hint {
    fn parse(target: &str) -> Option<Self> {
        let target = target.strip_prefix(PREFIX)?;
        let id = target.strip_suffix(SHARED);
        let session_id = session_of(id.unwrap_or(target).as_ref())?;
        Some(Self { session_id, shared: id.is_some() })
    }

    fn target(&self) -> String {
        let Self { session_id, shared } = self;
        if *shared {
            format!("{PREFIX}{session_id}{SHARED}")
        } else {
            format!("{PREFIX}{session_id}")
        }
    }
}

impl Layout {
    /// A session that holds the segment, the same one as long as it does (L5).
    pub(crate) fn lookup(&self, segment_id: SegmentId) -> Result<Option<SessionId>, StoreError> {
        match self.read_hint(segment_id)? {
            Some(hint) if self.has_log((hint.session_id, segment_id))? => Ok(Some(hint.session_id)),
            _ => self.search(segment_id),
        }
    }

    /// Notes that the session is about to hold the segment, which it does not yet. The segment's stripe is
    /// locked.
    pub(crate) fn leave_hint(&self, (session_id, segment_id): Key) -> Result<(), StoreError> {
        let found = self.read_hint(segment_id)?;
        let holder = match &found {
            Some(hint) if self.has_log((hint.session_id, segment_id))? => Some(hint.session_id),
            // What a crash left of an earlier creation or deletion.
            Some(hint) if hint.session_id == session_id && !hint.shared => None,
            None if !self.is_adopted()? => None,
            _ => self.search(segment_id)?,
        };
        let hint = Hint { session_id: holder.unwrap_or(session_id), shared: holder.is_some() };
        if found.as_ref() == Some(&hint) { Ok(()) } else { self.write_hint(segment_id, &hint) }
    }

    /// Notes that the session holds the segment no more. The segment's stripe is locked.
    pub(crate) fn drop_hint(&self, (session_id, segment_id): Key) -> Result<(), StoreError> {
        let Some(hint) = self.read_hint(segment_id)? else { return Ok(()) };
        if hint.session_id != session_id {
            return Ok(());
        }
        match if hint.shared { self.search(segment_id)? } else { None } {
            Some(session_id) => self.write_hint(segment_id, &Hint { session_id, shared: true }),
            None => {
                let path = self.hint(segment_id);
                if_found(fs::remove_file(&path)).trying("delete", &path).map(drop)
            }
        }
    }

    fn read_hint(&self, segment_id: SegmentId) -> Result<Option<Hint>, StoreError> {
        let path = self.hint(segment_id);
        let target = match fs::read_link(&path) {
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Ok(None), // No link.
            result => if_found(result).trying("read", &path)?,
        };
        Ok(target.and_then(|target| Hint::parse(target.to_str()?)))
    }

    /// In one step: whoever looks meanwhile finds the old hint or the new one.
    fn write_hint(&self, segment_id: SegmentId, hint: &Hint) -> Result<(), StoreError> {
        let (path, temporary) =
            (self.hint(segment_id), self.temporary().join(Uuid::new_v4().to_string()));
        symlink(hint.target(), &temporary)
            .and_then(|()| {
                fs::rename(&temporary, &path).inspect_err(|_| drop(fs::remove_file(&temporary)))
            })
            .trying("write", &path)
    }

    /// The first session, by id, that holds the segment.
    fn search(&self, segment_id: SegmentId) -> Result<Option<SessionId>, StoreError> {
        let mut sessions = self.session_folders()?;
        sessions.sort_unstable();
        for session_id in sessions {
            if self.has_log((session_id, segment_id))? {
                return Ok(Some(session_id));
            }
        }
        Ok(None)
    }
}
