//! Tests of the problems that users of other tools reported in public, with one case for each kind
//! of problem.
//!
//! Each kind of problem is a row with a number. The numbers only order the tests.

use rstest::rstest;
use session_store_import::State::{self, Conflict, Imported, Refused};

use crate::logs::{G, Logs, S};

const OTHER: &str = "5d1c1f6e-1111-4222-8333-00000000c0de";

/// Each case is a list of files. For each file, the case gives the state, the session, and whether
/// the segment has the same id as the session.
#[rstest]
#[case::row_1_a_resumed_thread_of_codex(
    &[
        ("s/26/rollout-2026-08-26T17-18-13-0ccf1a04-1b4c-43b6-8aa5-79e41db43a68.jsonl", "{\"n\":1}\n"),
        ("s/27/rollout-2026-08-27T09-00-00-0ccf1a04-1b4c-43b6-8aa5-79e41db43a68_019a93b9-f380-7600-98ff-940e6b99603c.jsonl", "{\"n\":2}\n"),
        ("s/27/rollout-2026-08-27T10-00-00-5d1c1f6e-1111-4222-8333-00000000c0de.jsonl", "{\"n\":3}\n"),
    ],
    &[(Imported, S, true), (Imported, S, false), (Imported, OTHER, true)]
)]
#[case::row_2_a_stub_with_the_id_of_a_session(
    &[
        ("a-stub/0ccf1a04-1b4c-43b6-8aa5-79e41db43a68.jsonl", "{\"n\":9}\n"),
        ("b/0ccf1a04-1b4c-43b6-8aa5-79e41db43a68.jsonl", "{\"n\":1}\n{\"n\":2}\n"),
        ("c/019a93b9-f380-7600-98ff-940e6b99603c.jsonl", "{}\n"),
    ],
    &[(Imported, S, true), (Conflict, S, true), (Imported, G, true)]
)]
#[case::row_4_the_id_in_another_case(
    &[
        ("archive/0CCF1A04-1B4C-43B6-8AA5-79E41DB43A68.jsonl", "{\"n\":1}\n{\"n\":2}\n"),
        ("chats/0ccf1a04-1b4c-43b6-8aa5-79e41db43a68.jsonl", "{\"n\":1}\n"),
    ],
    &[(Imported, S, true), (State::Unchanged, S, true)]
)]
#[case::row_9_subagents_of_workflows(
    &[
        ("q/0ccf1a04-1b4c-43b6-8aa5-79e41db43a68/subagents/workflows/w/agent-a2.jsonl", "{\"n\":1}\n"),
        ("q/0ccf1a04-1b4c-43b6-8aa5-79e41db43a68/subagents/workflows/w/journal.jsonl", "{\"n\":1}\n"),
    ],
    &[(Imported, S, false), (Imported, S, false)]
)]
#[case::row_10_a_subagent_beside_its_session(
    &[("q/agent-old.jsonl", "{\"isSidechain\":true,\"sessionId\":\"0ccf1a04-1b4c-43b6-8aa5-79e41db43a68\"}\n")],
    &[(Imported, S, false)]
)]
#[case::row_11_the_id_is_the_name_of_the_folder(
    &[("session-state/0ccf1a04-1b4c-43b6-8aa5-79e41db43a68/events.jsonl", "{\"n\":1}\n")],
    &[(Imported, S, false)]
)]
#[case::row_18_nuls_only(
    &[("0ccf1a04-1b4c-43b6-8aa5-79e41db43a68.jsonl", "\0\0\0\0")],
    &[(Refused, "", false)]
)]
#[case::row_28_a_torn_first_line(
    &[("0ccf1a04-1b4c-43b6-8aa5-79e41db43a68.jsonl", "{\"a\":\n{\"n\":2}\n{\"n\":3}\n")],
    &[(Refused, "", false)]
)]
fn a_log_has_the_expected_state_and_session(
    #[case] files: &[(&str, &str)],
    #[case] expected: &[(State, &str, bool)],
) {
    let logs = Logs::with(files);
    let imported = logs.import();
    let found: Vec<_> = imported
        .reports
        .iter()
        .map(|report| {
            let key = report.key;
            let session = key.map(|key| key.session_id.to_string()).unwrap_or_default();
            let is_same =
                key.is_some_and(|key| key.session_id.as_bytes() == key.segment_id.as_bytes());
            (report.state, session, is_same)
        })
        .collect();
    let expected: Vec<_> =
        expected.iter().map(|(state, id, same)| (*state, (*id).to_owned(), *same)).collect();
    assert_eq!(found, expected, "{imported:?}");
}

/// Row 3: a symbolic link leads to a project folder.
#[cfg(unix)]
#[test]
fn row_3_a_file_that_two_paths_reach_is_one() {
    let logs = Logs::with(&[("real/a.jsonl", "{}\n")]);
    std::os::unix::fs::symlink(logs.path("real"), logs.path("also")).unwrap();
    let imported = logs.import();
    assert_eq!(imported.states(), [Imported]);
    assert!(imported.of("a.jsonl").path.contains("real"));
    assert_eq!(imported.passed_over(), [("second paths to a file", 1)]);
}

/// Row 8: one folder cannot be entered.
#[cfg(unix)]
#[test]
fn row_8_an_unreadable_folder_does_not_stop_the_others() {
    use std::os::unix::fs::PermissionsExt;

    let logs = Logs::with(&[("a/x.jsonl", "{\"n\":1}\n"), ("b/y.jsonl", "{\"n\":2}\n")]);
    let set_mode = |mode| {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(logs.path("a"), mode).unwrap();
    };
    set_mode(0o000);
    // Root can enter every folder.
    let can_enter = std::fs::read_dir(logs.path("a")).is_ok();
    let imported = logs.import();
    set_mode(0o700);
    let expected = if can_enter { [Imported, Imported] } else { [State::Failed, Imported] };
    assert_eq!(imported.states(), expected);
}

/// Row 12: the project folder is renamed and imported again, also from other roots.
#[test]
fn row_12_the_ids_do_not_depend_on_the_root_or_on_the_project() {
    let below = format!("{S}/subagents/agent-a1.jsonl");
    let first = "{\"parentUuid\":null}\n";
    let files = [format!("projects/p/{S}.jsonl"), format!("projects/p/{below}")];
    let logs = Logs::with(&[(&files[0], first), (&files[1], "{}\n")]);
    logs.put("projects/p/notes.jsonl", "{\"n\":1}\n");
    assert_eq!(logs.import().states(), [Imported; 3]);
    let stored = logs.stored();
    std::fs::rename(logs.path("projects/p"), logs.path("projects/q")).unwrap();
    for root in ["", "projects", "projects/q", &format!("projects/q/{S}/subagents")] {
        let again = logs.import_paths(&[logs.path(root)]);
        assert_eq!(again.summary.new, 0, "from {root}: {again:?}");
    }
    assert_eq!(logs.stored(), stored);
}

/// Row 14: the program empties or shortens a log that was imported.
#[rstest]
#[case::empty("", State::Empty)]
#[case::shorter("{\"n\":1}\n", State::Behind)]
fn row_14_a_log_that_lost_entries_is_kept(#[case] now: &str, #[case] expected: State) {
    let file = format!("{S}.jsonl");
    let logs = Logs::with(&[(&file, "{\"n\":1}\n{\"n\":2}\n")]);
    logs.import();
    let stored = logs.stored();
    logs.put(&file, now);
    let imported = logs.import();
    assert_eq!((imported.states(), imported.summary.is_clean()), (vec![expected], true));
    assert_eq!(logs.stored(), stored);
}

/// Row 16: Codex compresses the logs that are older than a week.
#[test]
fn row_16_a_compressed_log_is_the_same_log() {
    let name = format!("rollout-2026-08-01T00-00-01-{S}.jsonl");
    let content = "{\"n\":1}\n{\"n\":2}\n";
    let logs = Logs::with(&[(&name, content)]);
    logs.import();
    std::fs::remove_file(logs.path(&name)).unwrap();
    logs.put(&format!("{name}.zst"), zstd::encode_all(content.as_bytes(), 0).unwrap());
    assert_eq!(logs.import().states(), [State::Unchanged]);
    // The plain file is stored. The compressed file beside it contains the same log, so nothing
    // more is stored.
    logs.put(&name, format!("{content}{{\"n\":3}}\n"));
    let imported = logs.import();
    assert_eq!(imported.states(), [State::Extended, State::Unchanged]);
    assert!(imported.of(&format!("{name}.zst")).reason.is_some());
}

/// Rows 17, 22, 23, 24 and 36: files in forms that are not imported.
#[test]
fn row_17_files_that_are_not_taken_are_counted_by_kind() {
    let logs = Logs::with(&[
        ("a.jsonl", "{}\n"),
        ("old/one.json", "{}"),
        ("old/two.json", "[{}]"),
        ("sessions.db", "SQLite format 3\0"),
        ("notes", ""),
    ]);
    let imported = logs.import();
    assert!(imported.summary.is_clean());
    let expected = [("*.json", 2), ("SQLite databases", 1), ("files without an extension", 1)];
    assert_eq!(imported.passed_over(), expected);
}

/// Rows 18 to 21 with `salvage`: a file without a whole record is not a success.
#[rstest]
#[case::nuls(&[0; 5000])]
#[case::array(b"[1, 2, 3]\n")]
#[case::database(b"SQLite format 3\0\x10\x00")]
#[case::cut_object(b"{\"a\":[1\n")]
fn row_18_a_file_without_a_record_is_refused_with_salvage_too(#[case] content: &[u8]) {
    let mut logs = Logs::new();
    logs.put(&format!("{S}.jsonl"), content);
    for salvage in [false, true] {
        logs.options.salvage = salvage;
        let imported = logs.import();
        assert_eq!(imported.states(), [Refused], "{imported:?}");
        assert!(!imported.reports[0].salvage_helps);
    }
    assert_eq!(logs.stored(), []);
}

/// Row 21: the output of a program that indents JSON.
#[test]
fn row_21_a_record_on_several_lines_is_taken() {
    let logs = Logs::with(&[("a.jsonl", "{\n  \"n\": 1.0\n}\n{\n  \"n\": 2\n}\n")]);
    let imported = logs.import();
    assert_eq!(imported.reports[0].oddities.several_lines, 2);
    assert_eq!(logs.stored()[0].1, "{\"n\": 1.0} {\"n\": 2}");
}

/// Row 22: a file that contains one array. The user names the file.
#[test]
fn row_22_an_array_of_objects_is_taken_if_the_file_is_named() {
    let logs = Logs::new();
    let file = logs.put("tasks/history.json", "[{\"n\": 1.0},\n {\"n\": 2}]");
    let imported = logs.import_paths(std::slice::from_ref(&file));
    assert_eq!(
        (imported.states(), &*logs.stored()[0].1),
        (vec![Imported], "{\"n\": 1.0} {\"n\": 2}")
    );
}

/// Row 25: the last line is still being written.
#[test]
fn row_25_a_log_is_taken_up_to_its_unfinished_line() {
    let file = format!("{S}.jsonl");
    let logs = Logs::with(&[(&file, "{\"n\":1}\n{\"n\":2,\"te")]);
    let imported = logs.import();
    assert_eq!(
        (imported.states(), imported.reports[0].oddities.unfinished),
        (vec![Imported], Some(10))
    );
    logs.put(&file, "{\"n\":1}\n{\"n\":2,\"text\":\"\"}\n");
    assert_eq!(logs.import().states(), [State::Extended]);
    assert_eq!(logs.stored()[0].1, "{\"n\":1} {\"n\":2,\"text\":\"\"}");
}

/// Row 26: a byte-order mark and CRLF.
#[test]
fn row_26_a_byte_order_mark_is_dropped() {
    let logs = Logs::with(&[("a.jsonl", "\u{feff}{\"n\":1}\r\n{\"n\":2}\r\n")]);
    let imported = logs.import();
    assert!(imported.reports[0].oddities.byte_order_mark);
    assert_eq!(logs.stored()[0].1, "{\"n\":1} {\"n\":2}");
}

/// Rows 27 and 28 with `salvage`.
#[rstest]
#[case::nuls("{\"n\":1}\0\0\0\n{\"n\":2}\n\0\0", 2, 2)]
#[case::torn_first_line("{\"a\":\n{\"n\":2}\n{\"n\":3}\n", 2, 1)]
fn row_27_whole_records_are_salvaged(
    #[case] content: &str,
    #[case] entries: usize,
    #[case] lines: usize,
) {
    let mut logs = Logs::with(&[("a.jsonl", content)]);
    assert!(logs.import().reports[0].salvage_helps);
    logs.options.salvage = true;
    let imported = logs.import();
    assert_eq!(imported.summary.salvaged, 1);
    let report = &imported.reports[0];
    assert_eq!((report.entries, report.oddities.salvaged.len()), (entries, lines));
}

/// Row 33: thousands of empty files.
#[test]
fn row_33_an_empty_file_makes_no_segment() {
    let logs = Logs::with(&[("a.jsonl", ""), ("b.jsonl", "\n \n"), (&format!("{S}.jsonl"), "")]);
    for _ in 0..2 {
        assert_eq!(logs.import().states(), [State::Empty; 3]);
    }
    assert_eq!(logs.stored(), []);
}

/// Row 34: files of lines that are not sessions.
#[test]
fn row_34_histories_of_prompts_are_not_sessions() {
    let logs = Logs::with(&[
        (".claude/history.jsonl", "{\"display\":\"hi\",\"project\":\"/p\"}\n"),
        (".codex/history.jsonl", "{\"session_id\":\"x\",\"ts\":1,\"text\":\"hi\"}\n"),
        (".codex/session_index.jsonl", "{\"id\":\"x\"}\n"),
    ]);
    let passed_over = logs.import();
    let passed_over = passed_over.passed_over();
    assert_eq!(passed_over, [("indexes of sessions", 1), ("prompt histories", 2)]);
}
