//! Stores that confuse segments with the same id, or data that refers to the same session.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use session_store_core::{
    Head, LogEntry, Pod, PodStore, SegmentId, SessionId, Store, StoreError, TraceEntry,
};

use super::broken;
use crate::variant::{Inner, Result};

/// Returns the session that a lookup finds, or the given one.
fn first_holder(inner: &Inner, s: SessionId, g: SegmentId) -> Result<SessionId> {
    // If the given session does not have the segment, return the given session, so that the call
    // fails as usual.
    Ok(if inner.exists(s, g)? { inner.lookup_session_of(g)?.unwrap_or(s) } else { s })
}

broken! {
    /// truncate changes the session that a lookup finds, instead of the given session.
    truncates_the_first_holder in shared {
        fn truncate(&self, s: SessionId, g: SegmentId, entries_len: usize) -> Result<()> {
            let holder = first_holder(&self.inner, s, g)?;
            self.inner.truncate(holder, g, entries_len)
        }
    }
    caught by { a8_the_second_session_is_changed }
}

broken! {
    /// append_all writes to the session that a lookup finds, instead of the given session.
    batches_go_to_the_first_holder in shared {
        fn append_all(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
            let holder = first_holder(&self.inner, s, g)?;
            self.inner.append_all(holder, g, entries)
        }
    }
    caught by { a8_the_second_session_is_changed }
}

broken! {
    /// append_if writes to the session that a lookup finds, instead of the given session.
    conditions_go_to_the_first_holder in shared {
        fn append_if(
            &self,
            s: SessionId,
            g: SegmentId,
            expected: Option<Head>,
            entries: &[LogEntry],
        ) -> Result<Head> {
            let holder = first_holder(&self.inner, s, g)?;
            if holder != s && self.inner.head(s, g)? == expected {
                let head = self.inner.head(holder, g)?;
                return self.inner.append_if(holder, g, head, entries);
            }
            self.inner.append_if(s, g, expected, entries)
        }
    }
    caught by { a8_conditions_of_the_second_session }
}

broken! {
    /// truncate_if compares the head in the session that a lookup finds.
    conditional_truncates_compare_the_first_holder in shared {
        fn truncate_if(
            &self,
            s: SessionId,
            g: SegmentId,
            expected: Head,
            len: usize,
        ) -> Result<Head> {
            let holder = first_holder(&self.inner, s, g)?;
            let actual = self.inner.head(holder, g)?;
            if holder != s && actual != Some(expected) {
                return Err(StoreError::Conflict { expected: Some(expected), actual });
            }
            self.inner.truncate_if(s, g, expected, len)
        }
    }
    caught by { a8_conditions_of_the_second_session }
}

broken! {
    /// append_if with None refuses a segment id that another session has.
    ids_are_unique_under_a_condition in shared {
        fn append_if(
            &self,
            s: SessionId,
            g: SegmentId,
            expected: Option<Head>,
            entries: &[LogEntry],
        ) -> Result<Head> {
            if let (None, Some(holder)) = (expected, self.inner.lookup_session_of(g)?) {
                return Err(StoreError::Conflict { expected, actual: self.inner.head(holder, g)? });
            }
            self.inner.append_if(s, g, expected, entries)
        }
    }
    caught by { a8_conditions_of_the_second_session }
}

broken! {
    /// delete_segment deletes in the session that a lookup finds, instead of the given session.
    deletes_the_first_holder in shared {
        fn delete_segment(&self, s: SessionId, g: SegmentId) -> Result<bool> {
            let holder = first_holder(&self.inner, s, g)?;
            self.inner.delete_segment(holder, g)
        }
    }
    caught by {
        a8_deleting_the_second_leaves_the_first
        l5_others_may_leave
        x2_deleting_leaves_the_trace_of_another_session
    }
}

broken! {
    /// delete_session also deletes segments of other sessions that have the same segment ids.
    deleting_a_session_takes_equal_ids in shared {
        fn delete_session(&self, s: SessionId) -> Result<bool> {
            let mut deleted = false;
            for g in self.inner.list_segments(s)? {
                if let Some(holder) = self.inner.lookup_session_of(g)? {
                    deleted |= self.inner.delete_segment(holder, g)?;
                }
            }
            Ok(self.inner.delete_session(s)? || deleted)
        }
    }
    caught by {
        a8_deleting_the_second_leaves_the_first
        l5_others_may_leave
        x2_deleting_leaves_the_trace_of_another_session
    }
}

broken! {
    /// delete_segment deletes the traces of the same segment id in all sessions.
    deleting_takes_the_traces_of_an_id in shared {
        fn delete_segment(&self, s: SessionId, g: SegmentId) -> Result<bool> {
            let deleted = self.inner.delete_segment(s, g)?;
            let others = if deleted { self.inner.list_sessions()? } else { Vec::new() };
            // The session can hold the segment again, if an append has overlapped the delete.
            for holder in others.into_iter().filter(|&holder| holder != s) {
                if let Ok(entries) = self.inner.read_all(holder, g) {
                    self.inner.delete_segment(holder, g)?;
                    self.inner.create_segment(holder, g, &entries)?;
                }
            }
            Ok(deleted)
        }
    }
    caught by { x2_deleting_leaves_the_trace_of_another_session }
}

/// The counts of logs, for all storages in this program.
static COUNTS: Mutex<BTreeMap<SegmentId, usize>> = Mutex::new(BTreeMap::new());

broken! {
    /// append_trace caches the count of a log by segment id, for all storages of the program.
    counts_are_cached_for_all_storages in shared {
        fn append_trace(&self, s: SessionId, g: SegmentId, entry: &TraceEntry) -> Result<()> {
            if let Ok(count) = self.inner.read_entry_count(s, g) {
                COUNTS.lock().unwrap().entry(g).or_insert(count);
                self.own.lock().unwrap().insert(g);
            }
            self.inner.append_trace(s, g, entry)
        }

        fn read_entry_count(&self, s: SessionId, g: SegmentId) -> Result<usize> {
            let count = self.inner.read_entry_count(s, g)?;
            let is_own = self.own.lock().unwrap().contains(&g);
            let cached = COUNTS.lock().unwrap().get(&g).copied();
            Ok(if is_own { count } else { cached.unwrap_or(count) })
        }
    }
    state { own: Mutex<BTreeSet<SegmentId>> }
    caught by { s1_the_same_ids_in_two_storages }
}

/// The session of each segment, for all storages in this program.
static SESSIONS: Mutex<BTreeMap<SegmentId, SessionId>> = Mutex::new(BTreeMap::new());

broken! {
    /// A lookup finds segments that append_all created in another storage of the program.
    lookups_are_global in shared {
        fn append_all(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
            self.own.lock().unwrap().insert(g);
            SESSIONS.lock().unwrap().insert(g, s);
            self.inner.append_all(s, g, entries)
        }

        fn lookup_session_of(&self, g: SegmentId) -> Result<Option<SessionId>> {
            if self.own.lock().unwrap().contains(&g) {
                return self.inner.lookup_session_of(g);
            }
            let elsewhere = SESSIONS.lock().unwrap().get(&g).copied();
            Ok(self.inner.lookup_session_of(g)?.or(elsewhere))
        }
    }
    state { own: Mutex<BTreeSet<SegmentId>> }
    caught by { s1_the_same_ids_in_two_storages }
}

broken! {
    /// Deletes the pods that point to a deleted segment.
    deleting_a_segment_takes_its_pods in shared {
        fn delete_segment(&self, s: SessionId, g: SegmentId) -> Result<bool> {
            for name in self.inner.list_pods()? {
                let active = self.inner.read_pod(&name)?.and_then(|pod: Pod| pod.active());
                if active.is_some_and(|active| active.segment_id == Some(g)) {
                    self.inner.delete_pod(&name)?;
                }
            }
            self.inner.delete_segment(s, g)
        }
    }
    caught by { p1_pods_outlive_deletes }
}

broken! {
    /// Deletes the pods that point to a deleted session, like a cascade.
    deleting_a_session_takes_its_pods in shared {
        fn delete_session(&self, s: SessionId) -> Result<bool> {
            for name in self.inner.list_pods()? {
                let active = self.inner.read_pod(&name)?.and_then(|pod: Pod| pod.active());
                if active.is_some_and(|active| active.session_id == s) {
                    self.inner.delete_pod(&name)?;
                }
            }
            self.inner.delete_session(s)
        }
    }
    caught by { p1_pods_outlive_deletes }
}
