//! Stores that find another session than the one that holds a segment.

use std::collections::BTreeMap;
use std::sync::Mutex;

use session_store_core::{LogEntry, SegmentId, SessionId, Store};

use super::broken;
use crate::variant::{Answer, Inner, Key};

broken! {
    /// Whoever came last is taken for the holder.
    finds_the_last_session in shared {
        fn lookup_session_of(&self, inner: &Inner, g: SegmentId) -> Answer<Option<SessionId>> {
            let sessions = inner.list_sessions()?;
            Ok(sessions.into_iter().find(|&s| inner.exists(s, g).is_ok_and(|exists| exists)))
        }
    }
    caught by { l5_others_may_leave l5_the_answer_outlives_the_handles l5_the_answer_stays }
}

broken! {
    /// A lookup table that a delete forgets.
    finds_the_deleted in shared {
        fn lookup_session_of(&self, inner: &Inner, g: SegmentId) -> Answer<Option<SessionId>> {
            let mut found = self.found.lock().unwrap();
            if let Some(session) = inner.lookup_session_of(g)? {
                found.entry(g).or_insert(session);
            }
            Ok(found.get(&g).copied())
        }
    }
    state { found: Mutex<BTreeMap<SegmentId, SessionId>> }
    caught by { l5_a_deleted_holder_is_not_named }
}

broken! {
    /// A key is looked for by its beginning, which ids of one moment share.
    matches_ids_by_prefix in shared {
        fn lookup_session_of(&self, inner: &Inner, g: SegmentId) -> Answer<Option<SessionId>> {
            let prefix = |id: SegmentId| id.to_string()[..6].to_owned();
            for session in inner.list_sessions()? {
                if inner.list_segments(session)?.iter().any(|&held| prefix(held) == prefix(g)) {
                    return Ok(Some(session));
                }
            }
            Ok(None)
        }
    }
    caught by {
        d1_a_deleted_segment_is_gone
        l5_others_may_leave
        l5_the_answer_outlives_the_handles
        l5_the_answer_stays
        l5_the_holder_is_found
        l6_many_sessions
    }
}

broken! {
    /// What a handle has not seen itself it does not find.
    each_handle_finds_its_own in for_each_handle {
        fn append(&self, inner: &Inner, (s, g): Key, given: &LogEntry) -> Answer<()> {
            self.known.lock().unwrap().entry(g).or_insert(s);
            inner.append(s, g, given)
        }
        fn append_all(&self, inner: &Inner, (s, g): Key, entries: &[LogEntry]) -> Answer<()> {
            self.known.lock().unwrap().entry(g).or_insert(s);
            inner.append_all(s, g, entries)
        }
        fn create(&self, inner: &Inner, (s, g): Key, entries: &[LogEntry]) -> Answer<()> {
            self.known.lock().unwrap().entry(g).or_insert(s);
            inner.create_segment(s, g, entries)
        }
        fn lookup_session_of(&self, inner: &Inner, g: SegmentId) -> Answer<Option<SessionId>> {
            let known = self.known.lock().unwrap().contains_key(&g);
            if known { inner.lookup_session_of(g) } else { Ok(None) }
        }
    }
    state { known: Mutex<BTreeMap<SegmentId, SessionId>> }
    caught by {
        a3_append_is_seen_at_once
        c2_readers_see_the_old_or_the_new
        l5_a_deleted_holder_is_not_named
        l5_the_answer_outlives_the_handles
        l5_the_answer_stays
        l5_the_holder_is_found
    }
}
