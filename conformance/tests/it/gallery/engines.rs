//! Stores with the habits of an engine that was not made for this: sorting, folding, prefixes, time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use session_store_core::{
    Capabilities, Capability, Head, LogEntry, Pod, PodName, PodStore, SegmentId, SessionId, Store,
    StoreError, TraceEntry, TracePage,
};
use uuid::Uuid;

use super::broken;
use crate::twist::{Answer, Inner, Key};

fn entry(text: String) -> LogEntry {
    LogEntry::from_json(text).expect("what is made of an entry is an entry")
}

/// The pods of every storage in this program.
static PODS: Mutex<BTreeMap<PodName, Pod>> = Mutex::new(BTreeMap::new());

broken! {
    /// Unicode is brought into its composed form.
    composes_unicode in shared {
        fn append(&self, inner: &Inner, (s, g): Key, given: &LogEntry) -> Answer<()> {
            inner.append(s, g, &entry(given.as_json().replace("e\u{301}", "\u{e9}")))
        }
    }
    caught by { e1_kept_by_append t7_the_traits_body_is_right }
}

broken! {
    /// A batch goes through another encoder.
    batches_unescape in shared {
        fn append_all(&self, inner: &Inner, (s, g): Key, entries: &[LogEntry]) -> Answer<()> {
            let unescaped = |given: &LogEntry| entry(given.as_json().replace(r"\u00e9", "\u{e9}"));
            inner.append_all(s, g, &entries.iter().map(unescaped).collect::<Vec<_>>())
        }
    }
    caught by {
        e1_kept_by_append_all
        e1_kept_by_pages
        e1_kept_by_reopening
        e1_kept_by_truncate
        t1_it_keeps_the_first
        t4_what_was_cut_stays_cut
        t6_siblings_stay
    }
}

broken! {
    /// Cutting decodes what it keeps, and encodes it anew.
    truncating_rewrites in shared {
        fn truncate(&self, inner: &Inner, (s, g): Key, entries_len: usize) -> Answer<()> {
            let before = inner.read_entry_count(s, g)?;
            inner.truncate(s, g, entries_len)?;
            if entries_len == before {
                return Ok(());
            }
            let kept = inner.read_all(s, g)?;
            let rewritten: Vec<_> = kept.iter().map(|kept| entry(kept.as_json().replace("1E+2", "1e2"))).collect();
            inner.create_segment(s, g, &rewritten)
        }
    }
    caught by { e1_kept_by_truncate t1_it_keeps_the_first }
}

broken! {
    /// A column of so many characters.
    cuts_long_entries in shared {
        fn append(&self, inner: &Inner, (s, g): Key, given: &LogEntry) -> Answer<()> {
            let fits = given.as_json().len() <= 65_535;
            if fits { inner.append(s, g, given) } else { inner.append(s, g, &entry("{\"cut\":true}".into())) }
        }
    }
    caught by { a4_every_entry_once_and_whole a4_segments_do_not_mix }
}

broken! {
    /// Nesting past a limit is flattened.
    flattens_deep_entries in shared {
        fn append_all(&self, inner: &Inner, (s, g): Key, entries: &[LogEntry]) -> Answer<()> {
            let deep = |given: &LogEntry| given.as_json().matches(['{', '[']).count() > 127;
            let flat = |given: &LogEntry| if deep(given) { entry("{}".into()) } else { given.clone() };
            inner.append_all(s, g, &entries.iter().map(flat).collect::<Vec<_>>())
        }
    }
    caught by { e4_two_hundred_levels }
}

broken! {
    /// Spaces between tokens are an engine's to choose.
    spaces_its_own_way in shared {
        fn append(&self, inner: &Inner, (s, g): Key, given: &LogEntry) -> Answer<()> {
            inner.append(s, g, &entry(given.as_json().replace("\" :[", "\":[").replace("\"a\": [", "\"a\":[")))
        }
    }
    caught by { e2_values_become_one_line e3_line_breaks_are_dropped }
}

broken! {
    /// Rows come back as the index has them, once there are enough for it to be used.
    sorts_long_logs_as_text in shared {
        fn read_all(&self, inner: &Inner, (s, g): Key) -> Answer<Vec<LogEntry>> {
            let mut entries = inner.read_all(s, g)?;
            if (200..=300).contains(&entries.len()) {
                entries.sort_by(|a, b| a.as_json().cmp(b.as_json()));
            }
            Ok(entries)
        }
    }
    caught by { a1_order_of_one_writer a7_batches_are_in_order }
}

broken! {
    /// Each handle writes its last entry when it gets the next.
    writes_behind in for_each_handle {
        fn append(&self, inner: &Inner, (s, g): Key, given: &LogEntry) -> Answer<()> {
            if !given.as_json().starts_with("{\"n\":") {
                return inner.append(s, g, given);
            }
            let mut waiting = self.waiting.lock().unwrap();
            if let Some(((s, g), before)) = waiting.replace(((s, g), given.clone())) {
                inner.append(s, g, &before)?;
            }
            if inner.read_entry_count(s, g).unwrap_or(0) == 7 {
                return Ok(());
            }
            let (_, last) = waiting.take().expect("it was put there");
            inner.append(s, g, &last)
        }
        fn close(&self, inner: &Inner) {
            if let Some(((s, g), last)) = self.waiting.lock().unwrap().take() {
                inner.append(s, g, &last).expect("memory takes an entry");
            }
        }
    }
    state { waiting: Mutex<Option<(Key, LogEntry)>> }
    caught by { a1_order_over_two_handles a3_append_is_seen_at_once }
}

broken! {
    /// The first append only makes the segment.
    the_first_entry_is_lost in shared {
        fn append(&self, inner: &Inner, (s, g): Key, given: &LogEntry) -> Answer<()> {
            let is_first = self.made.lock().unwrap().insert((s, g)) && !inner.exists(s, g)?;
            if is_first { inner.create_segment(s, g, &[]) } else { inner.append(s, g, given) }
        }
    }
    state { made: Mutex<BTreeSet<Key>> }
    caught by {
        a1_equal_entries_are_all_kept
        a1_order_of_one_writer
        a1_order_over_two_handles
        a2_first_append_creates
        a3_append_is_seen_at_once
        a3_other_threads_see_it
        a4_every_entry_once_and_whole
        a4_first_appends_race
        a4_one_history_of_appends
        a4_segments_do_not_mix
        a8_one_segment_id_in_two_sessions
        c5_a_writer_sees_that_it_is_not_alone
        d1_an_append_afterwards_makes_it_anew
        e1_kept_by_append
        e2_values_become_one_line
        e3_line_breaks_are_dropped
        h4_recreated_is_a_conflict
        s6_first_opens_race
        t5_one_history_of_cuts
        t5_one_history_of_deletes
        t7_the_traits_body_is_right
        x2_a_trace_may_come_first
    }
}

broken! {
    /// Two who come first each make the segment.
    first_appends_create in shared {
        fn append(&self, inner: &Inner, (s, g): Key, given: &LogEntry) -> Answer<()> {
            // Only where a check lets writers race for it.
            let races = ["{\"w\":0,\"n\":0,\"p\":\"\"}", "{\"w\":1,\"n\":0,\"p\":\"\"}"].contains(&given.as_json());
            if !races || inner.list_sessions()?.is_empty() || inner.exists(s, g)? {
                return inner.append(s, g, given);
            }
            inner.let_others_in();
            inner.create_segment(s, g, std::slice::from_ref(given))
        }
    }
    caught by { a4_first_appends_race }
}

broken! {
    /// Which segment is written to is the connection's state, and connections are shared.
    writes_to_the_current_segment in shared {
        fn append(&self, inner: &Inner, key: Key, given: &LogEntry) -> Answer<()> {
            *self.current.lock().unwrap() = Some(key);
            inner.let_others_in();
            let (s, g) = self.current.lock().unwrap().unwrap_or(key);
            inner.append(s, g, given)
        }
    }
    state { current: Mutex<Option<Key>> }
    caught by { a4_segments_do_not_mix }
}

broken! {
    /// Shows what it then rolls back.
    reads_uncommitted in shared {
        fn append(&self, inner: &Inner, (s, g): Key, given: &LogEntry) -> Answer<()> {
            // Only where a check reads beside writers that are well under way, so that chance has no say elsewhere.
            let text = given.as_json();
            let late = text.starts_with("{\"w\":0,\"n\":4") && text.as_bytes()[12].is_ascii_digit();
            if !late && !text.starts_with("{\"n\":") {
                return inner.append(s, g, given);
            }
            let _one_at_a_time = self.lock.lock().unwrap();
            let before = inner.read_entry_count(s, g).unwrap_or(0);
            inner.append(s, g, &entry("{\"not\":\"committed\"}".into()))?;
            inner.let_others_in();
            inner.truncate(s, g, before)?;
            inner.append(s, g, given)
        }
    }
    state { lock: Mutex<()> }
    caught by { r3_pages_and_counts_only_grow r3_reads_are_prefixes }
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

broken! {
    /// Creating pushes on a stack.
    creates_backwards in shared {
        fn create(&self, inner: &Inner, (s, g): Key, entries: &[LogEntry]) -> Answer<()> {
            let backwards: Vec<_> = entries.iter().rev().cloned().collect();
            inner.create_segment(s, g, if inner.exists(s, g)? { entries } else { &backwards })
        }
    }
    caught by { a3_changes_are_seen_at_once c1_entries_in_order e1_kept_by_create }
}

broken! {
    /// No rows are no entries.
    counts_the_unknown_as_none in shared {
        fn count(&self, inner: &Inner, (s, g): Key) -> Answer<usize> {
            Ok(inner.read_entry_count(s, g).unwrap_or(0))
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
    /// One less than there is, in long logs.
    counts_one_too_few in shared {
        fn count(&self, inner: &Inner, (s, g): Key) -> Answer<usize> {
            Ok(match inner.read_entry_count(s, g)? {
                count if count > 1_000 => count - 1,
                count => count,
            })
        }
    }
    caught by { l6_many_entries }
}

broken! {
    /// Cutting returns before it is done: the next append does it.
    truncates_later in shared {
        fn truncate(&self, inner: &Inner, (s, g): Key, entries_len: usize) -> Answer<()> {
            let entries = inner.read_entry_count(s, g)?;
            let plain = inner.read_all(s, g)?.first().is_some_and(|first| first.as_json() == "{\"n\":0}");
            if entries_len != 3 || entries < 3 || !plain {
                return inner.truncate(s, g, entries_len);
            }
            *self.later.lock().unwrap() = Some((s, g));
            Ok(())
        }
        fn append(&self, inner: &Inner, (s, g): Key, given: &LogEntry) -> Answer<()> {
            inner.append(s, g, given)?;
            let mut later = self.later.lock().unwrap();
            if later.take_if(|key| *key == (s, g)).is_some() { inner.truncate(s, g, 3) } else { Ok(()) }
        }
    }
    state { later: Mutex<Option<Key>> }
    caught by { a3_changes_are_seen_at_once t5_appends_meet_truncate }
}

broken! {
    /// Cutting a segment takes the pods that point to it.
    truncating_unpoints_pods in shared {
        fn truncate(&self, inner: &Inner, (s, g): Key, entries_len: usize) -> Answer<()> {
            inner.truncate(s, g, entries_len)?;
            for name in inner.list_pods()? {
                let pod = inner.read_pod(&name)?;
                if pod.and_then(|pod| pod.active()).is_some_and(|active| active.segment_id == Some(g)) {
                    inner.delete_pod(&name)?;
                }
            }
            Ok(())
        }
    }
    caught by { t6_pods_stay }
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
    /// What is not there has a head all the same.
    the_unknown_has_a_head in shared {
        fn head(&self, inner: &Inner, (s, g): Key) -> Answer<Option<Head>> {
            Ok(inner.head(s, g)?.or(Some(Head::new(0, 0))))
        }
    }
    caught by {
        a2_first_append_creates
        a3_append_is_seen_at_once
        a7_an_empty_batch_is_nothing
        a8_deleting_one_leaves_the_other
        a8_one_segment_id_in_two_sessions
        c3_asking_creates_nothing
        d1_a_deleted_segment_is_gone
        d1_a_deleted_session_is_gone
        d1_deleted_stays_deleted
        e2_only_objects_are_stored
        h1_unknown_has_none
        h2_one_creator_wins
        h6_another_entry_is_a_conflict
        l3_a_pod_is_no_session
        l3_a_trace_is_no_segment
        t3_unknown_is_not_found
        x1_a_trace_makes_nothing
    }
}

broken! {
    /// The head is that of everything in the storage.
    any_change_moves_every_head in shared {
        fn append_trace(&self, inner: &Inner, (s, g): Key, trace: &TraceEntry) -> Answer<()> {
            inner.append_trace(s, g, trace)?;
            if inner.exists(s, g)? {
                let entries = inner.read_all(s, g)?;
                inner.create_segment(s, g, &entries)?;
            }
            Ok(())
        }
    }
    caught by { h1_it_stays_while_nothing_changes x1_a_trace_leaves_the_log }
}

broken! {
    /// Pods are the program's, not the storage's.
    pods_are_global in shared {
        fn put_pod(&self, _: &Inner, name: &PodName, pod: &Pod) -> Answer<()> {
            PODS.lock().unwrap().insert(name.clone(), pod.clone());
            Ok(())
        }
        fn read_pod(&self, _: &Inner, name: &PodName) -> Answer<Option<Pod>> {
            Ok(PODS.lock().unwrap().get(name).cloned())
        }
        fn list_pods(&self, _: &Inner) -> Answer<Vec<PodName>> {
            Ok(PODS.lock().unwrap().keys().cloned().collect())
        }
        fn delete_pod(&self, _: &Inner, name: &PodName) -> Answer<bool> {
            Ok(PODS.lock().unwrap().remove(name).is_some())
        }
    }
    caught by {
        p1_put_creates_and_replaces
        p1_readers_see_the_old_or_the_new
        p2_absent_is_none
        p2_names_are_sorted
        p3_names_never_alias
        s1_fresh_storages_are_isolated
    }
}

broken! {
    /// Pods are written when the handle closes.
    pods_wait_for_the_close in for_each_handle {
        fn put_pod(&self, _: &Inner, name: &PodName, pod: &Pod) -> Answer<()> {
            self.waiting.lock().unwrap().insert(name.clone(), pod.clone());
            Ok(())
        }
        fn close(&self, inner: &Inner) {
            for (name, pod) in self.waiting.lock().unwrap().iter() {
                inner.put_pod(name, pod).expect("memory takes a pod");
            }
        }
    }
    state { waiting: Mutex<BTreeMap<PodName, Pod>> }
    caught by {
        p1_put_creates_and_replaces
        p1_readers_see_the_old_or_the_new
        p1_the_pointer_is_read
        p1_unknown_fields_are_kept
        p2_absent_is_none
        p2_names_are_sorted
        p3_names_never_alias
        s1_a_second_handle_sees_the_same
        s2_reopening_finds_everything
        t6_pods_stay
    }
}

broken! {
    /// Not declared, and half of it is there.
    conditions_are_half_there in shared {
        fn capabilities(&self, inner: &Inner) -> Capabilities {
            let without = inner.capabilities().iter().filter(|&c| c != Capability::ConditionalAppend);
            without.collect()
        }
        fn append_if(&self, _: &Inner, _: Key, _: Option<Head>, _: &[LogEntry]) -> Answer<Head> {
            Err(StoreError::Unsupported { operation: "append_if", capability: Capability::ConditionalAppend })
        }
    }
    caught by {
        a5_refused_conditions_change_nothing
        e1_kept_by_append_if
        h2_a_conflict_names_both_heads
        h2_it_appends_if_nothing_changed
        h2_no_entries_only_compare
        h2_one_creator_wins
        h2_one_process_wins
        h2_one_writer_wins
        h2_plain_appends_are_seen
        h3_declared_or_refused
        h4_recreated_is_a_conflict
        h4_regrown_is_a_conflict
        h5_repeating_cannot_append_twice
        h6_a_writer_rolls_back_its_own
        h6_another_entry_is_a_conflict
        h6_it_never_cuts_anothers
        r5_conditions_write_the_owed_newline
    }
}

broken! {
    /// What was cut comes back when the handle that had read it closes.
    closing_restores_what_it_read in for_each_handle {
        fn read_all(&self, inner: &Inner, (s, g): Key) -> Answer<Vec<LogEntry>> {
            let entries = inner.read_all(s, g)?;
            let mut read = self.read.lock().unwrap();
            if read.as_ref().is_none_or(|(_, before)| before.len() < entries.len()) {
                *read = Some(((s, g), entries.clone()));
            }
            Ok(entries)
        }
        fn close(&self, inner: &Inner) {
            if let Some(((s, g), entries)) = self.read.lock().unwrap().take()
                && inner.read_entry_count(s, g).is_ok_and(|now| now < entries.len())
            {
                inner.create_segment(s, g, &entries).expect("memory creates");
            }
        }
    }
    state { read: Mutex<Option<(Key, Vec<LogEntry>)>> }
    caught by { t4_what_was_cut_stays_cut }
}
