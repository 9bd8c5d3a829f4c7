//! Tests of `rm`, which deletes segments and sessions after a confirmation.

use rstest::rstest;

use crate::program::{Kind, OTHER, Place, SEGMENT, SESSION, append, run, run_with};

#[rstest]
fn a_segment_is_deleted_with_its_trace(#[values(Kind::Fs, Kind::Sqlite)] kind: Kind) {
    let place = Place::new();
    let url = place.url(kind, "a");
    append(&url, "{}\n");
    run_with(["append", &url, "--session", SESSION, "--segment", SEGMENT, "--trace"], "{}\n").ok();
    run(["create", &url, "--session", SESSION, "--segment", OTHER]).ok();
    let deleted = run(["rm", &url, SEGMENT, "--yes"]).ok();
    assert_eq!(deleted, format!("deleted segment {SEGMENT} of session {SESSION}\n"));
    assert!(run(["ls", &url, SESSION]).ok().starts_with(OTHER), "the other segment is kept");
    append(&url, "{}\n");
    assert_eq!(run(["show", &url, SEGMENT, "--trace"]).ok(), "");
}

#[rstest]
fn a_session_is_deleted_with_all_its_segments(#[values(Kind::Fs, Kind::Sqlite)] kind: Kind) {
    let place = Place::new();
    let url = place.url(kind, "a");
    append(&url, "{}\n");
    run(["create", &url, "--session", SESSION]).ok();
    let deleted = run(["rm", &url, "--session", SESSION, "-y", "--json"]).ok();
    assert_eq!(deleted, format!("{{\"session_id\":\"{SESSION}\",\"segments\":2}}\n"));
    assert_eq!(run(["ls", &url]).ok(), "");
}

#[test]
fn without_yes_and_without_a_terminal_nothing_is_deleted() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    append(&url, "{}\n");
    let message = run_with(["rm", &url, SEGMENT], "y\n").refused(3);
    assert!(message.contains("--yes") && message.contains(SEGMENT), "{message}");
    assert_eq!(run(["count", &url, SEGMENT]).ok(), "1\n");
}

#[test]
fn an_unknown_segment_or_session_is_an_error() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    append(&url, "{}\n");
    for args in [vec![OTHER], vec![OTHER, "--session", SESSION], vec!["--session", OTHER]] {
        let message = run(["rm", &url, "--yes"].into_iter().chain(args)).refused(3);
        assert!(message.contains(OTHER), "{message}");
    }
    run(["rm", &url, "--yes"]).refused(2);
    assert_eq!(run(["count", &url, SEGMENT]).ok(), "1\n");
}

#[test]
fn the_usage_shows_both_forms() {
    let message = run(["rm", "fs:a"]).refused(2);
    assert!(
        message.contains("Usage: session-store rm [OPTIONS] <STORE> <SEGMENT|--session <SESSION>>")
    );
    let message = run(["pods", "put", "fs:a", "coder"]).refused(2);
    assert!(message.contains("  <FILE|--session <SESSION>>\n"), "{message}");
}
