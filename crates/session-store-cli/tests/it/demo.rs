//! Tests of `demo`, which creates sample sessions, copies them, verifies the copies, and overwrites
//! nothing.

use std::fs;

use crate::program::{Place, run};

const PROGRAM: &str = env!("CARGO_BIN_EXE_session-store");

#[test]
fn the_printed_commands_work_on_its_stores() {
    let place = Place::new();
    let dir = place.path("demo");
    let text = run(["demo", dir.to_str().unwrap()]).ok();
    assert!(text.contains(dir.to_str().unwrap()), "{text}");
    let hints: Vec<_> = text.lines().filter_map(|line| line.trim().strip_prefix(PROGRAM)).collect();
    assert!(hints.len() >= 3, "{text}");
    for hint in hints {
        let shown = run(hint.split_whitespace()).ok();
        assert!(!shown.is_empty(), "{hint}");
    }
}

#[test]
fn a_directory_that_is_not_empty_is_refused() {
    let place = Place::new();
    fs::write(place.path("mine"), "mine").unwrap();
    let before = place.listing();
    let dir = before[0].0.parent().unwrap();
    let message = run(["demo", dir.to_str().unwrap()]).refused(3);
    assert!(message.contains(dir.to_str().unwrap()) && message.contains("not empty"), "{message}");
    assert_eq!(place.listing(), before);
}

#[test]
fn the_last_json_line_has_the_compared_entries() {
    let place = Place::new();
    let text = run(["--json", "demo", place.path("demo").to_str().unwrap()]).ok();
    let last = text.lines().last().unwrap();
    assert_eq!(last, "{\"equal_entries\":26,\"equal_trace_entries\":3}");
}
