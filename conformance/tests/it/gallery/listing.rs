//! Stores that list something else than is there, or in another order.

use std::collections::BTreeSet;
use std::sync::Mutex;

use session_store_core::{LogEntry, SegmentId, SessionId, Store, StoreError, TraceEntry, TracePage};
use uuid::Uuid;

use super::broken;
use crate::variant::{Answer, Inner, Key};

broken! {
    /// The order of an index, not of the contract.
    lists_oldest_first in shared {
        fn list_sessions(&self, inner: &Inner) -> Answer<Vec<SessionId>> {
            Ok(inner.list_sessions()?.into_iter().rev().collect())
        }
    }
    caught by { l1_sessions_newest_first l6_many_sessions }
}

broken! {
    /// Segments in the order in which they were made.
    lists_segments_oldest_first in shared {
        fn list_segments(&self, inner: &Inner, s: SessionId) -> Answer<Vec<SegmentId>> {
            Ok(inner.list_segments(s)?.into_iter().rev().collect())
        }
    }
    caught by { l2_segments_newest_first l6_many_segments }
}

broken! {
    /// A join with the segments.
    lists_a_session_for_each_segment in shared {
        fn list_sessions(&self, inner: &Inner) -> Answer<Vec<SessionId>> {
            let mut listed = Vec::new();
            for session in inner.list_sessions()? {
                listed.extend(inner.list_segments(session)?.iter().map(|_| session));
            }
            Ok(listed)
        }
    }
    caught by { l1_sessions_newest_first l6_many_segments }
}

broken! {
    /// A page of an API, taken for everything.
    lists_a_thousand in shared {
        fn list_sessions(&self, inner: &Inner) -> Answer<Vec<SessionId>> {
            Ok(inner.list_sessions()?.into_iter().take(1_000).collect())
        }
        fn list_segments(&self, inner: &Inner, s: SessionId) -> Answer<Vec<SegmentId>> {
            Ok(inner.list_segments(s)?.into_iter().take(1_000).collect())
        }
        fn trace_page(&self, inner: &Inner, (s, g): Key, start: usize, bytes: usize) -> Answer<TracePage> {
            let mut page = inner.read_trace_page(s, g, start, bytes)?;
            page.entries.truncate(1_000);
            Ok(page)
        }
    }
    caught by { l6_many_segments l6_many_sessions l6_many_traces }
}

broken! {
    /// An empty segment is taken for none.
    hides_empty_segments in shared {
        fn list_segments(&self, inner: &Inner, s: SessionId) -> Answer<Vec<SegmentId>> {
            let filled = |g: &SegmentId| inner.read_entry_count(s, *g).is_ok_and(|count| count > 0);
            Ok(inner.list_segments(s)?.into_iter().filter(filled).collect())
        }
    }
    caught by {
        a3_changes_are_seen_at_once
        c1_an_empty_segment_exists
        c2_it_replaces_the_whole_log
        d1_a_deleted_segment_is_gone
        d1_an_append_afterwards_makes_it_anew
        h2_no_entries_only_compare
        h6_a_writer_rolls_back_its_own
        r1_empty_is_empty
        t1_it_keeps_the_first
        t1_nothing_left_still_exists
        t7_the_traits_body_is_right
    }
}

broken! {
    /// A trace makes the folder in which listing finds it.
    lists_what_is_only_traced in shared {
        fn append_trace(&self, inner: &Inner, (s, g): Key, entry: &TraceEntry) -> Answer<()> {
            self.traced.lock().unwrap().push((s, g));
            inner.append_trace(s, g, entry)
        }
        fn list_sessions(&self, inner: &Inner) -> Answer<Vec<SessionId>> {
            let mut sessions = inner.list_sessions()?;
            sessions.extend(self.traced.lock().unwrap().iter().map(|(s, _)| s));
            sessions.sort_by(|a, b| b.cmp(a));
            sessions.dedup();
            Ok(sessions)
        }
        fn delete_segment(&self, inner: &Inner, (s, g): Key) -> Answer<bool> {
            self.traced.lock().unwrap().retain(|key| *key != (s, g));
            inner.delete_segment(s, g)
        }
    }
    state { traced: Mutex<Vec<Key>> }
    caught by { l3_a_trace_is_no_segment l3_a_trace_keeps_no_session x1_a_trace_makes_nothing }
}

broken! {
    /// What was listed once is listed for as long as its folder is there.
    trusts_the_folders_it_knows in shared {
        fn append_trace(&self, inner: &Inner, (s, g): Key, entry: &TraceEntry) -> Answer<()> {
            self.traced.lock().unwrap().push((s, g));
            inner.append_trace(s, g, entry)
        }
        fn list_sessions(&self, inner: &Inner) -> Answer<Vec<SessionId>> {
            let listed = inner.list_sessions()?;
            let mut known = self.known.lock().unwrap();
            known.extend(&listed);
            let traced = self.traced.lock().unwrap();
            let has_trace = |(s, g): &Key| inner.read_trace_page(*s, *g, 0, 1).is_ok_and(|page| !page.entries.is_empty());
            known.retain(|s| listed.contains(s) || traced.iter().any(|key| key.0 == *s && has_trace(key)));
            Ok(known.iter().rev().copied().collect())
        }
    }
    state { known: Mutex<BTreeSet<SessionId>>, traced: Mutex<Vec<Key>> }
    caught by { l3_a_trace_keeps_no_session }
}

broken! {
    /// A file that is renamed while its folder is listed is met neither in its old place nor in its new one.
    replacing_hides_for_a_moment in shared {
        fn create(&self, inner: &Inner, (s, g): Key, entries: &[LogEntry]) -> Answer<()> {
            if inner.exists(s, g)? {
                *self.hidden.lock().unwrap() = Some(g);
                // A reader that looks in several ways does so in all of them meanwhile.
                inner.let_others_in_for(8);
                *self.hidden.lock().unwrap() = None;
            }
            inner.create_segment(s, g, entries)
        }
        fn list_segments(&self, inner: &Inner, s: SessionId) -> Answer<Vec<SegmentId>> {
            let hidden = *self.hidden.lock().unwrap();
            Ok(inner.list_segments(s)?.into_iter().filter(|&g| Some(g) != hidden).collect())
        }
    }
    state { hidden: Mutex<Option<SegmentId>> }
    caught by { c2_readers_see_the_old_or_the_new l2_replacing_hides_nothing }
}

broken! {
    /// A session that is not there is an error.
    unknown_sessions_are_errors in shared {
        fn list_segments(&self, inner: &Inner, s: SessionId) -> Answer<Vec<SegmentId>> {
            let segments = inner.list_segments(s)?;
            if segments.is_empty() { Err(StoreError::NotFound(SegmentId::from(Uuid::from(s)))) } else { Ok(segments) }
        }
    }
    caught by {
        a2_first_append_creates
        a3_append_is_seen_at_once
        a7_an_empty_batch_is_nothing
        a8_deleting_one_leaves_the_other
        a8_one_segment_id_in_two_sessions
        c3_asking_creates_nothing
        d1_a_deleted_session_is_gone
        d1_deleted_stays_deleted
        d1_the_last_segment_takes_its_session
        e2_only_objects_are_stored
        h1_unknown_has_none
        l2_an_unknown_session_has_none
        l3_a_pod_is_no_session
        l3_a_trace_is_no_segment
        r2_reading_changes_nothing
        t3_unknown_is_not_found
        x1_a_trace_makes_nothing
    }
}

broken! {
    /// Asking opens the file, and opening makes it.
    makes_what_it_is_asked_for in shared {
        fn exists(&self, inner: &Inner, (s, g): Key) -> Answer<bool> {
            let there = inner.exists(s, g)?;
            if !there {
                inner.create_segment(s, g, &[])?;
            }
            Ok(there)
        }
    }
    caught by {
        a7_an_empty_batch_is_nothing
        c3_asking_creates_nothing
        d1_a_deleted_segment_is_gone
        d1_a_deleted_session_is_gone
        d1_deleted_stays_deleted
        h6_another_entry_is_a_conflict
        l3_a_pod_is_no_session
        l3_a_trace_is_no_segment
        r2_reading_changes_nothing
        t3_unknown_is_not_found
        x1_a_trace_makes_nothing
    }
}
