//! Stores that lose or keep something while sessions and segments are created and deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use session_store_core::{
    Head, ListOptions, LogEntry, SegmentId, SegmentInfo, SegmentKey, SessionId, Store, TraceEntry,
};

use super::broken;
use crate::variant::Result;

/// Lists in two pages. The second page starts at an offset, as with `LIMIT … OFFSET …`.
fn by_offset<T>(list: impl Fn() -> Result<Vec<T>>, pause: impl FnOnce()) -> Result<Vec<T>> {
    let first = list()?;
    let page = first.len() / 2;
    if page < 5 {
        return Ok(first);
    }
    pause();
    Ok(first.into_iter().take(page).chain(list()?.into_iter().skip(page)).collect())
}

broken! {
    /// Lists sessions in pages by an offset. After a deletion, the next page skips a session.
    lists_sessions_by_offset in shared {
        fn list_sessions(&self) -> Result<Vec<SessionId>> {
            by_offset(|| self.inner.list_sessions(), || self.inner.wait_for_another_call())
        }
    }
    caught by { l1_sessions_stay_listed_while_others_go }
}

broken! {
    /// Lists segments in pages by an offset. After a deletion, the next page skips a segment.
    lists_segments_by_offset in shared {
        fn list_segments(&self, s: SessionId) -> Result<Vec<SegmentId>> {
            by_offset(|| self.inner.list_segments(s), || self.inner.wait_for_another_call())
        }
    }
    caught by { l2_segments_stay_listed_while_others_go }
}

broken! {
    /// Lists facts in pages by an offset. After a deletion, the next page skips a segment.
    lists_facts_by_offset in shared {
        fn list_infos(&self, options: &ListOptions) -> Result<Vec<(SegmentKey, SegmentInfo)>> {
            by_offset(|| self.inner.list_infos(options), || self.inner.wait_for_another_call())
        }
    }
    caught by { l8_facts_stay_listed_while_others_go }
}

broken! {
    /// Caches the results of lookups in each handle.
    lookups_are_kept in for_each_handle {
        fn lookup_session_of(&self, g: SegmentId) -> Result<Option<SessionId>> {
            let mut known = self.known.lock().unwrap();
            if let Some(&session) = known.get(&g) {
                return Ok(Some(session));
            }
            let found = self.inner.lookup_session_of(g)?;
            found.map(|session| known.insert(g, session));
            Ok(found)
        }
    }
    state { known: Mutex<BTreeMap<SegmentId, SessionId>> }
    caught by { l5_a_deleted_holder_is_not_named l5_no_answer_is_kept_over_a_delete }
}

broken! {
    /// Caches failed lookups in each handle, and ignores segments that are created later.
    failed_lookups_are_kept in for_each_handle {
        fn lookup_session_of(&self, g: SegmentId) -> Result<Option<SessionId>> {
            let mut absent = self.absent.lock().unwrap();
            if absent.contains(&g) {
                return Ok(None);
            }
            let found = self.inner.lookup_session_of(g)?;
            if found.is_none() {
                absent.insert(g);
            }
            Ok(found)
        }
    }
    state { absent: Mutex<BTreeSet<SegmentId>> }
    caught by {
        l5_a_deleted_holder_is_not_named
        l5_no_answer_is_kept_over_a_create
        l5_no_answer_is_kept_over_a_delete
    }
}

/// The logs of deleted segments.
type Deleted = Mutex<BTreeMap<SegmentKey, Vec<LogEntry>>>;

broken! {
    /// A delete only hides the log: the next append_all shows the old entries again.
    batches_revive_the_deleted in shared {
        fn delete_segment(&self, s: SessionId, g: SegmentId) -> Result<bool> {
            if let Ok(entries) = self.inner.read_all(s, g) {
                self.deleted.lock().unwrap().insert(SegmentKey::new(s, g), entries);
            }
            self.inner.delete_segment(s, g)
        }

        fn append_all(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
            let old = self.deleted.lock().unwrap().remove(&SegmentKey::new(s, g));
            if let (Some(old), false) = (old, self.inner.exists(s, g)?) {
                self.inner.append_all(s, g, &old)?;
            }
            self.inner.append_all(s, g, entries)
        }
    }
    state { deleted: Deleted }
    caught by { d1_batches_and_creates_start_again }
}

broken! {
    /// A delete only hides the log: the next append_if with None shows the old entries again.
    conditions_revive_the_deleted in shared {
        fn delete_segment(&self, s: SessionId, g: SegmentId) -> Result<bool> {
            if let Ok(entries) = self.inner.read_all(s, g) {
                self.deleted.lock().unwrap().insert(SegmentKey::new(s, g), entries);
            }
            self.inner.delete_segment(s, g)
        }

        fn append_if(
            &self,
            s: SessionId,
            g: SegmentId,
            expected: Option<Head>,
            entries: &[LogEntry],
        ) -> Result<Head> {
            let old = self.deleted.lock().unwrap().remove(&SegmentKey::new(s, g));
            match (expected, old) {
                (None, Some(old)) => {
                    self.inner.append_if(s, g, None, &[old, entries.to_vec()].concat())
                }
                _ => self.inner.append_if(s, g, expected, entries),
            }
        }
    }
    state { deleted: Deleted }
    caught by { d1_conditions_start_again }
}

broken! {
    /// delete_session deletes at most 1,000 segments, like one batch of an API.
    deletes_a_thousand_segments in shared {
        fn delete_session(&self, s: SessionId) -> Result<bool> {
            let segments = self.inner.list_segments(s)?;
            if segments.len() <= 1_000 {
                return self.inner.delete_session(s);
            }
            for &g in &segments[..1_000] {
                self.inner.delete_segment(s, g)?;
            }
            Ok(true)
        }
    }
    caught by { d1_a_large_session_is_gone }
}

broken! {
    /// A delete only hides the trace: the next append_trace shows the old entries again.
    traces_revive_the_deleted in shared {
        fn delete_segment(&self, s: SessionId, g: SegmentId) -> Result<bool> {
            let trace = self.inner.read_trace_page(s, g, 0, usize::MAX)?.entries;
            self.deleted.lock().unwrap().insert(SegmentKey::new(s, g), trace);
            self.inner.delete_segment(s, g)
        }

        fn append_trace(&self, s: SessionId, g: SegmentId, entry: &TraceEntry) -> Result<()> {
            let old = self.deleted.lock().unwrap().remove(&SegmentKey::new(s, g));
            for entry in old.unwrap_or_default() {
                self.inner.append_trace(s, g, &entry)?;
            }
            self.inner.append_trace(s, g, entry)
        }
    }
    state { deleted: Mutex<BTreeMap<SegmentKey, Vec<TraceEntry>>> }
    caught by { x2_traces_start_again }
}
