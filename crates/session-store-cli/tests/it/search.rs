//! `search`: entries by text and by kind, and what stands in the way.

use std::fs;

use rstest::rstest;

use crate::program::{Kind, NOWHERE, Place, SEGMENT, SESSION, append, run, run_with};

const ASKED: &str = r#"{"kind":"user_input","text":"Why does Leap fail?"}"#;
const ANSWERED: &str = r#"{"kind":"assistant_item","text":"No leap, 1.0 and 1e999"}"#;
const FOREIGN: &str = r#"{"type":"user_input","message":{"kind":"leap"}}"#;

/// The same segment id in two sessions.
fn planted(kind: Kind) -> (Place, String) {
    let place = Place::new();
    let url = place.url(kind, "a");
    append(&url, &format!("{ASKED}\n{{}}\n{ANSWERED}\n"));
    let create = ["create", &url, "-", "--session", NOWHERE, "--segment", SEGMENT];
    run_with(create, format!("{FOREIGN}\n")).ok();
    (place, url)
}

fn found(session: &str, number: usize, entry: &str) -> String {
    format!("{session}:{SEGMENT}:{number}:{entry}\n")
}

#[rstest]
#[case(&["leap"], &[(NOWHERE, 1, FOREIGN), (SESSION, 3, ANSWERED)])]
#[case(&["LEAP F", "--ignore-case"], &[(SESSION, 1, ASKED)])]
#[case(&["--kind", "user_input"], &[(NOWHERE, 1, FOREIGN), (SESSION, 1, ASKED)])]
#[case(&["Leap", "--kind", "user_input"], &[(SESSION, 1, ASKED)])]
#[case(&["leap", "--session", SESSION], &[(SESSION, 3, ANSWERED)])]
#[case(&["leap", "--session", SESSION, "--session", NOWHERE],
       &[(NOWHERE, 1, FOREIGN), (SESSION, 3, ANSWERED)])]
fn what_is_found_is_printed_with_its_place(
    #[values(Kind::Fs, Kind::Sqlite)] kind: Kind,
    #[case] asked: &[&str],
    #[case] expected: &[(&str, usize, &str)],
) {
    let (_place, url) = planted(kind);
    let expected: String =
        expected.iter().map(|(session, number, entry)| found(session, *number, entry)).collect();
    assert_eq!(run(["search", &url].iter().chain(asked)).ok(), expected);
}

#[test]
fn as_json_the_entry_is_what_is_stored() {
    let (_place, url) = planted(Kind::Fs);
    let json = format!(
        "{{\"session_id\":\"{SESSION}\",\"segment_id\":\"{SEGMENT}\",\"number\":3,\"entry\":{ANSWERED}}}\n"
    );
    assert_eq!(run(["search", &url, "1e999", "--json"]).ok(), json);
}

#[test]
fn nothing_found_is_no() {
    let (_place, url) = planted(Kind::Fs);
    for asked in [["LEAP F", "--json"], ["--kind", "leap"], ["zz", "--kind=user_input"]] {
        assert_eq!(run(["search", &url].into_iter().chain(asked)).refused(1), "");
    }
    assert_eq!(run(["search", "memory:", "leap"]).refused(1), "");
}

#[test]
fn it_has_to_be_asked_for_something_in_a_session_that_is_there() {
    let (_place, url) = planted(Kind::Fs);
    run(["search", &url]).refused(2);
    let message = run(["search", &url, "leap", "--session", SEGMENT]).refused(3);
    assert!(message.contains(SEGMENT), "{message}");
}

#[test]
fn bad_lines_are_named_and_what_is_behind_them_is_searched() {
    let (place, url) = planted(Kind::Fs);
    let log = place.path("a").join(SESSION).join(format!("{SEGMENT}.jsonl"));
    fs::write(log, format!("\n{{}}\n{{}}{{}}\nleap\n{ANSWERED}\n{{\"leap\":\"torn")).unwrap();
    let ended = run(["search", &url, "leap"]);
    assert_eq!(ended.status, Some(3));
    let expected = [found(NOWHERE, 1, FOREIGN), found(SESSION, 4, ANSWERED)].concat();
    assert_eq!(ended.stdout, expected, "the number counts no blank lines");
    let named: Vec<_> = ended.stderr.lines().collect();
    assert_eq!(named.len(), 2, "{named:?}");
    assert!(named[0].contains("at line 3:") && named[1].contains("at line 4:"), "{named:?}");

    let nothing = run(["search", &url, "no such text"]);
    assert_eq!(
        (nothing.status, nothing.stdout.as_str()),
        (Some(3), ""),
        "it may be in the bad one"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_log_that_cannot_be_read_does_not_stop_it() {
    let (place, url) = planted(Kind::Fs);
    // A file that even root can open and cannot read from its start.
    let log = place.path("a").join(NOWHERE).join(format!("{NOWHERE}.jsonl"));
    std::os::unix::fs::symlink("/proc/self/mem", log).unwrap();
    let ended = run(["search", &url, "leap"]);
    assert_eq!((ended.status, ended.stdout.lines().count()), (Some(3), 2), "{ended:?}");
    assert!(ended.stderr.contains(NOWHERE), "{ended:?}");
}
