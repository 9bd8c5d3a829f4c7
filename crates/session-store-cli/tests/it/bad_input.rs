//! What cannot be right: each a clear error that names the thing, and nothing made or changed.

use std::fs;

use rstest::rstest;

use crate::program::{Kind, NOWHERE, Place, SEGMENT, SESSION, append, run, run_with};

/// Every command that only looks, or changes what must be there already.
const ON_WHAT_EXISTS: &[&[&str]] = &[
    &["ls", "STORE"],
    &["tree", "STORE"],
    &["stat", "STORE"],
    &["show", "STORE", SEGMENT],
    &["tail", "STORE", SEGMENT, "-f"],
    &["search", "STORE", "text"],
    &["truncate", "STORE", SEGMENT, "0"],
    &["count", "STORE", SEGMENT],
    &["exists", "STORE", SEGMENT],
    &["lookup", "STORE", SEGMENT],
    &["rm", "STORE", SEGMENT, "--yes"],
    &["pods", "ls", "STORE"],
    &["pods", "show", "STORE", "coder"],
    &["pods", "rm", "STORE", "coder"],
    &["migrate", "STORE", "memory:"],
    &["verify", "STORE", "memory:"],
];

fn with_store<'a>(args: &[&'a str], store: &'a str) -> Vec<&'a str> {
    args.iter().map(|&arg| if arg == "STORE" { store } else { arg }).collect()
}

#[rstest]
fn a_mistyped_place_is_an_error_and_leaves_nothing(#[values(Kind::Fs, Kind::Sqlite)] kind: Kind) {
    let place = Place::new();
    let url = place.url(kind, "mistyped");
    for args in ON_WHAT_EXISTS {
        let message = run(with_store(args, &url)).refused(3);
        assert!(message.contains("mistyped"), "{args:?}: {message}");
        assert_eq!(place.listing(), [], "{args:?}");
    }
    let bare = place.path("mistyped");
    let message = run(["ls", bare.to_str().unwrap()]).refused(3);
    assert!(message.contains("mistyped"), "{message}");
}

#[rstest]
#[case("ftp:a", "ftp")]
#[case("fs:", "path")]
#[case("fs:a?colour=red", "colour")]
#[case("sqlite://host/a.db", "sqlite:///")]
#[case("fs:50%", "%25")]
#[case("", "missing")]
fn a_wrong_url(#[case] url: &str, #[case] named: &str) {
    for args in [vec!["ls", url], vec!["append", url, "--session", SESSION, "--segment", SEGMENT]] {
        let message = run_with(args, "{}\n").refused(2);
        assert!(message.contains(named), "{message}");
    }
}

#[test]
fn a_password_in_a_wrong_url_is_not_repeated() {
    let message = run(["ls", "postgres://me:hunter2@host/db"]).refused(2);
    assert!(message.contains("postgres") && !message.contains("hunter2"), "{message}");
}

#[test]
fn an_id_that_is_no_uuid() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    for args in [
        vec!["show", &url, "no-uuid"],
        vec!["ls", &url, "no-uuid"],
        vec!["append", &url, "--session", "no-uuid", "--segment", SEGMENT],
        vec!["rm", &url, "no-uuid", "--yes"],
    ] {
        let message = run_with(args, "{}\n").refused(2);
        assert!(message.contains("no-uuid") && message.contains("not a UUID"), "{message}");
    }
    assert_eq!(place.listing(), []);
}

#[test]
fn a_file_that_is_no_database() {
    let place = Place::new();
    let file = place.path("notes.txt");
    fs::write(&file, "these are my notes, and long enough to be more than a header\n".repeat(20))
        .unwrap();
    for url in [place.url(Kind::Sqlite, "notes.txt"), place.url(Kind::Fs, "notes.txt")] {
        is_refused_by_all(&place, &url, "notes.txt");
    }
}

#[test]
fn a_database_of_another_program() {
    let place = Place::new();
    let foreign = rusqlite::Connection::open(place.path("theirs.db")).unwrap();
    foreign.execute_batch("CREATE TABLE bookmarks (url TEXT)").unwrap();
    drop(foreign);
    is_refused_by_all(&place, &place.url(Kind::Sqlite, "theirs.db"), "theirs.db");
}

#[test]
fn a_store_of_a_newer_version() {
    let place = Place::new();
    append(&place.url(Kind::Sqlite, "a.db"), "{}\n");
    let newer = rusqlite::Connection::open(place.path("a.db")).unwrap();
    newer.pragma_update(None, "user_version", 999).unwrap();
    drop(newer);
    is_refused_by_all(&place, &place.url(Kind::Sqlite, "a.db"), "999");

    append(&place.url(Kind::Fs, "a"), "{}\n");
    fs::write(place.path("a/.session-store/format"), "{\"version\":999}\n").unwrap();
    is_refused_by_all(&place, &place.url(Kind::Fs, "a"), "999");
}

/// No command takes the store, the message of each says `named`, and nothing is changed.
#[track_caller]
fn is_refused_by_all(place: &Place, url: &str, named: &str) {
    let before = place.listing();
    for args in ON_WHAT_EXISTS {
        let message = run(with_store(args, url)).refused(3);
        assert!(message.contains(named), "{args:?}: {message}");
    }
    for args in [
        vec!["append", url, "--session", SESSION, "--segment", SEGMENT],
        vec!["create", url],
        vec!["pods", "put", url, "coder", "--session", SESSION],
    ] {
        let message = run_with(args, "{}\n").refused(3);
        assert!(message.contains(named), "{message}");
    }
    assert_eq!(place.listing(), before);
}

#[test]
fn a_database_is_recognised_by_a_bare_path() {
    let place = Place::new();
    append(&place.url(Kind::Sqlite, "a.db"), "{}\n");
    let bare = place.path("a.db");
    assert_eq!(run(["count", bare.to_str().unwrap(), SEGMENT]).ok(), "1\n");
}

#[test]
fn a_segment_that_nobody_holds() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    append(&url, "{}\n");
    let message = run(["show", &url, NOWHERE]).refused(3);
    assert!(message.starts_with("session-store: cannot find segment"), "{message}");
    assert!(message.contains(NOWHERE) && message.contains(&url), "{message}");
}

#[test]
fn a_corrupt_line_is_named_and_what_precedes_it_is_shown() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    append(&url, "{\"n\":1}\n");
    let log = place.path(&format!("a/{SESSION}/{SEGMENT}.jsonl"));
    fs::write(&log, "{\"n\":1}\nno entry\n{\"n\":3}\n").unwrap();
    let ended = run(["show", &url, SEGMENT]);
    assert_eq!(ended.status, Some(3));
    assert!(ended.stderr.contains("line 2") && ended.stderr.contains(SEGMENT), "{ended:?}");
}
