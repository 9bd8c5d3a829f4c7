//! Every check of the conformance kit against the store.

use std::sync::Arc;

use session_store_conformance::{Storage, conformance_tests};
use session_store_core::{Store, StoreError};
use tempfile::TempDir;
use third_party_store::RedbStore;

/// A database file, in a folder that goes when the storage does.
struct File {
    store: Arc<RedbStore>,
    _folder: TempDir,
}

fn file() -> File {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let store = RedbStore::open_or_create(&folder.path().join("sessions.redb"));
    File { store: Arc::new(store.expect("an empty file can be made")), _folder: folder }
}

impl Storage for File {
    fn open(&self) -> Result<Box<dyn Store>, StoreError> {
        Ok(Box::new(Arc::clone(&self.store)))
    }
}

conformance_tests! {
    harness: file,
    skip: {
        a3_other_processes_see_it: "redb lets one process open a file",
        a4_one_history_of_processes: "redb lets one process open a file",
        a5_a_full_disk_changes_nothing: "redb lets one process open a file",
        a7_batches_show_whole: "append_all is the trait's own loop",
        a7_batches_stay_contiguous: "append_all is the trait's own loop",
        c2_page_readers_can_tell: "a head is only a count",
        c5_other_processes_are_counted: "redb lets one process open a file",
        e1_kept_by_reopening: "not declared: the harness keeps one handle open",
        h1_a_cut_gives_a_new_token: "a head is only a count",
        l3_a_pod_is_no_session: "it keeps no pods",
        l4_strays_are_left_alone: "it is one file",
        l5_the_answer_outlives_the_handles: "not declared: the harness keeps one handle open",
        p1_put_creates_and_replaces: "it keeps no pods",
        p1_readers_see_the_old_or_the_new: "it keeps no pods",
        p1_the_pointer_is_read: "it keeps no pods",
        p1_unknown_fields_are_kept: "it keeps no pods",
        p2_absent_is_none: "it keeps no pods",
        p2_names_are_sorted: "it keeps no pods",
        p3_bad_names_touch_nothing: "it keeps no pods",
        p3_names_never_alias: "it keeps no pods",
        r2_reading_leaves_the_file: "its file holds no lines",
        r4_bad_lines_are_corrupt: "nothing else writes to its file",
        r4_blank_lines_are_no_entries: "its file holds no lines",
        r4_lines_are_physical: "its file holds no lines",
        r4_the_rest_stays_usable: "nothing else writes to its file",
        r5_a_log_of_nothing_but_a_tail: "its file holds no lines",
        r5_a_torn_tail_is_moved_aside: "its file holds no lines",
        r5_a_torn_tail_is_not_there: "its file holds no lines",
        r5_a_whole_last_line_is_an_entry: "its file holds no lines",
        r5_an_append_writes_the_owed_newline: "its file holds no lines",
        r5_batches_write_the_owed_newline: "its file holds no lines",
        r5_nothing_torn_is_deleted: "its file holds no lines",
        r5_repair_under_other_handles: "its file holds no lines",
        r6_fails_only_inside_the_page: "nothing else writes to its file",
        s2_appends_continue: "not declared: the harness keeps one handle open",
        s2_reopening_finds_everything: "not declared: the harness keeps one handle open",
        s3_a_killed_writer_loses_nothing: "not declared: the harness keeps one handle open",
        s3_nothing_waits_for_the_close: "not declared: the harness keeps one handle open",
        s6_first_opens_race: "redb lets one process open a file",
        s6_processes_open_at_once: "redb lets one process open a file",
        s7_a_missing_place_is_an_error: "it has no open that does not create",
        s7_a_newer_format_is_refused: "redb looks after its own format",
        t4_what_was_cut_stays_cut: "not declared: the harness keeps one handle open",
        t5_one_history_of_cutting_processes: "redb lets one process open a file",
        t6_pods_stay: "it keeps no pods",
    },
}
