//! Tests of `show`, which prints a log exactly as stored.

use rstest::rstest;

use crate::program::{Kind, OTHER, Place, SEGMENT, SESSION, append, run, run_with};

#[rstest]
fn a_log_of_several_pages_is_printed_in_order(#[values(Kind::Fs, Kind::Sqlite)] kind: Kind) {
    let place = Place::new();
    let url = place.url(kind, "a");
    let padding = "é".repeat(2_000);
    let log: String = (0..300).map(|n| format!("{{\"n\":{n},\"text\":\"{padding}\"}}\n")).collect();
    run_with(["create", &url, "-", "--session", SESSION, "--segment", SEGMENT], &log).ok();
    assert_eq!(run(["show", &url, SEGMENT]).ok(), log);
    assert_eq!(run(["--json", "show", &url, SEGMENT]).ok(), log, "it is JSON already");
}

/// With `--redact`, the page of `show --html` and the backup of `export` have no secrets either.
#[test]
fn secrets_can_be_replaced() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    let key = format!("gsk_{}", "x9".repeat(26));
    append(&url, &format!("{{\"role\":\"user\",\"content\":\"{key}\"}}\n"));
    let trace = ["append", &url, "--session", SESSION, "--segment", SEGMENT, "--trace"];
    run_with(trace, format!("{{\"key\":\"{key}\"}}\n")).ok();
    assert!(run(["show", &url, SEGMENT]).ok().contains(&key));
    let file = place.path("a.tar.zst").display().to_string();
    let copy = place.url(Kind::Sqlite, "copy");
    run(["export", &url, &file, "--redact"]).ok();
    run(["restore", &file, &copy]).ok();
    for args in [
        vec!["show", &url, SEGMENT, "--redact"],
        vec!["show", &url, SEGMENT, "--redact", "--trace"],
        vec!["show", &url, SEGMENT, "--redact", "--text"],
        vec!["show", &url, SEGMENT, "--redact", "--html", "-"],
        vec!["show", &copy, SEGMENT],
        vec!["show", &copy, SEGMENT, "--trace"],
    ] {
        let shown = run(&args).ok();
        assert!(shown.contains("[redacted groq-key]") && !shown.contains(&key), "{args:?}");
    }
}

#[test]
fn the_session_selects_one_of_two_segments_of_the_same_id() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    append(&url, "{\"of\":\"first\"}\n");
    let second = ["append", &url, "--session", OTHER, "--segment", SEGMENT];
    run_with(second, "{\"of\":\"second\"}\n").ok();
    assert_eq!(run(["show", &url, SEGMENT, "--session", SESSION]).ok(), "{\"of\":\"first\"}\n");
    assert_eq!(run(["show", &url, SEGMENT, "--session", OTHER]).ok(), "{\"of\":\"second\"}\n");
}

#[rstest]
#[case(&["--from", "2"], &[2, 3])]
#[case(&["--from", "2", "--limit", "1"], &[2])]
#[case(&["--limit", "0"], &[])]
#[case(&["--from", "3", "--limit", "9"], &[3])]
fn a_part_of_a_log_is_printed(
    #[values(Kind::Fs, Kind::Sqlite)] kind: Kind,
    #[case] options: &[&str],
    #[case] expected: &[usize],
) {
    let place = Place::new();
    let url = place.url(kind, "a");
    append(&url, "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n");
    let expected: String = expected.iter().map(|n| format!("{{\"n\":{n}}}\n")).collect();
    assert_eq!(run([&["show", &url, SEGMENT], options].concat()).ok(), expected);
}

#[test]
fn a_part_after_the_end_is_an_error() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    append(&url, "{}\n");
    for options in [&["--text"][..], &["--json"], &["--trace"]] {
        let message = run([&["show", &url, SEGMENT, "--from", "2"], options].concat()).refused(4);
        assert!(message.contains("from entry 2 on") && message.contains("fewer"), "{message}");
    }
    run(["show", &url, SEGMENT, "--from", "0"]).refused(2);
    run(["show", &url, SEGMENT, "--from", "1", "--html", "-"]).refused(2);
    let message = run(["show", &url, &format!("{SESSION}:{SEGMENT}")]).refused(2);
    assert!(message.contains("SESSION:SEGMENT:NUMBER"), "{message}");
}

#[test]
fn a_segment_without_a_trace_prints_nothing() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    append(&url, "{}\n");
    assert_eq!(run(["show", &url, SEGMENT, "--trace"]).ok(), "");
}
