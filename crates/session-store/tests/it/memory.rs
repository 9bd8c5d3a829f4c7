//! The memory backend.

use session_store_conformance::{Storage, conformance_tests};
use session_store_memory::MemoryStore;

fn storage() -> impl Storage {
    let store = MemoryStore::new();
    move || store.clone()
}

conformance_tests! {
    harness: storage,
    skip: {
        a3_other_processes_see_it: "a store in memory is in one process",
        a4_one_history_of_processes: "a store in memory is in one process",
        a5_a_full_disk_changes_nothing: "a store in memory has no files",
        c5_other_processes_are_counted: "a store in memory is in one process",
        d1_deleted_stays_deleted: "a store in memory ends with its last handle",
        e1_kept_by_reopening: "a store in memory ends with its last handle",
        h2_one_process_wins: "a store in memory is in one process",
        l4_strays_are_left_alone: "nothing else can be in there",
        l5_the_answer_outlives_the_handles: "a store in memory ends with its last handle",
        r2_reading_leaves_the_file: "there is no file",
        r4_bad_lines_are_corrupt: "there is no way to damage it from outside",
        r4_blank_lines_are_no_entries: "there is no file",
        r4_lines_are_physical: "there is no file",
        r4_the_rest_stays_usable: "there is no way to damage it from outside",
        r5_a_log_of_nothing_but_a_tail: "there is no file",
        r5_a_torn_tail_is_moved_aside: "there is no file",
        r5_a_torn_tail_is_not_there: "there is no file",
        r5_a_whole_last_line_is_an_entry: "there is no file",
        r5_an_append_writes_the_owed_newline: "there is no file",
        r5_batches_write_the_owed_newline: "there is no file",
        r5_conditions_write_the_owed_newline: "there is no file",
        r5_nothing_torn_is_deleted: "there is no file",
        r5_repair_under_other_handles: "there is no file",
        r6_fails_only_inside_the_page: "there is no way to damage it from outside",
        s2_appends_continue: "a store in memory ends with its last handle",
        s2_reopening_finds_everything: "a store in memory ends with its last handle",
        s3_a_killed_writer_loses_nothing: "a store in memory ends with its process",
        s3_nothing_waits_for_the_close: "a store in memory ends with its last handle",
        s6_first_opens_race: "a store in memory is in one process",
        s6_processes_open_at_once: "a store in memory is in one process",
        s7_a_missing_place_is_an_error: "a store in memory is in no place",
        s7_a_newer_format_is_refused: "memory has no format",
        t5_one_history_of_cutting_processes: "a store in memory is in one process",
        t4_what_was_cut_stays_cut: "a store in memory ends with its last handle",
    }
}
