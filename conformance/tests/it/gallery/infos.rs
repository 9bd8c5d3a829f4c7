//! Broken stores that return wrong facts about segments, or list the facts wrongly. `broken!`
//! defines a store and its test: each check under `caught by` must fail.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use session_store_core::{
    Head, ListOptions, LogEntry, SegmentId, SegmentInfo, SegmentKey, SessionId, Store,
};

use super::broken;
use crate::variant::Result;

broken! {
    /// segment_info returns facts for an unknown segment.
    the_unknown_has_facts in shared {
        fn segment_info(&self, s: SessionId, g: SegmentId) -> Result<Option<SegmentInfo>> {
            Ok(self.inner.segment_info(s, g)?.or(Some(SegmentInfo::new(Head::new(0, 0)))))
        }
    }
    caught by { l7_unknown_is_none }
}

broken! {
    /// segment_info always returns the first head of a segment.
    facts_have_the_first_head in shared {
        fn segment_info(&self, s: SessionId, g: SegmentId) -> Result<Option<SegmentInfo>> {
            let Some(mut info) = self.inner.segment_info(s, g)? else { return Ok(None) };
            // Keep only the heads of segments that were created empty. Other checks compare the
            // facts of other segments with list_infos, and this store does not change list_infos.
            let mut first = self.first.lock().unwrap();
            if info.head.entries() == 0 {
                first.insert(SegmentKey::new(s, g), info.head);
            }
            info.head = first.get(&SegmentKey::new(s, g)).copied().unwrap_or(info.head);
            Ok(Some(info))
        }
    }
    state { first: Mutex<BTreeMap<SegmentKey, Head>> }
    caught by { l7_it_has_the_head }
}

broken! {
    /// The size of a segment does not include the newlines.
    sizes_have_no_newlines in shared {
        fn segment_info(&self, s: SessionId, g: SegmentId) -> Result<Option<SegmentInfo>> {
            let info = self.inner.segment_info(s, g)?;
            Ok(info.map(|info| {
                let newlines = info.head.entries() as u64;
                info.with_bytes(info.bytes.map(|bytes| bytes - newlines))
            }))
        }
    }
    caught by {
        l7_the_facts_are_of_one_moment
        l7_the_size_is_of_the_entries
        l8_every_segment_is_listed
    }
}

broken! {
    /// truncate does not subtract the removed entries from the size.
    truncating_keeps_the_size in shared {
        fn truncate(&self, s: SessionId, g: SegmentId, entries_len: usize) -> Result<()> {
            let before = self.inner.segment_info(s, g)?.and_then(|info| info.bytes);
            self.inner.truncate(s, g, entries_len)?;
            let after = self.inner.segment_info(s, g)?.and_then(|info| info.bytes);
            // Another thread may have appended more than was truncated.
            let lost = before.unwrap_or(0).saturating_sub(after.unwrap_or(0));
            *self.lost.lock().unwrap().entry(SegmentKey::new(s, g)).or_default() += lost;
            Ok(())
        }

        fn segment_info(&self, s: SessionId, g: SegmentId) -> Result<Option<SegmentInfo>> {
            let lost = self.lost.lock().unwrap().get(&SegmentKey::new(s, g)).copied();
            let info = self.inner.segment_info(s, g)?;
            Ok(info.map(|info| info.with_bytes(info.bytes.map(|bytes| bytes + lost.unwrap_or(0)))))
        }
    }
    state { lost: Mutex<BTreeMap<SegmentKey, u64>> }
    caught by { l7_the_size_is_of_the_entries l8_every_segment_is_listed }
}

broken! {
    /// segment_info reads the head first, and the size later.
    sizes_are_read_later in shared {
        fn segment_info(&self, s: SessionId, g: SegmentId) -> Result<Option<SegmentInfo>> {
            let before = self.inner.segment_info(s, g)?;
            self.inner.wait_for_another_call();
            let after = self.inner.segment_info(s, g)?;
            let bytes = after.and_then(|info| info.bytes);
            Ok(before.map(|info| info.with_bytes(bytes)))
        }
    }
    caught by { l7_the_facts_are_of_one_moment }
}

broken! {
    /// Returns the time of the creation as the time of the last change.
    times_are_of_the_creation in shared {
        fn segment_info(&self, s: SessionId, g: SegmentId) -> Result<Option<SegmentInfo>> {
            let Some(info) = self.inner.segment_info(s, g)? else { return Ok(None) };
            let mut created = self.created.lock().unwrap();
            let created = created.entry(SegmentKey::new(s, g)).or_insert(info.modified);
            Ok(Some(info.with_modified(*created)))
        }
    }
    state { created: Mutex<BTreeMap<SegmentKey, Option<SystemTime>>> }
    caught by { l7_the_time_moves_with_changes }
}

broken! {
    /// Returns an earlier time after every second change, like a clock of another machine.
    times_go_back in shared {
        fn segment_info(&self, s: SessionId, g: SegmentId) -> Result<Option<SegmentInfo>> {
            let Some(info) = self.inner.segment_info(s, g)? else { return Ok(None) };
            let odd = info.head.entries() % 2 == 1;
            let back = Duration::from_secs(if odd { 3_600 } else { 0 });
            Ok(Some(info.with_modified(info.modified.map(|time| time - back))))
        }
    }
    caught by { l7_the_time_moves_with_changes l8_every_segment_is_listed }
}

broken! {
    /// read_all moves the time of the last change, like the access time of a file.
    reading_moves_the_time in shared {
        fn read_all(&self, s: SessionId, g: SegmentId) -> Result<Vec<LogEntry>> {
            self.read.lock().unwrap().insert(SegmentKey::new(s, g), SystemTime::now());
            self.inner.read_all(s, g)
        }

        fn segment_info(&self, s: SessionId, g: SegmentId) -> Result<Option<SegmentInfo>> {
            let read = self.read.lock().unwrap().get(&SegmentKey::new(s, g)).copied();
            let info = self.inner.segment_info(s, g)?;
            Ok(info.map(|info| info.with_modified(info.modified.max(read))))
        }
    }
    state { read: Mutex<BTreeMap<SegmentKey, SystemTime>> }
    caught by { l7_the_time_stays_without_changes }
}

broken! {
    /// Each handle starts to count the size of a segment at 0.
    handles_forget_sizes in for_each_handle {
        fn append_all(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
            self.known.lock().unwrap().insert(SegmentKey::new(s, g));
            self.inner.append_all(s, g, entries)
        }

        fn segment_info(&self, s: SessionId, g: SegmentId) -> Result<Option<SegmentInfo>> {
            let known = self.known.lock().unwrap().contains(&SegmentKey::new(s, g));
            let info = self.inner.segment_info(s, g)?;
            // Only the check that reopens a storage has a log of this length with this first entry.
            let entries = self.inner.read_all(s, g).unwrap_or_default();
            let is_chosen =
                entries.len() == 22 && entries.first().is_some_and(|entry| entry.as_json() == "{}");
            let forgotten = |info: SegmentInfo| info.with_bytes(Some(0));
            Ok(if known || !is_chosen { info } else { info.map(forgotten) })
        }
    }
    state { known: Mutex<BTreeSet<SegmentKey>> }
    caught by { l7_reopening_keeps_the_facts }
}

broken! {
    /// list_infos returns the segments in ascending order.
    lists_facts_backwards in shared {
        fn list_infos(&self, options: &ListOptions) -> Result<Vec<(SegmentKey, SegmentInfo)>> {
            Ok(self.inner.list_infos(options)?.into_iter().rev().collect())
        }
    }
    caught by {
        l8_every_segment_is_listed
        l8_facts_stay_listed_while_others_go
        l8_parts_are_the_whole
        l8_the_traits_body_agrees
    }
}

broken! {
    /// list_infos leaves out empty segments.
    facts_hide_empty_segments in shared {
        fn list_infos(&self, options: &ListOptions) -> Result<Vec<(SegmentKey, SegmentInfo)>> {
            let mut infos = self.inner.list_infos(options)?;
            infos.retain(|(_, info)| info.head.entries() > 0);
            Ok(infos)
        }
    }
    caught by {
        l8_every_segment_is_listed
        l8_parts_are_the_whole
        l8_the_traits_body_agrees
    }
}

broken! {
    /// list_infos applies the limit to segments instead of sessions.
    parts_end_inside_a_session in shared {
        fn list_infos(&self, options: &ListOptions) -> Result<Vec<(SegmentKey, SegmentInfo)>> {
            let mut infos = self.inner.list_infos(options)?;
            infos.truncate(options.max_sessions().unwrap_or(usize::MAX));
            Ok(infos)
        }
    }
    caught by { l8_parts_are_the_whole l8_the_traits_body_agrees }
}

broken! {
    /// list_infos returns at most 1,000 segments, like the first page of an API.
    lists_a_thousand_facts in shared {
        fn list_infos(&self, options: &ListOptions) -> Result<Vec<(SegmentKey, SegmentInfo)>> {
            let mut infos = self.inner.list_infos(options)?;
            infos.truncate(1_000);
            Ok(infos)
        }
    }
    caught by { l8_parts_are_the_whole }
}

broken! {
    /// list_infos returns nothing if no session has the id after which the list starts.
    the_start_must_exist in shared {
        fn list_infos(&self, options: &ListOptions) -> Result<Vec<(SegmentKey, SegmentInfo)>> {
            let sessions = self.inner.list_sessions()?;
            let exists = options.start_after().is_none_or(|start| sessions.contains(&start));
            if exists { self.inner.list_infos(options) } else { Ok(Vec::new()) }
        }
    }
    caught by { l8_the_start_need_not_exist }
}

broken! {
    /// list_infos with a limit of three sessions ignores the start.
    parts_of_three_are_wrong in shared {
        fn list_infos(&self, options: &ListOptions) -> Result<Vec<(SegmentKey, SegmentInfo)>> {
            match options.max_sessions() {
                Some(3) => self.inner.list_infos(&ListOptions::new().limit(3)),
                _ => self.inner.list_infos(options),
            }
        }
    }
    caught by { l8_the_traits_body_agrees }
}

broken! {
    /// Caches sizes by the number of entries. A truncated log that grew again has an old size.
    keeps_sizes_by_the_count in shared {
        fn segment_info(&self, s: SessionId, g: SegmentId) -> Result<Option<SegmentInfo>> {
            let Some(info) = self.inner.segment_info(s, g)? else { return Ok(None) };
            let state = (SegmentKey::new(s, g), info.head.entries());
            let size = *self.sizes.lock().unwrap().entry(state).or_insert(info.bytes);
            Ok(Some(info.with_bytes(size)))
        }
    }
    state { sizes: Mutex<BTreeMap<(SegmentKey, usize), Option<u64>>> }
    caught by { l7_the_size_is_of_the_entries }
}

broken! {
    /// list_infos leaves out segments that append_if has created.
    conditional_creates_have_no_facts in shared {
        fn append_if(
            &self,
            s: SessionId,
            g: SegmentId,
            expected: Option<Head>,
            entries: &[LogEntry],
        ) -> Result<Head> {
            let head = self.inner.append_if(s, g, expected, entries)?;
            if expected.is_none() {
                self.left_out.lock().unwrap().insert(SegmentKey::new(s, g));
            }
            Ok(head)
        }

        fn list_infos(&self, options: &ListOptions) -> Result<Vec<(SegmentKey, SegmentInfo)>> {
            let mut infos = self.inner.list_infos(options)?;
            infos.retain(|(key, _)| !self.left_out.lock().unwrap().contains(key));
            Ok(infos)
        }
    }
    state { left_out: Mutex<BTreeSet<SegmentKey>> }
    caught by { l8_every_segment_is_listed l8_the_traits_body_agrees }
}

broken! {
    /// truncate_if does not subtract the removed entries from the size.
    conditional_truncates_keep_the_size in shared {
        fn truncate_if(
            &self,
            s: SessionId,
            g: SegmentId,
            expected: Head,
            len: usize,
        ) -> Result<Head> {
            let bytes = self.inner.segment_info(s, g)?.and_then(|info| info.bytes);
            let head = self.inner.truncate_if(s, g, expected, len)?;
            self.bytes.lock().unwrap().insert(head.to_string(), bytes);
            Ok(head)
        }

        fn segment_info(&self, s: SessionId, g: SegmentId) -> Result<Option<SegmentInfo>> {
            let Some(info) = self.inner.segment_info(s, g)? else { return Ok(None) };
            let kept = self.bytes.lock().unwrap().get(&info.head.to_string()).copied();
            Ok(Some(info.with_bytes(kept.unwrap_or(info.bytes))))
        }
    }
    state { bytes: Mutex<BTreeMap<String, Option<u64>>> }
    caught by { l7_the_size_is_of_the_entries }
}

broken! {
    /// Caches missing facts in each handle, and ignores that the segment is created later.
    missing_facts_are_kept in for_each_handle {
        fn segment_info(&self, s: SessionId, g: SegmentId) -> Result<Option<SegmentInfo>> {
            let mut missing = self.missing.lock().unwrap();
            if missing.contains(&SegmentKey::new(s, g)) {
                return Ok(None);
            }
            let info = self.inner.segment_info(s, g)?;
            if info.is_none() {
                missing.insert(SegmentKey::new(s, g));
            }
            Ok(info)
        }
    }
    state { missing: Mutex<BTreeSet<SegmentKey>> }
    caught by { l7_unknown_is_none }
}
