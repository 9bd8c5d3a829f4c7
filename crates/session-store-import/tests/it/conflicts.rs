//! Tests of files that differ from the stored log, with each value of `OnConflict`. The numbers of
//! rows are explained in `reports.rs`.

use rstest::rstest;
use session_store_core::{SegmentKey, StoreExt};
use session_store_import::{OnConflict, State};

use crate::logs::{Logs, S};

const FILE: &str = "0ccf1a04-1b4c-43b6-8aa5-79e41db43a68.jsonl";
const OLD: &str = "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n";
const NEW: &str = "{\"n\":1}\n{\"n\":20}\n{\"n\":30}\n";

/// Imports the old form of a log, and then the new form with an option.
fn after(on_conflict: OnConflict) -> (Logs, State) {
    let mut logs = Logs::with(&[(FILE, OLD)]);
    logs.import();
    logs.put(FILE, NEW);
    logs.options.on_conflict = on_conflict;
    let state = logs.import().states()[0];
    (logs, state)
}

fn main_log(logs: &Logs) -> String {
    let key = SegmentKey::new(S.parse().unwrap(), S.parse().unwrap());
    let entries = logs.store.at(key).read_all().unwrap();
    entries.iter().map(|entry| format!("{}\n", entry.as_json())).collect()
}

#[rstest]
#[case::report(OnConflict::Report, State::Conflict, OLD)]
#[case::skip(OnConflict::Skip, State::Skipped, OLD)]
#[case::replace(OnConflict::Replace, State::Extended, NEW)]
fn a_conflict_is_treated_as_the_option_says(
    #[case] on_conflict: OnConflict,
    #[case] expected: State,
    #[case] stored: &str,
) {
    let (logs, state) = after(on_conflict);
    assert_eq!((state, &*main_log(&logs), logs.stored().len()), (expected, stored, 1));
}

#[test]
fn a_fork_keeps_both_and_is_found_again() {
    let (logs, state) = after(OnConflict::Fork);
    assert_eq!((state, &*main_log(&logs)), (State::Imported, OLD));
    let stored = logs.stored();
    let origin = format!(
        "{{\"at_entry\":1,\"forked_from\":{{\"at_turn_index\":0,\"segment_id\":\"{S}\"}},\"kind\":\"fork\"}}"
    );
    let fork = stored.iter().find(|(key, _)| key.segment_id.to_string() != S).unwrap();
    assert_eq!(fork.1, format!("{origin} {{\"n\":20}} {{\"n\":30}}"));

    let again = logs.import();
    assert_eq!((again.states(), logs.stored()), (vec![State::Unchanged], stored));
    assert_eq!((again.reports[0].entries, again.reports[0].new), (3, 0));
    logs.put(FILE, format!("{NEW}{{\"n\":40}}\n"));
    let grown = logs.import();
    assert_eq!((grown.states(), logs.stored().len()), (vec![State::Extended], 2));
    assert_eq!((grown.reports[0].entries, grown.reports[0].new), (4, 1));
    // A third form of the log is stored as a fork of the first fork.
    logs.put(FILE, "{\"n\":1}\n{\"n\":20}\n{\"n\":300}\n");
    let third = logs.import();
    assert_eq!((third.states(), logs.stored().len()), (vec![State::Imported], 3));
    assert_eq!(third.reports[0].fork_of.unwrap(), grown.reports[0].key.unwrap().segment_id);
}

/// Row 15 of the reports: one session was continued on two machines.
#[test]
fn two_machines_are_both_kept_with_fork() {
    let mut logs = Logs::with(&[(&format!("a/{FILE}"), OLD)]);
    logs.put(&format!("b/{FILE}"), NEW);
    let imported = logs.import();
    assert_eq!(imported.states(), [State::Imported, State::Conflict]);
    let reason = imported.reports[1].reason.clone().unwrap();
    assert!(reason.contains("--on-conflict fork"), "{reason}");
    logs.options.on_conflict = OnConflict::Fork;
    assert_eq!(logs.import().states(), [State::Unchanged, State::Imported]);
    assert_eq!(logs.stored().len(), 2);
}

/// Two files have the same segment. If `replace` applied to the second file, the second file would
/// delete the entries of the first file.
#[test]
fn two_files_of_one_segment_do_not_replace_each_other() {
    let mut logs = Logs::with(&[(&format!("a/{FILE}"), OLD), (&format!("b/{FILE}"), "{}\n")]);
    logs.options.on_conflict = OnConflict::Replace;
    for _ in 0..2 {
        let imported = logs.import();
        assert_eq!(imported.states()[1], State::Conflict);
        assert_eq!(main_log(&logs), OLD);
    }
}

#[test]
fn a_log_that_is_behind_is_not_replaced() {
    let mut logs = Logs::with(&[(FILE, OLD)]);
    logs.import();
    logs.put(FILE, "{\"n\":1}\n");
    logs.options.on_conflict = OnConflict::Replace;
    assert_eq!(logs.import().states(), [State::Behind]);
    assert_eq!(main_log(&logs), OLD);
}

/// Row 29 of the reports: an import salvaged a damaged log. Later the user repaired the file.
#[test]
fn a_repaired_file_replaces_the_salvaged_log() {
    let mut logs = Logs::with(&[(FILE, "{\"n\":1}\n{\"n\":2\n{\"n\":3}\n")]);
    logs.options.salvage = true;
    assert_eq!(logs.import().states(), [State::Imported]);
    logs.put(FILE, OLD);
    logs.options.salvage = false;
    let reason = logs.import().reports[0].reason.clone().unwrap();
    assert!(reason.contains("entry 2 differs") && reason.contains("replace"), "{reason}");
    logs.options.on_conflict = OnConflict::Replace;
    assert_eq!((logs.import().states(), &*main_log(&logs)), (vec![State::Extended], OLD));
}

/// Row 13 of the reports: a program rewrites the first entry when it upgrades its format.
#[test]
fn a_log_whose_first_entry_changed_is_kept_whole_beside_the_old_one() {
    let mut logs = Logs::with(&[(FILE, "{\"version\":2}\n{\"n\":1}\n")]);
    logs.import();
    logs.put(FILE, "{\"version\":3}\n{\"n\":1}\n{\"n\":2}\n");
    assert_eq!(logs.import().states(), [State::Conflict]);
    logs.options.on_conflict = OnConflict::Fork;
    let imported = logs.import();
    assert_eq!((imported.states(), imported.summary.new), (vec![State::Imported], 3));
    assert_eq!(logs.import().states(), [State::Unchanged]);
}

/// The first entry of a fork contains the index of the turn at which it begins. The command `tree`
/// and the agent crate read this index.
#[rstest]
#[case::own_layout(
    &format!("{S}/{S}.jsonl"),
    "{\"kind\":\"user_input\"}\n{\"kind\":\"turn_end\"}\n{\"kind\":\"user_input\"}\n",
    1
)]
#[case::claude_code(
    FILE,
    "{\"parentUuid\":null,\"type\":\"user\",\"message\":{\"role\":\"user\",\"content\":\"a\"}}\n{\"type\":\"assistant\"}\n{\"type\":\"user\"}\n",
    2
)]
fn a_fork_names_the_turn_of_its_origin(
    #[case] file: &str,
    #[case] common: &str,
    #[case] turns: usize,
) {
    let mut logs = Logs::with(&[(file, &format!("{common}{{\"n\":1}}\n"))]);
    logs.import();
    logs.put(file, format!("{common}{{\"n\":2}}\n"));
    logs.options.on_conflict = OnConflict::Fork;
    let key = logs.import().reports[0].key.unwrap();
    let first = logs.store.at(key).read_all().unwrap().remove(0);
    let first: serde_json::Value = first.decode().unwrap();
    assert_eq!(first["forked_from"]["at_turn_index"], turns);
    assert_eq!(first["at_entry"], 3);
}

#[test]
fn a_dry_run_counts_the_files_of_one_segment_once() {
    let mut logs = Logs::with(&[(&format!("a/{FILE}"), OLD), (&format!("b/{FILE}"), OLD)]);
    logs.options.dry_run = true;
    let imported = logs.import();
    assert_eq!(imported.states(), [State::Imported, State::Skipped]);
    assert_eq!((imported.summary.new, logs.stored().len()), (3, 0));
}
