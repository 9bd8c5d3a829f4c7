//! Tests of the rule of all reading commands: a part that cannot be read is reported on standard
//! error, the rest is printed, and the exit status is 3.

use std::fs;

use rstest::rstest;

use crate::program::{Kind, OTHER, Place, SEGMENT, SESSION, append, run};

const GOOD: &str = r#"{"role":"user","content":"hello"}"#;

/// The log has a bad line between two entries.
fn damaged() -> (Place, String) {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    append(&url, "{}\n");
    let log = place.path("a").join(SESSION).join(format!("{SEGMENT}.jsonl"));
    fs::write(log, format!("{GOOD}\n{{\"role\":\"user\"\n{GOOD}\n")).unwrap();
    run(["create", &url, "--session", OTHER, "--segment", OTHER]).ok();
    (place, url)
}

#[rstest]
#[case(&["ls", "-l"], &[])]
#[case(&["tree"], &[])]
#[case(&["stat", "--bytes"], &[])]
#[case(&["show"], &[SEGMENT])]
#[case(&["show", "--text"], &[SEGMENT])]
#[case(&["show", "--html", "-"], &[SEGMENT])]
#[case(&["tail"], &[SEGMENT])]
#[case::hit(&["search"], &["hello"])]
#[case::hit_in_the_json(&["search", "--raw"], &["hello"])]
#[case::no_hit(&["search"], &["no such text"])]
fn a_bad_line_is_reported_and_the_rest_is_printed(#[case] command: &[&str], #[case] rest: &[&str]) {
    let (_place, url) = damaged();
    let ended = run([command, &[&url], rest].concat());
    assert_eq!(ended.status, Some(3), "{ended:?}");
    let reported = ended.stderr.lines().filter(|line| line.contains("at line 2:")).count();
    assert!(reported >= 1, "{ended:?}");
    assert!(ended.stderr.contains("session-store check STORE"), "{ended:?}");
    let is_search = command[0] == "search" && rest != ["hello"];
    assert_eq!(ended.stdout.is_empty(), is_search, "{ended:?}");
}

#[test]
fn all_entries_around_a_bad_line_are_printed() {
    let (_place, url) = damaged();
    assert_eq!(run(["show", &url, SEGMENT]).stdout, format!("{GOOD}\n{GOOD}\n"));
}

#[test]
fn the_advice_is_printed_once() {
    let (place, url) = damaged();
    let log = place.path("a").join(SESSION).join(format!("{SEGMENT}.jsonl"));
    fs::write(log, "x\ny\nz\n").unwrap();
    let ended = run(["show", &url, SEGMENT]);
    assert_eq!(ended.stderr.lines().count(), 4, "{ended:?}");
    let ended = run(["show", &url, SEGMENT, "--json"]);
    assert_eq!(ended.stderr.matches("session-store check STORE").count(), 3, "{ended:?}");
}
