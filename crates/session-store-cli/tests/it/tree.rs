//! Tests of `tree`, which prints each segment below the segment from which it was forked or
//! compacted.

use std::fs;

use rstest::rstest;

use crate::program::{Kind, OTHER, Place, SEGMENT, SESSION, append, run, run_with};

/// Returns the id of the segment with this number. The number is a part of the time in the id, so
/// the segments are listed in the order of their numbers.
fn segment(number: usize) -> String {
    format!("017f22e2-79b{number:x}-7000-8000-000000000000")
}

/// Creates a segment whose first entry is `first` and whose second entry is `{}`.
fn create(url: &str, number: usize, first: &str) {
    let segment = segment(number);
    let create = ["create", url, "-", "--session", SESSION, "--segment", &segment];
    run_with(create, format!("{first}\n{{}}\n")).ok();
}

/// Returns a first entry that names the segment `number` as its origin, in the field `how`:
/// `forked_from` or `compacted_from`.
fn from(how: &str, number: usize) -> String {
    format!("{{\"{how}\":{{\"segment_id\":\"{}\",\"at_turn_index\":3}}}}", segment(number))
}

/// Creates a session of five segments. Segment 5 is forked from segment 9, which does not exist.
fn populated(kind: Kind) -> (Place, String) {
    let place = Place::new();
    let url = place.url(kind, "a");
    create(&url, 1, "{}");
    create(&url, 2, &from("forked_from", 1));
    create(&url, 3, &from("compacted_from", 2));
    create(&url, 4, &from("forked_from", 1));
    create(&url, 5, &from("forked_from", 9));
    (place, url)
}

#[rstest]
fn a_segment_is_printed_below_its_origin(#[values(Kind::Fs, Kind::Sqlite)] kind: Kind) {
    let (_place, url) = populated(kind);
    let [one, two, three, four, five, nine] = [1, 2, 3, 4, 5, 9].map(segment);
    let drawn = format!(
        "\
session {SESSION}
├── {one}  2 entries
│   ├── {two}  2 entries, forked at turn 3
│   │   └── {three}  2 entries, compacted at turn 3
│   └── {four}  2 entries, forked at turn 3
└── {five}  2 entries, forked at turn 3 of {nine}
"
    );
    assert_eq!(run(["tree", &url]).ok(), drawn);
    assert_eq!(run(["tree", &url, SESSION]).ok(), drawn);

    let json = run(["tree", &url, "--json"]).ok();
    let lines: Vec<_> = json.lines().collect();
    let session = format!("{{\"session_id\":\"{SESSION}\",\"segment_id\"");
    let lineage = format!("{{\"segment_id\":\"{two}\",\"at_turn_index\":3}}");
    assert_eq!(lines[0], format!("{session}:\"{one}\",\"parent\":null,\"entries\":2}}"));
    assert_eq!(
        lines[2],
        format!(
            "{session}:\"{three}\",\"parent\":\"{two}\",\"entries\":2,\"compacted_from\":{lineage}}}"
        )
    );
}

/// The logs of a session of Claude Code, of its subagent, and of a session that was forked from it.
#[test]
fn imported_subagents_and_forks_are_printed_below_their_parents() {
    const FORK: &str = "0ccf1a04-1b4c-43b6-8aa5-79e41db43a68";
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    let said = |more: &str, text: &str| {
        format!(
            "{{\"parentUuid\":null,\"type\":\"user\"{more},\
             \"message\":{{\"role\":\"user\",\"content\":\"{text}\"}}}}\n"
        )
    };
    let fork = format!(",\"forkedFrom\":{{\"sessionId\":\"{SESSION}\",\"messageUuid\":\"u1\"}}");
    fs::create_dir_all(place.path(&format!("logs/{SESSION}/subagents"))).unwrap();
    for (path, log) in [
        (format!("{SESSION}.jsonl"), said("", "Fix it")),
        (format!("{SESSION}/subagents/agent-a1.jsonl"), said("", "Search for it")),
        (format!("{FORK}.jsonl"), said(&fork, "Try again")),
    ] {
        fs::write(place.path("logs").join(path), log).unwrap();
    }
    run(["import", place.path("logs").to_str().unwrap(), &url]).ok();

    let drawn = run(["tree", &url]).ok();
    let lines: Vec<_> = drawn.lines().collect();
    assert_eq!(lines[0], format!("session {SESSION}"));
    assert_eq!(lines[1], format!("└── {SESSION}  1 entry  Fix it"));
    assert!(lines[2].starts_with("    ├── ") && lines[2].ends_with("1 entry  Search for it"));
    assert_eq!(lines[3], format!("    └── session {FORK}"));
    assert_eq!(lines[4], format!("        └── {FORK}  1 entry  Try again"));
    assert_eq!(lines.len(), 5, "{drawn}");

    let origin = format!("segment {SESSION} of session {SESSION}");
    let alone = format!("session {FORK}\n└── {FORK}  1 entry, from {origin}  Try again\n");
    assert_eq!(run(["tree", &url, FORK]).ok(), alone);
    let json = run(["tree", &url, FORK, "--json"]).ok();
    let key = format!("{{\"session_id\":\"{SESSION}\",\"segment_id\":\"{SESSION}\"}}");
    assert!(json.contains(&format!("\"origin\":{key},\"title\":\"Try again\"}}")), "{json}");
}

#[test]
fn a_bad_first_entry_is_reported_in_the_tree() {
    let (place, url) = populated(Kind::Fs);
    let log = place.path("a").join(SESSION).join(format!("{}.jsonl", segment(2)));
    fs::write(log, "no entry\n{}\n").unwrap();
    append(&url, "{}\n");

    let drawn = run(["tree", &url]);
    assert_eq!(drawn.status, Some(3), "{drawn:?}");
    let reported = drawn.stderr.lines().next().unwrap();
    let operation = "session-store: cannot read the first entry of segment ";
    assert!(reported.starts_with(operation) && reported.contains("at line 1:"), "{reported}");
    let line = drawn.stdout.lines().find(|line| line.contains(&segment(2))).unwrap();
    assert!(line.starts_with("├── ") && line.ends_with("  ?"), "{line}");
    assert_eq!(drawn.stdout.lines().count(), 7, "every segment is printed");

    let json = run(["tree", &url, SESSION, "--json"]);
    let line = json.stdout.lines().find(|line| line.contains("\"damage\":")).unwrap();
    assert!(line.contains(&segment(2)) && line.contains("\"entries\":null"), "{line}");
}

#[cfg(target_os = "linux")]
#[test]
fn an_unreadable_log_does_not_stop_the_tree() {
    let (place, url) = populated(Kind::Fs);
    run(["create", &url, "--session", OTHER, "--segment", SEGMENT]).ok();
    // OTHER is the id of the session, and serves as the id of its second segment as well.
    place.add_unreadable_log("a", OTHER, OTHER);
    let drawn = run(["tree", &url]);
    assert_eq!(drawn.status, Some(3));
    assert!(drawn.stderr.contains(OTHER), "{drawn:?}");
    assert!(drawn.stdout.contains(&segment(3)), "{drawn:?}");
}

#[test]
fn an_unknown_session_is_an_error_and_an_empty_store_is_not() {
    let (_place, url) = populated(Kind::Fs);
    let message = run(["tree", &url, OTHER]).refused(4);
    assert!(message.contains(OTHER), "{message}");
    assert_eq!(run(["tree", "memory:"]).ok(), "");
}
