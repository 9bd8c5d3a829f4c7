//! Tests of `verify`: the printed differences, and the exit status.

use crate::program::{Kind, OTHER, Place, SEGMENT, SESSION, append, run, run_with};

#[test]
fn the_first_difference_of_each_segment_is_printed_without_its_content() {
    let place = Place::new();
    let (a, b) = (place.url(Kind::Fs, "a"), place.url(Kind::Sqlite, "b"));
    append(&a, "{}\n{\"secret\":\"12\"}\n{}\n");
    append(&b, "{}\n{\"secret\":\"345\"}\n{}\n");
    run(["create", &b, "--session", SESSION, "--segment", OTHER]).ok();
    run(["pods", "put", &a, "coder", "--session", SESSION]).ok();
    let ended = run(["verify", &a, &b]);
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(1), ""));
    let lines: Vec<_> = ended.stdout.lines().collect();
    assert_eq!(
        lines,
        [
            format!(
                "segment {SEGMENT} of session {SESSION}: entry 2 differs from byte 12 on: 15 bytes in \
                 {a}, 16 in {b}"
            ),
            format!("segment {OTHER} of session {SESSION}: only in {b}"),
            format!("pod coder: only in {a}"),
            "different: 0 of 2 segments and 0 of 1 pod are equal".to_owned(),
        ]
    );
    let ended = run(["--json", "verify", &a, &b]);
    let report: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((ended.status, &report["equal"]), (Some(1), &serde_json::json!(false)));
    assert_eq!(report["differences"].as_array().unwrap().len(), 3);
}

#[test]
fn equal_stores_are_equal_and_not_changed() {
    let place = Place::new();
    let (a, b) = (place.url(Kind::Fs, "a"), place.url(Kind::Fs, "b"));
    for url in [&a, &b] {
        append(url, "{\"x\":1}\n");
    }
    let before = place.listing();
    assert_eq!(
        run(["verify", &a, &b]).ok(),
        "equal: 1 segment, 1 entry, 0 trace entries, 0 pods\n"
    );
    assert_eq!(place.listing(), before);
}

#[test]
fn traces_are_compared_unless_they_are_left_out() {
    let place = Place::new();
    let (a, b) = (place.url(Kind::Fs, "a"), place.url(Kind::Fs, "b"));
    for (url, trace) in [(&a, "{\"t\":1}\n"), (&b, "{\"t\":2}\n")] {
        append(url, "{}\n");
        let args = ["append", url, "--session", SESSION, "--segment", SEGMENT, "--trace"];
        run_with(args, trace).ok();
    }
    assert_eq!(run(["verify", &a, &b]).status, Some(1));
    assert!(run(["verify", &a, &b, "--no-traces"]).ok().starts_with("equal: 1 segment"));
}

#[test]
fn a_missing_store_is_an_error() {
    let place = Place::new();
    let (a, b) = (place.url(Kind::Fs, "a"), place.url(Kind::Sqlite, "b"));
    append(&a, "{}\n");
    let before = place.listing();
    for args in [["verify", &a, &b], ["verify", &b, &a]] {
        let message = run(args).refused(4);
        assert!(message.contains(&b), "{message}");
    }
    assert_eq!(place.listing(), before);
}
