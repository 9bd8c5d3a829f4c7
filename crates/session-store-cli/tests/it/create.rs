//! Tests of `create`, which creates an empty segment or a segment with the entries of a file. The
//! command replaces an existing segment only with `--replace`.

use std::fs;

use rstest::rstest;

use crate::program::{Kind, Place, SEGMENT, SESSION, append, run, run_with};

#[rstest]
fn an_empty_segment_gets_new_ids(#[values(Kind::Fs, Kind::Sqlite)] kind: Kind) {
    let place = Place::new();
    let url = place.url(kind, "a");
    let ids = run(["create", &url]).ok();
    let (session, segment) = ids.trim().split_once(' ').expect("the output has two ids");
    assert_eq!(run(["count", &url, segment]).ok(), "0\n");
    assert_eq!(run(["lookup", &url, segment]).ok(), format!("{session}\n"));
}

#[test]
fn the_entries_come_from_a_file_or_from_standard_input() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    let file = place.path("entries.jsonl");
    fs::write(&file, "{\"n\":1}\n{\"n\":2}").unwrap();
    let args = [
        "--json",
        "create",
        &url,
        file.to_str().unwrap(),
        "--segment",
        SEGMENT,
        "--session",
        SESSION,
    ];
    let expected =
        format!("{{\"session_id\":\"{SESSION}\",\"segment_id\":\"{SEGMENT}\",\"entries\":2}}\n");
    assert_eq!(run(args).ok(), expected);
    assert_eq!(run(["show", &url, SEGMENT]).ok(), "{\"n\":1}\n{\"n\":2}\n");

    let ids = run_with(["create", &url, "-"], "{\"n\":3}\n").ok();
    let segment = ids.trim().split(' ').nth(1).unwrap();
    assert_eq!(run(["show", &url, segment]).ok(), "{\"n\":3}\n");
}

#[rstest]
fn an_existing_segment_is_replaced_only_on_request(#[values(Kind::Fs, Kind::Sqlite)] kind: Kind) {
    let place = Place::new();
    let url = place.url(kind, "a");
    append(&url, "{}\n{}\n");
    let create = ["create", &url, "-", "--session", SESSION, "--segment", SEGMENT];
    let message = run_with(create, "{\"new\":1}\n").refused(3);
    assert!(message.contains(SEGMENT) && message.contains("--replace"), "{message}");
    assert_eq!(run(["show", &url, SEGMENT]).ok(), "{}\n{}\n");

    run_with(create.into_iter().chain(["--replace"]), "{\"new\":1}\n").ok();
    assert_eq!(run(["show", &url, SEGMENT]).ok(), "{\"new\":1}\n");
}

#[test]
fn invalid_input_creates_nothing() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    let message = run_with(["create", &url, "-"], "{}\nnull\n").refused(3);
    assert!(message.contains("line 2 of standard input"), "{message}");
    let message = run(["create", &url, "no-such-file"]).refused(3);
    assert!(message.contains("no-such-file"), "{message}");
    assert_eq!(place.listing(), []);
}
