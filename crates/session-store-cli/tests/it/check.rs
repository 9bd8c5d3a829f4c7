//! Tests of `check`, which reports every problem of a store and reads the rest of the store.

use std::fs;

use rstest::rstest;
use serde_json::{Value, json};
use test_servers::RedisServer;

use crate::program::{Kind, OTHER, Place, SEGMENT, SESSION, append, run};

#[rstest]
fn a_sound_store_has_no_faults(#[values(Kind::Fs, Kind::Sqlite)] kind: Kind) {
    let place = Place::new();
    let url = place.url(kind, "a");
    append(&url, "{\"n\":1}\n{\"n\":2}\n");
    let found = run(["check", &url]).ok();
    assert_eq!(found, "segments: 1, entries: 2, trace entries: 0, pods: 0, faults: 0\n");
    let found = run(["repair", &url, "--json"]).ok();
    assert!(found.contains("\"repairs\":0"), "{found}");
}

#[test]
fn every_bad_line_is_reported_and_an_incomplete_last_line_is_not() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    append(&url, "{\"n\":1}\n");
    let log = place.path("a").join(SESSION).join(format!("{SEGMENT}.jsonl"));
    fs::write(&log, "{\"n\":1}\n{\"torn").unwrap();
    run(["check", &url]).ok();

    fs::write(&log, "{\"n\":1}\n{}{}\n{\"n\":3}\n[]\n{\"n\":5}\n").unwrap();
    let ended = run(["check", &url]);
    assert_eq!(ended.status, Some(1));
    let lines: Vec<_> = ended.stdout.lines().collect();
    let place = format!("fault: segment {SEGMENT} of session {SESSION}");
    let command = format!("    session-store repair {url} {SESSION} {SEGMENT}");
    let findings: Vec<_> = lines.chunk_by(|_, line| line.starts_with(' ')).collect();
    for (finding, number) in findings.iter().zip([2, 4]) {
        assert_eq!(finding[0], place);
        assert!(finding[1].starts_with("  ") && finding[1].contains(&format!("line {number}")));
        assert_eq!(finding[finding.len() - 2..], ["  repair it with:", &command]);
    }
    let summary = "segments: 1, entries: 3, trace entries: 0, pods: 0, faults: 2";
    assert_eq!(findings[2..], [[summary]]);

    let ended = run(["check", &url, "--json"]);
    let finding: Value = serde_json::from_str(ended.stdout.lines().next().unwrap()).unwrap();
    assert_eq!((&finding["kind"], &finding["segment_id"]), (&json!("fault"), &json!(SEGMENT)));
    assert!(finding["cause"].as_str().unwrap().contains("line 2"), "{finding}");
}

#[test]
fn a_note_of_the_backend_is_printed_and_is_not_a_fault() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    append(&url, "{}\n");
    fs::write(place.path("a/notes.txt"), "mine").unwrap();
    let found = run(["check", &url]).ok();
    let note = found.lines().next().unwrap();
    assert!(note.starts_with("note: ") && note.contains("notes.txt"), "{found}");
    assert!(found.ends_with("faults: 0\n"), "{found}");
}

#[test]
fn a_repair_moves_bad_lines_out_of_a_log() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    append(&url, "{\"a\":1}\n{\"b\":2}\n");
    let log = place.path(&format!("a/{SESSION}/{SEGMENT}.jsonl"));
    fs::write(&log, "{\"a\":1}\nbad line\n{\"b\":2}\n").unwrap();
    assert_eq!(run(["check", &url]).status, Some(1));

    let planned = run(["repair", &url, "--dry-run"]);
    assert_eq!(planned.status, Some(1));
    assert!(planned.stdout.ends_with("faults: 1\nnothing was changed\n"), "{planned:?}");

    let repaired = run(["repair", &url]).ok();
    assert!(repaired.contains("repaired: ") && repaired.contains("moved 9 bytes"), "{repaired}");
    assert!(repaired.contains("faults: 0, repairs: 1"), "{repaired}");
    assert_eq!(run(["show", &url, SEGMENT]).ok(), "{\"a\":1}\n{\"b\":2}\n");
}

#[test]
fn a_repair_can_be_limited_to_a_segment() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    append(&url, "{}\n");
    run(["create", &url, "--session", SESSION, "--segment", OTHER]).ok();
    for segment in [SEGMENT, OTHER] {
        fs::write(place.path(&format!("a/{SESSION}/{segment}.jsonl")), "bad\n{}\n").unwrap();
    }
    let repaired = run(["repair", &url, SESSION, OTHER]).ok();
    assert!(repaired.contains("segments: 1,") && repaired.contains("repairs: 1"), "{repaired}");
    assert_eq!(run(["show", &url, OTHER]).ok(), "{}\n");
    assert_eq!(run(["show", &url, SEGMENT]).status, Some(3));
    assert!(run(["repair", &url, OTHER]).refused(4).contains("does not contain it"));
    assert!(run(["repair", &url, SESSION]).ok().contains("segments: 2,"));
}

/// The command that `check` prints is run in a shell.
#[test]
fn the_printed_command_repairs_the_fault() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "the logs");
    append(&url, "{}\n");
    fs::write(place.path(&format!("the logs/{SESSION}/{SEGMENT}.jsonl")), "bad\n{}\n").unwrap();
    let found: Value =
        serde_json::from_str(run(["check", &url, "--json"]).stdout.lines().next().unwrap())
            .unwrap();
    let command = found["command"].as_str().unwrap();
    let path = std::path::Path::new(env!("CARGO_BIN_EXE_session-store")).parent().unwrap();
    let script = format!("PATH='{}:'\"$PATH\" && {command}", path.display());
    let mut shell = std::process::Command::new("sh");
    let status = test_deadlines::Process::start(shell.args(["-c", &script])).wait();
    assert_eq!(status.code(), Some(0));
    run(["check", &url]).ok();
}

#[test]
fn a_store_without_repairs_is_refused() {
    let message = run(["repair", "memory:"]).refused(3);
    assert!(message.contains("has no repair"), "{message}");
}

/// The server of the tests has no append-only file, so a crash of the server can lose changes.
#[test]
fn warnings_of_the_backend_are_for_commands_that_write_and_for_check() {
    let server = RedisServer::start_in_memory(&[]);
    let url = server.url();
    let create = ["create", &url, "--session", SESSION, "--segment", SEGMENT];
    assert!(run(create).stderr.contains("warning: "));
    assert!(run(["check", &url]).stderr.contains("warning: "));
    for command in [&["ls"][..], &["tree"], &["stat"], &["show", SEGMENT], &["count", SEGMENT]] {
        let mut arguments = vec![command[0], &url];
        arguments.extend(&command[1..]);
        assert_eq!(run(arguments).stderr, "", "{command:?}");
    }
}
