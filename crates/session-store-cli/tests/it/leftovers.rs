//! Tests of data that a store contains but does not list. `migrate`, `verify` and `export` name
//! such data, and do not report a complete copy.

use std::fs;
use std::io::Write;

use rstest::rstest;

use crate::program::{Kind, OTHER, Place, SEGMENT, SESSION, append, run, run_with};

/// Creates a store in files with one sound log.
fn store(place: &Place) -> String {
    let url = place.url(Kind::Fs, "a");
    append(&url, "{\"a\":1}\n");
    url
}

/// Runs the commands that find the data of a store by its listings. Asserts that all end with
/// `status` and print `expected`. If `status` is not 0, also asserts that no other command than
/// `migrate` calls its result complete or equal.
#[track_caller]
fn assert_all_print(place: &Place, url: &str, status: i32, expected: &str) {
    let (copy, backup) = (place.url(Kind::Sqlite, "b"), place.path("backup"));
    let commands = [
        vec!["migrate", url, &copy],
        vec!["migrate", url, &copy, "--json"],
        vec!["verify", url, &copy],
        vec!["verify", &copy, url, "--json"],
        vec!["export", url, backup.to_str().unwrap(), "--force"],
        vec!["export", url, backup.to_str().unwrap(), "--force", "--json"],
    ];
    for command in commands {
        let ended = run(&command);
        assert_eq!(ended.status, Some(status), "{command:?}: {ended:?}");
        assert!(ended.stdout.contains(expected), "{command:?}: {ended:?}");
        let claims = ["\"complete\":true", "\"equal\":true", "equal: 1 segment,"];
        let claims_all = claims.iter().any(|claim| ended.stdout.contains(claim));
        assert!(status == 0 || !claims_all || command[0] == "migrate", "{command:?}: {ended:?}");
    }
}

#[test]
fn a_trace_without_a_log_is_left_behind_and_named() {
    let place = Place::new();
    let url = store(&place);
    let trace = ["append", "--trace", &url, "--session", SESSION, "--segment", OTHER];
    run_with(trace, "{}\n").ok();
    assert_all_print(&place, &url, 1, "a trace without a log");
    let again = run(["migrate", &url, &place.url(Kind::Sqlite, "b")]);
    assert!(again.stdout.ends_with("; 1 place is not copied\n"), "{again:?}");
    // If the user selects sessions, data outside of these sessions is not reported.
    let copy = place.url(Kind::Sqlite, "c");
    run(["migrate", &url, &copy, "--session", SESSION]).ok();
}

#[test]
fn a_log_under_a_foreign_name_is_left_behind_and_named() {
    let place = Place::new();
    let url = store(&place);
    fs::write(place.path("a").join("notes.jsonl"), "{}\n").unwrap();
    assert_all_print(&place, &url, 1, "notes.jsonl: not part of the session store");
}

#[test]
fn an_incomplete_entry_is_a_note_and_no_fault() {
    let place = Place::new();
    let url = store(&place);
    let log = place.path("a").join(SESSION).join(format!("{SEGMENT}.jsonl"));
    let mut log = fs::OpenOptions::new().append(true).open(log).unwrap();
    log.write_all(b"{\"a\":2").unwrap();
    assert_all_print(&place, &url, 0, "incomplete entry at the end, which a crash left: 6 bytes");
}

#[rstest]
fn check_reads_every_pod(#[values(Kind::Fs, Kind::Sqlite)] kind: Kind) {
    let place = Place::new();
    let url = place.url(kind, "a");
    append(&url, "{}\n");
    run(["pods", "put", &url, "me", "--session", SESSION]).ok();
    assert!(run(["check", &url]).ok().ends_with("pods: 1, faults: 0\n"));
}

#[test]
fn check_reports_a_pod_that_cannot_be_read() {
    let place = Place::new();
    let url = store(&place);
    run(["pods", "put", &url, "me", "--session", SESSION]).ok();
    let pod = walk(&place.path("a").join("pods"));
    fs::write(pod, "garbage").unwrap();
    let ended = run(["check", &url]);
    assert_eq!(ended.status, Some(1), "{ended:?}");
    assert!(ended.stdout.contains("fault: pod me\n  "), "{ended:?}");
    let copy = place.url(Kind::Sqlite, "b");
    let ended = run(["migrate", &url, &copy]);
    assert_eq!(ended.status, Some(1), "{ended:?}");
    assert!(ended.stdout.contains("pod me: "), "{ended:?}");
}

/// Returns the metadata file of the only pod.
fn walk(pods: &std::path::Path) -> std::path::PathBuf {
    let folder = pods.read_dir().unwrap().next().unwrap().unwrap().path();
    folder.join("metadata.json")
}

#[test]
fn a_backup_without_segments_is_noted() {
    let place = Place::new();
    let (url, backup) = (place.url(Kind::Sqlite, "a"), place.path("backup"));
    append(&url, "{}\n");
    run(["rm", "--yes", &url, SEGMENT]).ok();
    let printed = run(["export", &url, backup.to_str().unwrap()]).ok();
    assert!(printed.starts_with("note: the backup contains no segment"), "{printed}");
}
