//! The one list of all checks. Constants, tests and documentation are made from it.
//!
//! A line is: identifier, clause, what the check needs, what the store promises. An identifier is never
//! changed or used again. The words for needs are those of `need.rs`.

use crate::check::Check;
use crate::need::words::*;

/// Calls the macro `$callback` with the whole list.
#[macro_export]
#[doc(hidden)]
macro_rules! for_each_check {
    ($callback:ident) => {
        $callback! {
            entries {
                e1_kept_by_append E1 [] "append keeps every text byte for byte";
                e1_kept_by_append_all E1 [] "append_all keeps every text byte for byte";
                e1_kept_by_create E1 [] "create_segment keeps every text byte for byte";
                e1_kept_by_append_if E1 [conditional_append] "append_if keeps every text byte for byte";
                e1_kept_by_truncate E1 [] "truncate keeps what it leaves byte for byte";
                e1_kept_by_pages E1 [] "pages hold every text byte for byte";
                e1_kept_by_traces E1 [read_traces] "traces keep every text byte for byte";
                e1_kept_by_reopening E1 [persistent] "reopening keeps every text byte for byte";
                e2_values_become_one_line E2 [] "a value is one entry on one line, whatever it smuggles in";
                e2_only_objects_are_stored E2 [] "a value that is no object is refused with Serde";
                e3_line_breaks_are_dropped E3 [] "of a text only white space with line breaks is dropped";
                e3_anything_else_is_refused E3 [] "what is not exactly one object is refused, with the place";
                e4_the_empty_object E4 [] "{} is an entry";
                e4_two_hundred_levels E4 [] "200 levels of nesting are stored";
                e4_sixty_four_mebibytes E4 [] "64 MiB are stored whole, or TooLarge and not at all";
                e5_unknown_kinds_are_data E5 [] "unknown kinds and fields are data like any other";
            }
            append {
                a1_order_of_one_writer A1 [] "entries come back in the order of one writer's appends";
                a1_order_over_two_handles A1 [] "and so if that writer changes handles";
                a1_equal_entries_are_all_kept A1 [] "equal entries are as many entries";
                a2_first_append_creates A2 [] "the first append creates segment and session";
                a3_append_is_seen_at_once A3 [] "every handle sees an acknowledged append at once";
                a3_changes_are_seen_at_once A3 [] "every handle sees a create, replace or truncate at once";
                a3_other_threads_see_it A3 [] "a reader in another thread sees every acknowledged append";
                a4_every_entry_once_and_whole A4 [] "of many writers every acknowledged entry is there once, whole";
                a4_each_writers_order_is_kept A4 [] "among many writers each one's order is kept";
                a4_first_appends_race A4 [] "many writers may create one segment at once";
                a4_segments_do_not_mix A4 [] "segments written at the same time do not mix";
                a5_refusals_change_nothing A5 [] "a definite error changes nothing, and the next call works";
                a5_refused_conditions_change_nothing A5 [conditional_append] "a conflict changes nothing, and the next call works";
                a5_a_definite_error_stored_nothing A5 [] "an append that failed for certain stored nothing";
                a6_never_twice A6 [] "no append is there twice, whatever its caller was told";
                a7_batches_are_in_order A7 [] "append_all is in order";
                a7_an_empty_batch_is_nothing A7 [] "an empty batch creates and changes nothing";
                a7_batches_stay_contiguous A7 [own_batches] "append_all is contiguous while others append";
                a7_batches_show_whole A7 [atomic_batch] "readers see all of an atomic batch or none";
                a8_one_segment_id_in_two_sessions A8 [] "one segment id under two sessions is two logs";
                a8_traces_of_two_sessions A8 [read_traces] "and two traces";
                a8_deleting_one_leaves_the_other A8 [delete] "deleting the one leaves the other";
            }
            read {
                r1_unknown_is_not_found R1 [] "reading an unknown segment is NotFound";
                r1_empty_is_empty R1 [] "reading an empty segment is an empty list";
                r2_reading_changes_nothing R2 [] "reading changes nothing and can be repeated";
                r3_reads_are_prefixes R3 [] "a read is a prefix of what later reads return";
                r3_pages_and_counts_only_grow R3 [] "counts and pages only grow while writers append";
                r4_bad_lines_are_corrupt R4 [overwrite] "stored bytes that are no entry are Corrupt, with line and segment";
                r4_the_rest_stays_usable R4 [overwrite] "beside a bad line everything else works";
                r6_fails_only_inside_the_page R6 [overwrite] "a page fails only for a bad line inside it";
                r6_pages_hold_what_fits R6 [] "a page has what fits, at least one entry, and the head";
                r6_pages_in_sequence_are_the_log R6 [] "pages in sequence equal read_all";
                r6_the_head_is_of_the_same_moment R6 [] "a page's head is of the page's moment";
                r6_the_traits_body_agrees R6 [] "the trait's own bodies agree with the store's";
            }
            tails {
                r2_reading_leaves_the_file R2 [log_file] "reading leaves the log's file as it is";
                r4_blank_lines_are_no_entries R4 [log_file] "white-space-only lines are no entries, CR is no part of one";
                r4_lines_are_physical R4 [log_file] "Corrupt names the physical line, counted from 1";
                r5_a_whole_last_line_is_an_entry R5 [log_file] "an unterminated whole object is an entry for every operation";
                r5_an_append_writes_the_owed_newline R5 [log_file] "the next append writes the missing newline";
                r5_batches_write_the_owed_newline R5 [log_file] "the next batch writes the missing newline";
                r5_conditions_write_the_owed_newline R5 [conditional_append, log_file] "append_if repairs a tail too";
                r5_a_torn_tail_is_not_there R5 [log_file] "a torn tail is not returned, not counted, no error";
                r5_a_torn_tail_is_moved_aside R5 [log_file] "the next append is not glued to a torn tail";
                r5_nothing_torn_is_deleted R5 [log_file, folder] "a torn tail is kept in a file beside the log";
                r5_a_log_of_nothing_but_a_tail R5 [log_file] "a log that is only a torn tail is empty";
                r5_repair_under_other_handles R5 [log_file] "handles that read before a repair see it";
            }
            listing {
                l1_sessions_newest_first L1 [] "list_sessions has each session once, by descending bytes";
                l2_segments_newest_first L2 [] "list_segments has each segment once, by descending bytes";
                l2_an_unknown_session_has_none L2 [] "an unknown session has no segments";
                l2_replacing_hides_nothing L2 [] "segments stay listed, each once, while they are replaced";
                l3_a_trace_is_no_segment L3 [] "a trace alone makes neither session nor segment";
                l3_a_trace_keeps_no_session L3 [delete] "a session of which only a trace is left is listed by no handle";
                l3_a_pod_is_no_session L3 [pods] "a pod alone makes neither session nor segment";
                l4_strays_are_left_alone L4 [folder] "other programs' files are ignored and left alone";
                l5_the_holder_is_found L5 [] "a segment's session is found right after create, append and truncate to 0";
                l5_the_answer_stays L5 [] "the answer stays while other sessions come";
                l5_the_answer_outlives_the_handles L5 [persistent] "the answer is the same after reopening";
                l5_others_may_leave L5 [delete] "the answer stays while other sessions come and go";
                l5_a_deleted_holder_is_not_named L5 [delete] "after a delete the answer is a session that holds the segment";
                l6_many_sessions L6 [] "more than 1,000 sessions are listed";
                l6_many_segments L6 [] "more than 1,000 segments are listed";
                l6_many_entries L6 [] "more than 1,000 entries are read";
                l6_many_traces L6 [read_traces] "more than 1,000 trace entries are read";
            }
            create {
                c1_entries_in_order C1 [] "create_segment stores the entries in order";
                c1_an_empty_segment_exists C1 [] "create_segment with no entries makes an empty segment";
                c2_it_replaces_the_whole_log C2 [] "create_segment on an existing segment replaces its log whole";
                c2_traces_stay C2 [read_traces] "replacing a log leaves its trace";
                c2_readers_see_the_old_or_the_new C2 [] "readers see the old log or the new one";
                c2_page_readers_can_tell C2 [epoch] "pages of one head are of one log";
                c3_exists_from_the_first_entry_on C3 [] "exists is true from the first create or append on";
                c3_asking_creates_nothing C3 [] "exists never creates anything";
                c4_the_count_is_what_is_read C4 [] "read_entry_count is what read_all returns";
                c4_traces_do_not_count C4 [] "traces do not count";
                c4_unknown_is_not_found C4 [] "counting an unknown segment is NotFound";
                c5_a_writer_sees_that_it_is_not_alone C5 [] "the count has every acknowledged append of others at once";
            }
            truncate {
                t1_it_keeps_the_first T1 [] "truncate keeps the first n, byte for byte";
                t1_its_own_length_changes_nothing T1 [] "truncating to the present length changes nothing";
                t1_nothing_left_still_exists T1 [] "truncating to 0 leaves an empty segment that exists";
                t2_past_the_end_is_refused T2 [] "past the end is Corrupt with both numbers, and changes nothing";
                t3_unknown_is_not_found T3 [] "truncating an unknown segment is NotFound and creates nothing";
                t4_appends_go_on_after_it T4 [] "appends after a truncate continue at n";
                t4_what_was_cut_stays_cut T4 [persistent] "cut entries do not come back after reopening";
                t5_an_append_after_it_is_there T5 [] "an append begun after a truncate or replace returned is there";
                t5_appends_meet_truncate T5 [] "an append that overlaps a truncate is kept or cut, whole";
                t5_appends_meet_replace T5 [] "an append that overlaps a replace is kept or cut, whole";
                t5_appends_meet_delete T5 [delete] "an append that overlaps a delete is kept or cut, whole";
                t6_siblings_stay T6 [] "truncate leaves other segments as they are";
                t6_traces_stay T6 [read_traces] "truncate leaves the segment's trace";
                t6_pods_stay T6 [pods] "truncate leaves the pods";
                t7_the_traits_body_is_right T7 [] "the trait's own truncate is right over this store";
            }
            traces {
                x1_a_trace_leaves_the_log X1 [] "append_trace leaves log, count, head and listing";
                x1_a_trace_makes_nothing X1 [] "append_trace makes no segment";
                x2_a_trace_may_come_first X2 [read_traces] "a trace may come before its segment";
                x2_deleting_a_segment_deletes_its_trace X2 [delete, read_traces] "deleting a segment deletes its trace";
                x3_traces_by_page X3 [read_traces] "traces come in order, by page";
                x3_no_trace_is_an_empty_page X3 [read_traces] "no trace is an empty page";
                x4_traces_are_seen_at_once X4 [read_traces] "every handle sees an acknowledged trace at once";
                x4_writers_of_one_trace X4 [read_traces] "of many writers every trace is there once, in each one's order";
            }
            head {
                h1_unknown_has_none H1 [] "an unknown segment has no head";
                h1_it_counts H1 [] "a head has the count of entries";
                h1_it_stays_while_nothing_changes H1 [] "a head stays while nothing changes";
                h1_a_cut_gives_a_new_token H1 [epoch] "truncate and replace give a token never used before";
                h1_a_recreated_segment_has_a_new_token H1 [delete, epoch] "delete and recreate gives a token never used before";
                h2_it_appends_if_nothing_changed H2 [conditional_append] "append_if appends where the head is as expected, and returns the new one";
                h2_a_conflict_names_both_heads H2 [conditional_append] "else it is a Conflict with both heads, and nothing changes";
                h2_no_entries_only_compare H2 [conditional_append] "with no entries it compares, or makes an empty segment";
                h2_one_writer_wins H2 [conditional_append] "of writers that hold the same head exactly one wins";
                h2_one_creator_wins H2 [conditional_append] "of writers that expect no segment exactly one wins";
                h2_plain_appends_are_seen H2 [conditional_append] "append_if never appends behind a plain append that it did not know";
                h3_declared_or_refused H3 [] "an operation is declared and works, or answers Unsupported";
                h4_regrown_is_a_conflict H4 [conditional_append, epoch] "truncating and growing back to the same length is a conflict";
                h4_recreated_is_a_conflict H4 [conditional_append, delete, epoch] "deleting and recreating is a conflict";
                h5_repeating_cannot_append_twice H5 [conditional_append] "append_if repeated with the old head appends nothing";
                h6_a_writer_rolls_back_its_own H6 [conditional_append] "truncate_if cuts where nobody has written since";
                h6_another_entry_is_a_conflict H6 [conditional_append] "else it is a Conflict, and nothing changes";
                h6_it_never_cuts_anothers H6 [conditional_append] "truncate_if never cuts an entry that it did not know";
            }
            histories {
                a4_one_history_of_appends A4 [] "one order explains what writers and readers at the same time were told";
                t5_one_history_of_cuts T5 [] "and so with truncates and replaces among them";
                t5_one_history_of_deletes T5 [delete] "and so with deletes among them";
            }
            processes {
                a3_other_processes_see_it A3 [multi_process, process] "another process sees an acknowledged change at once";
                a4_one_history_of_processes A4 [multi_process, process] "one order explains what processes at the same time were told";
                c5_other_processes_are_counted C5 [multi_process, process] "the count has every acknowledged append of other processes at once";
                h2_one_process_wins H2 [conditional_append, multi_process, process] "of processes that hold the same head exactly one wins";
                t5_one_history_of_cutting_processes T5 [multi_process, process] "one order explains appends and cuts of several processes";
                s6_processes_open_at_once S6 [multi_process, process] "processes that open an empty storage at one moment all succeed";
                s3_a_killed_writer_loses_nothing S3 [persistent, process] "a killed writer loses nothing that was acknowledged, and leaves a log that can be used";
                a5_a_full_disk_changes_nothing A5 [process, files] "an append that finds no room changes nothing, and the next one works once there is some";
            }
            delete {
                d1_a_deleted_segment_is_gone D1 [delete] "listing, lookup and exists agree at once on a deleted segment";
                d1_the_last_segment_takes_its_session D1 [delete] "a session goes with its last segment";
                d1_a_deleted_session_is_gone D1 [delete] "delete_session removes all its segments and no others";
                d1_a_trace_alone_counts D1 [delete] "a trace alone is something to delete";
                d1_deleting_nothing_is_false D1 [delete] "deleting what is not there is false";
                d1_an_append_afterwards_makes_it_anew D1 [delete] "an append after a delete makes a new, listed segment";
                d1_deleted_stays_deleted D1 [delete, persistent] "what was deleted does not come back";
            }
            pods {
                p1_put_creates_and_replaces P1 [pods] "put creates a pod or replaces it whole";
                p1_unknown_fields_are_kept P1 [pods] "a pod is kept byte for byte";
                p1_the_pointer_is_read P1 [pods] "a pod points to a session and maybe a segment";
                p1_readers_see_the_old_or_the_new P1 [pods] "readers see the old pod or the new one";
                p2_absent_is_none P2 [pods] "a pod that is not there is None, or false to delete";
                p2_names_are_sorted P2 [pods] "names are listed sorted";
                p3_names_never_alias P3 [pods] "any allowed name works and never passes for another";
                p3_bad_names_touch_nothing P3 [pods] "a bad name is InvalidPodName and touches no storage";
            }
            handles {
                s1_fresh_storages_are_isolated S1 [] "two fresh storages are isolated";
                s1_a_second_handle_sees_the_same S1 [] "a second handle on a storage sees the same data";
                s2_reopening_finds_everything S2 [persistent] "opening again finds the same data";
                s2_appends_continue S2 [persistent] "appends continue after opening again";
                s3_nothing_waits_for_the_close S3 [persistent] "what was acknowledged is stored though the handle never closes";
                s4_sync_is_answered S4 [durable_sync] "sync works and changes nothing";
                s5_a_panic_poisons_nothing S5 [] "a panic in one thread poisons nothing for the others";
                s6_first_opens_race S6 [multi_process] "first opens of an empty storage at one moment all succeed";
                s7_a_newer_format_is_refused S7 [raise_format] "a newer format is refused with NewerFormat";
                s7_a_missing_place_is_an_error S7 [open_missing] "opening a mistyped place to read is an error";
            }
        }
    };
}

macro_rules! checks {
    ($($module:ident {
        $($id:ident $clause:ident [$($need:ident),*] $promise:literal;)*
    })*) => {
        /// Every check of the kit, in the order of the contract's letters.
        pub const CHECKS: &[Check] = &[$($(Check {
            id: stringify!($id),
            clause: stringify!($clause),
            promise: $promise,
            needs: &[$($need),*],
            body: crate::checks::$module::$id,
        },)*)*];
    };
}

for_each_check!(checks);
