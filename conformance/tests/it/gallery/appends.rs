//! Broken stores that lose, duplicate or misplace appended entries. `broken!` defines a store and
//! its test: each check under `caught by` must fail.

use std::collections::BTreeSet;
use std::sync::Mutex;

use session_store_core::{LogEntry, SegmentId, SegmentKey, SessionId, Store, StoreExt};

use super::{broken, definite_error, entry};
use crate::variant::Result;

/// Returns whether a flaw applies to the entry. Only the checks with many concurrent writers append
/// this entry. So only these checks catch the flaw, and they catch it in every schedule.
fn has_flaw(entry: &LogEntry) -> bool {
    entry.as_json().starts_with(r#"{"w":5,"n":20,"#)
}

broken! {
    /// Acknowledges an append without storing its entry, like a queue that is full.
    loses_an_entry_now_and_then in shared {
        fn append(&self, s: SessionId, g: SegmentId, entry: &LogEntry) -> Result<()> {
            if has_flaw(entry) { Ok(()) } else { self.inner.append(s, g, entry) }
        }
    }
    caught by { a4_every_entry_once_and_whole }
}

broken! {
    /// Sends an append twice, like a client that retries a successful request.
    appends_twice_now_and_then in shared {
        fn append(&self, s: SessionId, g: SegmentId, entry: &LogEntry) -> Result<()> {
            if has_flaw(entry) {
                self.inner.append(s, g, entry)?;
            }
            self.inner.append(s, g, entry)
        }
    }
    caught by { a4_each_writers_order_is_kept a4_every_entry_once_and_whole a6_never_twice }
}

broken! {
    /// Stores an entry and returns a definite error, like a client that lost the reply.
    stores_and_fails_now_and_then in shared {
        fn append(&self, s: SessionId, g: SegmentId, entry: &LogEntry) -> Result<()> {
            self.inner.append(s, g, entry)?;
            if has_flaw(entry) { Err(definite_error()) } else { Ok(()) }
        }
    }
    caught by { a4_every_entry_once_and_whole a5_a_definite_error_stored_nothing }
}

broken! {
    /// Drops an entry that equals the last one, like a unique index over the text.
    merges_equal_entries in shared {
        fn append(&self, s: SessionId, g: SegmentId, given: &LogEntry) -> Result<()> {
            let known = self.inner.read_all(s, g).unwrap_or_default();
            if known.last() == Some(given) { Ok(()) } else { self.inner.append(s, g, given) }
        }
    }
    caught by {
        a1_equal_entries_are_all_kept
        c5_a_writer_sees_that_it_is_not_alone
        e4_the_empty_object
        r6_the_traits_body_agrees
    }
}

broken! {
    /// Creates the segment in the first append, but does not store the entry.
    the_first_entry_is_lost in shared {
        fn append(&self, s: SessionId, g: SegmentId, given: &LogEntry) -> Result<()> {
            // Another thread must not create the segment before this call has lost its entry.
            let mut made = self.made.lock().unwrap();
            if made.insert(SegmentKey::new(s, g)) && !self.inner.exists(s, g)? {
                self.inner.create_segment(s, g, &[])
            } else {
                self.inner.append(s, g, given)
            }
        }
    }
    state { made: Mutex<BTreeSet<SegmentKey>> }
    caught by {
        a1_equal_entries_are_all_kept
        a1_order_of_one_writer
        a1_order_over_two_handles
        a2_a_segment_appears_with_its_first_entry
        a2_first_append_creates
        a3_append_is_seen_at_once
        a3_other_threads_see_it
        a4_every_entry_once_and_whole
        a4_first_appends_race
        a4_one_history_of_appends
        a4_segments_do_not_mix
        a8_one_segment_id_in_two_sessions
        a8_similar_ids_are_separate
        c5_a_writer_sees_that_it_is_not_alone
        d1_an_append_afterwards_makes_it_anew
        e1_kept_by_append
        e2_values_become_one_line
        e3_line_breaks_are_dropped
        e4_many_keys_and_wide_characters
        e4_sixty_four_mebibytes
        e4_sizes_around_powers_of_two
        h4_recreated_is_a_conflict
        l6_many_segments
        p1_pods_outlive_deletes
        s6_first_opens_race
        t5_one_history_of_cuts
        t5_one_history_of_deletes
        t7_the_traits_body_is_right
        x2_a_trace_may_come_first
    }
}

broken! {
    /// Replaces the log if two first appends run at the same time.
    first_appends_create in shared {
        fn append(&self, s: SessionId, g: SegmentId, given: &LogEntry) -> Result<()> {
            // Replace only a segment that never existed, in a storage with other sessions. Only
            // a4_first_appends_race has such concurrent first appends.
            let first = given.as_json().ends_with(",\"n\":0,\"p\":\"\"}");
            let races = first && !self.known.lock().unwrap().contains(&SegmentKey::new(s, g));
            let result =
                if !races || self.inner.list_sessions()?.is_empty() || self.inner.exists(s, g)? {
                    self.inner.append(s, g, given)
                } else {
                    self.inner.wait_for_another_call();
                    self.inner.create_segment(s, g, std::slice::from_ref(given))
                };
            self.known.lock().unwrap().insert(SegmentKey::new(s, g));
            result
        }

        fn create_segment(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
            self.known.lock().unwrap().insert(SegmentKey::new(s, g));
            self.inner.create_segment(s, g, entries)
        }
    }
    state { known: Mutex<BTreeSet<SegmentKey>> }
    caught by { a4_first_appends_race }
}

broken! {
    /// Keeps the current segment in a shared connection, so another writer can change it.
    writes_to_the_current_segment in shared {
        fn append(&self, s: SessionId, g: SegmentId, given: &LogEntry) -> Result<()> {
            *self.current.lock().unwrap() = Some(SegmentKey::new(s, g));
            self.inner.wait_for_another_call();
            let current = *self.current.lock().unwrap();
            self.inner.at(current.unwrap_or(SegmentKey::new(s, g))).append(given)
        }
    }
    state { current: Mutex<Option<SegmentKey>> }
    caught by { a4_segments_do_not_mix }
}

broken! {
    /// Keeps the last entry of a handle in memory, and stores this entry with the next append.
    writes_behind in for_each_handle {
        fn append(&self, s: SessionId, g: SegmentId, given: &LogEntry) -> Result<()> {
            let long = self.inner.read_entry_count(s, g).unwrap_or(0) >= 7;
            if !long || !given.as_json().starts_with("{\"n\":") {
                return self.inner.append(s, g, given);
            }
            let mut waiting = self.waiting.lock().unwrap();
            match waiting.replace((SegmentKey::new(s, g), given.clone())) {
                Some((key, before)) => self.inner.at(key).append(&before),
                None => Ok(()),
            }
        }

        fn close(&self) {
            if let Some((key, last)) = self.waiting.lock().unwrap().take() {
                self.inner.at(key).append(&last).expect("the memory store accepts every entry");
            }
        }
    }
    state { waiting: Mutex<Option<(SegmentKey, LogEntry)>> }
    caught by {
        a1_order_of_one_writer
        a1_order_over_two_handles
        a3_append_is_seen_at_once
        a3_other_threads_see_it
        c1_entries_in_order
    }
}

broken! {
    /// Shows an entry to readers before it is committed, and then rolls the entry back.
    reads_uncommitted in shared {
        fn append(&self, s: SessionId, g: SegmentId, given: &LogEntry) -> Result<()> {
            // Roll back only the entries of the checks with one writer and a reader. With several
            // writers the result would depend on the schedule.
            if !given.as_json().starts_with("{\"n\":") {
                return self.inner.append(s, g, given);
            }
            let _one_at_a_time = self.lock.lock().unwrap();
            let before = self.inner.read_entry_count(s, g).unwrap_or(0);
            self.inner.append(s, g, &entry("{\"not\":\"committed\"}"))?;
            // The reader alternates between counting and reading. Wait for both.
            self.inner.wait_for_other_calls(2);
            self.inner.truncate(s, g, before)?;
            self.inner.append(s, g, given)
        }
    }
    state { lock: Mutex<()> }
    caught by { l7_the_facts_are_of_one_moment r3_pages_and_counts_only_grow }
}
