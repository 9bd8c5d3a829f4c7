//! The list of all checks, from which the constant, the tests and the published table are
//! generated.
//!
//! Each check has a promise, an identifier that never changes, a clause, and requirements.

/// Calls the macro `$callback` with the list.
#[macro_export]
#[doc(hidden)]
macro_rules! for_each_check {
    ($callback:ident) => {
        $callback! {
            entries {
                /// append stores every text byte for byte
                e1_kept_by_append E1 [];
                /// append_all stores every text byte for byte
                e1_kept_by_append_all E1 [];
                /// create_segment stores every text byte for byte
                e1_kept_by_create E1 [];
                /// append_if stores every text byte for byte
                e1_kept_by_append_if E1 [conditional_append];
                /// truncate keeps the remaining texts byte for byte
                e1_kept_by_truncate E1 [];
                /// read_page returns every text byte for byte
                e1_kept_by_pages E1 [];
                /// append_trace stores every text byte for byte
                e1_kept_by_traces E1 [read_traces];
                /// reopening the storage keeps every text byte for byte
                e1_kept_by_reopening E1 [persistent];
                /// a value becomes one entry on one line, even if the value contains line breaks
                e2_values_become_one_line E2 [];
                /// a value that is not an object is refused with the error Serde
                e2_only_objects_are_stored E2 [];
                /// only white space with line breaks is removed from a text
                e3_line_breaks_are_dropped E3 [];
                /// a text that is not exactly one object is refused; the error has the position
                e3_anything_else_is_refused E3 [];
                /// {} is an entry
                e4_the_empty_object E4 [];
                /// entries with 200 levels of nesting are stored
                e4_two_hundred_levels E4 [];
                /// an entry of 64 MiB is stored whole, or refused with TooLarge
                e4_sixty_four_mebibytes E4 [];
                /// entries with unknown kinds or unknown fields are stored like other entries
                e5_unknown_kinds_are_data E5 [];
                /// every method that stores entries keeps unknown fields
                e5_every_method_keeps_unknown_fields E5 [];
            }
            append {
                /// entries are read in the order in which one writer appended them
                a1_order_of_one_writer A1 [];
                /// entries keep their order if one writer alternates between two handles
                a1_order_over_two_handles A1 [];
                /// equal entries are separate entries
                a1_equal_entries_are_all_kept A1 [];
                /// the first append creates the segment and its session
                a2_first_append_creates A2 [];
                /// a reader never sees a segment before its first entry
                a2_a_segment_appears_with_its_first_entry A2 [];
                /// every handle reads an acknowledged append immediately
                a3_append_is_seen_at_once A3 [];
                /// every handle reads the result of a create, replace or truncate immediately
                a3_changes_are_seen_at_once A3 [];
                /// a reader in another thread reads every acknowledged append
                a3_other_threads_see_it A3 [];
                /// with many writers, every acknowledged entry is stored exactly once and whole
                a4_every_entry_once_and_whole A4 [];
                /// with many writers, the entries of each writer keep their order
                a4_each_writers_order_is_kept A4 [];
                /// several writers can create one segment at the same time
                a4_first_appends_race A4 [];
                /// segments that are written at the same time do not mix
                a4_segments_do_not_mix A4 [];
                /// a definite error changes nothing, and the next call works
                a5_refusals_change_nothing A5 [];
                /// a conflict changes nothing, and the next call works
                a5_refused_conditions_change_nothing A5 [conditional_append];
                /// an append that returns a definite error stores nothing
                a5_a_definite_error_stored_nothing A5 [];
                /// no append is stored twice, whatever the call returned
                a6_never_twice A6 [];
                /// no entry of a batch is stored twice, whatever the call returned
                a6_batches_are_never_stored_twice A6 [];
                /// append_all stores the entries in order
                a7_batches_are_in_order A7 [];
                /// an empty batch creates and changes nothing
                a7_an_empty_batch_is_nothing A7 [];
                /// append_all stores contiguous entries while other writers append
                a7_batches_stay_contiguous A7 [own_batches];
                /// readers see a whole atomic batch or no entry of the batch
                a7_batches_show_whole A7 [atomic_batch];
                /// one segment id in two sessions is two logs
                a8_one_segment_id_in_two_sessions A8 [];
                /// one segment id in two sessions is two traces
                a8_traces_of_two_sessions A8 [read_traces];
                /// deleting a segment does not change the same segment id in another session
                a8_deleting_one_leaves_the_other A8 [delete];
            }
            read {
                /// reading an unknown segment returns NotFound
                r1_unknown_is_not_found R1 [];
                /// reading an empty segment returns an empty list
                r1_empty_is_empty R1 [];
                /// reading changes nothing and can be repeated
                r2_reading_changes_nothing R2 [];
                /// a read is a prefix of later reads
                r3_reads_are_prefixes R3 [];
                /// counts and pages only grow while writers append
                r3_pages_and_counts_only_grow R3 [];
                /// reading stored bytes that are not an entry returns Corrupt with line and segment
                r4_bad_lines_are_corrupt R4 [overwrite];
                /// everything except the bad line stays usable
                r4_the_rest_stays_usable R4 [overwrite];
                /// a page fails only if it contains a bad line
                r6_fails_only_inside_the_page R6 [overwrite];
                /// a page has the entries that fit, but at least one entry, and the head
                r6_pages_hold_what_fits R6 [];
                /// pages in sequence equal read_all
                r6_pages_in_sequence_are_the_log R6 [];
                /// a page is read from the current log, even if earlier pages are from an older log
                r6_pages_continue_in_a_changed_log R6 [];
                /// the head and the entries of a page are from the same moment
                r6_the_head_is_of_the_same_moment R6 [];
                /// the provided methods of the trait return the same as the methods of the store
                r6_the_traits_body_agrees R6 [];
                /// read_page_matching returns None in the place of each entry that does not match
                r7_other_entries_are_left_out R7 [];
            }
            pages {
                /// a page includes an entry that fills the limit exactly
                r6_a_page_can_be_exactly_full R6 [];
                /// the limit of a page is in bytes, not in characters
                r6_sizes_are_bytes R6 [];
                /// a page that starts past position 2^32 is empty
                r6_large_positions_are_past_the_end R6 [];
                /// a page with a limit of more than 2^32 bytes has the rest of the log
                r6_large_limits_hold_everything R6 [];
                /// a page of a trace includes an entry that fills the limit exactly
                x3_a_page_can_be_exactly_full X3 [read_traces];
                /// the limit of a page of a trace is in bytes, not in characters
                x3_sizes_are_bytes X3 [read_traces];
                /// positions and limits of a trace can be larger than 2^32
                x3_large_positions_and_limits X3 [read_traces];
                /// entries with sizes around powers of two are stored whole
                e4_sizes_around_powers_of_two E4 [];
                /// logs with sizes around powers of two are stored whole
                e4_logs_around_powers_of_two E4 [];
                /// entries with many keys, many elements or wide characters are stored whole
                e4_many_keys_and_wide_characters E4 [];
                /// trace entries with sizes around powers of two are stored whole
                x3_sizes_around_powers_of_two X3 [read_traces];
            }
            refusals {
                /// append_all with an entry that is too large stores nothing or returns Partial
                e4_a_batch_with_a_large_entry E4 [];
                /// create_segment with an entry that is too large changes nothing
                e4_a_large_entry_replaces_nothing E4 [];
                /// append_if with an entry that is too large stores nothing or returns Partial
                e4_a_condition_with_a_large_entry E4 [conditional_append];
                /// readers see no entry of a refused atomic batch
                e4_readers_see_nothing_of_it E4 [];
            }
            tails {
                /// reading does not change the file of the log
                r2_reading_leaves_the_file R2 [log_file];
                /// lines of white space are not entries, and CR is not part of an entry
                r4_blank_lines_are_no_entries R4 [log_file];
                /// Corrupt has the physical line number, counted from 1
                r4_lines_are_physical R4 [log_file];
                /// a whole last line without a newline is an entry for every operation
                r5_a_whole_last_line_is_an_entry R5 [log_file];
                /// the next append writes the missing newline
                r5_an_append_writes_the_owed_newline R5 [log_file];
                /// the next batch writes the missing newline
                r5_batches_write_the_owed_newline R5 [log_file];
                /// append_if writes the missing newline and removes a torn tail
                r5_conditions_write_the_owed_newline R5 [conditional_append, log_file];
                /// a torn tail is not returned, not counted and not an error
                r5_a_torn_tail_is_not_there R5 [log_file];
                /// the next append removes a torn tail from the log
                r5_a_torn_tail_is_moved_aside R5 [log_file];
                /// NUL bytes after a whole object are torn, and the object is an entry
                r5_nuls_after_an_object_are_torn R5 [log_file];
                /// two objects on a last line without a newline are Corrupt
                r5_two_objects_are_a_bad_line R5 [log_file];
                /// a torn tail is kept in a file beside the log
                r5_nothing_torn_is_deleted R5 [log_file, folder];
                /// a log that holds only a torn tail is empty
                r5_a_log_of_nothing_but_a_tail R5 [log_file];
                /// a handle that read the log before a repair sees the repaired log
                r5_repair_under_other_handles R5 [log_file];
            }
            listing {
                /// list_sessions returns each session once, in descending byte order
                l1_sessions_newest_first L1 [];
                /// every listed session has a segment, even if an index has lost a segment
                l1_a_listed_session_has_segments L1 [unlist];
                /// list_segments returns each segment once, in descending byte order
                l2_segments_newest_first L2 [];
                /// an unknown session has no segments
                l2_an_unknown_session_has_none L2 [];
                /// while segments are replaced, each segment is listed exactly once
                l2_replacing_hides_nothing L2 [];
                /// a trace alone creates neither a session nor a segment
                l3_a_trace_is_no_segment L3 [];
                /// no handle lists a session that has only a trace left
                l3_a_trace_keeps_no_session L3 [delete];
                /// a pod alone creates neither a session nor a segment
                l3_a_pod_is_no_session L3 [pods];
                /// files of other programs are ignored and not changed
                l4_strays_are_left_alone L4 [folder];
                /// deletes and repairs do not change the files of other programs
                l4_strays_outlive_deletes_and_repairs L4 [folder];
                /// lookup finds a segment's session after create, append and truncate to 0
                l5_the_holder_is_found L5 [];
                /// lookup returns the same session while other sessions create the segment
                l5_the_answer_stays L5 [];
                /// lookup returns the same session after reopening
                l5_the_answer_outlives_the_handles L5 [persistent];
                /// lookup keeps its result while other sessions create and delete the segment
                l5_others_may_leave L5 [delete];
                /// after a delete, lookup returns a session that still holds the segment
                l5_a_deleted_holder_is_not_named L5 [delete];
                /// more than 1,000 sessions are listed
                l6_many_sessions L6 [];
                /// more than 1,000 segments are listed
                l6_many_segments L6 [];
                /// more than 1,000 entries are read
                l6_many_entries L6 [];
                /// more than 1,000 trace entries are read
                l6_many_traces L6 [read_traces];
            }
            infos {
                /// segment_info of an unknown segment is None and creates nothing
                l7_unknown_is_none L7 [];
                /// segment_info returns the same head as head
                l7_it_has_the_head L7 [];
                /// after every change, the size counts all entries, each with one newline
                l7_the_size_is_of_the_entries L7 [sizes];
                /// the size and the head in segment_info are from the same moment
                l7_the_facts_are_of_one_moment L7 [sizes];
                /// the time of the last change moves with each change and never goes back
                l7_the_time_moves_with_changes L7 [times];
                /// the time of the last change stays the same without a change
                l7_the_time_stays_without_changes L7 [times];
                /// size and time are the same after reopening
                l7_reopening_keeps_the_facts L7 [persistent];
                /// list_infos returns head, size and time of each listed segment, in listing order
                l8_every_segment_is_listed L8 [];
                /// list_infos in parts returns the same as in one call, for over 1,000 sessions
                l8_parts_are_the_whole L8 [];
                /// list_infos can start after an id that no session has
                l8_the_start_need_not_exist L8 [];
                /// the provided list_infos returns the same segments as list_infos of the store
                l8_the_traits_body_agrees L8 [];
                /// list_infos does not leave out a damaged segment, and returns the other segments
                l8_a_damaged_segment_hides_nothing L8 [overwrite];
            }
            create {
                /// create_segment stores the entries in order
                c1_entries_in_order C1 [];
                /// create_segment without entries creates an empty segment
                c1_an_empty_segment_exists C1 [];
                /// create_segment on an existing segment replaces the whole log
                c2_it_replaces_the_whole_log C2 [];
                /// replacing a log keeps the trace
                c2_traces_stay C2 [read_traces];
                /// readers see the old log or the new log
                c2_readers_see_the_old_or_the_new C2 [];
                /// pages with the same head are from the same log
                c2_page_readers_can_tell C2 [epoch];
                /// exists returns true after the first create or append
                c3_exists_from_the_first_entry_on C3 [];
                /// exists creates nothing
                c3_asking_creates_nothing C3 [];
                /// read_entry_count equals the length of read_all
                c4_the_count_is_what_is_read C4 [];
                /// trace entries are not counted
                c4_traces_do_not_count C4 [];
                /// counting an unknown segment returns NotFound
                c4_unknown_is_not_found C4 [];
                /// the count includes every acknowledged append of other writers immediately
                c5_a_writer_sees_that_it_is_not_alone C5 [];
            }
            truncate {
                /// truncate keeps the first n entries byte for byte
                t1_it_keeps_the_first T1 [];
                /// truncate to the current length changes nothing
                t1_its_own_length_changes_nothing T1 [];
                /// truncate to 0 leaves an empty segment that exists
                t1_nothing_left_still_exists T1 [];
                /// truncate past the end returns Corrupt with both numbers and changes nothing
                t2_past_the_end_is_refused T2 [];
                /// truncate uses the current length, even if other handles have changed the log
                t2_the_current_length_counts T2 [];
                /// truncate of an unknown segment returns NotFound and creates nothing
                t3_unknown_is_not_found T3 [];
                /// truncate returns NotFound if only a trace exists, and after a delete
                t3_a_trace_is_not_found T3 [];
                /// appends after a truncate continue at entry n
                t4_appends_go_on_after_it T4 [];
                /// truncated entries do not come back after reopening
                t4_what_was_cut_stays_cut T4 [persistent];
                /// an append that starts after a truncate or replace returned is kept
                t5_an_append_after_it_is_there T5 [];
                /// an append that overlaps a truncate is kept or deleted as a whole
                t5_appends_meet_truncate T5 [];
                /// an append that overlaps a replace is kept or deleted as a whole
                t5_appends_meet_replace T5 [];
                /// an append that overlaps a delete is kept or deleted as a whole
                t5_appends_meet_delete T5 [delete];
                /// truncate does not change other segments
                t6_siblings_stay T6 [];
                /// truncate does not change the segment's trace
                t6_traces_stay T6 [read_traces];
                /// truncate does not change the pods
                t6_pods_stay T6 [pods];
                /// the provided truncate of the trait is correct on this store
                t7_the_traits_body_is_right T7 [];
            }
            traces {
                /// append_trace does not change the log, the count, the head or the listing
                x1_a_trace_leaves_the_log X1 [];
                /// append_trace creates no segment
                x1_a_trace_makes_nothing X1 [];
                /// a trace can be written before its segment exists
                x2_a_trace_may_come_first X2 [read_traces];
                /// deleting a segment deletes its trace
                x2_deleting_a_segment_deletes_its_trace X2 [delete, read_traces];
                /// trace entries are returned in order, page by page
                x3_traces_by_page X3 [read_traces];
                /// if a segment has no trace, a page of the trace is empty
                x3_no_trace_is_an_empty_page X3 [read_traces];
                /// every handle reads an acknowledged trace entry immediately
                x4_traces_are_seen_at_once X4 [read_traces];
                /// with many writers, each trace entry is stored once, in the order of its writer
                x4_writers_of_one_trace X4 [read_traces];
            }
            head {
                /// an unknown segment has no head
                h1_unknown_has_none H1 [];
                /// a head has the number of entries
                h1_it_counts H1 [];
                /// a head stays the same while the log does not change
                h1_it_stays_while_nothing_changes H1 [];
                /// truncate and replace give the head a token that was never used before
                h1_a_cut_gives_a_new_token H1 [epoch];
                /// delete and recreate give the head a token that was never used before
                h1_a_recreated_segment_has_a_new_token H1 [delete, epoch];
                /// append_if appends if the head is the expected head, and returns the new head
                h2_it_appends_if_nothing_changed H2 [conditional_append];
                /// append_if with another head returns Conflict with both heads and changes nothing
                h2_a_conflict_names_both_heads H2 [conditional_append];
                /// append_if without entries compares the head, or creates an empty segment
                h2_no_entries_only_compare H2 [conditional_append];
                /// of several writers that expect the same head, exactly one appends
                h2_one_writer_wins H2 [conditional_append];
                /// of several writers that expect no segment, exactly one appends
                h2_one_creator_wins H2 [conditional_append];
                /// append_if fails after a plain append that the expected head does not include
                h2_plain_appends_are_seen H2 [conditional_append];
                /// a declared operation works, and an undeclared operation returns Unsupported
                h3_declared_or_refused H3 [];
                /// append_if and truncate_if return Unsupported exactly if undeclared, for any head
                h3_for_every_expected_head H3 [];
                /// an old head is a Conflict after the log was truncated and grew to the old length
                h4_regrown_is_a_conflict H4 [conditional_append, epoch];
                /// an old head is a Conflict after the segment was deleted and created again
                h4_recreated_is_a_conflict H4 [conditional_append, delete, epoch];
                /// repeating append_if with the old head appends nothing
                h5_repeating_cannot_append_twice H5 [conditional_append];
                /// repeating append_if after appends of other writers appends nothing
                h5_repeating_after_others_is_a_conflict H5 [conditional_append];
                /// truncate_if truncates if the log has not changed
                h6_a_writer_rolls_back_its_own H6 [conditional_append];
                /// truncate_if with another head returns Conflict and changes nothing
                h6_another_entry_is_a_conflict H6 [conditional_append];
                /// truncate_if never deletes an entry that the expected head does not include
                h6_it_never_cuts_anothers H6 [conditional_append];
            }
            returned_heads {
                /// no head is used twice, also after truncates, replaces and reopening
                h1_no_head_comes_back H1 [epoch, persistent];
                /// append_if with None is a Conflict if the segment exists and is empty
                h2_none_is_not_an_empty_segment H2 [conditional_append];
                /// append_if with None creates the segment if only a trace exists
                h2_a_trace_is_no_segment H2 [conditional_append];
                /// append_if returns the head right after its own append while other writers append
                h2_the_returned_head_is_of_the_call H2 [conditional_append];
                /// append_if never returns the head of a log that replaced the log after the append
                h2_the_returned_head_is_not_of_a_later_log H2 [conditional_append, epoch];
                /// an old head is a Conflict after truncate_if and growth to the old length
                h4_regrown_after_truncate_if_is_a_conflict H4 [conditional_append, epoch];
                /// truncate_if returns the head right after its truncate while other writers append
                h6_the_returned_head_is_of_the_call H6 [conditional_append];
                /// truncate_if to the current length changes nothing and returns the same head
                h6_its_own_length_changes_nothing H6 [conditional_append];
                /// truncate_if past the end is Corrupt with both numbers and changes nothing
                h6_past_the_end_changes_nothing H6 [conditional_append];
                /// truncate_if does not change the trace or other segments
                h6_other_data_stays H6 [conditional_append, read_traces];
            }
            histories {
                /// concurrent appends and reads are linearizable
                a4_one_history_of_appends A4 [];
                /// concurrent appends, truncates, replaces and reads are linearizable
                t5_one_history_of_cuts T5 [];
                /// concurrent appends, deletes and reads are linearizable
                t5_one_history_of_deletes T5 [delete];
            }
            processes {
                /// another process reads an acknowledged change immediately
                a3_other_processes_see_it A3 [multi_process, process];
                /// concurrent appends in several processes are linearizable
                a4_one_history_of_processes A4 [multi_process, process];
                /// the count includes every acknowledged append of other processes immediately
                c5_other_processes_are_counted C5 [multi_process, process];
                /// of several processes that expect the same head, exactly one appends
                h2_one_process_wins H2 [conditional_append, multi_process, process];
                /// concurrent appends and truncates in several processes are linearizable
                t5_one_history_of_cutting_processes T5 [multi_process, process];
                /// processes that open an empty storage at the same moment all succeed
                s6_processes_open_at_once S6 [multi_process, process];
                /// another process reads an acknowledged trace entry immediately
                x4_other_processes_see_traces X4 [multi_process, process, read_traces];
                /// another process sees immediately that a pod is put, replaced or deleted
                p1_other_processes_see_pods P1 [multi_process, process, pods];
                /// a lookup in another process before a create does not change later lookups
                l5_other_processes_find_it L5 [multi_process, process];
                /// another process sees immediately that a segment or session is deleted
                d1_other_processes_see_deletes D1 [delete, multi_process, process];
            }
            kills {
                /// killing a writer loses no acknowledged change and leaves the log usable
                s3_a_killed_writer_loses_nothing S3 [persistent, process];
                /// a killed batch leaves a prefix of its entries; an atomic one leaves all or none
                a7_a_killed_batch_is_a_prefix A7 [persistent, process];
                /// after a kill during a create, the segment has all its entries or does not exist
                c1_a_killed_create_is_whole C1 [persistent, process];
                /// after a kill during a delete, the segment is whole, or gone with its trace
                d1_a_killed_delete_is_whole D1 [delete, persistent, process];
                /// killing a trace writer loses no acknowledged entry and leaves the trace usable
                x4_a_killed_trace_writer_loses_nothing X4 [persistent, process, read_traces];
                /// killing a writer of a pod leaves the old pod or the new pod
                p1_a_killed_put_is_whole P1 [persistent, pods, process];
            }
            full_disks {
                /// an append to a full disk changes nothing, and appends work after space is freed
                a5_a_full_disk_changes_nothing A5 [process, files];
                /// a failed call on a full disk changes nothing, and the same handle works later
                a5_a_handle_goes_on_after_a_full_disk A5 [process, files];
                /// append_if on a full disk changes nothing, and the same handle works later
                a5_conditions_on_a_full_disk A5 [conditional_append, process, files];
                /// put_pod on a full disk keeps the old pod, and the same handle works later
                a5_pods_on_a_full_disk A5 [pods, process, files];
                /// a delete on a full disk deletes everything or changes nothing
                a5_deletes_on_a_full_disk A5 [delete, process, files];
            }
            delete {
                /// listing, lookup and exists agree immediately that a segment is deleted
                d1_a_deleted_segment_is_gone D1 [delete];
                /// deleting the last segment of a session deletes the session
                d1_the_last_segment_takes_its_session D1 [delete];
                /// delete_session deletes all segments of the session and no others
                d1_a_deleted_session_is_gone D1 [delete];
                /// deleting a trace without a segment returns true
                d1_a_trace_alone_counts D1 [delete];
                /// deleting an unknown segment or session returns false
                d1_deleting_nothing_is_false D1 [delete];
                /// an append after a delete creates a new, listed segment
                d1_an_append_afterwards_makes_it_anew D1 [delete];
                /// deleted segments do not come back after reopening
                d1_deleted_stays_deleted D1 [delete, persistent];
            }
            coming_and_going {
                /// a session stays listed while other sessions are created and deleted
                l1_sessions_stay_listed_while_others_go L1 [delete];
                /// a segment stays listed while other segments are created and deleted
                l2_segments_stay_listed_while_others_go L2 [delete];
                /// list_infos returns a segment while other segments are created and deleted
                l8_facts_stay_listed_while_others_go L8 [delete];
                /// a lookup before a delete does not change the result of a lookup afterwards
                l5_no_answer_is_kept_over_a_delete L5 [delete];
                /// a lookup before a create does not change the result of a lookup afterwards
                l5_no_answer_is_kept_over_a_create L5 [];
                /// a batch or a create after a delete starts a new log
                d1_batches_and_creates_start_again D1 [delete];
                /// append_if with None after a delete starts a new log
                d1_conditions_start_again D1 [conditional_append, delete];
                /// delete_session deletes a session of more than 1,000 segments
                d1_a_large_session_is_gone D1 [delete];
                /// append_trace after a delete starts a new trace
                x2_traces_start_again X2 [delete, read_traces];
            }
            same_ids {
                /// segments with similar ids are separate
                a8_similar_ids_are_separate A8 [];
                /// sessions with similar ids are listed and deleted separately
                a8_similar_sessions_have_their_own_segments A8 [];
                /// equal entries of two logs are independent
                a8_equal_entries_of_two_logs A8 [];
                /// a change in one session does not change the same segment id in another session
                a8_the_second_session_is_changed A8 [];
                /// a conditional write does not change the same segment id in another session
                a8_conditions_of_the_second_session A8 [conditional_append];
                /// deleting the later of two segments with the same id does not change the first
                a8_deleting_the_second_leaves_the_first A8 [delete];
                /// deleting a segment keeps the trace of the same segment id in another session
                x2_deleting_leaves_the_trace_of_another_session X2 [delete, read_traces];
                /// the same ids in two storages are two segments
                s1_the_same_ids_in_two_storages S1 [];
                /// deleting a segment or a session deletes no pod that points there
                p1_pods_outlive_deletes P1 [pods, delete];
            }
            pods {
                /// put_pod creates a pod or replaces the whole pod
                p1_put_creates_and_replaces P1 [pods];
                /// a pod is stored byte for byte
                p1_unknown_fields_are_kept P1 [pods];
                /// a pod points to a session and optionally to a segment
                p1_the_pointer_is_read P1 [pods];
                /// readers see the old pod or the new pod
                p1_readers_see_the_old_or_the_new P1 [pods];
                /// reading an absent pod returns None, and deleting an absent pod returns false
                p2_absent_is_none P2 [pods];
                /// pod names are listed in byte order
                p2_names_are_sorted P2 [pods];
                /// more than 1,000 pods are listed
                l6_many_pods L6 [pods];
                /// every allowed pod name works and is distinct from all others
                p3_names_never_alias P3 [pods];
                /// a forbidden pod name returns InvalidPodName and changes nothing
                p3_bad_names_touch_nothing P3 [pods];
                /// put_pod_if puts the pod if the stored pod is the expected pod
                p4_it_puts_the_pod P4 [pods, conditional_put];
                /// put_pod_if with another expected pod returns PodConflict and changes nothing
                p4_a_conflict_changes_nothing P4 [pods, conditional_put];
                /// put_pod_if compares the bytes of the pods, not their values
                p4_bytes_are_compared P4 [pods, conditional_put];
                /// of several writers that expect the same pod, exactly one puts its pod
                p4_one_writer_wins P4 [pods, conditional_put];
                /// of several writers that expect no pod, exactly one puts its pod
                p4_one_creator_wins P4 [pods, conditional_put];
                /// put_pod_if never overwrites an unexpected pod of a concurrent put_pod
                p4_plain_puts_are_seen P4 [pods, conditional_put];
            }
            handles {
                /// two fresh storages are isolated
                s1_fresh_storages_are_isolated S1 [];
                /// a second handle on a storage reads the same data
                s1_a_second_handle_sees_the_same S1 [];
                /// reopening a storage finds the same data
                s2_reopening_finds_everything S2 [persistent];
                /// appends continue after reopening
                s2_appends_continue S2 [persistent];
                /// an acknowledged change is stored even if the handle is never closed
                s3_nothing_waits_for_the_close S3 [persistent];
                /// sync succeeds and changes nothing
                s4_sync_is_answered S4 [durable_sync];
                /// a panic in one thread leaves the store usable for other threads
                s5_a_panic_poisons_nothing S5 [];
                /// a panic in a caller's closure leaves the store usable for other threads
                s5_a_panic_in_a_closure_poisons_nothing S5 [];
                /// handles that open an empty storage at the same moment all succeed
                s6_first_opens_race S6 [multi_process];
                /// a storage with a newer format is refused with NewerFormat
                s7_a_newer_format_is_refused S7 [raise_format];
                /// opening a missing storage for reading fails with NoStore and creates nothing
                s7_a_missing_place_is_an_error S7 [open_missing];
            }
            maintenance {
                /// a check of a sound storage reports no fault
                m1_a_sound_store_has_no_fault M1 [maintenance];
                /// a check changes nothing
                m1_checking_changes_nothing M1 [maintenance];
                /// a check does not change the file of a log, even if the log has a bad line
                m1_checking_leaves_the_file M1 [maintenance, log_file];
                /// a repair does not change a sound storage
                m2_repairing_changes_nothing_sound M2 [maintenance];
                /// a repair keeps every entry that can be read
                m2_repairing_keeps_every_entry M2 [maintenance, overwrite];
                /// a check reports a segment that an index lacks
                m3_a_lost_index_entry_is_found M3 [maintenance, unlist];
                /// a repair adds a missing segment to the index
                m3_repairing_lists_a_segment_again M3 [maintenance, unlist];
                /// an append lists its segment and its session again
                m3_an_append_lists_its_segment_again M3 [unlist];
                /// a repair moves texts that are not entries out of a log, and keeps all entries
                m7_repairing_moves_bad_texts_out M7 [maintenance, overwrite];
                /// a repair repairs every damaged log, and a second repair changes nothing
                m7_every_damaged_log_is_repaired_once M7 [maintenance, overwrite];
                /// a repair of one segment repairs this segment and keeps every entry of the others
                m9_a_selected_segment_is_repaired M9 [maintenance, overwrite];
            }
        }
    };
}
