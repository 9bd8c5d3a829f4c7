//! Stores whose listings, lookups, counts and pages are not what is stored.

use std::collections::BTreeMap;
use std::sync::Mutex;

use session_store_core::{
    LogEntry, Page, SegmentId, SessionId, Store, StoreError, TraceEntry, TracePage,
};

use super::broken;
use crate::twist::{Answer, Inner, Key};

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

broken! {
    /// An unknown segment reads as an empty one.
    reads_the_unknown_as_empty in shared {
        fn read_all(&self, inner: &Inner, (s, g): Key) -> Answer<Vec<LogEntry>> {
            match inner.read_all(s, g) {
                Err(StoreError::NotFound(_)) => Ok(Vec::new()),
                read => read,
            }
        }
    }
    caught by {
        a4_one_history_of_appends
        r1_unknown_is_not_found
        t5_one_history_of_cuts
        t5_one_history_of_deletes
        t7_the_traits_body_is_right
    }
}

broken! {
    /// A handle counts what went through it, and looks only once.
    counts_its_own in for_each_handle {
        fn append(&self, inner: &Inner, (s, g): Key, entry: &LogEntry) -> Answer<()> {
            inner.append(s, g, entry)?;
            self.counts.lock().unwrap().entry((s, g)).and_modify(|count| *count += 1);
            Ok(())
        }
        fn append_all(&self, inner: &Inner, (s, g): Key, entries: &[LogEntry]) -> Answer<()> {
            inner.append_all(s, g, entries)?;
            self.counts.lock().unwrap().remove(&(s, g));
            Ok(())
        }
        fn create(&self, inner: &Inner, (s, g): Key, entries: &[LogEntry]) -> Answer<()> {
            self.counts.lock().unwrap().remove(&(s, g));
            inner.create_segment(s, g, entries)
        }
        fn truncate(&self, inner: &Inner, (s, g): Key, entries_len: usize) -> Answer<()> {
            self.counts.lock().unwrap().remove(&(s, g));
            inner.truncate(s, g, entries_len)
        }
        fn count(&self, inner: &Inner, (s, g): Key) -> Answer<usize> {
            let now = inner.read_entry_count(s, g)?;
            Ok(*self.counts.lock().unwrap().entry((s, g)).or_insert(now))
        }
    }
    state { counts: Mutex<BTreeMap<Key, usize>> }
    caught by {
        a3_append_is_seen_at_once
        a3_changes_are_seen_at_once
        a4_one_history_of_appends
        a5_refused_conditions_change_nothing
        c5_a_writer_sees_that_it_is_not_alone
        d1_an_append_afterwards_makes_it_anew
        h5_repeating_cannot_append_twice
        h6_a_writer_rolls_back_its_own
        r3_pages_and_counts_only_grow
        t4_appends_go_on_after_it
        t5_one_history_of_cuts
        t5_one_history_of_deletes
    }
}

broken! {
    /// The trace lies in the same table.
    counts_traces in shared {
        fn count(&self, inner: &Inner, (s, g): Key) -> Answer<usize> {
            let traces = inner.read_trace_page(s, g, 0, usize::MAX)?.entries.len();
            Ok(inner.read_entry_count(s, g)? + traces)
        }
    }
    caught by { c4_traces_do_not_count x1_a_trace_leaves_the_log x2_a_trace_may_come_first }
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
    caught by { l3_a_trace_is_no_segment x1_a_trace_makes_nothing }
}

broken! {
    /// An entry that fits no page is passed over.
    pages_end_at_a_large_entry in shared {
        fn page(&self, inner: &Inner, (s, g): Key, start: usize, bytes: usize) -> Answer<Page> {
            let mut page = inner.read_page(s, g, start, bytes)?;
            page.entries.retain(|entry| entry.as_json().len() <= bytes || bytes >= 200);
            Ok(page)
        }
    }
    caught by {
        e1_kept_by_pages
        l6_many_entries
        r6_pages_hold_what_fits
        r6_pages_in_sequence_are_the_log
        r6_the_traits_body_agrees
    }
}

broken! {
    /// The limit is looked at after the entry that crosses it.
    pages_run_over in shared {
        fn page(&self, inner: &Inner, (s, g): Key, start: usize, bytes: usize) -> Answer<Page> {
            let mut page = inner.read_page(s, g, start, bytes)?;
            if bytes < 1_000 {
                let next = inner.read_page(s, g, start.saturating_add(page.entries.len()), 0)?;
                page.entries.extend(next.entries);
            }
            Ok(page)
        }
    }
    caught by {
        e1_kept_by_pages
        l6_many_entries
        r6_pages_hold_what_fits
        r6_the_traits_body_agrees
    }
}

broken! {
    /// Page and head are two queries, with a moment between them.
    pages_have_a_later_head in shared {
        fn page(&self, inner: &Inner, (s, g): Key, start: usize, bytes: usize) -> Answer<Page> {
            let page = inner.read_page(s, g, start, bytes)?;
            inner.let_others_in();
            let head = inner.head(s, g)?.unwrap_or(page.head);
            Ok(Page::new(page.entries, head))
        }
    }
    caught by { r6_the_head_is_of_the_same_moment }
}

broken! {
    /// What a replace lets through: the first half of the log is of one moment, the rest of another.
    reads_in_two_steps in shared {
        fn read_all(&self, inner: &Inner, (s, g): Key) -> Answer<Vec<LogEntry>> {
            let mut entries = inner.read_all(s, g)?;
            // Only where a check replaces a log under its readers, so that chance has no say elsewhere.
            if !entries.first().is_some_and(|first| [r#"{"n":0}"#, r#"{"new":0,"p":""}"#].contains(&first.as_json())) {
                return Ok(entries);
            }
            entries.truncate(2);
            inner.let_others_in();
            entries.extend(inner.read_all(s, g)?.into_iter().skip(2));
            Ok(entries)
        }
    }
    caught by { c2_readers_see_the_old_or_the_new }
}
