//! Stores that confuse similar ids or equal entries of two logs.

use std::collections::HashSet;
use std::sync::Mutex;

use session_store_core::{
    Head, ListOptions, LogEntry, Page, PodName, PodStore, SegmentId, SegmentKey, SessionId, Store,
    StoreError,
};

use super::broken;
use crate::variant::Result;

broken! {
    /// Combines both ids of a segment into one key, like XOR, so swapped ids give the same key.
    keys_are_symmetric in shared {
        fn append(&self, s: SessionId, g: SegmentId, entry: &LogEntry) -> Result<()> {
            let swapped =
                (SessionId::from_bytes(*g.as_bytes()), SegmentId::from_bytes(*s.as_bytes()));
            match self.inner.exists(swapped.0, swapped.1)? {
                true => self.inner.append(swapped.0, swapped.1, entry),
                false => self.inner.append(s, g, entry),
            }
        }
    }
    caught by { a8_similar_ids_are_separate }
}

broken! {
    /// append_all finds the segment by the second half of the segment id.
    keys_are_half_of_the_id in shared {
        fn append_all(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
            let segments = self.inner.list_segments(s)?.into_iter();
            let equal = |other: &SegmentId| other.as_bytes()[8..] == g.as_bytes()[8..];
            let found = segments.filter(equal).min_by_key(|other| *other != g);
            self.inner.append_all(s, found.filter(|_| !entries.is_empty()).unwrap_or(g), entries)
        }
    }
    caught by { a8_similar_ids_are_separate }
}

broken! {
    /// list_segments also returns segments of sessions whose ids have the same first 15 bytes.
    lists_by_a_part_of_the_session in shared {
        fn list_segments(&self, s: SessionId) -> Result<Vec<SegmentId>> {
            let is_equal = |other: &SessionId| other.as_bytes()[..15] == s.as_bytes()[..15];
            let mut segments = Vec::new();
            for session in self.inner.list_sessions()?.into_iter().filter(is_equal) {
                segments.extend(self.inner.list_segments(session)?);
            }
            segments.sort_by(|a, b| b.cmp(a));
            segments.dedup();
            Ok(segments)
        }
    }
    caught by { a8_similar_sessions_have_their_own_segments }
}

broken! {
    /// delete_session also deletes sessions whose ids have the same first 15 bytes.
    deletes_by_a_part_of_the_session in shared {
        fn delete_session(&self, s: SessionId) -> Result<bool> {
            let is_equal = |other: &SessionId| other.as_bytes()[..15] == s.as_bytes()[..15];
            let mut is_deleted = self.inner.delete_session(s)?;
            for session in self.inner.list_sessions()?.into_iter().filter(is_equal) {
                is_deleted |= self.inner.delete_session(session)?;
            }
            Ok(is_deleted)
        }
    }
    caught by { a8_similar_sessions_have_their_own_segments }
}

broken! {
    /// Reads a page as a range of keys. The range of the largest segment id is empty.
    the_last_id_has_no_end in shared {
        fn read_page(
            &self,
            s: SessionId,
            g: SegmentId,
            start: usize,
            bytes: usize,
        ) -> Result<Page> {
            let page = self.inner.read_page(s, g, start, bytes)?;
            match *g.as_bytes() == [0xff; 16] {
                true => Ok(Page::new(Vec::new(), page.head)),
                false => Ok(page),
            }
        }
    }
    caught by { a8_similar_ids_are_separate }
}

broken! {
    /// read_all takes a segment id of zeros for a missing id.
    the_id_of_zeros_is_missing in shared {
        fn read_all(&self, s: SessionId, g: SegmentId) -> Result<Vec<LogEntry>> {
            match *g.as_bytes() == [0; 16] {
                true => Err(StoreError::NotFound(g)),
                false => self.inner.read_all(s, g),
            }
        }
    }
    caught by { a8_similar_ids_are_separate }
}

broken! {
    /// Stores equal large entries once. Deleting one segment deletes the entries in all segments.
    equal_entries_are_deleted_together in shared {
        fn delete_segment(&self, s: SessionId, g: SegmentId) -> Result<bool> {
            let large = |entry: &LogEntry| entry.as_json().len() > 4_000;
            let gone: Vec<_> =
                self.inner.read_all(s, g).unwrap_or_default().into_iter().filter(large).collect();
            let deleted = self.inner.delete_segment(s, g)?;
            let infos = match gone.is_empty() {
                true => Vec::new(),
                false => self.inner.list_infos(&ListOptions::new())?,
            };
            for (SegmentKey { session_id, segment_id }, _) in infos {
                let mut left = self.inner.read_all(session_id, segment_id)?;
                left.retain(|entry| !gone.contains(entry));
                self.inner.create_segment(session_id, segment_id, &left)?;
            }
            Ok(deleted)
        }
    }
    caught by { a8_equal_entries_of_two_logs }
}

broken! {
    /// append_if drops repeated entries, like a set.
    conditional_batches_are_sets in shared {
        fn append_if(
            &self,
            s: SessionId,
            g: SegmentId,
            expected: Option<Head>,
            entries: &[LogEntry],
        ) -> Result<Head> {
            let mut seen = HashSet::new();
            let mut kept = entries.to_vec();
            kept.retain(|entry| seen.insert(entry.clone()));
            self.inner.append_if(s, g, expected, &kept)
        }
    }
    caught by { h2_it_appends_if_nothing_changed }
}

broken! {
    /// Keeps sessions and pods under the same names. delete_session also deletes a pod.
    sessions_and_pods_share_names in shared {
        fn delete_session(&self, s: SessionId) -> Result<bool> {
            self.inner.delete_pod(&s.to_string().parse()?)?;
            self.inner.delete_session(s)
        }
    }
    caught by { p1_pods_outlive_deletes }
}

broken! {
    /// Keeps sessions and pods under the same names. delete_pod also deletes a session.
    pods_and_sessions_share_names in shared {
        fn delete_pod(&self, name: &PodName) -> Result<bool> {
            if let Ok(session_id) = name.as_str().parse() {
                self.inner.delete_session(session_id)?;
            }
            self.inner.delete_pod(name)
        }
    }
    caught by { p1_pods_outlive_deletes }
}

broken! {
    /// Keeps at most 64 logs open. Closing a log loses the last entry of the log.
    closing_a_log_loses_its_last_entry in for_each_handle {
        fn append(&self, s: SessionId, g: SegmentId, entry: &LogEntry) -> Result<()> {
            let mut open = self.open.lock().unwrap();
            if !open.contains(&(s, g)) {
                open.push((s, g));
            }
            if open.len() > 64 {
                let (s, g) = open.remove(0);
                let len = self.inner.read_entry_count(s, g).unwrap_or(0);
                if len > 0 {
                    self.inner.truncate(s, g, len - 1)?;
                }
            }
            self.inner.append(s, g, entry)
        }
    }
    state { open: Mutex<Vec<(SessionId, SegmentId)>> }
    caught by { a8_similar_ids_are_separate l6_many_segments }
}
