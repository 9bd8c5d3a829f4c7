//! Tests of `rm`, which deletes segments and sessions after a confirmation.

use std::fs::{File, FileTimes};
use std::time::{Duration, SystemTime};

use rstest::rstest;

use crate::program::{Kind, OTHER, Place, SEGMENT, SESSION, append, run, run_with};

#[rstest]
fn a_segment_is_deleted_with_its_trace(#[values(Kind::Fs, Kind::Sqlite)] kind: Kind) {
    let place = Place::new();
    let url = place.url(kind, "a");
    append(&url, "{}\n");
    run_with(["append", &url, "--session", SESSION, "--segment", SEGMENT, "--trace"], "{}\n").ok();
    run(["create", &url, "--session", SESSION, "--segment", OTHER]).ok();
    let deleted = run(["rm", &url, SEGMENT, "--yes"]).ok();
    assert_eq!(deleted, format!("deleted segment {SEGMENT} of session {SESSION}\n"));
    assert!(run(["ls", &url, SESSION]).ok().starts_with(OTHER), "the other segment is kept");
    append(&url, "{}\n");
    assert_eq!(run(["show", &url, SEGMENT, "--trace"]).ok(), "");
}

#[rstest]
fn a_session_is_deleted_with_all_its_segments(#[values(Kind::Fs, Kind::Sqlite)] kind: Kind) {
    let place = Place::new();
    let url = place.url(kind, "a");
    append(&url, "{}\n");
    run(["create", &url, "--session", SESSION]).ok();
    let deleted = run(["rm", &url, "--session", SESSION, "-y", "--json"]).ok();
    assert_eq!(deleted, format!("{{\"session_id\":\"{SESSION}\",\"segments\":2}}\n"));
    assert_eq!(run(["ls", &url]).ok(), "");
}

#[test]
fn without_yes_and_without_a_terminal_nothing_is_deleted() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    append(&url, "{}\n");
    let message = run_with(["rm", &url, SEGMENT], "y\n").refused(3);
    assert!(message.contains("--yes") && message.contains(SEGMENT), "{message}");
    assert_eq!(run(["count", &url, SEGMENT]).ok(), "1\n");
}

#[test]
fn an_unknown_segment_or_session_is_an_error() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    append(&url, "{}\n");
    for args in [vec![OTHER], vec![OTHER, "--session", SESSION], vec!["--session", OTHER]] {
        let message = run(["rm", &url, "--yes"].into_iter().chain(args)).refused(4);
        assert!(message.contains(OTHER), "{message}");
    }
    run(["rm", &url, "--yes"]).refused(2);
    assert_eq!(run(["count", &url, SEGMENT]).ok(), "1\n");
}

#[test]
fn the_usage_shows_both_forms() {
    let message = run(["rm", "fs:a"]).refused(2);
    assert!(
        message
            .contains("Usage: session-store rm [OPTIONS] <STORE> <SEGMENT…|--session <SESSION>|")
    );
    let message = run(["pods", "put", "fs:a", "coder"]).refused(2);
    assert!(message.contains("  <FILE|--session <SESSION>>\n"), "{message}");
}

const IDS: [&str; 3] = [
    "0ccf1a04-1b4c-43b6-8aa5-79e41db43a68",
    "1ccf1a04-1b4c-43b6-8aa5-79e41db43a68",
    "2ccf1a04-1b4c-43b6-8aa5-79e41db43a68",
];

/// Creates three sessions that were written 10, 20 and 30 days ago.
fn aged() -> (Place, String) {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    for (days, id) in (1..).zip(IDS) {
        run_with(["create", &url, "-", "--session", id, "--segment", id], "{}\n").ok();
        set_age(&place, id, days * 10);
    }
    (place, url)
}

/// Sets the time of a log to a number of days before now.
fn set_age(place: &Place, id: &str, days: u64) {
    let log = File::options().append(true).open(place.path(&format!("a/{id}/{id}.jsonl")));
    let age = Duration::from_secs(days * 24 * 60 * 60);
    log.unwrap().set_times(FileTimes::new().set_modified(SystemTime::now() - age)).unwrap();
}

/// Returns the positions in [`IDS`] of the sessions of a store.
fn left(url: &str) -> Vec<usize> {
    let listed = run(["ls", url]).stdout;
    (0..3).filter(|&index| listed.contains(IDS[index])).collect()
}

#[rstest]
#[case::by_age(&["--older-than", "15d"], &[0])]
#[case::by_rank(&["--keep", "2"], &[0, 1])]
#[case::by_age_and_rank(&["--older-than", "5d", "--keep", "1"], &[0])]
#[case::none_is_old(&["--older-than", "90d"], &[0, 1, 2])]
#[case::all(&["--keep", "0"], &[])]
fn old_sessions_are_deleted(#[case] options: &[&str], #[case] expected: &[usize]) {
    let (_place, url) = aged();
    let rm = |more| run(["rm", &url].into_iter().chain(options.iter().copied()).chain([more]));
    let planned = rm("--dry-run").ok();
    assert_eq!(planned.matches("would delete session").count(), 3 - expected.len(), "{planned}");
    assert_eq!(left(&url), [0, 1, 2], "a dry run deletes nothing");
    rm("--yes").ok();
    assert_eq!(left(&url), expected);
}

/// The time in the entries of a session and the time of its file differ.
#[rstest]
#[case::old_entries_of_a_new_file("2020-01-01T00:00:00Z", 0, &[0, 1, 2])]
#[case::new_entries_of_an_old_file("2999-01-01T00:00:00Z", 100, &[0, 1, 2])]
#[case::both_are_old("2020-01-01T00:00:00Z", 100, &[0, 1])]
fn a_session_is_as_old_as_the_later_one_of_its_two_times(
    #[case] entry: &str,
    #[case] days: u64,
    #[case] expected: &[usize],
) {
    let (place, url) = aged();
    let lines = format!("{{\"ts\":\"{entry}\"}}\n");
    let replace = ["create", &url, "-", "--session", IDS[2], "--segment", IDS[2], "--replace"];
    run_with(replace, lines).ok();
    set_age(&place, IDS[2], days);
    let ended = run(["rm", &url, "--older-than", "90d", "--yes"]);
    assert_eq!((ended.status, left(&url)), (Some(0), expected.to_vec()));
    let reason = "kept 1 session with older entries, because the storage records a later change";
    assert_eq!(ended.stderr.contains(reason), days == 0, "{ended:?}");
}

#[test]
fn a_dry_run_prints_what_would_be_lost() {
    let (_place, url) = aged();
    let line = "{\"role\":\"user\",\"content\":\"Fix it\",\"ts\":\"2020-01-01T00:00:00Z\"}\n";
    let log = ["append", &url, "--session", IDS[0], "--segment", IDS[0]];
    run_with(log, line).ok();
    run(["create", &url, "--session", IDS[0], "--segment", IDS[1]]).ok();
    let facts = "2 entries, 66 B, written 2020-01-01T00:00:00Z: Fix it\n";
    let planned = run(["rm", &url, "--session", IDS[0], "--dry-run"]).ok();
    assert_eq!(planned, format!("would delete session {} with 2 segments: {facts}", IDS[0]));
    let planned = run(["rm", &url, IDS[0], "--session", IDS[0], "--dry-run"]).ok();
    assert!(planned.starts_with("would delete segment ") && planned.ends_with(facts), "{planned}");
    let json = run(["rm", &url, "--session", IDS[0], "--dry-run", "--json"]).ok();
    assert!(json.contains(",\"segments\":2,\"entries\":2,\"written\":\"2020-"), "{json}");
}

#[test]
fn a_session_that_a_pod_points_to_is_only_deleted_by_force() {
    let (_place, url) = aged();
    run(["pods", "put", &url, "coder", "--session", IDS[2], "--segment", IDS[2]]).ok();
    let kept = run(["rm", &url, "--keep", "0", "--yes"]);
    assert_eq!((kept.status, left(&url)), (Some(0), vec![2]));
    assert!(kept.stderr.contains("pod coder points to it"), "{}", kept.stderr);

    for named in [vec!["--session", IDS[2]], vec![IDS[2]]] {
        let args = ["rm", &url, "--yes"].into_iter().chain(named);
        let message = run(args).refused(3);
        assert!(message.contains("pod coder") && message.contains("--force"), "{message}");
    }
    run(["rm", &url, "--session", IDS[2], "--yes", "--force"]).ok();
    assert_eq!(left(&url), [0; 0]);
}

#[test]
fn several_sessions_are_deleted_also_from_standard_input() {
    let (_place, url) = aged();
    let input = format!("{}\n\n{}\n", IDS[1], IDS[1]);
    let args = ["rm", &url, "--session", "0cc", "--stdin", "--yes"];
    assert_eq!(run_with(args, input).ok().lines().count(), 2);
    assert_eq!(left(&url), [2]);
    let message = run_with(["rm", &url, "--stdin", "--yes"], "no-id\n").refused(3);
    assert!(message.contains("line 1 of standard input"), "{message}");
}

#[test]
fn sessions_are_archived_before_they_are_deleted() {
    let (place, url) = aged();
    let file = place.path("old.tar.zst").display().to_string();
    let archive = ["rm", &url, "--older-than", "15d", "--archive", &file, "--yes"];
    let ended = run(archive);
    assert_eq!((ended.status, left(&url)), (Some(0), vec![0]), "{ended:?}");
    let again = archive.map(|arg| if arg == "15d" { "1d" } else { arg });
    for args in [again.to_vec(), [&again[..], &["--dry-run"]].concat()] {
        let message = run(args).refused(3);
        assert!(message.contains("the file exists; delete it"), "{message}");
    }
    assert_eq!(left(&url), [0], "nothing is deleted without its archive");

    let restored = place.url(Kind::Sqlite, "b");
    run(["restore", &file, &restored]).ok();
    assert_eq!(left(&restored), [1, 2]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_session_that_cannot_be_archived_is_not_deleted() {
    let (place, url) = aged();
    place.add_unreadable_log("a", IDS[1], OTHER);
    let file = place.path("old.tar.zst").display().to_string();
    let message = run(["rm", &url, "--session", IDS[1], "--archive", &file, "--yes"]).refused(3);
    assert!(message.contains("nothing was deleted"), "{message}");
    assert!(left(&url).contains(&1) && !place.path("old.tar.zst").exists());
}

#[test]
fn a_deletion_of_nothing_is_a_success_that_says_so() {
    let (_place, url) = aged();
    for more in ["--dry-run", "--yes"] {
        let rm = ["rm", &url, "--older-than", "90d", more];
        assert_eq!(run(rm).ok(), "nothing to delete\n");
        assert_eq!(run(rm.into_iter().chain(["--json"])).ok(), "", "no object for no deletion");
    }
}
