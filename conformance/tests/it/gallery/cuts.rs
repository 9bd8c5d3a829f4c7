//! Broken stores that truncate too much, too little, too late, or not permanently. `broken!`
//! defines a store and its test: each check under `caught by` must fail.

use std::collections::BTreeMap;
use std::sync::Mutex;

use session_store_core::{LogEntry, PodStore, SegmentId, SegmentKey, SessionId, Store};

use super::broken;
use crate::variant::Result;

broken! {
    /// truncate past the end succeeds, and changes nothing.
    truncates_past_the_end in shared {
        fn truncate(&self, s: SessionId, g: SegmentId, entries_len: usize) -> Result<()> {
            let entries = self.inner.read_entry_count(s, g)?;
            self.inner.truncate(s, g, entries_len.min(entries))
        }
    }
    caught by {
        a5_refusals_change_nothing
        t2_past_the_end_is_refused
        t2_the_current_length_counts
        t5_one_history_of_cuts
    }
}

broken! {
    /// truncate to 0 deletes the segment.
    truncating_to_nothing_deletes in shared {
        fn truncate(&self, s: SessionId, g: SegmentId, entries_len: usize) -> Result<()> {
            self.inner.truncate(s, g, entries_len)?;
            if entries_len == 0 { self.inner.delete_segment(s, g).map(drop) } else { Ok(()) }
        }
    }
    caught by {
        a8_the_second_session_is_changed
        c3_exists_from_the_first_entry_on
        c4_the_count_is_what_is_read
        h2_none_is_not_an_empty_segment
        l5_the_answer_stays
        l5_the_holder_is_found
        l7_the_size_is_of_the_entries
        t1_it_keeps_the_first
        t1_its_own_length_changes_nothing
        t1_nothing_left_still_exists
        t5_one_history_of_cuts
        t6_traces_stay
    }
}

broken! {
    /// truncate of an unknown segment creates the segment.
    truncating_creates in shared {
        fn truncate(&self, s: SessionId, g: SegmentId, entries_len: usize) -> Result<()> {
            if !self.inner.exists(s, g)? {
                self.inner.create_segment(s, g, &[])?;
            }
            self.inner.truncate(s, g, entries_len)
        }
    }
    caught by {
        a5_refusals_change_nothing
        t3_a_trace_is_not_found
        t3_unknown_is_not_found
    }
}

broken! {
    /// truncate of a long log keeps one entry too many, like an index that is off by one.
    truncating_keeps_one_too_many in shared {
        fn truncate(&self, s: SessionId, g: SegmentId, entries_len: usize) -> Result<()> {
            let behind_a_mark = (1_000..self.inner.read_entry_count(s, g)?).contains(&entries_len);
            self.inner.truncate(s, g, entries_len + usize::from(behind_a_mark))
        }
    }
    caught by { e4_logs_around_powers_of_two l6_many_entries l7_the_time_moves_with_changes }
}

broken! {
    /// Repeats a truncate after every fifth append, like a background job.
    truncates_later in shared {
        fn truncate(&self, s: SessionId, g: SegmentId, entries_len: usize) -> Result<()> {
            let plain = self
                .inner
                .read_all(s, g)?
                .first()
                .is_some_and(|first| first.as_json() == "{\"n\":0}");
            if entries_len != 3 || self.inner.read_entry_count(s, g)? < 3 || !plain {
                return self.inner.truncate(s, g, entries_len);
            }
            *self.order.lock().unwrap() = Some((SegmentKey::new(s, g), 0));
            Ok(())
        }

        fn append(&self, s: SessionId, g: SegmentId, given: &LogEntry) -> Result<()> {
            self.inner.append(s, g, given)?;
            let mut order = self.order.lock().unwrap();
            let Some((_, appends)) =
                order.as_mut().filter(|(key, _)| *key == SegmentKey::new(s, g))
            else {
                return Ok(());
            };
            *appends += 1;
            if appends.is_multiple_of(5) { self.inner.truncate(s, g, 3) } else { Ok(()) }
        }
    }
    state { order: Mutex<Option<(SegmentKey, usize)>> }
    caught by { a3_changes_are_seen_at_once t5_appends_meet_truncate }
}

broken! {
    /// truncate deletes the pods that point to the segment.
    truncating_unpoints_pods in shared {
        fn truncate(&self, s: SessionId, g: SegmentId, entries_len: usize) -> Result<()> {
            self.inner.truncate(s, g, entries_len)?;
            for name in self.inner.list_pods()? {
                let pod = self.inner.read_pod(&name)?;
                if pod
                    .and_then(|pod| pod.active())
                    .is_some_and(|active| active.segment_id == Some(g))
                {
                    self.inner.delete_pod(&name)?;
                }
            }
            Ok(())
        }
    }
    caught by { t6_pods_stay }
}

broken! {
    /// truncate only hides entries: the next append shows these entries again.
    cut_entries_come_back in shared {
        fn truncate(&self, s: SessionId, g: SegmentId, entries_len: usize) -> Result<()> {
            let mut behind = self.behind.lock().unwrap();
            let before = self.inner.read_all(s, g)?;
            self.inner.truncate(s, g, entries_len)?;
            behind
                .entry(SegmentKey::new(s, g))
                .or_default()
                .extend_from_slice(&before[entries_len..]);
            Ok(())
        }

        fn create_segment(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
            self.behind.lock().unwrap().remove(&SegmentKey::new(s, g));
            self.inner.create_segment(s, g, entries)
        }

        fn append(&self, s: SessionId, g: SegmentId, given: &LogEntry) -> Result<()> {
            let mut behind = self.behind.lock().unwrap();
            if let Some(entries) = behind.remove(&SegmentKey::new(s, g)) {
                self.inner.append_all(s, g, &entries)?;
            }
            self.inner.append(s, g, given)
        }
    }
    state { behind: Mutex<BTreeMap<SegmentKey, Vec<LogEntry>>> }
    caught by {
        t4_appends_go_on_after_it
        t5_an_append_after_it_is_there
        t5_appends_meet_truncate
        t5_one_history_of_cuts
    }
}

broken! {
    /// Each handle remembers the length of a log. truncate to this length does not read the log.
    handles_remember_lengths in for_each_handle {
        fn append_all(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
            self.inner.append_all(s, g, entries)?;
            // Remember only a long log. With other logs, a truncate that races with appends would
            // show the flaw only in some schedules.
            if entries.len() == 500 {
                *self.written.lock().unwrap() = Some((SegmentKey::new(s, g), entries.len()));
            }
            Ok(())
        }

        fn truncate(&self, s: SessionId, g: SegmentId, entries_len: usize) -> Result<()> {
            let written = Some((SegmentKey::new(s, g), entries_len));
            let trusted = *self.written.lock().unwrap() == written && self.inner.exists(s, g)?;
            if trusted { Ok(()) } else { self.inner.truncate(s, g, entries_len) }
        }
    }
    state { written: Mutex<Option<(SegmentKey, usize)>> }
    caught by { t2_the_current_length_counts }
}

broken! {
    /// truncate creates the segment if only its trace exists.
    truncating_a_trace_creates in shared {
        fn truncate(&self, s: SessionId, g: SegmentId, entries_len: usize) -> Result<()> {
            if !self.inner.read_trace_page(s, g, 0, 0)?.entries.is_empty() {
                self.inner.append_if(s, g, None, &[]).ok();
            }
            self.inner.truncate(s, g, entries_len)
        }
    }
    caught by { t3_a_trace_is_not_found }
}
