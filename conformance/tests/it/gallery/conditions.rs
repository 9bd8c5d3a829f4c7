//! Stores whose conditional writes are conditional on something else.

use session_store_core::{Head, LogEntry, Store, StoreError};

use super::broken;
use crate::variant::{Answer, Inner, Key};

broken! {
    /// Compares, and then appends.
    checks_then_appends in shared {
        fn append_if(&self, inner: &Inner, (s, g): Key, expected: Option<Head>, entries: &[LogEntry]) -> Answer<Head> {
            let actual = inner.head(s, g)?;
            if actual != expected {
                return Err(StoreError::Conflict { expected, actual });
            }
            inner.let_others_in();
            if expected.is_none() && entries.is_empty() {
                inner.create_segment(s, g, &[])?;
            }
            inner.append_all(s, g, entries)?;
            inner.head(s, g)?.ok_or(StoreError::NotFound(g))
        }
    }
    caught by { h2_one_creator_wins h2_one_writer_wins h2_plain_appends_are_seen }
}

broken! {
    /// Compares, and then cuts.
    checks_then_truncates in shared {
        fn truncate_if(&self, inner: &Inner, (s, g): Key, expected: Head, len: usize) -> Answer<Head> {
            let actual = inner.head(s, g)?;
            if actual != Some(expected) {
                return Err(StoreError::Conflict { expected: Some(expected), actual });
            }
            inner.let_others_in();
            inner.truncate(s, g, len)?;
            inner.head(s, g)?.ok_or(StoreError::NotFound(g))
        }
    }
    caught by { h6_it_never_cuts_anothers }
}

broken! {
    /// Expecting nothing is taken for expecting anything.
    none_expects_anything in shared {
        fn append_if(&self, inner: &Inner, (s, g): Key, expected: Option<Head>, entries: &[LogEntry]) -> Answer<Head> {
            let expected = if expected.is_none() { inner.head(s, g)? } else { expected };
            inner.append_if(s, g, expected, entries)
        }
    }
    caught by {
        a5_refused_conditions_change_nothing
        h2_a_conflict_names_both_heads
        h2_one_creator_wins
        h5_repeating_cannot_append_twice
    }
}

broken! {
    /// The old head comes back, not the new one.
    append_if_returns_the_old_head in shared {
        fn append_if(&self, inner: &Inner, (s, g): Key, expected: Option<Head>, entries: &[LogEntry]) -> Answer<Head> {
            let new = inner.append_if(s, g, expected, entries)?;
            Ok(expected.unwrap_or(new))
        }
    }
    caught by {
        e1_kept_by_append_if
        h2_it_appends_if_nothing_changed
        h5_repeating_cannot_append_twice
        h6_a_writer_rolls_back_its_own
    }
}

broken! {
    /// The conflict says what was expected, twice.
    conflicts_name_one_head in shared {
        fn append_if(&self, inner: &Inner, (s, g): Key, expected: Option<Head>, entries: &[LogEntry]) -> Answer<Head> {
            inner.append_if(s, g, expected, entries).map_err(|error| match error {
                StoreError::Conflict { expected, .. } => StoreError::Conflict { expected, actual: expected },
                other => other,
            })
        }
    }
    caught by {
        h2_a_conflict_names_both_heads
        h2_no_entries_only_compare
        h2_one_creator_wins
        h2_one_writer_wins
        h4_recreated_is_a_conflict
        h4_regrown_is_a_conflict
        h5_repeating_cannot_append_twice
    }
}
