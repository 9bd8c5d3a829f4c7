//! Tests of references: the first characters of an id, and `latest`.

use std::fs::{File, FileTimes};
use std::time::{Duration, SystemTime};

use rstest::rstest;

use crate::program::{Kind, Place, run, run_with};

const A: &str = "0ccf1a04-1b4c-43b6-8aa5-79e41db43a68";
const B: &str = "0ccf1a04-1b4c-43b6-8aa5-79e41db43a69";
const C: &str = "1ccf1a04-1b4c-43b6-8aa5-79e41db43a68";

/// Creates a session with one segment for each id. The session and its segment have the same id.
fn stored(kind: Kind) -> (Place, String) {
    let place = Place::new();
    let url = place.url(kind, "a");
    for id in [A, B, C] {
        run(["create", &url, "--session", id, "--segment", id]).ok();
    }
    (place, url)
}

#[rstest]
#[case::first_characters("1cc")]
#[case::one_character("1")]
#[case::upper_case("1CCF1A04-1B4C")]
#[case::without_hyphens("1ccf1a041b4c43b6")]
fn the_first_characters_of_an_id_are_enough(
    #[values(Kind::Fs, Kind::Sqlite)] kind: Kind,
    #[case] prefix: &str,
) {
    let (_place, url) = stored(kind);
    assert_eq!(run(["lookup", &url, prefix]).ok(), format!("{C}\n"));
    assert_eq!(run(["count", &url, prefix]).ok(), "0\n");
    assert_eq!(run(["exists", &url, prefix, "--session", prefix]).ok(), "yes\n");
    assert!(run(["ls", &url, prefix]).ok().starts_with(C));
    assert!(run(["tree", &url, prefix]).ok().contains(C));
    run(["rm", &url, prefix, "--yes"]).ok();
    assert_eq!(run(["exists", &url, C]).status, Some(1));
    assert_eq!(run(["exists", &url, A]).ok(), "yes\n");
}

#[test]
fn a_reference_also_names_where_to_write() {
    let (place, url) = stored(Kind::Fs);
    let written = run_with(["append", &url, "--session", "1c", "--segment", "latest"], "{}\n");
    assert_eq!(written.ok(), "1\n");
    assert_eq!(run(["count", &url, C]).ok(), "1\n");
    run(["pods", "put", &url, "coder", "--session", "1", "--segment", "1cc"]).ok();
    assert_eq!(run(["pods", "ls", &url]).ok(), format!("coder\t{C}\t{C}\n"));
    assert!(run(["create", &url, "--session", "1"]).ok().starts_with(C));

    let before = place.listing();
    let other = place.url(Kind::Fs, "b");
    for (url, status) in [(&url, 4), (&other, 4)] {
        let append = ["append", url, "--session", "ff", "--segment", C];
        run_with(append, "{}\n").refused(status);
        let append = ["append", url, "--session", C, "--segment", "ff"];
        run_with(append, "{}\n").refused(status);
        run(["create", url, "--session", "ff"]).refused(status);
        run(["pods", "put", url, "other", "--session", "ff"]).refused(status);
        run(["pods", "put", url, "other", "--session", C, "--segment", "ff"]).refused(status);
    }
    let ambiguous = ["append", &url, "--session", "0cc", "--segment", C];
    assert!(run_with(ambiguous, "{}\n").refused(3).contains("2 ids begin with it"));
    assert_eq!(place.listing(), before, "a short id creates nothing");
}

/// The times of many sessions are read on several threads, and `latest` reads them in rounds.
#[test]
fn latest_is_the_first_of_many_sessions() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    std::fs::create_dir(place.path("logs")).unwrap();
    for number in 0..60 {
        let minute = (number * 37) % 60;
        let line = format!("{{\"number\":{number},\"ts\":\"2020-01-01T00:{minute:02}:00Z\"}}\n");
        std::fs::write(place.path(&format!("logs/{number}.jsonl")), line).unwrap();
    }
    run(["import", place.path("logs").to_str().unwrap(), &url]).ok();
    let listed = run(["ls", &url, "-l", "--sort", "written"]).ok();
    let times: Vec<_> = listed.lines().map(|line| line.split('\t').nth(4).unwrap()).collect();
    assert_eq!(times.len(), 60);
    assert!(times.is_sorted_by(|a, b| a > b), "{times:?}");
    let last = (0..60).find(|number| (number * 37) % 60 == 59).unwrap();
    assert!(run(["show", &url, "latest"]).ok().contains(&format!("\"number\":{last},")));
}

/// The storage time of the session with the latest entry is some milliseconds before the time of
/// the entry, because the file system uses a coarse clock.
#[test]
fn latest_is_found_although_the_clock_of_the_storage_is_behind() {
    const SESSIONS: u64 = 17;
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    let id = |number| format!("0ccf1a04-1b4c-43b6-8aa5-79e41db4{number:04}");
    let written = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    for number in 0..SESSIONS {
        let (id, ts) = (id(number), 1_700_000_000_000 + number);
        let entry = format!("{{\"ts\":{ts}}}\n");
        run_with(["create", &url, "-", "--session", &id, "--segment", &id], &entry).ok();
        let log = File::options().append(true).open(place.path(&format!("a/{id}/{id}.jsonl")));
        let later = Duration::from_secs(u64::from(number + 1 < SESSIONS));
        log.unwrap().set_times(FileTimes::new().set_modified(written + later)).unwrap();
    }
    let last = id(SESSIONS - 1);
    assert!(run(["ls", &url, "--sort", "written", "--limit", "1"]).ok().starts_with(&last));
    assert!(run(["ls", &url, "latest"]).ok().starts_with(&last));
}

#[test]
fn a_copy_is_limited_to_the_named_session() {
    let (place, url) = stored(Kind::Fs);
    let copy = place.url(Kind::Sqlite, "copy");
    run(["migrate", &url, &copy, "--session", "1"]).ok();
    assert!(run(["ls", &copy]).ok().starts_with(C));
    let message = run(["migrate", &url, &place.url(Kind::Fs, "b"), "--session", "0"]).refused(3);
    assert!(message.contains("2 ids begin with it"), "{message}");
    assert!(!place.path("b").exists(), "nothing is created for an ambiguous reference");
}

#[test]
fn an_ambiguous_reference_is_refused_and_lists_the_candidates() {
    let (_place, url) = stored(Kind::Fs);
    for args in [vec!["rm", &url, "0ccf", "--yes"], vec!["show", &url, "0ccf"]] {
        let message = run(args).refused(3);
        assert!(message.contains(A) && message.contains(B) && !message.contains(C), "{message}");
    }
    let message = run(["rm", &url, "--session", "0ccf", "--yes"]).refused(3);
    assert!(message.contains("2 ids begin with it"), "{message}");
    assert_eq!(run(["ls", &url]).ok().lines().count(), 3, "all sessions are still stored");
}

#[test]
fn a_reference_to_nothing_is_an_error() {
    let (place, url) = stored(Kind::Fs);
    assert!(run(["show", &url, "ff"]).refused(4).contains("no session contains it"));
    assert!(run(["ls", &url, "ff"]).refused(4).contains("the store does not contain it"));
    assert_eq!(run(["exists", &url, "ff"]).status, Some(1));
    assert_eq!(run(["lookup", &url, "ff"]).status, Some(1));
    let empty = place.url(Kind::Fs, "empty");
    run(["create", &empty, "--session", A, "--segment", A]).ok();
    run(["rm", &empty, A, "--yes"]).ok();
    assert!(run(["tree", &empty, "latest"]).refused(4).contains("latest"));
}

#[test]
fn latest_is_the_session_that_was_written_last() {
    let (place, url) = stored(Kind::Fs);
    let now = SystemTime::now();
    for (age, id) in [(10, A), (5, B), (20, C)] {
        let log = File::options().append(true).open(place.path(&format!("a/{id}/{id}.jsonl")));
        let time = FileTimes::new().set_modified(now - Duration::from_secs(age));
        log.unwrap().set_times(time).unwrap();
    }
    assert_eq!(run(["lookup", &url, "latest"]).ok(), format!("{B}\n"));
    assert!(run(["ls", &url, "latest"]).ok().starts_with(B));
    assert_eq!(run(["count", &url, "latest", "--session", "1"]).ok(), "0\n");
}

#[test]
fn a_session_can_be_read_by_its_own_id() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    run_with(["create", &url, "-", "--session", C, "--segment", A], "{\"n\":1}\n").ok();
    run(["create", &url, "--session", C, "--segment", B]).ok();
    for session in [C, "1c"] {
        assert_eq!(run(["show", &url, session]).ok(), "{\"n\":1}\n");
        assert_eq!(run(["tail", &url, session]).ok(), "{\"n\":1}\n");
        run(["truncate", &url, session, "0", "--yes"]).refused(4);
    }
}

/// Session A was stored last, but the entry of session B has the latest time.
#[test]
fn latest_is_the_first_session_by_the_time_of_its_entries() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    for (day, id) in [(2, C), (3, B), (1, A)] {
        let entry = format!("{{\"ts\":\"2026-05-0{day}T00:00:00Z\"}}\n");
        run_with(["create", &url, "-", "--session", id, "--segment", id], &entry).ok();
    }
    run_with(["create", &url, "-", "--session", B, "--segment", C], "{\"ts\":1}\n").ok();
    assert!(run(["ls", &url, "--sort", "written", "--limit", "1"]).ok().starts_with(B));
    assert_eq!(run(["lookup", &url, "latest"]).ok(), format!("{B}\n"));
    assert!(run(["show", &url, "latest"]).ok().contains("2026-05-03"), "not the other segment");
}
