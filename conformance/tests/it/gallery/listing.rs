//! Broken stores that list the wrong sessions or segments, or in the wrong order. `broken!` defines
//! a store and its test: each check under `caught by` must fail.

use std::collections::BTreeSet;
use std::sync::Mutex;

use session_store_core::{
    LogEntry, SegmentId, SegmentKey, SessionId, Store, StoreError, StoreExt, TraceEntry, TracePage,
};
use uuid::Uuid;

use super::broken;
use crate::variant::Result;

broken! {
    /// Lists sessions in ascending order, like an index.
    lists_oldest_first in shared {
        fn list_sessions(&self) -> Result<Vec<SessionId>> {
            Ok(self.inner.list_sessions()?.into_iter().rev().collect())
        }
    }
    caught by {
        l1_sessions_newest_first
        l1_sessions_stay_listed_while_others_go
        l6_many_sessions
        l8_every_segment_is_listed
        l8_the_traits_body_agrees
    }
}

broken! {
    /// Lists segments in the order of creation.
    lists_segments_oldest_first in shared {
        fn list_segments(&self, s: SessionId) -> Result<Vec<SegmentId>> {
            Ok(self.inner.list_segments(s)?.into_iter().rev().collect())
        }
    }
    caught by {
        l2_segments_newest_first
        l2_segments_stay_listed_while_others_go
        l6_many_segments
        l8_every_segment_is_listed
        l8_the_traits_body_agrees
    }
}

broken! {
    /// Lists a session once for each of its segments, like a join.
    lists_a_session_for_each_segment in shared {
        fn list_sessions(&self) -> Result<Vec<SessionId>> {
            let mut listed = Vec::new();
            for session in self.inner.list_sessions()? {
                listed.extend(self.inner.list_segments(session)?.iter().map(|_| session));
            }
            Ok(listed)
        }
    }
    caught by {
        l1_sessions_newest_first
        l6_many_segments
        l8_every_segment_is_listed
        l8_parts_are_the_whole
        l8_the_traits_body_agrees
    }
}

broken! {
    /// Lists at most 1,000 sessions, segments and trace entries, like the first page of an API.
    lists_a_thousand in shared {
        fn list_sessions(&self) -> Result<Vec<SessionId>> {
            Ok(self.inner.list_sessions()?.into_iter().take(1_000).collect())
        }

        fn list_segments(&self, s: SessionId) -> Result<Vec<SegmentId>> {
            Ok(self.inner.list_segments(s)?.into_iter().take(1_000).collect())
        }

        fn read_trace_page(
            &self,
            s: SessionId,
            g: SegmentId,
            start: usize,
            bytes: usize,
        ) -> Result<TracePage> {
            let mut page = self.inner.read_trace_page(s, g, start, bytes)?;
            page.entries.truncate(1_000);
            Ok(page)
        }
    }
    caught by {
        d1_a_large_session_is_gone
        l6_many_segments
        l6_many_sessions
        l6_many_traces
        l8_parts_are_the_whole
    }
}

broken! {
    /// Does not list empty segments.
    hides_empty_segments in shared {
        fn list_segments(&self, s: SessionId) -> Result<Vec<SegmentId>> {
            let filled =
                |g: &SegmentId| self.inner.read_entry_count(s, *g).is_ok_and(|count| count > 0);
            Ok(self.inner.list_segments(s)?.into_iter().filter(filled).collect())
        }
    }
    caught by {
        a3_changes_are_seen_at_once
        a8_the_second_session_is_changed
        c1_an_empty_segment_exists
        c2_it_replaces_the_whole_log
        d1_a_deleted_segment_is_gone
        d1_an_append_afterwards_makes_it_anew
        d1_batches_and_creates_start_again
        d1_conditions_start_again
        h2_a_trace_is_no_segment
        h2_no_entries_only_compare
        h6_a_writer_rolls_back_its_own
        h6_other_data_stays
        l8_every_segment_is_listed
        l8_parts_are_the_whole
        l8_the_traits_body_agrees
        r1_empty_is_empty
        t1_it_keeps_the_first
        t1_nothing_left_still_exists
        t7_the_traits_body_is_right
    }
}

broken! {
    /// Lists a session that has only a trace, because the folder of the session exists.
    lists_what_is_only_traced in shared {
        fn append_trace(&self, s: SessionId, g: SegmentId, entry: &TraceEntry) -> Result<()> {
            self.traced.lock().unwrap().push(SegmentKey::new(s, g));
            self.inner.append_trace(s, g, entry)
        }

        fn list_sessions(&self) -> Result<Vec<SessionId>> {
            let mut sessions = self.inner.list_sessions()?;
            sessions.extend(self.traced.lock().unwrap().iter().map(|key| key.session_id));
            sessions.sort_by(|a, b| b.cmp(a));
            sessions.dedup();
            Ok(sessions)
        }

        fn delete_segment(&self, s: SessionId, g: SegmentId) -> Result<bool> {
            self.traced.lock().unwrap().retain(|key| *key != SegmentKey::new(s, g));
            self.inner.delete_segment(s, g)
        }
    }
    state { traced: Mutex<Vec<SegmentKey>> }
    caught by { l3_a_trace_is_no_segment l3_a_trace_keeps_no_session x1_a_trace_makes_nothing }
}

broken! {
    /// Lists a session until its folder is gone, even if only a trace is left.
    trusts_the_folders_it_knows in shared {
        fn append_trace(&self, s: SessionId, g: SegmentId, entry: &TraceEntry) -> Result<()> {
            self.traced.lock().unwrap().push(SegmentKey::new(s, g));
            self.inner.append_trace(s, g, entry)
        }

        fn list_sessions(&self) -> Result<Vec<SessionId>> {
            let listed = self.inner.list_sessions()?;
            let mut known = self.known.lock().unwrap();
            known.extend(&listed);
            let traced = self.traced.lock().unwrap();
            let has_trace = |key: &SegmentKey| {
                let page = self.inner.at(*key).read_trace_page(0, 1);
                page.is_ok_and(|page| !page.entries.is_empty())
            };
            known.retain(|s| {
                listed.contains(s)
                    || traced.iter().any(|key| key.session_id == *s && has_trace(key))
            });
            Ok(known.iter().rev().copied().collect())
        }
    }
    state { known: Mutex<BTreeSet<SessionId>>, traced: Mutex<Vec<SegmentKey>> }
    caught by { l3_a_trace_keeps_no_session }
}

broken! {
    /// Does not list a segment while its file is renamed.
    replacing_hides_for_a_moment in shared {
        fn create_segment(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
            if self.inner.exists(s, g)? {
                *self.hidden.lock().unwrap() = Some(g);
                // The reader reads in several ways. Wait until it has used all of them.
                self.inner.wait_for_other_calls(8);
                *self.hidden.lock().unwrap() = None;
            }
            self.inner.create_segment(s, g, entries)
        }

        fn list_segments(&self, s: SessionId) -> Result<Vec<SegmentId>> {
            let hidden = *self.hidden.lock().unwrap();
            Ok(self.inner.list_segments(s)?.into_iter().filter(|&g| Some(g) != hidden).collect())
        }
    }
    state { hidden: Mutex<Option<SegmentId>> }
    caught by { c2_readers_see_the_old_or_the_new l2_replacing_hides_nothing }
}

broken! {
    /// list_segments of an unknown session returns an error.
    unknown_sessions_are_errors in shared {
        fn list_segments(&self, s: SessionId) -> Result<Vec<SegmentId>> {
            let segments = self.inner.list_segments(s)?;
            if segments.is_empty() {
                Err(StoreError::NotFound(SegmentId::from(Uuid::from(s))))
            } else {
                Ok(segments)
            }
        }
    }
    caught by {
        a2_first_append_creates
        a3_append_is_seen_at_once
        a7_an_empty_batch_is_nothing
        a8_deleting_one_leaves_the_other
        a8_deleting_the_second_leaves_the_first
        a8_one_segment_id_in_two_sessions
        a8_similar_sessions_have_their_own_segments
        c3_asking_creates_nothing
        d1_a_deleted_session_is_gone
        d1_a_large_session_is_gone
        d1_conditions_start_again
        d1_deleted_stays_deleted
        d1_the_last_segment_takes_its_session
        e2_only_objects_are_stored
        h1_unknown_has_none
        l2_an_unknown_session_has_none
        l3_a_pod_is_no_session
        l3_a_trace_is_no_segment
        l7_unknown_is_none
        r2_reading_changes_nothing
        s1_the_same_ids_in_two_storages
        t3_a_trace_is_not_found
        t3_unknown_is_not_found
        x1_a_trace_makes_nothing
    }
}

broken! {
    /// exists creates an unknown segment.
    makes_a_segment_in_exists in shared {
        fn exists(&self, s: SessionId, g: SegmentId) -> Result<bool> {
            let there = self.inner.exists(s, g)?;
            if !there {
                self.inner.create_segment(s, g, &[])?;
            }
            Ok(there)
        }
    }
    caught by {
        a2_a_segment_appears_with_its_first_entry
        a7_an_empty_batch_is_nothing
        a8_deleting_the_second_leaves_the_first
        c3_asking_creates_nothing
        d1_a_deleted_segment_is_gone
        d1_a_deleted_session_is_gone
        d1_a_large_session_is_gone
        d1_deleted_stays_deleted
        h6_another_entry_is_a_conflict
        l3_a_pod_is_no_session
        l3_a_trace_is_no_segment
        r2_reading_changes_nothing
        s1_the_same_ids_in_two_storages
        t3_unknown_is_not_found
        x1_a_trace_makes_nothing
    }
}

broken! {
    /// Caches the listed sessions in each handle, and ignores the deletes of other handles.
    listings_survive_deletes in for_each_handle {
        fn list_sessions(&self) -> Result<Vec<SessionId>> {
            let (now, mut listed) = (self.inner.list_sessions()?, self.listed.lock().unwrap());
            if now.iter().any(|session_id| !listed.contains(session_id)) {
                *listed = now;
            }
            Ok(listed.clone())
        }

        fn delete_segment(&self, s: SessionId, g: SegmentId) -> Result<bool> {
            self.listed.lock().unwrap().clear();
            self.inner.delete_segment(s, g)
        }

        fn delete_session(&self, s: SessionId) -> Result<bool> {
            self.listed.lock().unwrap().clear();
            self.inner.delete_session(s)
        }
    }
    state { listed: Mutex<Vec<SessionId>> }
    caught by {
        d1_the_last_segment_takes_its_session
        l3_a_trace_keeps_no_session
    }
}
