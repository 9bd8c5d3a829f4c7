//! Lookup hints. A hint is a sidecar file that names the session of a segment id. If a hint is
//! missing or wrong, a lookup searches the folders of all sessions.
//!
//! A hint is stored as the target of a symbolic link, because one system call creates or reads a
//! link. The target never names an existing file.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;

use session_store_core::{SegmentId, SegmentKey, SessionId, StoreError};
use tempfile::Builder;

use crate::directory::Directory;
use crate::error::{Context, if_found};
use crate::file;
use crate::layout::session_of;

/// The prefix of every target. No file has a name with this prefix, so the link leads nowhere.
const PREFIX: &str = "session:";

/// The suffix of the target if several sessions hold the segment id, or have held it before.
const SHARED: &str = "+";

#[derive(PartialEq, Eq)]
struct Hint {
    session_id: SessionId,
    is_shared: bool,
}

impl Hint {
    fn parse(target: &str) -> Option<Self> {
        let target = target.strip_prefix(PREFIX)?;
        let shared = target.strip_suffix(SHARED);
        let session_id = session_of(shared.unwrap_or(target).as_ref())?;
        Some(Self { session_id, is_shared: shared.is_some() })
    }

    fn target(&self) -> String {
        let suffix = if self.is_shared { SHARED } else { "" };
        format!("{PREFIX}{}{suffix}", self.session_id)
    }
}

impl Directory {
    /// Returns a session that holds the segment. Returns the same session as long as that session
    /// holds the segment.
    pub(crate) fn lookup(&self, segment_id: SegmentId) -> Result<Option<SessionId>, StoreError> {
        match self.read_hint(segment_id)? {
            Some(hint) if self.is_valid(&hint, segment_id)? => Ok(Some(hint.session_id)),
            _ => self.lookup_without_hint(segment_id),
        }
    }

    /// Returns a session that holds the segment. Lists all folders if lookups without a hint are
    /// frequent.
    fn lookup_without_hint(&self, segment_id: SegmentId) -> Result<Option<SessionId>, StoreError> {
        if let Some(session_id) = self.searches.session_of(segment_id)
            && self.has_log(SegmentKey::new(session_id, segment_id))?
        {
            return Ok(Some(session_id));
        }
        if self.searches.count_search() {
            self.searches.remember(self.sessions_of_all_segments()?);
        }
        self.search(segment_id)
    }

    /// Returns the session of each segment. If several sessions hold a segment id, the first
    /// session by id counts.
    fn sessions_of_all_segments(&self) -> Result<HashMap<SegmentId, SessionId>, StoreError> {
        let mut folders = self.session_folders()?;
        folders.sort_unstable();
        let mut sessions = HashMap::new();
        for session_id in folders {
            for segment_id in self.segments(session_id)? {
                sessions.entry(segment_id).or_insert(session_id);
            }
        }
        Ok(sessions)
    }

    /// Returns whether lookups of the segment find a valid hint.
    pub(crate) fn has_hint(&self, segment_id: SegmentId) -> Result<bool, StoreError> {
        self.read_hint(segment_id)?.map_or(Ok(false), |hint| self.is_valid(&hint, segment_id))
    }

    fn is_valid(&self, hint: &Hint, segment_id: SegmentId) -> Result<bool, StoreError> {
        self.has_log(SegmentKey::new(hint.session_id, segment_id))
    }

    /// Stores a hint for a session that is about to create the segment. The caller holds the lock
    /// of the segment's stripe.
    ///
    /// If another session already holds the segment, the hint continues to name that session and is
    /// marked as shared. When that session deletes the segment, the mark causes a search for the
    /// other sessions.
    pub(crate) fn store_hint(&self, key: SegmentKey) -> Result<(), StoreError> {
        let SegmentKey { session_id, segment_id } = key;
        let found = self.read_hint(segment_id)?;
        let holder = match &found {
            Some(hint) if self.is_valid(hint, segment_id)? => Some(hint.session_id),
            // A crash during an earlier creation or deletion left this hint.
            Some(hint) if hint.session_id == session_id && !hint.is_shared => None,
            // Every log has a hint, except in an adopted directory, which had logs before it had
            // hints. This directory is not adopted and the segment has no hint, so no session holds
            // the segment.
            None if !self.is_adopted()? => None,
            _ => self.search(segment_id)?,
        };
        let hint = Hint { session_id: holder.unwrap_or(session_id), is_shared: holder.is_some() };
        if found.as_ref() == Some(&hint) { Ok(()) } else { self.write_hint(segment_id, &hint) }
    }

    /// Stores a hint for a session that holds the segment, unless a valid hint exists. Returns
    /// whether a hint was stored. The caller holds the lock of the segment's stripe.
    pub(crate) fn restore_hint(&self, key: SegmentKey) -> Result<bool, StoreError> {
        let SegmentKey { session_id, segment_id } = key;
        let is_missing = self.has_log(key)? && !self.has_hint(segment_id)?;
        if is_missing {
            // Mark the hint as shared, because other sessions may hold the segment, too. If no
            // other session does, the mark only causes one search when this session deletes the
            // segment.
            self.write_hint(segment_id, &Hint { session_id, is_shared: true })?;
        }
        Ok(is_missing)
    }

    /// Updates the hint after a session has deleted the segment. The caller holds the lock of the
    /// segment's stripe.
    pub(crate) fn remove_hint(&self, key: SegmentKey) -> Result<(), StoreError> {
        let SegmentKey { session_id, segment_id } = key;
        let Some(hint) = self.read_hint(segment_id)? else { return Ok(()) };
        if hint.session_id != session_id {
            return Ok(());
        }
        match if hint.is_shared { self.search(segment_id)? } else { None } {
            Some(session_id) => self.write_hint(segment_id, &Hint { session_id, is_shared: true }),
            None => file::delete(&self.layout.hint(segment_id)).map(drop),
        }
    }

    fn read_hint(&self, segment_id: SegmentId) -> Result<Option<Hint>, StoreError> {
        let path = self.layout.hint(segment_id);
        let target = match fs::read_link(&path) {
            // The path is not a link.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Ok(None),
            result => if_found(result).context("read", &path)?,
        };
        Ok(target.and_then(|target| Hint::parse(target.to_str()?)))
    }

    /// Writes a hint by a rename, because lookups read the hint without a lock.
    fn write_hint(&self, segment_id: SegmentId, hint: &Hint) -> Result<(), StoreError> {
        let path = self.layout.hint(segment_id);
        let written = Builder::new()
            .make_in(self.layout.temporary(), |temporary| symlink(hint.target(), temporary))
            .and_then(|temporary| file::persist(temporary, &path));
        written.context("write", &path)
    }

    /// Returns the first session, by id, that holds the segment.
    fn search(&self, segment_id: SegmentId) -> Result<Option<SessionId>, StoreError> {
        let mut sessions = self.session_folders()?;
        sessions.sort_unstable();
        for session_id in sessions {
            if self.has_log(SegmentKey::new(session_id, segment_id))? {
                return Ok(Some(session_id));
            }
        }
        Ok(None)
    }
}
