//! Tests of `truncate`, `count`, `exists` and `lookup`.

use rstest::rstest;

use crate::program::{Kind, OTHER, Place, SEGMENT, SESSION, append, run};

#[rstest]
fn truncate_keeps_the_first_entries(#[values(Kind::Fs, Kind::Sqlite)] kind: Kind) {
    let place = Place::new();
    let url = place.url(kind, "a");
    append(&url, "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n");
    assert_eq!(run(["truncate", &url, SEGMENT, "1", "--yes"]).ok(), "1\n");
    assert_eq!(append(&url, "{\"n\":4}\n"), "2\n");
    assert_eq!(run(["show", &url, SEGMENT]).ok(), "{\"n\":1}\n{\"n\":4}\n");
}

#[rstest]
fn truncate_past_the_end_changes_nothing(#[values(Kind::Fs, Kind::Sqlite)] kind: Kind) {
    let place = Place::new();
    let url = place.url(kind, "a");
    append(&url, "{}\n{}\n");
    let message = run(["truncate", &url, SEGMENT, "7"]).refused(3);
    assert!(
        message.contains('7') && message.contains('2') && message.contains(SEGMENT),
        "{message}"
    );
    assert_eq!(run(["count", &url, SEGMENT, "--json"]).ok(), "{\"entries\":2}\n");
}

#[rstest]
fn an_unknown_segment_is_an_error(#[values(Kind::Fs, Kind::Sqlite)] kind: Kind) {
    let place = Place::new();
    let url = place.url(kind, "a");
    append(&url, "{}\n");
    for args in [vec!["count"], vec!["show"], vec!["truncate"]] {
        let rest = [&url, OTHER].into_iter().chain((args[0] == "truncate").then_some("0"));
        let message = run(args.iter().copied().chain(rest)).refused(4);
        assert!(message.contains(OTHER), "{message}");
    }
    let message = run(["count", &url, SEGMENT, "--session", OTHER]).refused(4);
    assert!(message.contains(SEGMENT), "{message}");
}

#[rstest]
fn exists_and_lookup_end_with_status_1_for_an_unknown_segment(
    #[values(Kind::Fs, Kind::Sqlite)] kind: Kind,
) {
    let place = Place::new();
    let url = place.url(kind, "a");
    append(&url, "{}\n");
    assert_eq!(run(["exists", &url, SEGMENT]).ok(), "yes\n");
    assert_eq!(
        run(["exists", &url, SEGMENT, "--session", SESSION, "--json"]).ok(),
        "{\"exists\":true}\n"
    );
    assert_eq!(run(["lookup", &url, SEGMENT]).ok(), format!("{SESSION}\n"));

    let no = run(["exists", &url, OTHER]);
    assert_eq!((no.status, no.stdout.as_str()), (Some(1), "no\n"));
    let no = run(["exists", &url, SEGMENT, "--session", OTHER]);
    assert_eq!((no.status, no.stdout.as_str()), (Some(1), "no\n"));
    run(["lookup", &url, OTHER]).refused(1);
    let no = run(["lookup", &url, OTHER, "--json"]);
    assert_eq!((no.status, no.stdout.as_str()), (Some(1), "{\"session_id\":null}\n"));
}

#[test]
fn entries_are_truncated_only_after_a_confirmation() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    append(&url, "{}\n{}\n");
    let message = run(["truncate", &url, SEGMENT, "1"]).refused(3);
    assert!(message.contains("delete the last 1 entry") && message.contains("--yes"), "{message}");
    assert_eq!(run(["truncate", &url, SEGMENT, "2"]).ok(), "2\n", "nothing would be deleted");
}
