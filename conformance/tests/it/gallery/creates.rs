//! Broken stores that create and replace segments wrongly. `broken!` defines a store and its test:
//! each check under `caught by` must fail.

use std::collections::BTreeSet;
use std::sync::Mutex;

use session_store_core::{LogEntry, SegmentId, SegmentKey, SessionId, Store, TracePage};

use super::broken;
use crate::variant::Result;

broken! {
    /// create_segment appends to an existing segment instead of replacing the log.
    creates_by_appending in shared {
        fn create_segment(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
            if self.inner.exists(s, g)? {
                self.inner.append_all(s, g, entries)
            } else {
                self.inner.create_segment(s, g, entries)
            }
        }
    }
    caught by {
        a3_changes_are_seen_at_once
        a8_one_segment_id_in_two_sessions
        a8_the_second_session_is_changed
        c2_it_replaces_the_whole_log
        c2_page_readers_can_tell
        c2_readers_see_the_old_or_the_new
        c4_the_count_is_what_is_read
        e1_kept_by_create
        h1_it_counts
        h2_the_returned_head_is_not_of_a_later_log
        s1_the_same_ids_in_two_storages
        t5_an_append_after_it_is_there
        t5_appends_meet_replace
        t5_one_history_of_cuts
        t7_the_traits_body_is_right
    }
}

broken! {
    /// Stores the entries of a new segment in reverse order.
    creates_backwards in shared {
        fn create_segment(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
            let backwards: Vec<_> = entries.iter().rev().cloned().collect();
            self.inner.create_segment(
                s,
                g,
                if self.inner.exists(s, g)? { entries } else { &backwards },
            )
        }
    }
    caught by {
        a3_changes_are_seen_at_once
        a8_similar_sessions_have_their_own_segments
        c1_entries_in_order
        e1_kept_by_create
        e4_many_keys_and_wide_characters
        e4_sizes_around_powers_of_two
        e5_every_method_keeps_unknown_fields
        s1_the_same_ids_in_two_storages
    }
}

broken! {
    /// Empties a log and then fills it. Readers see an empty log between the two steps.
    replaces_in_two_steps in shared {
        fn create_segment(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
            if entries.len() <= 3 {
                return self.inner.create_segment(s, g, entries);
            }
            self.inner.create_segment(s, g, &[])?;
            // The reader reads in several ways. Wait until it has used all of them.
            self.inner.wait_for_other_calls(8);
            self.inner.append_all(s, g, entries)
        }
    }
    caught by { c2_page_readers_can_tell c2_readers_see_the_old_or_the_new }
}

broken! {
    /// create_segment on an existing segment deletes the trace.
    replacing_takes_the_trace in shared {
        fn create_segment(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
            if self.inner.exists(s, g)? {
                self.forgotten.lock().unwrap().insert(SegmentKey::new(s, g));
            }
            self.inner.create_segment(s, g, entries)
        }

        fn read_trace_page(
            &self,
            s: SessionId,
            g: SegmentId,
            start: usize,
            bytes: usize,
        ) -> Result<TracePage> {
            let forgotten = self.forgotten.lock().unwrap().contains(&SegmentKey::new(s, g));
            if forgotten {
                Ok(TracePage::default())
            } else {
                self.inner.read_trace_page(s, g, start, bytes)
            }
        }
    }
    state { forgotten: Mutex<BTreeSet<SegmentKey>> }
    caught by { c2_traces_stay }
}
