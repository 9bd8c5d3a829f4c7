//! Broken stores that return the wrong session of a segment. `broken!` defines a store and its
//! test: each check under `caught by` must fail.

use std::collections::BTreeMap;
use std::sync::Mutex;

use session_store_core::{LogEntry, SegmentId, SessionId, Store};

use super::broken;
use crate::variant::Result;

broken! {
    /// A lookup returns the newest session with the segment, so another create changes the result.
    finds_the_last_session in shared {
        fn lookup_session_of(&self, g: SegmentId) -> Result<Option<SessionId>> {
            let sessions = self.inner.list_sessions()?;
            Ok(sessions.into_iter().find(|&s| self.inner.exists(s, g).is_ok_and(|exists| exists)))
        }
    }
    caught by {
        a8_conditions_of_the_second_session
        a8_the_second_session_is_changed
        l5_others_may_leave
        l5_the_answer_outlives_the_handles
        l5_the_answer_stays
    }
}

broken! {
    /// A lookup still finds a segment after the segment was deleted.
    finds_the_deleted in shared {
        fn lookup_session_of(&self, g: SegmentId) -> Result<Option<SessionId>> {
            let mut found = self.found.lock().unwrap();
            if let Some(session) = self.inner.lookup_session_of(g)? {
                found.entry(g).or_insert(session);
            }
            Ok(found.get(&g).copied())
        }
    }
    state { found: Mutex<BTreeMap<SegmentId, SessionId>> }
    caught by { l5_a_deleted_holder_is_not_named l5_no_answer_is_kept_over_a_delete }
}

broken! {
    /// Looks up a segment by the first six characters of its id.
    matches_ids_by_prefix in shared {
        fn lookup_session_of(&self, g: SegmentId) -> Result<Option<SessionId>> {
            let prefix = |id: SegmentId| id.to_string()[..6].to_owned();
            for session in self.inner.list_sessions()? {
                if self.inner.list_segments(session)?.iter().any(|&held| prefix(held) == prefix(g))
                {
                    return Ok(Some(session));
                }
            }
            Ok(None)
        }
    }
    caught by {
        a8_conditions_of_the_second_session
        a8_the_second_session_is_changed
        d1_a_deleted_segment_is_gone
        d1_a_large_session_is_gone
        l5_no_answer_is_kept_over_a_create
        l5_others_may_leave
        l5_the_answer_outlives_the_handles
        l5_the_answer_stays
        l5_the_holder_is_found
        l6_many_sessions
    }
}

broken! {
    /// A lookup finds a segment only through a handle that has written to the segment.
    each_handle_finds_its_own in for_each_handle {
        fn append(&self, s: SessionId, g: SegmentId, given: &LogEntry) -> Result<()> {
            self.known.lock().unwrap().entry(g).or_insert(s);
            self.inner.append(s, g, given)
        }

        fn append_all(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
            self.known.lock().unwrap().entry(g).or_insert(s);
            self.inner.append_all(s, g, entries)
        }

        fn create_segment(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
            self.known.lock().unwrap().entry(g).or_insert(s);
            self.inner.create_segment(s, g, entries)
        }

        fn lookup_session_of(&self, g: SegmentId) -> Result<Option<SessionId>> {
            let known = self.known.lock().unwrap().contains_key(&g);
            if known { self.inner.lookup_session_of(g) } else { Ok(None) }
        }
    }
    state { known: Mutex<BTreeMap<SegmentId, SessionId>> }
    caught by {
        a3_append_is_seen_at_once
        a8_conditions_of_the_second_session
        a8_deleting_the_second_leaves_the_first
        a8_the_second_session_is_changed
        c2_readers_see_the_old_or_the_new
        d1_batches_and_creates_start_again
        d1_conditions_start_again
        l5_a_deleted_holder_is_not_named
        l5_no_answer_is_kept_over_a_create
        l5_no_answer_is_kept_over_a_delete
        l5_the_answer_outlives_the_handles
        l5_the_answer_stays
        l5_the_holder_is_found
    }
}
