//! Stores that delete too little, too often, or what is not there.

use std::collections::BTreeMap;
use std::sync::Mutex;

use session_store_core::{LogEntry, SegmentId, SessionId, Store};

use super::broken;
use crate::variant::{Answer, Inner, Key};

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
    /// A delete is noted, and the job that makes room comes with every second append behind it.
    deletes_more_than_once in shared {
        fn delete_segment(&self, inner: &Inner, (s, g): Key) -> Answer<bool> {
            self.noted.lock().unwrap().entry((s, g)).or_insert(0);
            inner.delete_segment(s, g)
        }
        fn append(&self, inner: &Inner, (s, g): Key, given: &LogEntry) -> Answer<()> {
            inner.append(s, g, given)?;
            let mut noted = self.noted.lock().unwrap();
            let appends = noted.get_mut(&(s, g)).map_or(1, |appends| {
                *appends += 1;
                *appends
            });
            if appends.is_multiple_of(2) { inner.delete_segment(s, g).map(drop) } else { Ok(()) }
        }
    }
    state { noted: Mutex<BTreeMap<Key, usize>> }
    caught by {
        h1_a_recreated_segment_has_a_new_token
        t5_appends_meet_delete
        t5_one_history_of_deletes
    }
}

broken! {
    /// A deleted log is hidden, and the next append shows it again.
    deleting_only_hides in shared {
        fn delete_segment(&self, inner: &Inner, (s, g): Key) -> Answer<bool> {
            let mut hidden = self.hidden.lock().unwrap();
            if let Ok(entries) = inner.read_all(s, g) {
                hidden.insert((s, g), entries);
            }
            inner.delete_segment(s, g)
        }
        fn append(&self, inner: &Inner, (s, g): Key, given: &LogEntry) -> Answer<()> {
            let mut hidden = self.hidden.lock().unwrap();
            if let Some(entries) = hidden.remove(&(s, g)) {
                inner.append_all(s, g, &entries)?;
            }
            inner.append(s, g, given)
        }
    }
    state { hidden: Mutex<BTreeMap<Key, Vec<LogEntry>>> }
    caught by {
        d1_an_append_afterwards_makes_it_anew
        h4_recreated_is_a_conflict
        t5_appends_meet_delete
        t5_one_history_of_deletes
    }
}
