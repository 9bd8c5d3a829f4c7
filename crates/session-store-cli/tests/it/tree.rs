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

/// Returns a first entry that names the segment `number` as its origin. `how` is the field that
/// names it: `forked_from` or `compacted_from`.
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

#[test]
fn a_bad_first_entry_is_reported_in_the_tree() {
    let (place, url) = populated(Kind::Fs);
    let log = place.path("a").join(SESSION).join(format!("{}.jsonl", segment(2)));
    fs::write(log, "no entry\n{}\n").unwrap();
    append(&url, "{}\n");

    let drawn = run(["tree", &url]);
    assert_eq!((drawn.status, drawn.stderr.as_str()), (Some(1), ""), "{drawn:?}");
    let line = drawn.stdout.lines().find(|line| line.contains(&segment(2))).unwrap();
    assert!(line.starts_with("├── ") && line.contains("line 1"), "{line}");
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
    assert_eq!(drawn.status, Some(1));
    assert!(drawn.stderr.contains(OTHER), "{drawn:?}");
    assert!(drawn.stdout.contains(&segment(3)), "{drawn:?}");
}

#[test]
fn an_unknown_session_is_an_error_and_an_empty_store_is_not() {
    let (_place, url) = populated(Kind::Fs);
    let message = run(["tree", &url, OTHER]).refused(3);
    assert!(message.contains(OTHER), "{message}");
    assert_eq!(run(["tree", "memory:"]).ok(), "");
}
