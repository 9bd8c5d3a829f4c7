//! Lookup hints: which session holds a segment id, as a symbolic link that is never followed, since one is
//! made and read in a single step. A hint is only a hint: one that is missing or wrong means a search.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;

use session_store_core::{SegmentId, SessionId, StoreError};

use crate::failure::{Attempt, if_found};
use crate::layout::{Key, Kind, Layout, session_of};

/// Marks the id as one that several sessions hold or held.
const SHARED: char = '+';

struct Hint {
    session_id: SessionId,
    shared: bool,
}

impl Layout {
    /// A session that holds the segment, the same one as long as it does (L5).
    pub(crate) fn lookup(&self, segment_id: SegmentId) -> Result<Option<SessionId>, StoreError> {
        match self.read_hint(segment_id)? {
            Some(hint) if self.holds(hint.session_id, segment_id) => Ok(Some(hint.session_id)),
            _ => self.search(segment_id),
        }
    }

    /// Notes that the session is about to hold the segment. The segment's stripe is locked.
    pub(crate) fn leave_hint(&self, (session_id, segment_id): Key) -> Result<(), StoreError> {
        let holder = match self.read_hint(segment_id)? {
            Some(hint) if hint.session_id == session_id => return Ok(()),
            Some(hint) if self.holds(hint.session_id, segment_id) => Some(hint.session_id),
            None if !self.is_adopted()? => None,
            _ => self.search(segment_id)?,
        };
        let hint = Hint { session_id: holder.unwrap_or(session_id), shared: holder.is_some() };
        self.write_hint(segment_id, Some(&hint))
    }

    /// Notes that the session holds the segment no more. The segment's stripe is locked.
    pub(crate) fn drop_hint(&self, (session_id, segment_id): Key) -> Result<(), StoreError> {
        let Some(hint) = self.read_hint(segment_id)? else { return Ok(()) };
        if hint.session_id != session_id {
            return Ok(());
        }
        let next = if hint.shared { self.search(segment_id)? } else { None };
        let hint = next.map(|session_id| Hint { session_id, shared: true });
        self.write_hint(segment_id, hint.as_ref())
    }

    fn read_hint(&self, segment_id: SegmentId) -> Result<Option<Hint>, StoreError> {
        let path = self.hint(segment_id);
        let target = match fs::read_link(&path) {
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Ok(None), // No link.
            result => if_found(result).trying("read", &path)?,
        };
        Ok(target.and_then(|target| {
            let text = target.to_str()?;
            let id = text.strip_suffix(SHARED);
            let session_id = session_of(id.unwrap_or(text).as_ref())?;
            Some(Hint { session_id, shared: id.is_some() })
        }))
    }

    fn write_hint(&self, segment_id: SegmentId, hint: Option<&Hint>) -> Result<(), StoreError> {
        let path = self.hint(segment_id);
        if_found(fs::remove_file(&path)).trying("replace", &path)?;
        let Some(&Hint { session_id, shared }) = hint else { return Ok(()) };
        let target = if shared { format!("{session_id}{SHARED}") } else { session_id.to_string() };
        symlink(target, &path).trying("create", &path)
    }

    fn holds(&self, session_id: SessionId, segment_id: SegmentId) -> bool {
        self.file((session_id, segment_id), Kind::Log).is_file()
    }

    /// The first session, by id, that holds the segment.
    fn search(&self, segment_id: SegmentId) -> Result<Option<SessionId>, StoreError> {
        let holders = self.session_folders()?.filter(|&id| self.holds(id, segment_id));
        Ok(holders.min())
    }
}
