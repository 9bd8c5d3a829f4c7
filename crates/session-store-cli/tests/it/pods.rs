//! Tests of `pods` with its commands ls, show, put and rm. A pod is a named agent that points to a
//! session.

use std::fs;

use rstest::rstest;

use crate::program::{Kind, Place, SEGMENT, SESSION, run, run_with};

#[rstest]
fn a_pod_is_written_listed_printed_and_deleted(#[values(Kind::Fs, Kind::Sqlite)] kind: Kind) {
    let place = Place::new();
    let url = place.url(kind, "a");
    run(["pods", "put", &url, "審査", "--session", SESSION, "--segment", SEGMENT]).ok();
    let bare = "{\"mine\": 1.0,\"active\":null}";
    run_with(["pods", "put", &url, "coder", "-"], bare).ok();

    let listed = format!("coder\t-\t-\n審査\t{SESSION}\t{SEGMENT}\n");
    assert_eq!(run(["pods", "ls", &url]).ok(), listed);
    assert_eq!(run(["pods", "show", &url, "coder"]).ok(), format!("{bare}\n"));
    let json = run(["pods", "ls", &url, "--json"]).ok();
    let whole = format!("\"segment_id\":null,\"pod\":{bare}}}");
    assert!(json.lines().next().unwrap().ends_with(&whole), "{json}");
    assert_eq!(run(["ls", &url]).ok(), "", "a pod does not create a session");

    let message = run(["pods", "rm", &url, "coder"]).refused(3);
    assert!(message.contains("--yes"), "{message}");
    run(["pods", "rm", &url, "coder", "nobody", "--yes"]).refused(4);
    assert_eq!(run(["pods", "ls", &url]).ok(), listed, "nothing is deleted");
    let planned = run(["pods", "rm", &url, "coder", "--dry-run"]).ok();
    assert_eq!(planned, "would delete pod coder\n");
    assert_eq!(run(["pods", "rm", &url, "coder", "--yes"]).ok(), "deleted pod coder\n");
    let message = run(["pods", "show", &url, "coder"]).refused(4);
    assert!(message.contains("coder"), "{message}");
    run(["pods", "rm", &url, "coder", "--yes"]).refused(4);
}

#[rstest]
#[case("../../etc")]
#[case("..")]
#[case("a/b")]
#[case("")]
fn an_invalid_name_is_refused(#[case] name: &str) {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    let message = run(["pods", "put", &url, name, "--session", SESSION]).refused(2);
    assert!(message.contains(&format!("'{name}'")), "{message}");
    assert!(message.contains("a pod name has 1 to 255 bytes"), "{message}");
    assert_eq!(place.listing(), []);
}

#[rstest]
#[case("[]")]
#[case("{\"active\":7}")]
#[case("")]
fn text_that_is_not_a_pod_is_refused(#[case] text: &str) {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    let message = run_with(["pods", "put", &url, "coder", "-"], text).refused(3);
    assert!(message.contains("standard input"), "{message}");
    assert_eq!(place.listing(), []);
}

#[test]
fn an_unreadable_pod_does_not_stop_the_listing() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    for name in ["broken", "sound"] {
        run(["pods", "put", &url, name, "--session", SESSION]).ok();
    }
    fs::write(place.path("a/pods/broken/metadata.json"), "no pod").unwrap();
    let listed = run(["pods", "ls", &url]);
    let expected = format!("broken\t?\t-\nsound\t{SESSION}\t-\n");
    assert_eq!((listed.status, listed.stdout), (Some(3), expected));
    assert!(listed.stderr.contains("broken"), "{}", listed.stderr);
}
