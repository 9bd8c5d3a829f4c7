//! Tests of the messages of `--json`: each one is a JSON object on a line of standard error.

use std::fs;

use serde_json::{Value, json};

use crate::program::{Ended, Kind, OTHER, Place, SEGMENT, SESSION, append, run, run_with};

/// Returns the only message. Panics if the command did not end with `status`.
#[track_caller]
fn message(ended: Ended, status: i32) -> Value {
    let text = ended.refused(status);
    assert_eq!(text.lines().count(), 1, "{text}");
    let message: Value = serde_json::from_str(&text).unwrap();
    let fields: Vec<_> = message.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields, ["hint", "kind", "message", "place"]);
    message
}

#[test]
fn a_missing_thing_has_an_exit_status_and_a_kind_of_its_own() {
    let place = Place::new();
    let (url, missing) = (place.url(Kind::Fs, "a"), place.url(Kind::Sqlite, "missing"));
    append(&url, "{}\n");
    for args in [
        vec!["show", &url, OTHER],
        vec!["count", &url, OTHER, "--session", SESSION],
        vec!["ls", &url, OTHER],
        vec!["tree", &url, OTHER],
        vec!["truncate", &url, OTHER, "0"],
        vec!["rm", &url, OTHER, "--yes"],
        vec!["pods", "show", &url, "coder"],
        vec!["pods", "rm", &url, "coder", "--yes"],
        vec!["migrate", &url, "memory:", "--session", OTHER],
        vec!["export", &url, "-", "--session", OTHER],
    ] {
        let found = message(run(args.iter().copied().chain(["--json"])), 4);
        assert_eq!(found["kind"], "not_found", "{args:?}");
        assert!(found["message"].as_str().unwrap().starts_with("cannot "), "{found}");
    }
    let found = message(run(["ls", &missing, "--json"]), 4);
    assert_eq!((&found["kind"], &found["place"]), (&json!("not_found"), &json!(missing)));
    assert!(found["hint"].as_str().unwrap().contains("session-store create"), "{found}");
}

#[test]
fn other_errors_have_their_kind_and_their_place() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    append(&url, "{}\n");
    let kind = |ended, status| message(ended, status)["kind"].as_str().unwrap().to_owned();

    assert_eq!(kind(run(["ls", "--json"]), 2), "usage");
    let create = ["create", &url, "--session", SESSION, "--segment", SEGMENT, "--json"];
    let found = message(run(create), 3);
    assert_eq!((&found["kind"], &found["place"]), (&json!("conflict"), &json!(url)));
    let append = ["append", &url, "--session", SESSION, "--segment", SEGMENT, "--json"];
    assert_eq!(kind(run_with(append, "[]\n"), 3), "invalid_input");
    assert_eq!(kind(run_with(["restore", "-", &url, "--json"], "no backup"), 3), "invalid_input");
    assert_eq!(kind(run(["restore", "/nowhere", &url, "--json"]), 3), "io");

    fs::write(place.path("notes"), "no database".repeat(100)).unwrap();
    let notes = place.url(Kind::Sqlite, "notes");
    assert_eq!(kind(run(["ls", &notes, "--json"]), 3), "not_a_store");
    fs::write(place.path(&format!("a/{SESSION}/{SEGMENT}.jsonl")), "no entry\n").unwrap();
    assert_eq!(kind(run(["show", &url, SEGMENT, "--json"]), 3), "damaged");
    fs::write(place.path("a/.session-store/format"), "{\"version\":999}\n").unwrap();
    assert_eq!(kind(run(["ls", &url, "--json"]), 3), "newer_format");
}

#[test]
fn a_password_in_invalid_arguments_is_not_in_the_json() {
    let found = message(run(["ls", "mysql://me:hunter2@host/db", "--json"]), 2);
    assert!(!found.to_string().contains("hunter2"), "{found}");
}
