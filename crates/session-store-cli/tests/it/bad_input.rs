//! Tests of invalid input: every command reports a clear error, changes nothing and creates
//! nothing.

use std::fs;

use rstest::rstest;

use crate::program::{Kind, OTHER, Place, SEGMENT, SESSION, append, run, run_with};

/// Every command that needs an existing store.
const ON_EXISTING_STORES: &[&[&str]] = &[
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
    &["migrate", "STORE", "memory:", "--dry-run"],
    &["verify", "STORE", "memory:"],
    &["check", "STORE"],
    &["export", "STORE", "-"],
    &["qualify", "STORE"],
    &["show", "STORE", "latest"],
];

fn with_store<'a>(args: &[&'a str], store: &'a str) -> Vec<&'a str> {
    args.iter().map(|&arg| if arg == "STORE" { store } else { arg }).collect()
}

#[rstest]
fn a_missing_store_is_an_error_and_is_not_created(#[values(Kind::Fs, Kind::Sqlite)] kind: Kind) {
    let place = Place::new();
    let url = place.url(kind, "mistyped");
    for args in ON_EXISTING_STORES {
        let message = run(with_store(args, &url)).refused(4);
        assert!(message.contains("mistyped"), "{args:?}: {message}");
        assert_eq!(place.listing(), [], "{args:?}");
    }
    let bare = place.path("mistyped");
    let message = run(["ls", bare.to_str().unwrap()]).refused(4);
    assert!(message.contains("mistyped"), "{message}");
    assert!(message.contains("session-store import PATH STORE"), "{message}");
}

#[rstest]
#[case::empty_directory(Kind::Fs, None)]
#[case::other_directory(Kind::Fs, Some("notes.txt"))]
#[case::empty_file(Kind::Sqlite, Some(""))]
fn a_place_without_a_store_is_an_error_and_is_not_changed(
    #[case] kind: Kind,
    #[case] file: Option<&str>,
) {
    let place = Place::new();
    let (url, path) = (place.url(kind, "here"), place.path("here"));
    match kind {
        Kind::Fs => fs::create_dir(&path).unwrap(),
        Kind::Sqlite => {}
    }
    if let Some(name) = file {
        fs::write(if name.is_empty() { path } else { path.join(name) }, "").unwrap();
    }
    let before = place.listing();
    for args in ON_EXISTING_STORES {
        let message = run(with_store(args, &url)).refused(4);
        assert!(message.contains("there is no session store at "), "{args:?}: {message}");
        assert!(message.contains("session-store import PATH STORE"), "{args:?}: {message}");
        assert_eq!(place.listing(), before, "{args:?}");
    }
    run(["create", &url]).ok();
    run(["ls", &url]).ok();
}

#[rstest]
#[case("ftp:a", "ftp")]
#[case("fs:", "path")]
#[case("fs:a?colour=red", "colour")]
#[case("sqlite://host/a.db", "sqlite:///")]
#[case("fs:50%", "%25")]
#[case("", "missing")]
fn an_invalid_url_is_reported_with_its_fault(#[case] url: &str, #[case] named: &str) {
    for args in [vec!["ls", url], vec!["append", url, "--session", SESSION, "--segment", SEGMENT]] {
        let message = run_with(args, "{}\n").refused(2);
        assert!(message.contains(named), "{message}");
    }
}

#[test]
fn a_password_in_an_invalid_url_is_not_printed() {
    let message = run(["ls", "mysql://me:hunter2@host/db"]).refused(2);
    assert!(message.contains("mysql") && !message.contains("hunter2"), "{message}");
}

#[test]
fn an_id_that_is_not_a_uuid_is_invalid_usage() {
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
fn a_file_that_is_not_a_database_is_refused() {
    let place = Place::new();
    let file = place.path("notes.txt");
    fs::write(&file, "these are my notes, and long enough to be more than a header\n".repeat(20))
        .unwrap();
    for url in [place.url(Kind::Sqlite, "notes.txt"), place.url(Kind::Fs, "notes.txt")] {
        assert_refused_by_all(&place, &url, "notes.txt");
    }
}

#[test]
fn a_database_of_another_program_is_refused() {
    let place = Place::new();
    let foreign = rusqlite::Connection::open(place.path("theirs.db")).unwrap();
    foreign.execute_batch("CREATE TABLE bookmarks (url TEXT)").unwrap();
    drop(foreign);
    assert_refused_by_all(&place, &place.url(Kind::Sqlite, "theirs.db"), "theirs.db");
}

#[test]
fn a_store_of_a_newer_version_is_refused() {
    let place = Place::new();
    append(&place.url(Kind::Sqlite, "a.db"), "{}\n");
    let newer = rusqlite::Connection::open(place.path("a.db")).unwrap();
    newer.pragma_update(None, "user_version", 999).unwrap();
    drop(newer);
    assert_refused_by_all(&place, &place.url(Kind::Sqlite, "a.db"), "999");

    append(&place.url(Kind::Fs, "a"), "{}\n");
    fs::write(place.path("a/.session-store/format"), "{\"version\":999}\n").unwrap();
    assert_refused_by_all(&place, &place.url(Kind::Fs, "a"), "999");
}

/// Asserts that every command refuses the store with a message that contains `named`, and changes
/// nothing.
#[track_caller]
fn assert_refused_by_all(place: &Place, url: &str, named: &str) {
    let before = place.listing();
    for args in ON_EXISTING_STORES {
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
fn a_database_is_recognized_by_a_bare_path() {
    let place = Place::new();
    append(&place.url(Kind::Sqlite, "a.db"), "{}\n");
    let bare = place.path("a.db");
    assert_eq!(run(["count", bare.to_str().unwrap(), SEGMENT]).ok(), "1\n");
}

#[test]
fn an_unknown_segment_is_an_error() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    append(&url, "{}\n");
    let message = run(["show", &url, OTHER]).refused(4);
    assert!(message.starts_with("session-store: cannot find segment"), "{message}");
    assert!(message.contains(OTHER) && message.contains(&url), "{message}");
}

#[test]
fn the_entries_before_a_corrupt_line_are_printed() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    append(&url, "{\"n\":1}\n");
    let log = place.path(&format!("a/{SESSION}/{SEGMENT}.jsonl"));
    fs::write(&log, "{\"n\":1}\nno entry\n{\"n\":3}\n").unwrap();
    let ended = run(["show", &url, SEGMENT]);
    assert_eq!(ended.status, Some(3));
    assert!(ended.stderr.contains("line 2") && ended.stderr.contains(SEGMENT), "{ended:?}");
}
