//! `check`: what is wrong is named, and nothing else.

use rstest::rstest;

use crate::program::{Kind, Place, SEGMENT, SESSION, append, run};

#[rstest]
fn a_sound_store_has_no_faults(#[values(Kind::Fs, Kind::Sqlite)] kind: Kind) {
    let place = Place::new();
    let url = place.url(kind, "a");
    append(&url, "{\"n\":1}\n{\"n\":2}\n");
    let found = run(["check", &url]).ok();
    assert_eq!(found, "segments: 1, entries: 2, trace entries: 0, faults: 0\n");
    let found = run(["check", &url, "--repair", "--json"]).ok();
    assert!(found.contains("\"lookups_rebuilt\":0"), "{found}");
}

#[test]
fn a_bad_line_is_named_and_a_torn_end_is_no_fault() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    append(&url, "{\"n\":1}\n");
    let log = place.path("a").join(SESSION).join(format!("{SEGMENT}.jsonl"));
    std::fs::write(&log, "{\"n\":1}\n{\"torn").unwrap();
    run(["check", &url]).ok();

    std::fs::write(&log, "{\"n\":1}\n{}{}\n{\"n\":3}\n").unwrap();
    let ended = run(["check", &url]);
    assert_eq!(ended.status, Some(1));
    assert!(
        ended.stdout.contains(SEGMENT) && ended.stdout.contains("line 2 of"),
        "{}",
        ended.stdout
    );
    assert!(ended.stdout.ends_with("segments: 1, entries: 1, trace entries: 0, faults: 1\n"));
}
