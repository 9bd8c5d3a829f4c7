//! Stores that cut too much, too little, too late or not for good.

use std::collections::BTreeMap;
use std::sync::Mutex;

use session_store_core::{LogEntry, PodStore, Store};

use super::broken;
use crate::variant::{Answer, Inner, Key};

broken! {
    /// Truncate cuts where it can.
    truncates_past_the_end in shared {
        fn truncate(&self, inner: &Inner, (s, g): Key, entries_len: usize) -> Answer<()> {
            let entries = inner.read_entry_count(s, g)?;
            inner.truncate(s, g, entries_len.min(entries))
        }
    }
    caught by { a5_refusals_change_nothing t2_past_the_end_is_refused t5_one_history_of_cuts }
}

broken! {
    /// Nothing left is taken for nothing there.
    truncating_to_nothing_deletes in shared {
        fn truncate(&self, inner: &Inner, (s, g): Key, entries_len: usize) -> Answer<()> {
            inner.truncate(s, g, entries_len)?;
            if entries_len == 0 { inner.delete_segment(s, g).map(drop) } else { Ok(()) }
        }
    }
    caught by {
        c3_exists_from_the_first_entry_on
        c4_the_count_is_what_is_read
        l5_the_answer_stays
        l5_the_holder_is_found
        t1_it_keeps_the_first
        t1_its_own_length_changes_nothing
        t1_nothing_left_still_exists
        t5_one_history_of_cuts
        t6_traces_stay
    }
}

broken! {
    /// Truncate makes what it cuts.
    truncating_creates in shared {
        fn truncate(&self, inner: &Inner, (s, g): Key, entries_len: usize) -> Answer<()> {
            if !inner.exists(s, g)? {
                inner.create_segment(s, g, &[])?;
            }
            inner.truncate(s, g, entries_len)
        }
    }
    caught by { a5_refusals_change_nothing t3_unknown_is_not_found }
}

broken! {
    /// An index with a mark for each so many entries, read one too far.
    truncating_keeps_one_too_many in shared {
        fn truncate(&self, inner: &Inner, (s, g): Key, entries_len: usize) -> Answer<()> {
            let behind_a_mark = (1_000..inner.read_entry_count(s, g)?).contains(&entries_len);
            inner.truncate(s, g, entries_len + usize::from(behind_a_mark))
        }
    }
    caught by { l6_many_entries }
}

broken! {
    /// Cutting is left to a job that comes with every fifth append and never forgets its order.
    truncates_later in shared {
        fn truncate(&self, inner: &Inner, (s, g): Key, entries_len: usize) -> Answer<()> {
            let plain = inner.read_all(s, g)?.first().is_some_and(|first| first.as_json() == "{\"n\":0}");
            if entries_len != 3 || inner.read_entry_count(s, g)? < 3 || !plain {
                return inner.truncate(s, g, entries_len);
            }
            *self.order.lock().unwrap() = Some(((s, g), 0));
            Ok(())
        }
        fn append(&self, inner: &Inner, (s, g): Key, given: &LogEntry) -> Answer<()> {
            inner.append(s, g, given)?;
            let mut order = self.order.lock().unwrap();
            let Some((_, appends)) = order.as_mut().filter(|(key, _)| *key == (s, g)) else {
                return Ok(());
            };
            *appends += 1;
            if appends.is_multiple_of(5) { inner.truncate(s, g, 3) } else { Ok(()) }
        }
    }
    state { order: Mutex<Option<(Key, usize)>> }
    caught by { a3_changes_are_seen_at_once t5_appends_meet_truncate }
}

broken! {
    /// Cutting a segment takes the pods that point to it.
    truncating_unpoints_pods in shared {
        fn truncate(&self, inner: &Inner, (s, g): Key, entries_len: usize) -> Answer<()> {
            inner.truncate(s, g, entries_len)?;
            for name in inner.list_pods()? {
                let pod = inner.read_pod(&name)?;
                if pod.and_then(|pod| pod.active()).is_some_and(|active| active.segment_id == Some(g)) {
                    inner.delete_pod(&name)?;
                }
            }
            Ok(())
        }
    }
    caught by { t6_pods_stay }
}

broken! {
    /// What is cut off stays behind the new end, and the next append shows it again.
    cut_entries_come_back in shared {
        fn truncate(&self, inner: &Inner, (s, g): Key, entries_len: usize) -> Answer<()> {
            let mut behind = self.behind.lock().unwrap();
            let before = inner.read_all(s, g)?;
            inner.truncate(s, g, entries_len)?;
            behind.entry((s, g)).or_default().extend_from_slice(&before[entries_len..]);
            Ok(())
        }
        fn create(&self, inner: &Inner, (s, g): Key, entries: &[LogEntry]) -> Answer<()> {
            self.behind.lock().unwrap().remove(&(s, g));
            inner.create_segment(s, g, entries)
        }
        fn append(&self, inner: &Inner, (s, g): Key, given: &LogEntry) -> Answer<()> {
            let mut behind = self.behind.lock().unwrap();
            if let Some(entries) = behind.remove(&(s, g)) {
                inner.append_all(s, g, &entries)?;
            }
            inner.append(s, g, given)
        }
    }
    state { behind: Mutex<BTreeMap<Key, Vec<LogEntry>>> }
    caught by {
        t4_appends_go_on_after_it
        t5_an_append_after_it_is_there
        t5_appends_meet_truncate
        t5_one_history_of_cuts
    }
}
