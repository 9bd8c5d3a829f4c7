//! Tests of `ls`, which lists sessions and segments, as text and as JSON.

use std::fs;
use std::time::{Duration, UNIX_EPOCH};

use rstest::rstest;

use crate::program::{Kind, OTHER, Place, SEGMENT, SESSION, append, run, run_with};

const V4: &str = "0ccf1a04-1b4c-43b6-8aa5-79e41db43a68";

#[rstest]
fn sessions_are_listed_newest_first(#[values(Kind::Fs, Kind::Sqlite)] kind: Kind) {
    let place = Place::new();
    let url = place.url(kind, "a");
    append(&url, "{}\n{}\n{}\n");
    run(["create", &url, "--session", SESSION]).ok();
    run(["create", &url, "--session", V4, "--segment", V4]).ok();
    let expected = format!("{V4}\t-\t1\t0\n{SESSION}\t2022-02-22T19:22:22Z\t2\t3\n");
    assert_eq!(run(["ls", &url]).ok(), expected);
}

#[test]
fn the_segments_of_a_session_are_listed() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    append(&url, "{}\n");
    let line = format!("{SEGMENT}\t2022-02-22T19:22:22Z\t1\n");
    assert_eq!(run(["ls", &url, SESSION]).ok(), line);
    let json = format!(
        "{{\"segment_id\":\"{SEGMENT}\",\"created\":\"2022-02-22T19:22:22Z\",\"entries\":1}}\n"
    );
    assert_eq!(run(["ls", &url, SESSION, "--json"]).ok(), json);
    let message = run(["ls", &url, OTHER]).refused(4);
    assert!(message.contains(OTHER), "{message}");
}

#[test]
fn a_log_with_a_bad_line_is_listed() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    append(&url, "{}\n");
    fs::write(place.path(&format!("a/{SESSION}/{OTHER}.jsonl")), "{}\nno entry\n").unwrap();
    let listed = run(["ls", &url, SESSION]).ok();
    assert!(listed.contains(SEGMENT) && listed.contains(OTHER), "{listed}");
}

#[cfg(target_os = "linux")]
#[test]
fn an_unreadable_log_does_not_stop_the_listing() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    append(&url, "{}\n");
    run(["create", &url, "--session", V4, "--segment", V4]).ok();
    place.add_unreadable_log("a", SESSION, OTHER);

    let sessions = run(["ls", &url]);
    let expected = format!("{V4}\t-\t1\t0\n{SESSION}\t2022-02-22T19:22:22Z\t2\t?\n");
    assert_eq!((sessions.status, sessions.stdout), (Some(3), expected));
    assert!(sessions.stderr.contains(OTHER), "{}", sessions.stderr);

    let segments = run(["ls", &url, SESSION, "--json"]);
    assert_eq!(segments.status, Some(3));
    let lines: Vec<_> = segments.stdout.lines().collect();
    assert!(lines[0].contains(OTHER) && lines[0].contains("\"entries\":null"), "{lines:?}");
    assert!(lines[1].contains(SEGMENT) && lines[1].contains("\"entries\":1"), "{lines:?}");
}

/// Older versions of the agent crate created a session of this id, in which each first use of a pod
/// name was recorded. This session does not contain a conversation, so the listings leave it out.
#[test]
fn the_session_of_pod_claims_is_listed_only_if_it_is_named() {
    const CLAIMS: &str = "00000000-0000-8000-8000-636c61696d73";
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    append(&url, "{}\n");
    run(["create", &url, "--session", CLAIMS]).ok();
    for command in ["ls", "tree"] {
        let printed = run([command, &url]).ok();
        assert!(printed.contains(SESSION) && !printed.contains(CLAIMS), "{printed}");
    }
    let counted = run(["stat", &url]).ok();
    assert!(counted.starts_with("sessions       1\nsegments       1\n"), "{counted}");
    assert_eq!(run(["ls", &url, CLAIMS]).ok().lines().count(), 1);
}

/// The command reads the sessions page by page. If the call for a page fails, the command reads
/// the sessions of the page one by one.
#[cfg(target_os = "linux")]
#[test]
fn more_sessions_than_a_page_are_listed() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    fs::create_dir(place.path("logs")).unwrap();
    for number in 0..250 {
        fs::write(place.path(&format!("logs/{number}.jsonl")), "{}\n").unwrap();
    }
    run(["import", place.path("logs").to_str().unwrap(), &url]).ok();
    let listed = run(["ls", &url]).ok();
    let mut lines: Vec<_> = listed.lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 250);
    assert!(lines.is_sorted_by(|a, b| a > b), "newest first");

    let session = lines[120].split('\t').next().unwrap().to_owned();
    place.add_unreadable_log("a", &session, OTHER);
    lines[120] = lines[120].replace("\t1\t1", "\t2\t?");
    let ended = run(["ls", &url]);
    assert_eq!((ended.status, ended.stdout.lines().eq(lines)), (Some(3), true), "{ended:?}");
}

#[test]
fn an_empty_store_lists_nothing() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    append(&url, "{}\n");
    run(["rm", &url, SEGMENT, "--yes"]).ok();
    assert_eq!(run(["ls", &url]).ok(), "");
}

/// Creates three sessions. The entries of the second session are the newest, and the third one is
/// the largest.
fn titled() -> (Place, String) {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    for (n, id, day, text) in [(1, V4, 1, "one"), (2, SESSION, 3, "two"), (3, OTHER, 2, "three")] {
        let entry =
            format!("\"role\":\"user\",\"content\":\"{text}\",\"ts\":\"2026-05-0{day}T00:00:00Z\"");
        let log = format!("{{{entry}}}\n").repeat(n);
        run_with(["create", &url, "-", "--session", id, "--segment", id], &log).ok();
    }
    (place, url)
}

#[test]
fn a_long_listing_has_times_sizes_programs_and_titles() {
    let (_place, url) = titled();
    let listed = run(["ls", &url, "--long", "--sort", "written", "--limit", "1", "--json"]).ok();
    let row: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let [session, title, agent] = ["session_id", "title", "agent"].map(|name| row[name].as_str());
    assert_eq!((session, title, agent), (Some(SESSION), Some("two"), Some("jsonl")));
    assert_eq!((row["entries"].as_u64(), row["bytes"].as_u64()), (Some(2), Some(120)));
    let [written, source] = ["written", "written_source"].map(|name| row[name].as_str());
    assert_eq!((written, source), (Some("2026-05-03T00:00:00Z"), Some("entry")));
    assert!(run(["ls", &url, "-l"]).ok().contains("\tjsonl\tthree\n"));
}

#[rstest]
#[case::day(&["--since", "2026-05-02T00:00:00Z"], &[OTHER, SESSION])]
#[case::before(&["--until", "2026-05-02T00:00:00Z"], &[V4])]
#[case::between(&["--since", "2026-05-02T00:00:00Z", "--until", "2026-05-03T00:00:00Z"], &[OTHER])]
#[case::limited(&["--since", "2026-05-01T00:00:00Z", "--limit", "2"], &[V4, OTHER])]
#[case::sorted(&["--since", "2026-05-02T00:00:00Z", "--sort", "written"], &[SESSION, OTHER])]
#[case::none(&["--since", "2026-05-04T00:00:00Z"], &[])]
fn sessions_are_listed_by_the_time_of_their_entries(
    #[case] options: &[&str],
    #[case] expected: &[&str],
) {
    let (_place, url) = titled();
    let listed = run(["ls", &url].iter().chain(options)).ok();
    let ids: Vec<_> = listed.lines().map(|line| line.split('\t').next().unwrap()).collect();
    assert_eq!(ids, expected);
}

/// The entries contain no times. The id of one session contains a time. For the other session, only
/// the storage has a time.
#[test]
fn a_listing_says_where_its_times_come_from() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    append(&url, "{}\n");
    run_with(["create", &url, "-", "--session", V4, "--segment", V4], "{}\n").ok();
    let file = fs::File::options().append(true).open(place.path(&format!("a/{V4}/{V4}.jsonl")));
    let modified = UNIX_EPOCH + Duration::from_secs(86_400);
    file.unwrap().set_times(fs::FileTimes::new().set_modified(modified)).unwrap();
    let listed = run(["ls", &url, "-l"]).ok();
    let times: Vec<_> = listed.lines().map(|line| line.split('\t').nth(4).unwrap()).collect();
    assert_eq!(times, ["1970-01-02T00:00:00Z (storage)", "2022-02-22T19:22:22Z (id)"]);
    let recent = run(["ls", &url, "--since", "2022-01-01"]).ok();
    assert!(recent.starts_with(SESSION) && recent.lines().count() == 1, "{recent}");
    run(["ls", &url, SESSION, "--since", "2022-01-01"]).refused(2);
}

#[rstest]
#[case("written", [SESSION, OTHER, V4])]
#[case("size", [OTHER, SESSION, V4])]
fn sessions_are_sorted(#[case] by: &str, #[case] expected: [&str; 3]) {
    let (_place, url) = titled();
    let listed = run(["ls", &url, "--sort", by]).ok();
    let ids: Vec<_> = listed.lines().map(|line| line.split('\t').next().unwrap()).collect();
    assert_eq!(ids, expected);
}

#[test]
fn a_listing_can_be_limited() {
    let (_place, url) = titled();
    for (limit, count) in [("0", 0), ("2", 2), ("9", 3)] {
        assert_eq!(run(["ls", &url, "--limit", limit]).ok().lines().count(), count);
        assert_eq!(
            run(["ls", &url, "--limit", limit, "--sort", "created"]).ok().lines().count(),
            count
        );
    }
}
