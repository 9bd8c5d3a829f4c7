//! Tests of files that are not logs, and of names that are hard to print.

use rstest::rstest;
use session_store_import::State;

use crate::logs::{Logs, S};

#[rstest]
#[case::utf_16(b"\xFF\xFE{\0}\0", "iconv")]
#[case::database(b"SQLite format 3\0", "an SQLite database, not a log")]
#[case::image(b"\x89PNG\r\n\x1a\n", "an image")]
#[case::archive(b"PK\x03\x04", "an archive")]
#[case::array(b"[\n{}\n]\n", "jq -c '.[]'")]
#[case::damaged_gzip(b"\x1F\x8B\x08\x00garbage", "the gzip data is damaged")]
#[case::damaged_zstd(b"\x28\xB5\x2F\xFD\xFF\xFF", "the zstd data is damaged")]
fn a_file_that_is_not_a_log_is_named_for_what_it_is(
    #[case] content: &[u8],
    #[case] expected: &str,
) {
    let logs = Logs::new();
    logs.put("a.jsonl", content);
    logs.put(&format!("{S}.jsonl"), "{}\n");
    let imported = logs.import();
    let report = imported.of("a.jsonl");
    assert_eq!(report.state, State::Refused);
    let reason = report.reason.as_deref().unwrap();
    assert!(reason.contains(expected), "{reason}");
    assert_eq!(imported.of(&format!("{S}.jsonl")).state, State::Imported);
}

#[test]
fn a_line_over_the_limit_is_refused() {
    let mut logs =
        Logs::with(&[("a.jsonl", &format!("{{}}\n{{\"a\":\"{}\"}}\n", "x".repeat(2000)))]);
    logs.options.max_line = 1000;
    let imported = logs.import();
    let reason = imported.reports[0].reason.as_deref().unwrap();
    assert_eq!(imported.states(), [State::Refused]);
    assert!(reason.contains("line 2: the line has more than 1000 bytes"), "{reason}");
}

#[rstest]
#[case::smallest(0, State::Refused)]
#[case::largest(usize::MAX, State::Imported)]
fn every_limit_of_a_line_is_possible(#[case] max_line: usize, #[case] expected: State) {
    let document = format!(r#"{{"session":{{"id":"{S}"}},"items":[{{"type":"message"}}]}}"#);
    let files = [("a.jsonl", "{}\n"), ("rollout-2025-04-17-a.json", &document)];
    let mut logs = Logs::with(&files);
    logs.options.max_line = max_line;
    assert_eq!(logs.import().states(), [expected, expected]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_report_is_on_one_line_whatever_the_name() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let logs = Logs::with(&[("a\nb.jsonl", "{\"n\":1}\n")]);
    for (byte, n) in [(b"\xFE", 2), (b"\xFF", 3)] {
        let name = [b"bad", &byte[..], b".jsonl"].concat();
        let path = logs.path("").join(OsStr::from_bytes(&name));
        std::fs::write(path, format!("{{\"n\":{n}}}\n")).unwrap();
    }
    let imported = logs.import();
    assert_eq!(imported.states(), [State::Imported; 3]);
    for report in imported.reports {
        assert_eq!(report.to_string().lines().count(), 1, "{report}");
    }
}

#[cfg(unix)]
#[test]
fn links_in_circles_and_special_files_are_passed_over() {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    let logs = Logs::with(&[("a/x.jsonl", "{}\n")]);
    symlink(logs.path("b"), logs.path("c")).unwrap();
    symlink(logs.path("c"), logs.path("b")).unwrap();
    symlink("/", logs.path("root")).unwrap();
    let _socket = UnixListener::bind(logs.path("socket")).unwrap();
    let imported = logs.import();
    assert_eq!(imported.states(), [State::Imported]);
    let expected = [("dangling links", 2), ("links to a folder above", 1), ("special files", 1)];
    assert_eq!(imported.passed_over(), expected);
}

#[test]
fn a_folder_without_a_log_is_refused() {
    let logs = Logs::with(&[("a/x.jsonl", "{}\n"), ("b/notes.txt", "")]);
    let imported = logs.import_paths(&[logs.path("a"), logs.path("b")]);
    assert_eq!(imported.of("x.jsonl").state, State::Imported);
    assert_eq!(imported.of("b").state, State::Refused);
}

#[test]
fn a_thousand_findings_are_a_few_lines() {
    let mut logs = Logs::with(&[("a.jsonl", &"{}x\n".repeat(1000))]);
    logs.options.salvage = true;
    let imported = logs.import();
    let report = &imported.reports[0];
    assert_eq!((report.entries, report.oddities.salvaged.len()), (1000, 1000));
    assert_eq!(report.to_string().lines().count(), 5);
}

#[test]
fn the_text_of_a_summary_counts_other_files_together() {
    let logs = Logs::with(&[
        ("a.jsonl", "{}\n"),
        ("b.json", "{}"),
        ("c.png", "x"),
        ("d.rs", "x"),
        ("e", "x"),
    ]);
    let text = logs.import().summary.to_string();
    assert!(text.contains("\nnot taken: *.json (1), such as "), "{text}");
    assert!(text.contains("\nnot taken: other files (3), such as "), "{text}");
    assert_eq!(text.lines().count(), 3);
}
