//! Stores that mix up, forget or overrate traces.

use std::collections::BTreeMap;
use std::sync::Mutex;

use session_store_core::{PageBudget, SessionId, Store, StoreError, TraceEntry, TracePage};
use uuid::Uuid;

use super::broken;
use crate::variant::{Answer, Inner, Key};

broken! {
    /// The session is not part of the key.
    mixes_up_the_traces_of_sessions in shared {
        fn append_trace(&self, inner: &Inner, (_, g): Key, entry: &TraceEntry) -> Answer<()> {
            inner.append_trace(SessionId::from(Uuid::nil()), g, entry)
        }
        fn trace_page(&self, inner: &Inner, (_, g): Key, start: usize, bytes: usize) -> Answer<TracePage> {
            inner.read_trace_page(SessionId::from(Uuid::nil()), g, start, bytes)
        }
    }
    caught by {
        a8_traces_of_two_sessions
        d1_a_trace_alone_counts
        x2_deleting_a_segment_deletes_its_trace
    }
}

broken! {
    /// Traces are written when the handle closes.
    traces_wait_for_the_close in for_each_handle {
        fn append_trace(&self, _: &Inner, key: Key, entry: &TraceEntry) -> Answer<()> {
            self.waiting.lock().unwrap().push((key, entry.clone()));
            Ok(())
        }
        fn close(&self, inner: &Inner) {
            for ((s, g), entry) in self.waiting.lock().unwrap().drain(..) {
                inner.append_trace(s, g, &entry).expect("memory takes a trace");
            }
        }
    }
    state { waiting: Mutex<Vec<(Key, TraceEntry)>> }
    caught by {
        a8_traces_of_two_sessions
        c2_traces_stay
        d1_a_trace_alone_counts
        e1_kept_by_traces
        l6_many_traces
        s1_a_second_handle_sees_the_same
        s2_reopening_finds_everything
        t6_traces_stay
        x2_a_trace_may_come_first
        x2_deleting_a_segment_deletes_its_trace
        x3_traces_by_page
        x4_traces_are_seen_at_once
        x4_writers_of_one_trace
    }
}

broken! {
    /// A trace that is not there is an error.
    no_trace_is_an_error in shared {
        fn trace_page(&self, inner: &Inner, (s, g): Key, start: usize, bytes: usize) -> Answer<TracePage> {
            let page = inner.read_trace_page(s, g, start, bytes)?;
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
        h3_declared_or_refused
        h4_regrown_is_a_conflict
        h6_another_entry_is_a_conflict
        r2_reading_changes_nothing
        s1_a_second_handle_sees_the_same
        s1_fresh_storages_are_isolated
        s2_reopening_finds_everything
        s3_nothing_waits_for_the_close
        t1_its_own_length_changes_nothing
        t2_past_the_end_is_refused
        x1_a_trace_makes_nothing
        x2_deleting_a_segment_deletes_its_trace
        x3_no_trace_is_an_empty_page
    }
}

broken! {
    /// Traces go through another encoder.
    rewrites_the_numbers_of_traces in shared {
        fn append_trace(&self, inner: &Inner, (s, g): Key, given: &TraceEntry) -> Answer<()> {
            let rewritten = TraceEntry::from_json(given.as_json().replace("1.0", "1"))?;
            inner.append_trace(s, g, &rewritten)
        }
    }
    caught by { e1_kept_by_traces }
}

broken! {
    /// Two who write at the same time take the same place, and the later one has it.
    writes_traces_over_each_other in shared {
        fn append_trace(&self, inner: &Inner, (s, g): Key, given: &TraceEntry) -> Answer<()> {
            // Only where several write, so that a single writer does not wait.
            if !given.as_json().starts_with("{\"w\":") {
                return inner.append_trace(s, g, given);
            }
            let place = || Ok::<_, StoreError>(inner.read_trace_page(s, g, 0, usize::MAX)?.entries.len());
            let before = place()?;
            inner.let_others_in();
            if place()? > before { Ok(()) } else { inner.append_trace(s, g, given) }
        }
    }
    caught by { x4_writers_of_one_trace }
}

broken! {
    /// The limit is for logs.
    trace_pages_know_no_limit in shared {
        fn trace_page(&self, inner: &Inner, (s, g): Key, start: usize, _: usize) -> Answer<TracePage> {
            inner.read_trace_page(s, g, start, usize::MAX)
        }
    }
    caught by { x3_traces_by_page }
}

broken! {
    /// A handle reads a trace once, and then knows what it has added itself.
    reads_traces_from_a_cache in for_each_handle {
        fn append_trace(&self, inner: &Inner, (s, g): Key, given: &TraceEntry) -> Answer<()> {
            self.read.lock().unwrap().remove(&(s, g));
            inner.append_trace(s, g, given)
        }
        fn trace_page(&self, inner: &Inner, (s, g): Key, start: usize, bytes: usize) -> Answer<TracePage> {
            let now = inner.read_trace_page(s, g, 0, usize::MAX)?.entries;
            if now.is_empty() {
                return Ok(TracePage::default());
            }
            let mut read = self.read.lock().unwrap();
            let rest = read.entry((s, g)).or_insert(now).iter().skip(start);
            let mut budget = PageBudget::new(bytes);
            let fits = |entry: &&TraceEntry| budget.admits(entry.as_json().len());
            Ok(TracePage::new(rest.take_while(fits).cloned().collect()))
        }
    }
    state { read: Mutex<BTreeMap<Key, Vec<TraceEntry>>> }
    caught by { x4_traces_are_seen_at_once }
}
