//! Which part of a store is copied or compared.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use session_store_core::{Pod, SessionId};
use uuid::Uuid;

use crate::inventory::Key;

/// Which part of a store to copy or compare; everything, unless something is left out.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Selection {
    /// Only these sessions, and the pods that point to them; `None` is all.
    pub sessions: Option<BTreeSet<SessionId>>,
    /// Only sessions with something as new as this, and the pods that point to them: the time in the id of
    /// the session or of one of its segments is not before it. Only ids that are UUID v7 tell their time; a
    /// session with any other is always included.
    pub since: Option<SystemTime>,
    /// Whether traces are included.
    pub traces: bool,
    /// Whether pods are included.
    pub pods: bool,
}

impl Default for Selection {
    fn default() -> Self {
        Self { sessions: None, since: None, traces: true, pods: true }
    }
}

impl Selection {
    pub(crate) fn has_session(&self, session_id: SessionId) -> bool {
        self.sessions.as_ref().is_none_or(|sessions| sessions.contains(&session_id))
    }

    /// Drops the segments of sessions in which everything is too old.
    pub(crate) fn retain_since<V>(&self, keys: &mut BTreeMap<Key, V>) {
        let Some(since) = self.since else { return };
        let is_new = |key: &&Key| is_since(since, key.0.into()) || is_since(since, key.1.into());
        let new: BTreeSet<_> = keys.keys().filter(is_new).map(|key| key.0).collect();
        keys.retain(|key, _| new.contains(&key.0));
    }

    /// The sessions that pods must point to in order to be included; `None` is any, or none.
    pub(crate) fn pods_of<V>(&self, keys: &BTreeMap<Key, V>) -> Option<BTreeSet<SessionId>> {
        let is_part = self.sessions.is_some() || self.since.is_some();
        is_part.then(|| keys.keys().map(|key| key.0).collect())
    }
}

/// Whether a pod points to one of the sessions.
pub(crate) fn points_to(pod: &Pod, sessions: &BTreeSet<SessionId>) -> bool {
    pod.active().is_some_and(|active| sessions.contains(&active.session_id))
}

/// Whether the id may have been made at that time or later: it tells the millisecond, or nothing.
fn is_since(since: SystemTime, id: Uuid) -> bool {
    const V7: usize = 7;
    const TICK: Duration = Duration::from_millis(1);
    let time = id.get_timestamp().filter(|_| id.get_version_num() == V7);
    time.is_none_or(|time| SystemTime::from(time) + TICK > since)
}
