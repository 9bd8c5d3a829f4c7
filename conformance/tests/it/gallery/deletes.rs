//! Broken stores that delete too little or too often, or report a false result of a delete.
//! `broken!` defines a store and its test: each check under `caught by` must fail.

use std::collections::BTreeMap;
use std::sync::Mutex;

use session_store_core::{LogEntry, SegmentId, SegmentKey, SessionId, Store};

use super::broken;
use crate::variant::Result;

broken! {
    /// delete_segment keeps the trace.
    deleting_leaves_the_trace in shared {
        fn delete_segment(&self, s: SessionId, g: SegmentId) -> Result<bool> {
            let traces = self.inner.read_trace_page(s, g, 0, usize::MAX)?.entries;
            let deleted = self.inner.delete_segment(s, g)?;
            traces.iter().try_for_each(|trace| self.inner.append_trace(s, g, trace))?;
            Ok(deleted)
        }
    }
    caught by {
        d1_a_trace_alone_counts
        x2_deleting_a_segment_deletes_its_trace
        x2_deleting_leaves_the_trace_of_another_session
        x2_traces_start_again
    }
}

broken! {
    /// A delete returns true even if it deletes nothing.
    deletes_what_is_not_there in shared {
        fn delete_session(&self, s: SessionId) -> Result<bool> {
            self.inner.delete_session(s).map(|_| true)
        }

        fn delete_segment(&self, s: SessionId, g: SegmentId) -> Result<bool> {
            self.inner.delete_segment(s, g).map(|_| true)
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
    /// delete_session keeps one segment of the session.
    deletes_most_of_a_session in shared {
        fn delete_session(&self, s: SessionId) -> Result<bool> {
            let segments: Vec<SegmentId> = self.inner.list_segments(s)?;
            if segments.len() < 3 {
                return self.inner.delete_session(s);
            }
            segments[1..].iter().try_for_each(|&g| self.inner.delete_segment(s, g).map(drop))?;
            Ok(true)
        }
    }
    caught by { d1_a_deleted_session_is_gone d1_a_large_session_is_gone }
}

broken! {
    /// Repeats the delete of a segment after a later append, like a background job.
    deletes_more_than_once in shared {
        fn delete_segment(&self, s: SessionId, g: SegmentId) -> Result<bool> {
            self.noted.lock().unwrap().entry(SegmentKey::new(s, g)).or_insert(0);
            self.inner.delete_segment(s, g)
        }

        fn append(&self, s: SessionId, g: SegmentId, given: &LogEntry) -> Result<()> {
            self.inner.append(s, g, given)?;
            let mut noted = self.noted.lock().unwrap();
            let appends = noted.get_mut(&SegmentKey::new(s, g)).map_or(1, |appends| {
                *appends += 1;
                *appends
            });
            if appends.is_multiple_of(2) {
                self.inner.delete_segment(s, g).map(drop)
            } else {
                Ok(())
            }
        }
    }
    state { noted: Mutex<BTreeMap<SegmentKey, usize>> }
    caught by {
        h1_a_recreated_segment_has_a_new_token
        t5_appends_meet_delete
        t5_one_history_of_deletes
    }
}

broken! {
    /// A delete only hides the log: the next append shows the old entries again.
    deleting_only_hides in shared {
        fn delete_segment(&self, s: SessionId, g: SegmentId) -> Result<bool> {
            let mut hidden = self.hidden.lock().unwrap();
            if let Ok(entries) = self.inner.read_all(s, g) {
                hidden.insert(SegmentKey::new(s, g), entries);
            }
            self.inner.delete_segment(s, g)
        }

        fn append(&self, s: SessionId, g: SegmentId, given: &LogEntry) -> Result<()> {
            let mut hidden = self.hidden.lock().unwrap();
            if let Some(entries) = hidden.remove(&SegmentKey::new(s, g)) {
                self.inner.append_all(s, g, &entries)?;
            }
            self.inner.append(s, g, given)
        }
    }
    state { hidden: Mutex<BTreeMap<SegmentKey, Vec<LogEntry>>> }
    caught by {
        d1_an_append_afterwards_makes_it_anew
        h4_recreated_is_a_conflict
        p1_pods_outlive_deletes
        t5_appends_meet_delete
        t5_one_history_of_deletes
    }
}
