//! The part of a store that is copied, compared or exported.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use session_store_core::{Pod, SegmentKey, SessionId, Store};
use uuid::Uuid;

use crate::error::{Failure, MigrateError};
use crate::side::Side;

/// The name of the operation in the error that reports a failed listing of the sessions.
pub(crate) const LIST_SESSIONS: &str = "list the sessions";

/// The part of a store to copy, compare or export. The default is everything.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Selection {
    /// The selected sessions. The pods that point to these sessions are selected too. `None`
    /// selects all sessions and pods.
    pub sessions: Option<BTreeSet<SessionId>>,
    /// The earliest time of a selected session. The pods that point to the selected sessions are
    /// selected too.
    #[serde(serialize_with = "rfc3339")]
    pub since: Option<SystemTime>,
    /// Whether traces are selected.
    pub traces: bool,
    /// Whether pods are selected.
    pub pods: bool,
}

impl Default for Selection {
    fn default() -> Self {
        Self { sessions: None, since: None, traces: true, pods: true }
    }
}

impl Selection {
    /// Selects only these sessions, and the pods that point to these sessions.
    #[must_use]
    pub fn sessions(mut self, sessions: impl IntoIterator<Item = SessionId>) -> Self {
        self.sessions = Some(sessions.into_iter().collect());
        self
    }

    /// Selects only sessions of this time or later, and the pods that point to these sessions.
    ///
    /// The time of a session is the latest time in its id and the ids of its segments. Only UUIDs
    /// of version 7 contain a time. A session with any other id is always selected.
    #[must_use]
    pub fn since(mut self, since: SystemTime) -> Self {
        self.since = Some(since);
        self
    }

    /// Leaves out the traces.
    #[must_use]
    pub fn without_traces(mut self) -> Self {
        self.traces = false;
        self
    }

    /// Leaves out the pods.
    #[must_use]
    pub fn without_pods(mut self) -> Self {
        self.pods = false;
        self
    }

    /// Checks that the store can be listed, and that each session that is selected by its id
    /// exists.
    ///
    /// A run makes the same check. A caller that creates the destination itself can use this method
    /// to check the source before creating the destination.
    ///
    /// # Errors
    /// [`MigrateError::NoSuchSession`], and [`MigrateError::Failed`] if the store cannot be listed.
    pub fn check_source(&self, source: &dyn Store) -> Result<(), MigrateError> {
        let sessions = source.list_sessions().map_err(Failure::of(Side::Source, LIST_SESSIONS))?;
        self.require(|id| sessions.contains(id))
    }

    /// Returns an error if a session that is selected by its id does not exist.
    pub(crate) fn require(&self, exists: impl Fn(&SessionId) -> bool) -> Result<(), MigrateError> {
        let missing = self.sessions.iter().flatten().find(|id| !exists(id));
        missing.map_or(Ok(()), |missing| Err(MigrateError::NoSuchSession(*missing)))
    }

    pub(crate) fn has_session(&self, session_id: SessionId) -> bool {
        self.sessions.as_ref().is_none_or(|sessions| sessions.contains(&session_id))
    }

    /// Removes the segments of sessions that are older than `since`.
    pub(crate) fn retain_since<V>(&self, keys: &mut BTreeMap<SegmentKey, V>) {
        let Some(since) = self.since else { return };
        let is_new = |key: &&SegmentKey| {
            is_since(since, key.session_id.into()) || is_since(since, key.segment_id.into())
        };
        let new: BTreeSet<_> = keys.keys().filter(is_new).map(|key| key.session_id).collect();
        keys.retain(|key, _| new.contains(&key.session_id));
    }

    /// Returns the sessions of the selected pods: a pod is selected if it points to one of these
    /// sessions. Returns `None` if every pod is selected.
    pub(crate) fn pods_of<V>(&self, keys: &BTreeMap<SegmentKey, V>) -> Option<BTreeSet<SessionId>> {
        let is_part = self.sessions.is_some() || self.since.is_some();
        is_part.then(|| keys.keys().map(|key| key.session_id).collect())
    }
}

/// Returns whether a pod points to one of the sessions.
pub(crate) fn points_to(pod: &Pod, sessions: &BTreeSet<SessionId>) -> bool {
    pod.active().is_some_and(|active| sessions.contains(&active.session_id))
}

/// Returns whether the id may have been created at `since` or later.
///
/// An id of version 7 contains only the millisecond of its creation. So `since` is compared with
/// the end of that millisecond, because the id may have been created at any time in it. Any other
/// id contains no time and counts as new.
fn is_since(since: SystemTime, id: Uuid) -> bool {
    const V7: usize = 7;
    const TICK: Duration = Duration::from_millis(1);
    let time = id.get_timestamp().filter(|_| id.get_version_num() == V7);
    time.is_none_or(|time| SystemTime::from(time) + TICK > since)
}

fn rfc3339<S: Serializer>(time: &Option<SystemTime>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(|time| Timestamp::try_from(time).unwrap_or_default().to_string()).serialize(serializer)
}
