//! Which part of a store is copied or compared.

use std::collections::BTreeSet;

use session_store_core::{Pod, SessionId};

/// Which part of a store to copy or compare; everything, unless something is left out.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Selection {
    /// Only these sessions, and the pods that point to them; `None` is all.
    pub sessions: Option<BTreeSet<SessionId>>,
    /// Whether traces are included.
    pub traces: bool,
    /// Whether pods are included.
    pub pods: bool,
}

impl Default for Selection {
    fn default() -> Self {
        Self { sessions: None, traces: true, pods: true }
    }
}

impl Selection {
    pub(crate) fn has_session(&self, session_id: SessionId) -> bool {
        self.sessions.as_ref().is_none_or(|sessions| sessions.contains(&session_id))
    }

    pub(crate) fn has_pod(&self, pod: &Pod) -> bool {
        self.sessions.is_none()
            || pod.active().is_some_and(|active| self.has_session(active.session_id))
    }
}
