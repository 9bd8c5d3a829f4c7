//! Broken stores whose conditional writes compare the wrong head or at the wrong time. `broken!`
//! defines a store and its test: each check under `caught by` must fail.

use std::sync::Mutex;

use session_store_core::{Head, LogEntry, SegmentId, SegmentKey, SessionId, Store, StoreError};

use super::broken;
use crate::variant::Result;

broken! {
    /// Compares the head first and appends later, so another writer can append in between.
    checks_then_appends in shared {
        fn append_if(
            &self,
            s: SessionId,
            g: SegmentId,
            expected: Option<Head>,
            entries: &[LogEntry],
        ) -> Result<Head> {
            let actual = self.inner.head(s, g)?;
            if actual != expected {
                return Err(StoreError::Conflict { expected, actual });
            }
            self.inner.wait_for_another_call();
            if expected.is_none() && entries.is_empty() {
                self.inner.create_segment(s, g, &[])?;
            }
            self.inner.append_all(s, g, entries)?;
            self.inner.head(s, g)?.ok_or(StoreError::NotFound(g))
        }
    }
    caught by {
        h2_one_creator_wins
        h2_one_writer_wins
        h2_plain_appends_are_seen
        h2_the_returned_head_is_not_of_a_later_log
        h2_the_returned_head_is_of_the_call
    }
}

broken! {
    /// Compares the head first and truncates later, so another writer can append in between.
    checks_then_truncates in shared {
        fn truncate_if(
            &self,
            s: SessionId,
            g: SegmentId,
            expected: Head,
            len: usize,
        ) -> Result<Head> {
            let actual = self.inner.head(s, g)?;
            if actual != Some(expected) {
                return Err(StoreError::Conflict { expected: Some(expected), actual });
            }
            self.inner.wait_for_another_call();
            // Only the late truncation is wrong. The returned head is right: it is the head after
            // the truncation.
            loop {
                let now = self.inner.head(s, g)?.ok_or(StoreError::NotFound(g))?;
                match self.inner.truncate_if(s, g, now, len) {
                    Err(StoreError::Conflict { .. }) => {}
                    result => return result,
                }
            }
        }
    }
    caught by { h6_it_never_cuts_anothers }
}

broken! {
    /// append_if with None accepts every head.
    none_expects_anything in shared {
        fn append_if(
            &self,
            s: SessionId,
            g: SegmentId,
            expected: Option<Head>,
            entries: &[LogEntry],
        ) -> Result<Head> {
            let expected = if expected.is_none() { self.inner.head(s, g)? } else { expected };
            self.inner.append_if(s, g, expected, entries)
        }
    }
    caught by {
        a5_refused_conditions_change_nothing
        h2_a_conflict_names_both_heads
        h2_none_is_not_an_empty_segment
        h2_one_creator_wins
        h3_for_every_expected_head
        h5_repeating_after_others_is_a_conflict
        h5_repeating_cannot_append_twice
    }
}

broken! {
    /// append_if returns the expected head instead of the new head.
    append_if_returns_the_old_head in shared {
        fn append_if(
            &self,
            s: SessionId,
            g: SegmentId,
            expected: Option<Head>,
            entries: &[LogEntry],
        ) -> Result<Head> {
            let new = self.inner.append_if(s, g, expected, entries)?;
            Ok(expected.unwrap_or(new))
        }
    }
    caught by {
        e1_kept_by_append_if
        h2_it_appends_if_nothing_changed
        h2_the_returned_head_is_of_the_call
        h4_regrown_after_truncate_if_is_a_conflict
        h5_repeating_cannot_append_twice
        h6_a_writer_rolls_back_its_own
        l7_the_size_is_of_the_entries
    }
}

broken! {
    /// A Conflict reports the expected head as the actual head.
    conflicts_name_one_head in shared {
        fn append_if(
            &self,
            s: SessionId,
            g: SegmentId,
            expected: Option<Head>,
            entries: &[LogEntry],
        ) -> Result<Head> {
            self.inner.append_if(s, g, expected, entries).map_err(|error| match error {
                StoreError::Conflict { expected, .. } => {
                    StoreError::Conflict { expected, actual: expected }
                }
                other => other,
            })
        }
    }
    caught by {
        d1_conditions_start_again
        h2_a_conflict_names_both_heads
        h2_no_entries_only_compare
        h2_none_is_not_an_empty_segment
        h2_one_creator_wins
        h2_one_writer_wins
        h2_the_returned_head_is_not_of_a_later_log
        h4_recreated_is_a_conflict
        h4_regrown_after_truncate_if_is_a_conflict
        h4_regrown_is_a_conflict
        h5_repeating_after_others_is_a_conflict
        h5_repeating_cannot_append_twice
    }
}

broken! {
    /// append_if with None and no entries accepts an existing segment, and returns its head.
    adopts_the_segment_of_another in shared {
        fn append_if(
            &self,
            s: SessionId,
            g: SegmentId,
            expected: Option<Head>,
            entries: &[LogEntry],
        ) -> Result<Head> {
            match (expected, entries, self.inner.head(s, g)?) {
                (None, [], Some(head)) => Ok(head),
                _ => self.inner.append_if(s, g, expected, entries),
            }
        }
    }
    caught by {
        h2_a_conflict_names_both_heads
        h2_none_is_not_an_empty_segment
    }
}

broken! {
    /// truncate_if to the length of the expected head succeeds without a comparison.
    keeping_all_compares_nothing in shared {
        fn truncate_if(
            &self,
            s: SessionId,
            g: SegmentId,
            expected: Head,
            len: usize,
        ) -> Result<Head> {
            match expected.entries() == len {
                true => Ok(expected),
                false => self.inner.truncate_if(s, g, expected, len),
            }
        }
    }
    caught by { d1_conditions_start_again h6_another_entry_is_a_conflict }
}

broken! {
    /// append_if with the head of a deleted empty segment creates the segment again.
    the_head_of_nothing_creates in shared {
        fn append_if(
            &self,
            s: SessionId,
            g: SegmentId,
            expected: Option<Head>,
            entries: &[LogEntry],
        ) -> Result<Head> {
            let is_gone = expected.is_some_and(|head| head.entries() == 0)
                && self.inner.head(s, g)?.is_none();
            self.inner.append_if(s, g, expected.filter(|_| !is_gone), entries)
        }
    }
    caught by { d1_conditions_start_again }
}

broken! {
    /// A repeated append_if appends again if its entries are no longer at the end of the log.
    repeats_what_is_not_at_the_end in shared {
        fn append_if(
            &self,
            s: SessionId,
            g: SegmentId,
            expected: Option<Head>,
            entries: &[LogEntry],
        ) -> Result<Head> {
            let call = Some((SegmentKey::new(s, g), expected, entries.to_vec()));
            let is_repeated = *self.last.lock().unwrap() == call;
            match self.inner.append_if(s, g, expected, entries) {
                Err(StoreError::Conflict { .. })
                    if is_repeated && !self.inner.read_all(s, g)?.ends_with(entries) =>
                {
                    let head = self.inner.head(s, g)?;
                    self.inner.append_if(s, g, head, entries)
                }
                Ok(head) => {
                    *self.last.lock().unwrap() = call;
                    Ok(head)
                }
                error => error,
            }
        }
    }
    state { last: Mutex<Option<(SegmentKey, Option<Head>, Vec<LogEntry>)>> }
    caught by { h5_repeating_after_others_is_a_conflict }
}
