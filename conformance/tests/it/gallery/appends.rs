//! Stores that lose, double or misplace what is appended.

use std::collections::BTreeSet;
use std::io;
use std::sync::Mutex;

use session_store_core::{LogEntry, Store, StoreError};

use super::broken;
use crate::variant::{Answer, Inner, Key};

fn entry(text: String) -> LogEntry {
    LogEntry::from_json(text).expect("what is made of an entry is an entry")
}

/// One entry of the many that concurrent writers append, so that chance has no say in who catches it.
fn is_unlucky(entry: &LogEntry) -> bool {
    entry.as_json().starts_with(r#"{"w":5,"n":20,"#)
}

fn refused() -> StoreError {
    io::Error::from(io::ErrorKind::Other).into()
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
    /// A unique index over the text.
    merges_equal_entries in shared {
        fn append(&self, inner: &Inner, (s, g): Key, given: &LogEntry) -> Answer<()> {
            let known = inner.read_all(s, g).unwrap_or_default();
            if known.last() == Some(given) { Ok(()) } else { inner.append(s, g, given) }
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
        e4_sixty_four_mebibytes
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
            // Only where a check lets writers race for a segment that never was, in a storage that has been used.
            let first = given.as_json().ends_with(",\"n\":0,\"p\":\"\"}");
            let races = first && !self.known.lock().unwrap().contains(&(s, g));
            let told = if !races || inner.list_sessions()?.is_empty() || inner.exists(s, g)? {
                inner.append(s, g, given)
            } else {
                inner.let_others_in();
                inner.create_segment(s, g, std::slice::from_ref(given))
            };
            self.known.lock().unwrap().insert((s, g));
            told
        }
        fn create(&self, inner: &Inner, (s, g): Key, entries: &[LogEntry]) -> Answer<()> {
            self.known.lock().unwrap().insert((s, g));
            inner.create_segment(s, g, entries)
        }
    }
    state { known: Mutex<BTreeSet<Key>> }
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
    /// Each handle writes its last entry when it gets the next.
    writes_behind in for_each_handle {
        fn append(&self, inner: &Inner, (s, g): Key, given: &LogEntry) -> Answer<()> {
            let long = inner.read_entry_count(s, g).unwrap_or(0) >= 7;
            if !long || !given.as_json().starts_with("{\"n\":") {
                return inner.append(s, g, given);
            }
            let mut waiting = self.waiting.lock().unwrap();
            match waiting.replace(((s, g), given.clone())) {
                Some(((s, g), before)) => inner.append(s, g, &before),
                None => Ok(()),
            }
        }
        fn close(&self, inner: &Inner) {
            if let Some(((s, g), last)) = self.waiting.lock().unwrap().take() {
                inner.append(s, g, &last).expect("memory takes an entry");
            }
        }
    }
    state { waiting: Mutex<Option<(Key, LogEntry)>> }
    caught by {
        a1_order_of_one_writer
        a1_order_over_two_handles
        a3_append_is_seen_at_once
        a3_other_threads_see_it
        c1_entries_in_order
    }
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
            // A reader that counts and reads by turns does both meanwhile.
            inner.let_others_in_for(2);
            inner.truncate(s, g, before)?;
            inner.append(s, g, given)
        }
    }
    state { lock: Mutex<()> }
    caught by { r3_pages_and_counts_only_grow r3_reads_are_prefixes }
}
