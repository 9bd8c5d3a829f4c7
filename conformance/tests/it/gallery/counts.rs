//! Broken stores that return a wrong count. `broken!` defines a store and its test: each check
//! under `caught by` must fail.

use std::collections::BTreeMap;
use std::sync::Mutex;

use session_store_core::{LogEntry, SegmentId, SegmentKey, SessionId, Store};

use super::broken;
use crate::variant::Result;

broken! {
    /// Each handle counts its own appends instead of the entries of the log.
    counts_its_own in for_each_handle {
        fn append(&self, s: SessionId, g: SegmentId, entry: &LogEntry) -> Result<()> {
            self.inner.append(s, g, entry)?;
            self.counts
                .lock()
                .unwrap()
                .entry(SegmentKey::new(s, g))
                .and_modify(|count| *count += 1);
            Ok(())
        }

        fn append_all(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
            self.inner.append_all(s, g, entries)?;
            self.counts.lock().unwrap().remove(&SegmentKey::new(s, g));
            Ok(())
        }

        fn create_segment(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
            self.counts.lock().unwrap().remove(&SegmentKey::new(s, g));
            self.inner.create_segment(s, g, entries)
        }

        fn truncate(&self, s: SessionId, g: SegmentId, entries_len: usize) -> Result<()> {
            self.counts.lock().unwrap().remove(&SegmentKey::new(s, g));
            self.inner.truncate(s, g, entries_len)
        }

        fn read_entry_count(&self, s: SessionId, g: SegmentId) -> Result<usize> {
            let now = self.inner.read_entry_count(s, g)?;
            Ok(*self.counts.lock().unwrap().entry(SegmentKey::new(s, g)).or_insert(now))
        }
    }
    state { counts: Mutex<BTreeMap<SegmentKey, usize>> }
    caught by {
        a3_append_is_seen_at_once
        a3_changes_are_seen_at_once
        a4_one_history_of_appends
        a5_refused_conditions_change_nothing
        c5_a_writer_sees_that_it_is_not_alone
        d1_an_append_afterwards_makes_it_anew
        d1_batches_and_creates_start_again
        d1_conditions_start_again
        h5_repeating_after_others_is_a_conflict
        h5_repeating_cannot_append_twice
        h6_a_writer_rolls_back_its_own
        h6_other_data_stays
        h6_past_the_end_changes_nothing
        r3_pages_and_counts_only_grow
        t4_appends_go_on_after_it
        t5_one_history_of_cuts
        t5_one_history_of_deletes
    }
}

broken! {
    /// Counts log entries together with trace entries, because one table has both.
    counts_traces in shared {
        fn read_entry_count(&self, s: SessionId, g: SegmentId) -> Result<usize> {
            let traces = self.inner.read_trace_page(s, g, 0, usize::MAX)?.entries.len();
            Ok(self.inner.read_entry_count(s, g)? + traces)
        }
    }
    caught by {
        c4_traces_do_not_count
        h2_a_trace_is_no_segment
        h6_other_data_stays
        l8_the_traits_body_agrees
        s1_the_same_ids_in_two_storages
        x1_a_trace_leaves_the_log
        x2_a_trace_may_come_first
    }
}

broken! {
    /// Returns 0 as the count of an unknown segment.
    counts_the_unknown_as_none in shared {
        fn read_entry_count(&self, s: SessionId, g: SegmentId) -> Result<usize> {
            Ok(self.inner.read_entry_count(s, g).unwrap_or(0))
        }
    }
    caught by {
        a4_one_history_of_appends
        c4_unknown_is_not_found
        t5_one_history_of_cuts
        t5_one_history_of_deletes
        t7_the_traits_body_is_right
    }
}

broken! {
    /// Returns a count that is one too low for a log of more than 5,000 entries.
    counts_one_too_few in shared {
        fn read_entry_count(&self, s: SessionId, g: SegmentId) -> Result<usize> {
            Ok(match self.inner.read_entry_count(s, g)? {
                count if count > 5_000 => count - 1,
                count => count,
            })
        }
    }
    caught by { e4_logs_around_powers_of_two l6_many_entries }
}
