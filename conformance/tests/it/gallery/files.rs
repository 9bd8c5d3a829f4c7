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

/// A folder that has the name of the flaw, so another process can read the flaw from the address.
struct Folder {
    place: TempDir,
    flaw: Flaw,
}

impl Folder {
    fn with(flaw: Flaw) -> Self {
        // Use a folder in memory, because the many small files take seconds on a disk.
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

/// Defines the tests of file stores. Each store has a flaw, and checks that must catch the store.
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
    /// Has no flaw. This store is the control: it must pass every check.
    files_without_a_flaw has None caught by {}

    /// append writes after a torn tail without removing the tail.
    glues_torn_tails has GluesTornTails caught by {
        a7_a_killed_batch_is_a_prefix
        r5_a_log_of_nothing_but_a_tail
        r5_a_torn_tail_is_moved_aside
        r5_conditions_write_the_owed_newline
        r5_nuls_after_an_object_are_torn
        r5_repair_under_other_handles
        s3_a_killed_writer_loses_nothing
    }

    /// Ignores a whole last line without a newline, as if only the newline committed the entry.
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

    /// read_all removes a torn tail from the log.
    repairs_on_read has RepairsOnRead caught by { r2_reading_leaves_the_file }

    /// Skips lines that cannot be parsed.
    skips_bad_lines has SkipsBadLines caught by {
        m2_repairing_keeps_every_entry
        r4_bad_lines_are_corrupt
        r4_lines_are_physical
        r5_two_objects_are_a_bad_line
        r6_fails_only_inside_the_page
    }

    /// The Corrupt error counts lines from 0.
    counts_lines_from_zero has CountsLinesFromZero caught by {
        r4_bad_lines_are_corrupt
        r4_lines_are_physical
        r5_two_objects_are_a_bad_line
        r6_fails_only_inside_the_page
    }

    /// The Corrupt error has the number of the entry instead of the number of the line.
    numbers_entries_not_lines has NumbersEntriesNotLines caught by { r4_lines_are_physical }

    /// Counts blank lines as entries.
    counts_blank_lines has CountsBlankLines caught by {
        r2_reading_leaves_the_file
        r4_blank_lines_are_no_entries
        r5_a_log_of_nothing_but_a_tail
        r5_a_torn_tail_is_not_there
        r5_repair_under_other_handles
    }

    /// Refuses to append to a log that has a bad line.
    validates_on_append has ValidatesOnAppend caught by {
        m7_repairing_moves_bad_texts_out
        r4_the_rest_stays_usable
        r5_two_objects_are_a_bad_line
    }

    /// read_entry_count parses the log, and fails at a bad line.
    validates_on_count has ValidatesOnCount caught by {
        m7_repairing_moves_bad_texts_out
        r4_the_rest_stays_usable
    }

    /// read_page parses the whole log, and fails even for a bad line outside of the page.
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

    /// Lists a file as a segment if the name of the file starts with an id.
    lists_any_file has ListsAnyFile caught by {
        l3_a_trace_is_no_segment
        l4_strays_are_left_alone
        l4_strays_outlive_deletes_and_repairs
        l7_unknown_is_none
        t3_a_trace_is_not_found
        x1_a_trace_makes_nothing
    }

    /// Opening the storage deletes unknown files.
    sweeps_unknown_files has SweepsUnknownFiles caught by {
        l4_strays_are_left_alone
        l4_strays_outlive_deletes_and_repairs
    }

    /// delete_session removes the folder of the session, with the files of other programs in it.
    deletes_whole_folders has DeletesWholeFolders caught by {
        l4_strays_outlive_deletes_and_repairs
    }

    /// A repair deletes unknown files.
    repairs_sweep has RepairsSweep caught by { l4_strays_outlive_deletes_and_repairs }

    /// Does not check the version of the format.
    ignores_the_format has IgnoresTheFormat caught by { s7_a_newer_format_is_refused }

    /// Opening a missing storage for reading creates the storage.
    opens_what_is_not_there has OpensWhatIsNotThere caught by { s7_a_missing_place_is_an_error }

    /// Opening a new storage fails while another handle opens the same storage.
    opens_one_at_a_time has OpensOneAtATime caught by {
        s6_first_opens_race
        s6_processes_open_at_once
    }

    /// Takes no lock, so other writers and readers see half-written lines.
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

    /// The lock excludes only threads of the same process.
    locks_its_process_only has LocksItsProcessOnly caught by {
        a4_one_history_of_processes
        c1_a_killed_create_is_whole
        h2_one_process_wins
        s6_processes_open_at_once
        t5_one_history_of_cutting_processes
    }

    /// Caches counts in a process, and ignores changes of other processes.
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

    /// A failed append returns an error, but stores an entry.
    repeats_after_an_error has RepeatsAfterAnError caught by {
        a5_a_full_disk_changes_nothing
        a5_a_handle_goes_on_after_a_full_disk
        a5_conditions_on_a_full_disk
    }

    /// After a failed append, a handle refuses every later append.
    stops_after_an_error has StopsAfterAnError caught by {
        a5_a_handle_goes_on_after_a_full_disk
        a5_conditions_on_a_full_disk
    }

    /// A failed write leaves half of a line in the log, and the next append continues this line.
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

    /// Replaces and truncates a log by overwriting its file in place.
    replaces_in_place has ReplacesInPlace caught by {
        a5_a_handle_goes_on_after_a_full_disk
        a5_conditions_on_a_full_disk
        c1_a_killed_create_is_whole
        s3_a_killed_writer_loses_nothing
    }

    /// append_if compares the head before it takes the lock.
    compares_before_it_locks has ComparesBeforeItLocks caught by {
        h2_one_creator_wins
        h2_one_process_wins
        h2_one_writer_wins
        h2_plain_appends_are_seen
        h2_the_returned_head_is_of_the_call
    }

    /// append writes a missing newline, but append_all does not.
    batches_forget_the_newline has BatchesForgetTheNewline caught by {
        r5_batches_write_the_owed_newline
        r5_conditions_write_the_owed_newline
    }

    /// A check of the storage removes a torn tail.
    checking_cuts_tails has ChecksCutTails caught by { m1_checking_leaves_the_file }

    /// A repair deletes the first bad line of a log and all later lines.
    repairs_cut_at_bad_lines has RepairsCutAtBadLines caught by {
        m2_repairing_keeps_every_entry
        m7_every_damaged_log_is_repaired_once
        m7_repairing_moves_bad_texts_out
        m9_a_selected_segment_is_repaired
    }

    /// A repair does not change logs with bad lines.
    repairs_leave_bad_lines has RepairsLeaveBadLines caught by {
        m7_every_damaged_log_is_repaired_once
        m7_repairing_moves_bad_texts_out
        m9_a_selected_segment_is_repaired
    }

    /// A repair changes only the oldest damaged log.
    repairs_one_log has RepairsOneLog caught by { m7_every_damaged_log_is_repaired_once }

    /// repair_segments repairs nothing.
    selected_repairs_do_nothing has SelectedRepairsDoNothing caught by {
        m9_a_selected_segment_is_repaired
    }

    /// list_infos leaves out logs that have a bad line.
    lists_facts_of_sound_logs has ListsFactsOfSoundLogs caught by {
        l8_a_damaged_segment_hides_nothing
    }

    /// Declares atomic_batch, but writes a batch in two halves.
    declares_atomic_batches has DeclaresAtomicBatches caught by { a7_a_killed_batch_is_a_prefix }

    /// Writes a batch without its first entry, and then replaces these lines by the whole batch.
    writes_batches_backwards has WritesBatchesBackwards caught by { a7_a_killed_batch_is_a_prefix }

    /// Creates an empty file for a new log, and writes the entries afterwards.
    creates_in_place has CreatesInPlace caught by {
        a5_conditions_on_a_full_disk
        a5_a_handle_goes_on_after_a_full_disk
        c1_a_killed_create_is_whole
    }

    /// append_trace writes after a torn tail without removing the tail.
    traces_glue_torn_tails has TracesGlueTornTails caught by {
        x4_a_killed_trace_writer_loses_nothing
    }

    /// Overwrites the file of a pod in place.
    puts_pods_in_place has PutsPodsInPlace caught by {
        a5_pods_on_a_full_disk
        p1_a_killed_put_is_whole
    }

    /// Deletes the log of a segment first, and the trace afterwards.
    deletes_the_log_first has DeletesTheLogFirst caught by { d1_a_killed_delete_is_whole }

    /// Deletes the trace of a segment, then copies the log to an archive, and then deletes the log.
    archives_before_it_deletes has ArchivesBeforeItDeletes caught by { a5_deletes_on_a_full_disk }

    /// Caches traces in a process, and ignores changes of other processes.
    caches_traces_in_its_process has CachesTraces caught by { x4_other_processes_see_traces }

    /// Caches pods in a process, and ignores changes of other processes.
    caches_pods_in_its_process has CachesPods caught by { p1_other_processes_see_pods }

    /// Caches the results of lookups in a process, and ignores changes of other processes.
    caches_lookups_in_its_process has CachesLookups caught by {
        d1_other_processes_see_deletes
        l5_other_processes_find_it
    }

    /// append_if returns a head although the write failed.
    conditions_swallow_errors has ConditionsSwallowErrors caught by { a5_conditions_on_a_full_disk }
}
