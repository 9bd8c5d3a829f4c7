//! Stores whose changes do too much, too little, too early or too late.

use std::collections::BTreeSet;
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use session_store_core::{
    Capabilities, Capability, Head, LogEntry, Page, SegmentId, SessionId, Store, StoreError,
    TraceEntry, TracePage,
};
use uuid::Uuid;

use super::broken;
use crate::twist::{Answer, Inner, Key};

/// One entry of the many that concurrent writers append, so that chance has no say in who catches it.
fn is_unlucky(entry: &LogEntry) -> bool {
    entry.as_json().starts_with(r#"{"w":5,"n":20,"#)
}

/// A head without its epoch.
fn counted(head: Head) -> Head {
    Head::new(head.entries(), 0)
}

fn refused() -> StoreError {
    io::Error::from(io::ErrorKind::Other).into()
}

broken! {
    /// A client that resends without need.
    appends_twice_now_and_then in shared {
        fn append(&self, inner: &Inner, (s, g): Key, entry: &LogEntry) -> Answer<()> {
            if is_unlucky(entry) {
                inner.append(s, g, entry)?;
            }
            inner.append(s, g, entry)
        }
    }
    caught by { a4_each_writers_order_is_kept a4_every_entry_once_and_whole a6_never_twice }
}

broken! {
    /// The reply is lost, and the error says that nothing happened.
    stores_and_fails_now_and_then in shared {
        fn append(&self, inner: &Inner, (s, g): Key, entry: &LogEntry) -> Answer<()> {
            inner.append(s, g, entry)?;
            if is_unlucky(entry) { Err(refused()) } else { Ok(()) }
        }
    }
    caught by { a4_every_entry_once_and_whole a5_a_definite_error_stored_nothing }
}

broken! {
    /// Acknowledged and dropped: a queue that is full.
    loses_an_entry_now_and_then in shared {
        fn append(&self, inner: &Inner, (s, g): Key, entry: &LogEntry) -> Answer<()> {
            if is_unlucky(entry) { Ok(()) } else { inner.append(s, g, entry) }
        }
    }
    caught by { a4_every_entry_once_and_whole }
}

broken! {
    /// A batch is a loop of appends: the trait's own body.
    interleaves_batches in shared {
        fn append_all(&self, inner: &Inner, (s, g): Key, entries: &[LogEntry]) -> Answer<()> {
            let (first, rest) = entries.split_at(entries.len() / 2);
            first.iter().try_for_each(|entry| inner.append(s, g, entry))?;
            inner.let_others_in();
            rest.iter().try_for_each(|entry| inner.append(s, g, entry))
        }
    }
    caught by { a7_batches_show_whole a7_batches_stay_contiguous }
}

broken! {
    /// An empty batch opens the file, and opening makes it.
    empty_batches_create in shared {
        fn append_all(&self, inner: &Inner, (s, g): Key, entries: &[LogEntry]) -> Answer<()> {
            if entries.is_empty() && !inner.exists(s, g)? {
                return inner.create_segment(s, g, &[]);
            }
            inner.append_all(s, g, entries)
        }
    }
    caught by { a7_an_empty_batch_is_nothing }
}

broken! {
    /// Creating what exists appends to it.
    creates_by_appending in shared {
        fn create(&self, inner: &Inner, (s, g): Key, entries: &[LogEntry]) -> Answer<()> {
            if inner.exists(s, g)? { inner.append_all(s, g, entries) } else { inner.create_segment(s, g, entries) }
        }
    }
    caught by {
        a3_changes_are_seen_at_once
        a8_one_segment_id_in_two_sessions
        c2_it_replaces_the_whole_log
        c2_page_readers_can_tell
        c2_readers_see_the_old_or_the_new
        c4_the_count_is_what_is_read
        e1_kept_by_create
        h1_it_counts
        t5_an_append_after_it_is_there
        t5_appends_meet_replace
        t5_one_history_of_cuts
        t7_the_traits_body_is_right
    }
}

broken! {
    /// Replacing by what does not fit one request is emptying and filling.
    replaces_in_two_steps in shared {
        fn create(&self, inner: &Inner, (s, g): Key, entries: &[LogEntry]) -> Answer<()> {
            if entries.len() <= 3 {
                return inner.create_segment(s, g, entries);
            }
            inner.create_segment(s, g, &[])?;
            inner.let_others_in();
            inner.append_all(s, g, entries)
        }
    }
    caught by { c2_page_readers_can_tell c2_readers_see_the_old_or_the_new }
}

broken! {
    /// Replacing forgets the trace, as deleting does.
    replacing_takes_the_trace in shared {
        fn create(&self, inner: &Inner, (s, g): Key, entries: &[LogEntry]) -> Answer<()> {
            if inner.exists(s, g)? {
                self.forgotten.lock().unwrap().insert((s, g));
            }
            inner.create_segment(s, g, entries)
        }
        fn trace_page(&self, inner: &Inner, (s, g): Key, start: usize, bytes: usize) -> Answer<TracePage> {
            let forgotten = self.forgotten.lock().unwrap().contains(&(s, g));
            if forgotten { Ok(TracePage::default()) } else { inner.read_trace_page(s, g, start, bytes) }
        }
    }
    state { forgotten: Mutex<BTreeSet<Key>> }
    caught by { c2_traces_stay }
}

broken! {
    /// Truncate cuts where it can.
    truncates_past_the_end in shared {
        fn truncate(&self, inner: &Inner, (s, g): Key, entries_len: usize) -> Answer<()> {
            let entries = inner.read_entry_count(s, g)?;
            inner.truncate(s, g, entries_len.min(entries))
        }
    }
    caught by { a5_refusals_change_nothing t2_past_the_end_is_refused t5_one_history_of_cuts }
}

broken! {
    /// Nothing left is taken for nothing there.
    truncating_to_nothing_deletes in shared {
        fn truncate(&self, inner: &Inner, (s, g): Key, entries_len: usize) -> Answer<()> {
            inner.truncate(s, g, entries_len)?;
            if entries_len == 0 { inner.delete_segment(s, g).map(drop) } else { Ok(()) }
        }
    }
    caught by {
        c3_exists_from_the_first_entry_on
        c4_the_count_is_what_is_read
        l5_the_answer_stays
        l5_the_holder_is_found
        t1_it_keeps_the_first
        t1_its_own_length_changes_nothing
        t1_nothing_left_still_exists
        t5_one_history_of_cuts
        t6_traces_stay
    }
}

broken! {
    /// Truncate makes what it cuts.
    truncating_creates in shared {
        fn truncate(&self, inner: &Inner, (s, g): Key, entries_len: usize) -> Answer<()> {
            if !inner.exists(s, g)? {
                inner.create_segment(s, g, &[])?;
            }
            inner.truncate(s, g, entries_len)
        }
    }
    caught by { a5_refusals_change_nothing t3_unknown_is_not_found }
}

broken! {
    /// An index with a mark for each so many entries, read one too far.
    truncating_keeps_one_too_many in shared {
        fn truncate(&self, inner: &Inner, (s, g): Key, entries_len: usize) -> Answer<()> {
            let behind_a_mark = (1_000..inner.read_entry_count(s, g)?).contains(&entries_len);
            inner.truncate(s, g, entries_len + usize::from(behind_a_mark))
        }
    }
    caught by { l6_many_entries }
}

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
    /// Each handle keeps the last log that it read.
    reads_from_a_cache in for_each_handle {
        fn read_all(&self, inner: &Inner, (s, g): Key) -> Answer<Vec<LogEntry>> {
            let mut last = self.last.lock().unwrap();
            let now = inner.read_all(s, g)?;
            let entries = match last.take() {
                // The length is all that it compares.
                Some((key, entries)) if key == (s, g) && entries.len() == now.len() => entries,
                _ => now,
            };
            *last = Some(((s, g), entries.clone()));
            Ok(entries)
        }
    }
    state { last: Mutex<Option<(Key, Vec<LogEntry>)>> }
    caught by {
        t5_an_append_after_it_is_there
        t5_one_history_of_cuts
        t5_one_history_of_deletes
    }
}

broken! {
    /// The token is that of a store without epochs, and the capability is declared.
    heads_are_only_counts in shared {
        fn head(&self, inner: &Inner, (s, g): Key) -> Answer<Option<Head>> {
            Ok(inner.head(s, g)?.map(counted))
        }
        fn page(&self, inner: &Inner, (s, g): Key, start: usize, bytes: usize) -> Answer<Page> {
            let page = inner.read_page(s, g, start, bytes)?;
            Ok(Page::new(page.entries, counted(page.head)))
        }
        fn append_if(&self, inner: &Inner, (s, g): Key, expected: Option<Head>, entries: &[LogEntry]) -> Answer<Head> {
            let _one_at_a_time = self.lock.lock().unwrap();
            let full = inner.head(s, g)?;
            let actual = full.map(counted);
            if actual != expected {
                return Err(StoreError::Conflict { expected, actual });
            }
            inner.append_if(s, g, full, entries).map(counted)
        }
        fn truncate_if(&self, inner: &Inner, (s, g): Key, expected: Head, len: usize) -> Answer<Head> {
            let _one_at_a_time = self.lock.lock().unwrap();
            match inner.head(s, g)? {
                Some(full) if counted(full) == expected => inner.truncate_if(s, g, full, len).map(counted),
                other => Err(StoreError::Conflict { expected: Some(expected), actual: other.map(counted) }),
            }
        }
    }
    state { lock: Mutex<()> }
    caught by {
        h1_a_cut_gives_a_new_token
        h1_a_recreated_segment_has_a_new_token
        h4_recreated_is_a_conflict
        h4_regrown_is_a_conflict
    }
}

broken! {
    /// Compares, and then appends.
    checks_then_appends in shared {
        fn append_if(&self, inner: &Inner, (s, g): Key, expected: Option<Head>, entries: &[LogEntry]) -> Answer<Head> {
            let actual = inner.head(s, g)?;
            if actual != expected {
                return Err(StoreError::Conflict { expected, actual });
            }
            inner.let_others_in();
            if expected.is_none() && entries.is_empty() {
                inner.create_segment(s, g, &[])?;
            }
            inner.append_all(s, g, entries)?;
            inner.head(s, g)?.ok_or(StoreError::NotFound(g))
        }
    }
    caught by { h2_one_creator_wins h2_one_writer_wins h2_plain_appends_are_seen }
}

broken! {
    /// Compares, and then cuts.
    checks_then_truncates in shared {
        fn truncate_if(&self, inner: &Inner, (s, g): Key, expected: Head, len: usize) -> Answer<Head> {
            let actual = inner.head(s, g)?;
            if actual != Some(expected) {
                return Err(StoreError::Conflict { expected: Some(expected), actual });
            }
            inner.let_others_in();
            inner.truncate(s, g, len)?;
            inner.head(s, g)?.ok_or(StoreError::NotFound(g))
        }
    }
    caught by { h6_it_never_cuts_anothers }
}

broken! {
    /// Expecting nothing is taken for expecting anything.
    none_expects_anything in shared {
        fn append_if(&self, inner: &Inner, (s, g): Key, expected: Option<Head>, entries: &[LogEntry]) -> Answer<Head> {
            let expected = if expected.is_none() { inner.head(s, g)? } else { expected };
            inner.append_if(s, g, expected, entries)
        }
    }
    caught by {
        a5_refused_conditions_change_nothing
        h2_a_conflict_names_both_heads
        h2_one_creator_wins
        h5_repeating_cannot_append_twice
    }
}

broken! {
    /// The old head comes back, not the new one.
    append_if_returns_the_old_head in shared {
        fn append_if(&self, inner: &Inner, (s, g): Key, expected: Option<Head>, entries: &[LogEntry]) -> Answer<Head> {
            let new = inner.append_if(s, g, expected, entries)?;
            Ok(expected.unwrap_or(new))
        }
    }
    caught by {
        e1_kept_by_append_if
        h2_it_appends_if_nothing_changed
        h5_repeating_cannot_append_twice
        h6_a_writer_rolls_back_its_own
    }
}

broken! {
    /// Works without saying so.
    does_not_declare_delete in shared {
        fn capabilities(&self, _: &Inner) -> Capabilities {
            Capabilities::NONE.with(Capability::ConditionalAppend).with(Capability::ReadTraces)
        }
    }
    caught by {
        a8_deleting_one_leaves_the_other
        d1_a_deleted_segment_is_gone
        d1_a_deleted_session_is_gone
        d1_a_trace_alone_counts
        d1_an_append_afterwards_makes_it_anew
        d1_deleted_stays_deleted
        d1_deleting_nothing_is_false
        d1_the_last_segment_takes_its_session
        h1_a_recreated_segment_has_a_new_token
        h3_declared_or_refused
        h4_recreated_is_a_conflict
        l5_a_deleted_holder_is_not_named
        l5_others_may_leave
        t5_appends_meet_delete
        t5_one_history_of_deletes
        x2_deleting_a_segment_deletes_its_trace
    }
}

broken! {
    /// Says so without working.
    declares_a_sync_that_it_lacks in shared {
        fn capabilities(&self, inner: &Inner) -> Capabilities {
            inner.capabilities().with(Capability::DurableSync)
        }
    }
    caught by { h3_declared_or_refused s4_sync_is_answered }
}

broken! {
    /// The trace outlives its segment.
    deleting_leaves_the_trace in shared {
        fn delete_segment(&self, inner: &Inner, (s, g): Key) -> Answer<bool> {
            let traces = inner.read_trace_page(s, g, 0, usize::MAX)?.entries;
            let deleted = inner.delete_segment(s, g)?;
            traces.iter().try_for_each(|trace| inner.append_trace(s, g, trace))?;
            Ok(deleted)
        }
    }
    caught by { d1_a_trace_alone_counts x2_deleting_a_segment_deletes_its_trace }
}

broken! {
    /// Deleting is made to be repeated, and so always works.
    deletes_what_is_not_there in shared {
        fn delete_session(&self, inner: &Inner, s: SessionId) -> Answer<bool> {
            inner.delete_session(s).map(|_| true)
        }
        fn delete_segment(&self, inner: &Inner, (s, g): Key) -> Answer<bool> {
            inner.delete_segment(s, g).map(|_| true)
        }
    }
    caught by {
        d1_a_deleted_segment_is_gone
        d1_a_deleted_session_is_gone
        d1_a_trace_alone_counts
        d1_deleting_nothing_is_false
    }
}

broken! {
    /// One segment is left over.
    deletes_most_of_a_session in shared {
        fn delete_session(&self, inner: &Inner, s: SessionId) -> Answer<bool> {
            let segments: Vec<SegmentId> = inner.list_segments(s)?;
            if segments.len() < 3 {
                return inner.delete_session(s);
            }
            segments[1..].iter().try_for_each(|&g| inner.delete_segment(s, g).map(drop))?;
            Ok(true)
        }
    }
    caught by { d1_a_deleted_session_is_gone }
}

broken! {
    /// A lock without care for a panic.
    a_panic_poisons_it in shared {
        fn append(&self, inner: &Inner, (s, g): Key, entry: &LogEntry) -> Answer<()> {
            if thread::panicking() {
                self.poisoned.store(true, Ordering::SeqCst);
            }
            if self.poisoned.load(Ordering::SeqCst) { Err(refused()) } else { inner.append(s, g, entry) }
        }
    }
    state { poisoned: AtomicBool }
    caught by { s5_a_panic_poisons_nothing }
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
    /// What is appended is stored when the handle closes.
    appends_wait_for_the_close in for_each_handle {
        fn append(&self, inner: &Inner, (s, g): Key, entry: &LogEntry) -> Answer<()> {
            // Only what fits the buffer waits.
            if entry.as_json().len() > 2 || !inner.exists(s, g)? {
                return inner.append(s, g, entry);
            }
            self.waiting.lock().unwrap().push(((s, g), entry.clone()));
            Ok(())
        }
        fn close(&self, inner: &Inner) {
            for ((s, g), entry) in self.waiting.lock().unwrap().drain(..) {
                inner.append(s, g, &entry).expect("memory takes an entry");
            }
        }
    }
    state { waiting: Mutex<Vec<(Key, LogEntry)>> }
    caught by {
        c4_the_count_is_what_is_read
        c5_a_writer_sees_that_it_is_not_alone
        e4_the_empty_object
        h1_it_counts
        r6_the_traits_body_agrees
    }
}

broken! {
    /// The conflict says what was expected, twice.
    conflicts_name_one_head in shared {
        fn append_if(&self, inner: &Inner, (s, g): Key, expected: Option<Head>, entries: &[LogEntry]) -> Answer<Head> {
            inner.append_if(s, g, expected, entries).map_err(|error| match error {
                StoreError::Conflict { expected, .. } => StoreError::Conflict { expected, actual: expected },
                other => other,
            })
        }
    }
    caught by {
        h2_a_conflict_names_both_heads
        h2_no_entries_only_compare
        h2_one_creator_wins
        h2_one_writer_wins
        h4_recreated_is_a_conflict
        h4_regrown_is_a_conflict
        h5_repeating_cannot_append_twice
    }
}

broken! {
    /// A cache without anything behind it.
    closing_forgets_everything in for_each_handle {
        fn close(&self, inner: &Inner) {
            for session in inner.list_sessions().expect("memory lists") {
                inner.delete_session(session).expect("memory deletes");
            }
        }
    }
    caught by {
        d1_deleted_stays_deleted
        e1_kept_by_reopening
        l5_the_answer_outlives_the_handles
        l6_many_sessions
        s1_a_second_handle_sees_the_same
        s2_appends_continue
        s2_reopening_finds_everything
        s6_first_opens_race
        t4_what_was_cut_stays_cut
    }
}
