//! Tests of `append`: the printed counts, the stored entries, and the end of the command at a bad
//! line.

use std::io::{BufRead, BufReader, Write};

use rstest::rstest;
use test_deadlines::Process;

use crate::program::{Kind, OTHER, Place, SEGMENT, SESSION, append, program, run, run_with};

#[rstest]
fn each_line_is_stored_and_counted(#[values(Kind::Fs, Kind::Sqlite)] kind: Kind) {
    let place = Place::new();
    let url = place.url(kind, "a");
    assert_eq!(append(&url, "{\"a\": 1.0}\r\n\n{\"b\":\"\\ud800\"}"), "1\n2\n");
    assert_eq!(append(&url, "{}\n"), "3\n", "a later run continues the count");
    assert_eq!(run(["show", &url, SEGMENT]).ok(), "{\"a\": 1.0}\n{\"b\":\"\\ud800\"}\n{}\n");
}

#[test]
fn a_count_is_printed_before_the_next_line_is_written() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    let args = ["append", &url, "--session", SESSION, "--segment", SEGMENT];
    let mut child = Process::start(&mut program(args));
    let mut stdin = child.stdin.take().unwrap();
    let mut counts = BufReader::new(child.stdout.take().unwrap()).lines();
    for expected in ["1", "2", "3"] {
        stdin.write_all(b"{}\n").unwrap();
        // The program is killed at its deadline, so a buffered count fails this test.
        assert_eq!(counts.next().unwrap().unwrap(), expected);
        assert_eq!(run(["count", &url, SEGMENT]).ok().trim(), expected);
    }
    drop(stdin);
    assert!(child.wait().success());
}

#[rstest]
#[case("{\"a\":1}\n[1]\n{\"b\":2}\n", "line 2")]
#[case("{\"a\":1}\n{\"b\":2}{\"c\":3}\n", "line 2")]
#[case("{\"a\":1}\n\n{\"torn\": tr", "line 3")]
fn a_bad_line_ends_the_command_and_is_not_stored(#[case] input: &str, #[case] line: &str) {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    let ended = run_with(["append", &url, "--session", SESSION, "--segment", SEGMENT], input);
    assert_eq!((ended.status, ended.stdout.as_str()), (Some(3), "1\n"));
    assert!(ended.stderr.contains(&format!("{line} of standard input")), "{}", ended.stderr);
    assert_eq!(run(["show", &url, SEGMENT]).ok(), "{\"a\":1}\n");
    assert_eq!(append(&url, "{}\n"), "2\n");
}

#[test]
fn invalid_utf8_is_reported_with_its_line_and_creates_no_store() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    let args = ["append", &url, "--session", SESSION, "--segment", SEGMENT];
    let message = run_with(args, b"{\"a\":\"\xff\"}\n").refused(3);
    assert!(message.contains("line 1 of standard input") && message.contains("UTF-8"), "{message}");
    assert_eq!(place.listing(), []);
}

#[test]
fn empty_input_creates_nothing() {
    let place = Place::new();
    assert_eq!(append(&place.url(Kind::Fs, "a"), "\n\n"), "");
    assert_eq!(place.listing(), []);
}

#[test]
fn the_counts_can_be_json() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    let args = ["--json", "append", &url, "--session", SESSION, "--segment", SEGMENT];
    assert_eq!(run_with(args, "{}\n{}\n").ok(), "{\"entries\":1}\n{\"entries\":2}\n");
}

#[rstest]
fn a_trace_is_separate_from_the_log(#[values(Kind::Fs, Kind::Sqlite)] kind: Kind) {
    let place = Place::new();
    let url = place.url(kind, "a");
    append(&url, "{\"log\":1}\n");
    let args = ["append", &url, "--session", SESSION, "--segment", SEGMENT, "--trace"];
    assert_eq!(run_with(args, "{\"t\":1}\n{\"t\":2}\n").ok(), "1\n2\n");
    assert_eq!(
        run_with(args, "{\"t\":3}\n").ok(),
        "1\n",
        "the count of a trace covers this run only"
    );
    assert_eq!(run(["show", &url, SEGMENT]).ok(), "{\"log\":1}\n");
    let trace = run(["show", &url, SEGMENT, "--trace"]).ok();
    assert_eq!(trace, "{\"t\":1}\n{\"t\":2}\n{\"t\":3}\n");
}

#[test]
fn the_session_and_the_segment_are_required() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    for args in [["--session", OTHER], ["--segment", OTHER]] {
        run(["append", url.as_str()].into_iter().chain(args)).refused(2);
    }
    assert_eq!(place.listing(), []);
}

/// Runs `append` with further arguments.
fn append_with(url: &str, args: &[&str], input: &str) -> crate::program::Ended {
    let named = ["append", url, "--session", SESSION, "--segment", SEGMENT];
    run_with(named.iter().chain(args), input)
}

#[rstest]
fn a_batch_is_stored_whole_or_not_at_all(#[values(Kind::Fs, Kind::Sqlite)] kind: Kind) {
    let place = Place::new();
    let url = place.url(kind, "a");
    let message = append_with(&url, &["--batch"], "{}\nbad\n").refused(3);
    assert!(message.contains("line 2"), "{message}");
    assert!(!place.path("a").exists(), "a bad line creates nothing");
    assert_eq!(append_with(&url, &["--batch"], "{\"a\":1}\n{\"b\":2}\n").ok(), "2\n");
    assert_eq!(append_with(&url, &["--batch"], "{}\n").ok(), "3\n");
    assert_eq!(append_with(&url, &["--batch"], "").ok(), "");
}

#[rstest]
fn a_batch_is_stored_only_at_the_expected_head(#[values(Kind::Fs, Kind::Sqlite)] kind: Kind) {
    let place = Place::new();
    let url = place.url(kind, "a");
    let first = append_with(&url, &["--if-head", "none"], "{}\n{}\n").ok();
    assert_eq!(run(["count", "--head", &url, SEGMENT]).ok(), first);
    assert_eq!(append_with(&url, &["--if-head", "none"], "{}\n").status, Some(1));

    let second = append_with(&url, &["--if-head", first.trim()], "{}\n").ok();
    assert!(second.starts_with("3@"), "{second}");
    let conflict = append_with(&url, &["--if-head", first.trim()], "{}\n");
    assert_eq!((conflict.status, conflict.stdout.as_str()), (Some(1), ""));
    assert!(conflict.stderr.contains(second.trim()), "{}", conflict.stderr);
    assert_eq!(run(["count", &url, SEGMENT]).ok(), "3\n", "a conflict stores nothing");

    let json = run(["count", "--head", "--json", &url, SEGMENT]).ok();
    assert_eq!(json, format!("{{\"entries\":3,\"head\":\"{}\"}}\n", second.trim()));
    let missing = append_with(&place.url(kind, "b"), &["--if-head", first.trim()], "{}\n");
    assert_eq!(missing.status, Some(4));
    assert!(!place.path("b").exists());
}
