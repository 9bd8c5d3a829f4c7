//! `SegmentInfo`: facts about a segment that are known without reading the log. `ListOptions`: the
//! part of a listing to return.

use std::time::SystemTime;

use crate::{Head, SessionId};

/// Facts about a segment that a store knows without reading the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SegmentInfo {
    /// The head of the log.
    pub head: Head,
    /// The size of the log in bytes: the texts of all entries, and one newline for each entry. For
    /// a file backend it is the length of the file, without a torn end that a crash left. `None` if
    /// the store does not know the size.
    pub bytes: Option<u64>,
    /// The time of the last change to the log, by the clock of the storage. `None` if the store
    /// does not know the time.
    pub modified: Option<SystemTime>,
}

impl SegmentInfo {
    /// Returns facts with only the head. Size and time are `None`.
    #[must_use]
    pub const fn new(head: Head) -> Self {
        Self { head, bytes: None, modified: None }
    }

    /// Sets the size of the log in bytes.
    #[must_use]
    pub const fn with_bytes(self, bytes: Option<u64>) -> Self {
        Self { bytes, ..self }
    }

    /// Sets the time of the last change.
    #[must_use]
    pub const fn with_modified(self, modified: Option<SystemTime>) -> Self {
        Self { modified, ..self }
    }
}

/// The part of a listing that [`Store::list_infos`](crate::Store::list_infos) returns.
///
/// ```
/// use session_store_core::{ListOptions, SessionId};
///
/// let last_of_this_page = SessionId::new();
/// let next_page = ListOptions::new().after(last_of_this_page).limit(100);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListOptions {
    after: Option<SessionId>,
    limit: Option<usize>,
}

impl ListOptions {
    /// Returns options that list everything.
    #[must_use]
    pub const fn new() -> Self {
        Self { after: None, limit: None }
    }

    /// Starts the listing after this session. The session need not exist. Sessions are listed in
    /// descending order, so the listing has only the sessions with smaller ids.
    #[must_use]
    pub const fn after(self, session_id: SessionId) -> Self {
        Self { after: Some(session_id), ..self }
    }

    /// Ends the listing after `limit` sessions. A session is always listed with all its segments.
    #[must_use]
    pub const fn limit(self, limit: usize) -> Self {
        Self { limit: Some(limit), ..self }
    }

    /// Returns the sessions that the options select from a full listing in descending order.
    pub fn select(self, sessions: impl IntoIterator<Item = SessionId>) -> Vec<SessionId> {
        let is_after = |id: &SessionId| self.after.is_none_or(|after| *id < after);
        let limit = self.limit.unwrap_or(usize::MAX);
        sessions.into_iter().filter(is_after).take(limit).collect()
    }

    /// Returns the session that [`after`](Self::after) has set.
    #[must_use]
    pub const fn start_after(self) -> Option<SessionId> {
        self.after
    }

    /// Returns the limit that [`limit`](Self::limit) has set.
    #[must_use]
    pub const fn max_sessions(self) -> Option<usize> {
        self.limit
    }
}
