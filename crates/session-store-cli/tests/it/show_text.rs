//! Tests of `show --text`, which prints a log as a conversation.

use crate::program::{Ended, Kind, Place, SEGMENT, SESSION, program, run, run_with};
use test_deadlines::Process;

const LOG: &str = r#"{"type":"summary","summary":"Fix the parser","leafUuid":"u2"}
{"type":"file-history-snapshot","messageId":"m","snapshot":{}}
{"type":"user","uuid":"u1","parentUuid":null,"timestamp":"2026-05-03T12:34:56Z","message":{"role":"user","content":"Why does it fail?\nSee the log."}}
{"type":"assistant","uuid":"u2","parentUuid":"u1","timestamp":"2026-05-03T12:35:01Z","message":{"role":"assistant","content":[{"type":"text","text":"I will run it."},{"type":"tool_use","name":"Bash","input":{"command":"cargo test"}}]}}
{"type":"user","uuid":"u3","parentUuid":"u2","timestamp":"2026-05-03T12:35:02Z","message":{"role":"user","content":[{"type":"tool_result","content":"1\n2\n3\n4\n5\n6\n7"}]}}
"#;

const SHOWN: &str = r#"# Fix the parser

user  2026-05-03T12:34:56Z  #3
  Why does it fail?
  See the log.

assistant  2026-05-03T12:35:01Z  #4
  I will run it.
  > Bash {"command":"cargo test"}

tool  2026-05-03T12:35:02Z  #5
  1
  2
  3
  4
  … 3 more lines

"#;

fn stored(log: &str) -> (Place, String) {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    run_with(["create", &url, "-", "--session", SESSION, "--segment", SEGMENT], log).ok();
    (place, url)
}

/// Runs `show --text` in a time zone that is not UTC. The program prints times in UTC all the same.
fn show(url: &str, more: &[&str]) -> Ended {
    let mut command = program(["show", url, SEGMENT, "--text"].iter().chain(more));
    Process::start(command.env("TZ", "<-05>5")).wait_with_output().into()
}

#[test]
fn a_log_is_printed_as_a_conversation() {
    let (_place, url) = stored(LOG);
    assert_eq!(show(&url, &[]).ok(), SHOWN);
    assert!(show(&url, &["--full"]).ok().ends_with("  5\n  6\n  7\n\n"));
}

#[test]
fn a_hit_of_search_is_opened_at_its_number() {
    let (_place, url) = stored(LOG);
    let hit = run(["search", &url, "I will run"]).ok();
    let place = hit.split_once(" ").unwrap().0;
    assert!(place.ends_with(":4:assistant:"), "{hit}");
    let rest = &SHOWN[SHOWN.find("assistant").unwrap()..];
    let only = &rest[..rest.find("tool ").unwrap()];
    assert_eq!(run(["show", &url, place, "--text"]).ok(), rest);
    assert_eq!(run(["show", &url, place, "--text", "--limit", "1"]).ok(), only);
    assert_eq!(show(&url, &["--from", "4", "--limit", "1"]).ok(), only);
}

#[test]
fn a_bad_line_is_reported_and_the_rest_is_printed() {
    let (place, url) = stored(LOG);
    let path = place.path(&format!("a/{SESSION}/{SEGMENT}.jsonl"));
    std::fs::write(path, LOG.replacen("{\"type\":\"file-history", "no entry", 1)).unwrap();
    let ended = show(&url, &[]);
    assert_eq!((ended.status, ended.stdout.as_str()), (Some(3), SHOWN));
    assert!(ended.stderr.contains("line 2"), "{}", ended.stderr);
}

#[test]
fn a_conversation_has_no_json() {
    let (_place, url) = stored(LOG);
    show(&url, &["--json"]).refused(2);
    show(&url, &["--trace"]).refused(2);
}
