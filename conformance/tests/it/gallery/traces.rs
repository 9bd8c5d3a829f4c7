//! Broken stores that mix up, lose or change traces. `broken!` defines a store and its test: each
//! check under `caught by` must fail.

use std::collections::BTreeMap;
use std::sync::Mutex;

use session_store_core::{
    Head, LogEntry, PageBudget, SegmentId, SegmentKey, SessionId, Store, StoreError, StoreExt,
    TraceEntry, TracePage,
};
use uuid::Uuid;

use super::broken;
use crate::variant::Result;

broken! {
    /// The key of a trace does not contain the session.
    mixes_up_the_traces_of_sessions in shared {
        fn append_trace(&self, _: SessionId, g: SegmentId, entry: &TraceEntry) -> Result<()> {
            self.inner.append_trace(SessionId::from(Uuid::nil()), g, entry)
        }

        fn read_trace_page(
            &self,
            _: SessionId,
            g: SegmentId,
            start: usize,
            bytes: usize,
        ) -> Result<TracePage> {
            self.inner.read_trace_page(SessionId::from(Uuid::nil()), g, start, bytes)
        }
    }
    caught by {
        a8_traces_of_two_sessions
        d1_a_trace_alone_counts
        h6_other_data_stays
        x2_deleting_a_segment_deletes_its_trace
        x2_deleting_leaves_the_trace_of_another_session
        x2_traces_start_again
    }
}

broken! {
    /// Stores traces only when the handle is closed.
    traces_wait_for_the_close in for_each_handle {
        fn append_trace(&self, s: SessionId, g: SegmentId, entry: &TraceEntry) -> Result<()> {
            self.waiting.lock().unwrap().push((SegmentKey::new(s, g), entry.clone()));
            Ok(())
        }

        fn close(&self) {
            for (key, entry) in self.waiting.lock().unwrap().drain(..) {
                self.inner.at(key).append_trace(&entry).expect("the memory store accepts every trace");
            }
        }
    }
    state { waiting: Mutex<Vec<(SegmentKey, TraceEntry)>> }
    caught by {
        a8_traces_of_two_sessions
        c2_traces_stay
        d1_a_trace_alone_counts
        e1_kept_by_traces
        e5_every_method_keeps_unknown_fields
        h6_other_data_stays
        l6_many_traces
        s1_a_second_handle_sees_the_same
        s2_reopening_finds_everything
        t3_a_trace_is_not_found
        t6_traces_stay
        x2_a_trace_may_come_first
        x2_deleting_a_segment_deletes_its_trace
        x2_deleting_leaves_the_trace_of_another_session
        x2_traces_start_again
        x3_a_page_can_be_exactly_full
        x3_large_positions_and_limits
        x3_sizes_are_bytes
        x3_sizes_around_powers_of_two
        x3_traces_by_page
        x4_traces_are_seen_at_once
        x4_writers_of_one_trace
    }
}

broken! {
    /// read_trace_page of a segment without a trace returns an error.
    no_trace_is_an_error in shared {
        fn read_trace_page(
            &self,
            s: SessionId,
            g: SegmentId,
            start: usize,
            bytes: usize,
        ) -> Result<TracePage> {
            let page = self.inner.read_trace_page(s, g, start, bytes)?;
            let none = start == 0 && page.entries.is_empty();
            if none { Err(StoreError::NotFound(g)) } else { Ok(page) }
        }
    }
    caught by {
        a5_refusals_change_nothing
        a5_refused_conditions_change_nothing
        a7_an_empty_batch_is_nothing
        a8_traces_of_two_sessions
        d1_deleting_nothing_is_false
        h2_a_conflict_names_both_heads
        h2_no_entries_only_compare
        h2_none_is_not_an_empty_segment
        h3_declared_or_refused
        h3_for_every_expected_head
        h4_regrown_is_a_conflict
        h6_another_entry_is_a_conflict
        h6_its_own_length_changes_nothing
        h6_past_the_end_changes_nothing
        m1_checking_changes_nothing
        m2_repairing_changes_nothing_sound
        r2_reading_changes_nothing
        s1_a_second_handle_sees_the_same
        s1_fresh_storages_are_isolated
        s2_reopening_finds_everything
        s3_nothing_waits_for_the_close
        t1_its_own_length_changes_nothing
        t2_past_the_end_is_refused
        t2_the_current_length_counts
        x1_a_trace_makes_nothing
        x2_deleting_a_segment_deletes_its_trace
        x2_deleting_leaves_the_trace_of_another_session
        x3_no_trace_is_an_empty_page
    }
}

broken! {
    /// Parses numbers in trace entries as floats and prints them again.
    rewrites_the_numbers_of_traces in shared {
        fn append_trace(&self, s: SessionId, g: SegmentId, given: &TraceEntry) -> Result<()> {
            let rewritten = TraceEntry::from_json(given.as_json().replace("1.0", "1"))?;
            self.inner.append_trace(s, g, &rewritten)
        }
    }
    caught by { e1_kept_by_traces }
}

broken! {
    /// Overwrites a trace entry if two threads append at the same time.
    writes_traces_over_each_other in shared {
        fn append_trace(&self, s: SessionId, g: SegmentId, given: &TraceEntry) -> Result<()> {
            // Pause only for the entries of several writers. A single writer would wait in vain.
            if !given.as_json().starts_with("{\"w\":") {
                return self.inner.append_trace(s, g, given);
            }
            let place = || {
                Ok::<_, StoreError>(self.inner.read_trace_page(s, g, 0, usize::MAX)?.entries.len())
            };
            let before = place()?;
            self.inner.wait_for_another_call();
            if place()? > before { Ok(()) } else { self.inner.append_trace(s, g, given) }
        }
    }
    caught by { x4_writers_of_one_trace }
}

broken! {
    /// Ignores the limit of a page of a trace.
    trace_pages_know_no_limit in shared {
        fn read_trace_page(
            &self,
            s: SessionId,
            g: SegmentId,
            start: usize,
            _: usize,
        ) -> Result<TracePage> {
            self.inner.read_trace_page(s, g, start, usize::MAX)
        }
    }
    caught by {
        l6_many_traces
        x3_a_page_can_be_exactly_full
        x3_sizes_are_bytes
        x3_sizes_around_powers_of_two
        x3_traces_by_page
    }
}

broken! {
    /// Caches a trace in each handle, and ignores appends of other handles.
    reads_traces_from_a_cache in for_each_handle {
        fn append_trace(&self, s: SessionId, g: SegmentId, given: &TraceEntry) -> Result<()> {
            self.read.lock().unwrap().remove(&SegmentKey::new(s, g));
            self.inner.append_trace(s, g, given)
        }

        fn read_trace_page(
            &self,
            s: SessionId,
            g: SegmentId,
            start: usize,
            bytes: usize,
        ) -> Result<TracePage> {
            let now = self.inner.read_trace_page(s, g, 0, usize::MAX)?.entries;
            if now.is_empty() {
                return Ok(TracePage::default());
            }
            let mut read = self.read.lock().unwrap();
            let rest = read.entry(SegmentKey::new(s, g)).or_insert(now).iter().skip(start);
            let mut budget = PageBudget::new(bytes);
            let fits = |entry: &&TraceEntry| budget.admits(entry.as_json().len());
            Ok(TracePage::new(rest.take_while(fits).cloned().collect()))
        }
    }
    state { read: Mutex<BTreeMap<SegmentKey, Vec<TraceEntry>>> }
    caught by { x4_traces_are_seen_at_once }
}

broken! {
    /// append_all deletes an existing trace when it creates the segment.
    first_batches_take_the_trace in shared {
        fn append_all(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
            if !entries.is_empty() && !self.inner.exists(s, g)? {
                self.inner.delete_segment(s, g)?;
            }
            self.inner.append_all(s, g, entries)
        }
    }
    caught by { x2_a_trace_may_come_first }
}

broken! {
    /// append_if hides an existing trace when it creates the segment.
    first_conditions_take_the_trace in shared {
        fn append_if(
            &self,
            s: SessionId,
            g: SegmentId,
            expected: Option<Head>,
            entries: &[LogEntry],
        ) -> Result<Head> {
            let earlier = self.inner.read_trace_page(s, g, 0, usize::MAX)?.entries.len();
            let head = self.inner.append_if(s, g, expected, entries)?;
            if expected.is_none() {
                self.taken.lock().unwrap().insert(SegmentKey::new(s, g), earlier);
            }
            Ok(head)
        }

        fn read_trace_page(
            &self,
            s: SessionId,
            g: SegmentId,
            start: usize,
            bytes: usize,
        ) -> Result<TracePage> {
            let taken = self.taken.lock().unwrap().get(&SegmentKey::new(s, g)).copied();
            self.inner.read_trace_page(s, g, start + taken.unwrap_or(0), bytes)
        }
    }
    state { taken: Mutex<BTreeMap<SegmentKey, usize>> }
    caught by { x2_a_trace_may_come_first }
}

broken! {
    /// A page of a trace at a multiple of 256 begins one entry too early.
    trace_pages_at_a_block_start_too_early in shared {
        fn read_trace_page(
            &self,
            s: SessionId,
            g: SegmentId,
            start: usize,
            bytes: usize,
        ) -> Result<TracePage> {
            let early = usize::from(start > 0 && start.is_multiple_of(256));
            self.inner.read_trace_page(s, g, start - early, bytes)
        }
    }
    caught by { l6_many_traces }
}

broken! {
    /// Stores only the known fields of a trace entry.
    traces_drop_unknown_fields in shared {
        fn append_trace(&self, s: SessionId, g: SegmentId, given: &TraceEntry) -> Result<()> {
            let known = given.as_json().replace(r#","from_the_future":"""#, "");
            self.inner.append_trace(s, g, &TraceEntry::from_json(known)?)
        }
    }
    caught by { e5_every_method_keeps_unknown_fields }
}
