//! Broken file stores: tails, damaged lines, foreign files, locks, processes, crashes and full
//! disks.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use session_store_conformance::{Storage, TestHarness, serve};
use session_store_core::{SegmentId, SegmentKey, SessionId, Store, StoreError};
use tempfile::TempDir;

use super::BrokenStore;
use crate::jsonl::{Flaw, JsonlStore};

/// A folder with the name of the flaw. Another process finds out the flaw from the address.
struct Folder {
    place: TempDir,
    flaw: Flaw,
}

impl Folder {
    fn with(flaw: Flaw) -> Self {
        // A folder in memory, because on a disk the many small files take seconds.
        let memory = Path::new("/dev/shm");
        let place =
            if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        Self { place: place.expect("a temporary folder can be made"), flaw }
    }

    fn root(&self) -> PathBuf {
        self.place.path().join(format!("{:?}", self.flaw))
    }
}

impl Storage for Folder {
    fn open(&self) -> Result<Box<dyn Store>, StoreError> {
        Ok(Box::new(JsonlStore::open_or_create(&self.root())?))
    }

    fn address(&self) -> Option<String> {
        self.root().to_str().map(String::from)
    }

    fn open_at(address: &str) -> Result<Box<dyn Store>, StoreError> {
        Ok(Box::new(JsonlStore::open_or_create(address.as_ref())?))
    }

    fn folder(&self) -> Option<PathBuf> {
        Some(self.root())
    }

    fn log_file(&self, session_id: SessionId, segment_id: SegmentId) -> Option<PathBuf> {
        Some(JsonlStore::log(&self.root(), SegmentKey { session_id, segment_id }))
    }

    fn raise_format(&self) -> Option<io::Result<()>> {
        Some(fs::write(self.root().join(".format"), "2"))
    }

    fn open_missing(&self) -> Option<Result<Box<dyn Store>, StoreError>> {
        let opened = JsonlStore::open(&self.place.path().join("mistyped"), self.flaw);
        Some(opened.map(|store| Box::new(store) as Box<dyn Store>))
    }
}

#[test]
#[ignore = "a helper process that the checks start"]
fn in_another_process() {
    serve(&|| Folder::with(Flaw::None))
        .expect("the process that started this one reads its replies");
}

/// Defines the test of a file store with a flaw and the checks that must catch it.
macro_rules! flawed {
    ($(#[doc = $doc:literal] $test:ident has $flaw:ident caught by { $($id:ident)* })*) => {$(
        #[test]
        fn $test() {
            let test = concat!(module_path!(), "::in_another_process");
            let harness = TestHarness::new(|| Folder::with(Flaw::$flaw), test, &[]);
            let store = BrokenStore {
                name: stringify!($test),
                flaw: $doc.trim_ascii(),
                caught_by: &[$(stringify!($id)),*],
            };
            store.must_be_caught(harness);
        }
    )*};
}

flawed! {
    /// Has no flaw: the control, which every check must pass.
    files_without_a_flaw has None caught by {}

    /// Appends after a torn tail without removing it.
    glues_torn_tails has GluesTornTails caught by {
        a7_a_killed_batch_is_a_prefix
        r5_a_log_of_nothing_but_a_tail
        r5_a_torn_tail_is_moved_aside
        r5_conditions_write_the_owed_newline
        r5_nuls_after_an_object_are_torn
        r5_repair_under_other_handles
        s3_a_killed_writer_loses_nothing
    }

    /// Ignores a whole last line that has no newline, as if the newline committed it.
    hides_whole_tails has HidesWholeTails caught by {
        r5_a_whole_last_line_is_an_entry
        r5_an_append_writes_the_owed_newline
        r5_batches_write_the_owed_newline
        r5_nuls_after_an_object_are_torn
        r5_repair_under_other_handles
        r5_two_objects_are_a_bad_line
    }

    /// Reports a torn tail as a corrupt line.
    torn_tails_are_fatal has TornTailsAreFatal caught by {
        a7_a_killed_batch_is_a_prefix
        r2_reading_leaves_the_file
        r5_a_log_of_nothing_but_a_tail
        r5_a_torn_tail_is_moved_aside
        r5_a_torn_tail_is_not_there
        r5_conditions_write_the_owed_newline
        r5_nuls_after_an_object_are_torn
        r5_repair_under_other_handles
        s3_a_killed_writer_loses_nothing
    }

    /// Deletes a torn tail instead of keeping it in another file.
    deletes_torn_tails has DeletesTornTails caught by { r5_nothing_torn_is_deleted }

    /// Removes a torn tail when it reads the log.
    repairs_on_read has RepairsOnRead caught by { r2_reading_leaves_the_file }

    /// Skips lines that do not parse.
    skips_bad_lines has SkipsBadLines caught by {
        m2_repairing_keeps_every_entry
        r4_bad_lines_are_corrupt
        r4_lines_are_physical
        r5_two_objects_are_a_bad_line
        r6_fails_only_inside_the_page
    }

    /// Counts lines from 0 in the Corrupt error.
    counts_lines_from_zero has CountsLinesFromZero caught by {
        r4_bad_lines_are_corrupt
        r4_lines_are_physical
        r5_two_objects_are_a_bad_line
        r6_fails_only_inside_the_page
    }

    /// Reports the number of the entry instead of the line in the Corrupt error.
    numbers_entries_not_lines has NumbersEntriesNotLines caught by { r4_lines_are_physical }

    /// Counts blank lines as entries.
    counts_blank_lines has CountsBlankLines caught by {
        r2_reading_leaves_the_file
        r4_blank_lines_are_no_entries
        r5_a_log_of_nothing_but_a_tail
        r5_a_torn_tail_is_not_there
        r5_repair_under_other_handles
    }

    /// Refuses to append after a bad line.
    validates_on_append has ValidatesOnAppend caught by {
        m7_repairing_moves_bad_texts_out
        r4_the_rest_stays_usable
        r5_two_objects_are_a_bad_line
    }

    /// Parses the log when it counts, and fails at a bad line.
    validates_on_count has ValidatesOnCount caught by {
        m7_repairing_moves_bad_texts_out
        r4_the_rest_stays_usable
    }

    /// Parses the whole log for every page, and fails at any bad line.
    pages_read_the_whole_log has PagesReadTheWholeLog caught by {
        m2_repairing_keeps_every_entry
        r4_the_rest_stays_usable
        r5_two_objects_are_a_bad_line
        r6_fails_only_inside_the_page
    }

    /// Ends a line at U+2028.
    splits_on_line_separators has SplitsOnLineSeparators caught by {
        c2_it_replaces_the_whole_log
        c4_the_count_is_what_is_read
        e1_kept_by_append
        e1_kept_by_append_all
        e1_kept_by_append_if
        e1_kept_by_create
        e1_kept_by_pages
        e1_kept_by_reopening
        e1_kept_by_truncate
        m1_checking_changes_nothing
        m2_repairing_changes_nothing_sound
        m2_repairing_keeps_every_entry
        r2_reading_changes_nothing
        r4_the_rest_stays_usable
        r6_the_traits_body_agrees
        r7_other_entries_are_left_out
        s1_a_second_handle_sees_the_same
        s1_fresh_storages_are_isolated
        s2_reopening_finds_everything
        s3_nothing_waits_for_the_close
        t1_it_keeps_the_first
        t4_what_was_cut_stays_cut
        t6_siblings_stay
        t7_the_traits_body_is_right
    }

    /// Lists every file whose name starts with an id as a segment.
    lists_any_file has ListsAnyFile caught by {
        l3_a_trace_is_no_segment
        l4_strays_are_left_alone
        l4_strays_outlive_deletes_and_repairs
        l7_unknown_is_none
        t3_a_trace_is_not_found
        x1_a_trace_makes_nothing
    }

    /// Deletes unknown files when it opens the storage.
    sweeps_unknown_files has SweepsUnknownFiles caught by {
        l4_strays_are_left_alone
        l4_strays_outlive_deletes_and_repairs
    }

    /// Deletes the whole folder of a session that it deletes.
    deletes_whole_folders has DeletesWholeFolders caught by {
        l4_strays_outlive_deletes_and_repairs
    }

    /// Deletes unknown files in a repair.
    repairs_sweep has RepairsSweep caught by { l4_strays_outlive_deletes_and_repairs }

    /// Does not check the version of the format.
    ignores_the_format has IgnoresTheFormat caught by { s7_a_newer_format_is_refused }

    /// Creates the storage when it opens a missing one for reading.
    opens_what_is_not_there has OpensWhatIsNotThere caught by { s7_a_missing_place_is_an_error }

    /// Fails to open while another handle opens the storage for the first time.
    opens_one_at_a_time has OpensOneAtATime caught by {
        s6_first_opens_race
        s6_processes_open_at_once
    }

    /// Takes no lock, so other writers and readers see half of a line.
    locks_nothing has LocksNothing caught by {
        a2_a_segment_appears_with_its_first_entry
        a4_each_writers_order_is_kept
        a4_every_entry_once_and_whole
        a4_first_appends_race
        a4_one_history_of_appends
        a4_one_history_of_processes
        a5_a_definite_error_stored_nothing
        a6_batches_are_never_stored_twice
        a6_never_twice
        a7_batches_stay_contiguous
        c1_a_killed_create_is_whole
        h2_one_creator_wins
        h2_one_process_wins
        h2_one_writer_wins
        h2_plain_appends_are_seen
        h2_the_returned_head_is_of_the_call
        h6_it_never_cuts_anothers
        r3_reads_are_prefixes
        s6_first_opens_race
        s6_processes_open_at_once
        t5_appends_meet_replace
        t5_appends_meet_truncate
        t5_one_history_of_cuts
        t5_one_history_of_cutting_processes
    }

    /// Locks out only the threads of its own process.
    locks_its_process_only has LocksItsProcessOnly caught by {
        a4_one_history_of_processes
        c1_a_killed_create_is_whole
        h2_one_process_wins
        s6_processes_open_at_once
        t5_one_history_of_cutting_processes
    }

    /// Caches counts for all handles of a process, and ignores other processes.
    counts_in_its_process has CountsInItsProcess caught by {
        a3_changes_are_seen_at_once
        a4_one_history_of_processes
        a5_a_full_disk_changes_nothing
        a5_conditions_on_a_full_disk
        a5_refused_conditions_change_nothing
        a8_conditions_of_the_second_session
        a8_one_segment_id_in_two_sessions
        a8_similar_ids_are_separate
        a8_the_second_session_is_changed
        c1_entries_in_order
        c2_it_replaces_the_whole_log
        c4_the_count_is_what_is_read
        c5_other_processes_are_counted
        e4_logs_around_powers_of_two
        e5_every_method_keeps_unknown_fields
        h2_it_appends_if_nothing_changed
        h5_repeating_after_others_is_a_conflict
        h6_a_writer_rolls_back_its_own
        h6_it_never_cuts_anothers
        h6_past_the_end_changes_nothing
        l4_strays_outlive_deletes_and_repairs
        m7_every_damaged_log_is_repaired_once
        m7_repairing_moves_bad_texts_out
        m9_a_selected_segment_is_repaired
        r5_a_torn_tail_is_moved_aside
        r5_an_append_writes_the_owed_newline
        r5_batches_write_the_owed_newline
        r5_nuls_after_an_object_are_torn
        r5_repair_under_other_handles
        s1_the_same_ids_in_two_storages
        t5_one_history_of_cuts
        t5_one_history_of_cutting_processes
        t7_the_traits_body_is_right
    }

    /// Keeps the index of segments in the memory of the process.
    finds_in_its_process has FindsInItsProcess caught by {
        a3_other_processes_see_it
        c1_a_killed_create_is_whole
        l5_other_processes_find_it
        r5_a_whole_last_line_is_an_entry
    }

    /// Acknowledges a write that failed.
    swallows_write_errors has SwallowsWriteErrors caught by {
        a5_a_full_disk_changes_nothing
        a5_a_handle_goes_on_after_a_full_disk
        a5_conditions_on_a_full_disk
    }

    /// Writes an entry after it returned an error.
    repeats_after_an_error has RepeatsAfterAnError caught by {
        a5_a_full_disk_changes_nothing
        a5_a_handle_goes_on_after_a_full_disk
        a5_conditions_on_a_full_disk
    }

    /// Refuses every append of a handle after one has failed.
    stops_after_an_error has StopsAfterAnError caught by {
        a5_a_handle_goes_on_after_a_full_disk
        a5_conditions_on_a_full_disk
    }

    /// Leaves half of a failed write and appends after it.
    tears_and_glues has TearsAndGlues caught by {
        a5_a_full_disk_changes_nothing
        a5_a_handle_goes_on_after_a_full_disk
        a5_conditions_on_a_full_disk
        a7_a_killed_batch_is_a_prefix
        r5_a_log_of_nothing_but_a_tail
        r5_a_torn_tail_is_moved_aside
        r5_conditions_write_the_owed_newline
        r5_nuls_after_an_object_are_torn
        r5_repair_under_other_handles
        s3_a_killed_writer_loses_nothing
    }

    /// Overwrites the log file in place when it replaces or truncates.
    replaces_in_place has ReplacesInPlace caught by {
        a5_a_handle_goes_on_after_a_full_disk
        a5_conditions_on_a_full_disk
        c1_a_killed_create_is_whole
        s3_a_killed_writer_loses_nothing
    }

    /// Compares the head before it takes the lock.
    compares_before_it_locks has ComparesBeforeItLocks caught by {
        h2_one_creator_wins
        h2_one_process_wins
        h2_one_writer_wins
        h2_plain_appends_are_seen
        h2_the_returned_head_is_of_the_call
    }

    /// Writes the missing newline in append but not in append_all.
    batches_forget_the_newline has BatchesForgetTheNewline caught by {
        r5_batches_write_the_owed_newline
        r5_conditions_write_the_owed_newline
    }

    /// Removes a torn tail when it checks the storage.
    checking_cuts_tails has ChecksCutTails caught by { m1_checking_leaves_the_file }

    /// Deletes bad lines and everything after them in a repair.
    repairs_cut_at_bad_lines has RepairsCutAtBadLines caught by {
        m2_repairing_keeps_every_entry
        m7_every_damaged_log_is_repaired_once
        m7_repairing_moves_bad_texts_out
        m9_a_selected_segment_is_repaired
    }

    /// Does not change logs with bad lines in a repair.
    repairs_leave_bad_lines has RepairsLeaveBadLines caught by {
        m7_every_damaged_log_is_repaired_once
        m7_repairing_moves_bad_texts_out
        m9_a_selected_segment_is_repaired
    }

    /// Repairs only the oldest of the damaged logs.
    repairs_one_log has RepairsOneLog caught by { m7_every_damaged_log_is_repaired_once }

    /// Repairs nothing if only some segments are selected.
    selected_repairs_do_nothing has SelectedRepairsDoNothing caught by {
        m9_a_selected_segment_is_repaired
    }

    /// Leaves logs with a bad line out of the list of facts.
    lists_facts_of_sound_logs has ListsFactsOfSoundLogs caught by {
        l8_a_damaged_segment_hides_nothing
    }

    /// Declares atomic batches, but writes a batch in two halves.
    declares_atomic_batches has DeclaresAtomicBatches caught by { a7_a_killed_batch_is_a_prefix }

    /// Writes a batch first without its first entry.
    writes_batches_backwards has WritesBatchesBackwards caught by { a7_a_killed_batch_is_a_prefix }

    /// Fills the file of a new log after it created the file.
    creates_in_place has CreatesInPlace caught by {
        a5_conditions_on_a_full_disk
        a5_a_handle_goes_on_after_a_full_disk
        c1_a_killed_create_is_whole
    }

    /// Appends to a trace after a torn tail without removing it.
    traces_glue_torn_tails has TracesGlueTornTails caught by {
        x4_a_killed_trace_writer_loses_nothing
    }

    /// Overwrites the file of a pod in place.
    puts_pods_in_place has PutsPodsInPlace caught by {
        a5_pods_on_a_full_disk
        p1_a_killed_put_is_whole
    }

    /// Deletes the log of a segment before its trace.
    deletes_the_log_first has DeletesTheLogFirst caught by { d1_a_killed_delete_is_whole }

    /// Deletes the trace of a segment, and then copies the log to an archive and deletes the log.
    archives_before_it_deletes has ArchivesBeforeItDeletes caught by { a5_deletes_on_a_full_disk }

    /// Caches traces for all handles of a process, and ignores other processes.
    caches_traces_in_its_process has CachesTraces caught by { x4_other_processes_see_traces }

    /// Caches pods for all handles of a process, and ignores other processes.
    caches_pods_in_its_process has CachesPods caught by { p1_other_processes_see_pods }

    /// Caches the results of lookups in a process, and ignores other processes.
    caches_lookups_in_its_process has CachesLookups caught by {
        d1_other_processes_see_deletes
        l5_other_processes_find_it
    }

    /// Returns a head from append_if although the write failed.
    conditions_swallow_errors has ConditionsSwallowErrors caught by { a5_conditions_on_a_full_disk }
}
