//! Broken stores whose declared capabilities differ from their behavior. `broken!` defines a store
//! and its test: each check under `caught by` must fail.

use session_store_core::{
    Capabilities, Capability, Head, LogEntry, SegmentId, SessionId, Store,
};

use super::broken;
use crate::variant::{Result, unsupported};

broken! {
    /// Implements delete but does not declare it.
    does_not_declare_delete in shared {
        fn capabilities(&self) -> Capabilities {
            self.inner.declared().iter().filter(|&c| c != Capability::Delete).collect()
        }
    }
    caught by {
        a5_deletes_on_a_full_disk
        a8_deleting_one_leaves_the_other
        a8_deleting_the_second_leaves_the_first
        d1_a_deleted_segment_is_gone
        d1_a_deleted_session_is_gone
        d1_a_killed_delete_is_whole
        d1_a_large_session_is_gone
        d1_a_trace_alone_counts
        d1_an_append_afterwards_makes_it_anew
        d1_batches_and_creates_start_again
        d1_conditions_start_again
        d1_deleted_stays_deleted
        d1_deleting_nothing_is_false
        d1_other_processes_see_deletes
        d1_the_last_segment_takes_its_session
        h1_a_recreated_segment_has_a_new_token
        h3_declared_or_refused
        h4_recreated_is_a_conflict
        l1_sessions_stay_listed_while_others_go
        l2_segments_stay_listed_while_others_go
        l3_a_trace_keeps_no_session
        l5_a_deleted_holder_is_not_named
        l5_no_answer_is_kept_over_a_delete
        l5_others_may_leave
        l8_facts_stay_listed_while_others_go
        p1_pods_outlive_deletes
        t5_appends_meet_delete
        t5_one_history_of_deletes
        x2_deleting_a_segment_deletes_its_trace
        x2_deleting_leaves_the_trace_of_another_session
        x2_traces_start_again
    }
}

broken! {
    /// Declares sync but does not implement it.
    declares_a_sync_that_it_lacks in shared {
        fn capabilities(&self) -> Capabilities {
            self.inner.declared().with(Capability::DurableSync)
        }
    }
    caught by { h3_declared_or_refused s4_sync_is_answered }
}

broken! {
    /// Does not declare conditional_append, but implements truncate_if.
    conditions_are_half_there in shared {
        fn capabilities(&self) -> Capabilities {
            self.inner.declared().iter().filter(|&c| c != Capability::ConditionalAppend).collect()
        }

        fn append_if(
            &self,
            _: SessionId,
            _: SegmentId,
            _: Option<Head>,
            _: &[LogEntry],
        ) -> Result<Head> {
            unsupported("append_if", Capability::ConditionalAppend)
        }
    }
    caught by {
        a5_conditions_on_a_full_disk
        a5_refused_conditions_change_nothing
        a8_conditions_of_the_second_session
        d1_conditions_start_again
        e1_kept_by_append_if
        e4_a_condition_with_a_large_entry
        h2_a_conflict_names_both_heads
        h2_a_trace_is_no_segment
        h2_it_appends_if_nothing_changed
        h2_no_entries_only_compare
        h2_none_is_not_an_empty_segment
        h2_one_creator_wins
        h2_one_process_wins
        h2_one_writer_wins
        h2_plain_appends_are_seen
        h2_the_returned_head_is_not_of_a_later_log
        h2_the_returned_head_is_of_the_call
        h3_declared_or_refused
        h3_for_every_expected_head
        h4_recreated_is_a_conflict
        h4_regrown_after_truncate_if_is_a_conflict
        h4_regrown_is_a_conflict
        h5_repeating_after_others_is_a_conflict
        h5_repeating_cannot_append_twice
        h6_a_writer_rolls_back_its_own
        h6_another_entry_is_a_conflict
        h6_it_never_cuts_anothers
        h6_its_own_length_changes_nothing
        h6_other_data_stays
        h6_past_the_end_changes_nothing
        h6_the_returned_head_is_of_the_call
        r5_conditions_write_the_owed_newline
    }
}

broken! {
    /// Implements put_pod_if but does not declare it.
    does_not_declare_conditional_put in shared {
        fn capabilities(&self) -> Capabilities {
            self.inner.declared().iter().filter(|&c| c != Capability::ConditionalPut).collect()
        }
    }
    caught by {
        h3_declared_or_refused
        p4_a_conflict_changes_nothing
        p4_bytes_are_compared
        p4_it_puts_the_pod
        p4_one_creator_wins
        p4_one_writer_wins
        p4_plain_puts_are_seen
    }
}

broken! {
    /// Does not declare conditional_append, but append_if without entries compares the head.
    undeclared_conditions_compare in shared {
        fn capabilities(&self) -> Capabilities {
            self.inner.declared().iter().filter(|&c| c != Capability::ConditionalAppend).collect()
        }

        fn append_if(
            &self,
            s: SessionId,
            g: SegmentId,
            expected: Option<Head>,
            entries: &[LogEntry],
        ) -> Result<Head> {
            if entries.is_empty() {
                return self.inner.append_if(s, g, expected, entries);
            }
            unsupported("append_if", Capability::ConditionalAppend)
        }

        fn truncate_if(&self, _: SessionId, _: SegmentId, _: Head, _: usize) -> Result<Head> {
            unsupported("truncate_if", Capability::ConditionalAppend)
        }
    }
    caught by { h3_for_every_expected_head }
}
