//! Broken stores whose heads change too often or too seldom. `broken!` defines a store and its
//! test: each check under `caught by` must fail.

use std::sync::Mutex;

use session_store_core::{
    Head, LogEntry, Page, SegmentId, SessionId, Store, StoreError, TraceEntry,
};

use super::broken;
use crate::variant::Result;

/// A head without its epoch.
fn counted(head: Head) -> Head {
    Head::new(head.entries(), 0)
}

broken! {
    /// Returns a head for an unknown segment.
    the_unknown_has_a_head in shared {
        fn head(&self, s: SessionId, g: SegmentId) -> Result<Option<Head>> {
            Ok(self.inner.head(s, g)?.or(Some(Head::new(0, 0))))
        }
    }
    caught by {
        a2_a_segment_appears_with_its_first_entry
        a2_first_append_creates
        a3_append_is_seen_at_once
        a7_an_empty_batch_is_nothing
        a8_deleting_one_leaves_the_other
        a8_deleting_the_second_leaves_the_first
        a8_one_segment_id_in_two_sessions
        a8_similar_sessions_have_their_own_segments
        c3_asking_creates_nothing
        d1_a_deleted_segment_is_gone
        d1_a_deleted_session_is_gone
        d1_conditions_start_again
        d1_deleted_stays_deleted
        e2_only_objects_are_stored
        h1_unknown_has_none
        h2_one_creator_wins
        h6_another_entry_is_a_conflict
        l3_a_pod_is_no_session
        l3_a_trace_is_no_segment
        l7_unknown_is_none
        s1_the_same_ids_in_two_storages
        t3_a_trace_is_not_found
        t3_unknown_is_not_found
        x1_a_trace_makes_nothing
    }
}

broken! {
    /// append_trace changes the head.
    a_trace_moves_the_head in shared {
        fn append_trace(&self, s: SessionId, g: SegmentId, trace: &TraceEntry) -> Result<()> {
            self.inner.append_trace(s, g, trace)?;
            if self.inner.exists(s, g)? {
                let entries = self.inner.read_all(s, g)?;
                self.inner.create_segment(s, g, &entries)?;
            }
            Ok(())
        }
    }
    caught by {
        h1_it_stays_while_nothing_changes
        l7_the_time_stays_without_changes
        x1_a_trace_leaves_the_log
    }
}

broken! {
    /// Declares epoch, but a head has only the number of entries.
    heads_are_only_counts in shared {
        fn head(&self, s: SessionId, g: SegmentId) -> Result<Option<Head>> {
            Ok(self.inner.head(s, g)?.map(counted))
        }

        fn read_page(
            &self,
            s: SessionId,
            g: SegmentId,
            start: usize,
            bytes: usize,
        ) -> Result<Page> {
            let page = self.inner.read_page(s, g, start, bytes)?;
            Ok(Page::new(page.entries, counted(page.head)))
        }

        fn append_if(
            &self,
            s: SessionId,
            g: SegmentId,
            expected: Option<Head>,
            entries: &[LogEntry],
        ) -> Result<Head> {
            let _one_at_a_time = self.lock.lock().unwrap();
            let full = self.inner.head(s, g)?;
            let actual = full.map(counted);
            if actual != expected {
                return Err(StoreError::Conflict { expected, actual });
            }
            self.inner.append_if(s, g, full, entries).map(counted)
        }

        fn truncate_if(
            &self,
            s: SessionId,
            g: SegmentId,
            expected: Head,
            len: usize,
        ) -> Result<Head> {
            let _one_at_a_time = self.lock.lock().unwrap();
            match self.inner.head(s, g)? {
                Some(full) if counted(full) == expected => {
                    self.inner.truncate_if(s, g, full, len).map(counted)
                }
                other => Err(StoreError::Conflict {
                    expected: Some(expected),
                    actual: other.map(counted),
                }),
            }
        }
    }
    state { lock: Mutex<()> }
    caught by {
        h1_a_cut_gives_a_new_token
        h1_a_recreated_segment_has_a_new_token
        h1_no_head_comes_back
        h2_the_returned_head_is_not_of_a_later_log
        h4_recreated_is_a_conflict
        h4_regrown_after_truncate_if_is_a_conflict
        h4_regrown_is_a_conflict
        l7_it_has_the_head
        l7_unknown_is_none
        s1_the_same_ids_in_two_storages
    }
}
