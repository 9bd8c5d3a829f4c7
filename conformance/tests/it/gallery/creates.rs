//! Stores that create and replace in another way than at once.

use std::collections::BTreeSet;
use std::sync::Mutex;

use session_store_core::{LogEntry, Store, TracePage};

use super::broken;
use crate::variant::{Answer, Inner, Key};

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
    /// Replacing by what does not fit one request is emptying and filling.
    replaces_in_two_steps in shared {
        fn create(&self, inner: &Inner, (s, g): Key, entries: &[LogEntry]) -> Answer<()> {
            if entries.len() <= 3 {
                return inner.create_segment(s, g, entries);
            }
            inner.create_segment(s, g, &[])?;
            // A reader that looks in several ways does so in all of them meanwhile.
            inner.let_others_in_for(8);
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
