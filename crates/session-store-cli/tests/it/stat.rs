//! Tests of `stat`, which counts the sessions, segments, entries, traces and pods of a store.

use std::fs;

use rstest::rstest;

use crate::program::{Kind, OTHER, Place, SEGMENT, SESSION, append, run, run_with};

const TRACED: [&str; 4] = ["--session", SESSION, "--segment", SEGMENT];

/// Creates two sessions with three segments, a trace and a pod.
fn populated(kind: Kind) -> (Place, String) {
    let place = Place::new();
    let url = place.url(kind, "a");
    append(&url, "{\"n\":1}\n{\"n\":2}\n{\"é\":3}\n");
    run_with(["append", &url, "--trace"].into_iter().chain(TRACED), "{}\n{\"t\":1}\n").ok();
    run_with(["create", &url, "-", "--session", SESSION, "--segment", OTHER], "{}\n").ok();
    run(["create", &url, "--session", OTHER, "--segment", OTHER]).ok();
    run(["pods", "put", &url, "coder", "--session", SESSION]).ok();
    (place, url)
}

#[rstest]
fn the_numbers_are_printed_as_text_and_as_json(#[values(Kind::Fs, Kind::Sqlite)] kind: Kind) {
    let (_place, url) = populated(kind);
    let counted = format!(
        "\
sessions       2
segments       3
entries        4
traces         1
pods           1
largest        {SEGMENT}  3
               {OTHER}  1
               {OTHER}  0
"
    );
    assert_eq!(run(["stat", &url]).ok(), counted);
    let read = run(["stat", &url, "--bytes"]).ok();
    let entries = "entries        4\n  bytes        24 B\n";
    let traces = "traces         1\n  entries      2\n  bytes        9 B\n";
    assert!(read.contains(entries) && read.contains(traces), "{read}");

    let json = run(["stat", &url, "--bytes", "--json"]).ok();
    let expected = "{\"sessions\":2,\"segments\":3,\"entries\":4,\"traces\":1,\"pods\":1,\
                    \"entry_bytes\":24,\"trace_entries\":2,\"trace_bytes\":9,\"largest\":[{";
    assert!(json.starts_with(expected), "{json}");
    assert!(!run(["stat", &url, "--json"]).ok().contains("bytes"), "nothing was read");
}

#[test]
fn only_the_largest_segments_are_printed() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    for entries in [3, 9, 1, 7, 8, 2, 5] {
        run_with(["create", &url, "-"], "{}\n".repeat(entries)).ok();
    }
    let text = run(["stat", &url]).ok();
    let named = text.lines().skip(5).map(|line| line.split_whitespace().last().unwrap());
    assert_eq!(named.collect::<Vec<_>>(), ["9", "8", "7", "5", "3"]);
}

#[test]
fn a_bad_line_is_counted_and_its_bytes_are_unknown() {
    let (place, url) = populated(Kind::Fs);
    let log = place.path("a").join(SESSION).join(format!("{OTHER}.jsonl"));
    fs::write(log, "{}\nno entry\n").unwrap();
    assert!(run(["stat", &url]).ok().contains("entries        5\n"));
    let read = run(["stat", &url, "--bytes"]);
    assert_eq!(read.status, Some(3));
    assert!(read.stdout.contains("entries        5\n  bytes        ?\n"), "{read:?}");
    assert!(read.stderr.contains("line 2") && read.stderr.contains(OTHER), "{read:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn an_unreadable_number_is_unknown_and_the_rest_is_printed() {
    let (place, url) = populated(Kind::Fs);
    place.add_unreadable_log("a", OTHER, SEGMENT);
    let counted = run(["stat", &url]);
    assert_eq!(counted.status, Some(3));
    assert!(counted.stderr.contains(SEGMENT), "{counted:?}");
    assert!(counted.stdout.starts_with("sessions       2\nsegments       4\nentries        ?\n"));
    let json = run(["stat", &url, "--json"]).stdout;
    assert!(json.contains("\"entries\":null,\"traces\":1"), "{json}");
}

#[test]
fn the_numbers_of_an_empty_store_are_zero() {
    let expected = "sessions       0\nsegments       0\nentries        0\ntraces         0\npods           0\n";
    assert_eq!(run(["stat", "memory:"]).ok(), expected);
}
