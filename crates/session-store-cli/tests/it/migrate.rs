//! Tests of `migrate`, which copies a whole store, overwrites nothing, and shows the result by its
//! exit status.

use rstest::rstest;

use crate::program::{Kind, OTHER, Place, SEGMENT, SESSION, append, run, run_with};

/// Creates a store with a log, a trace, an empty segment and a pod.
fn populated(place: &Place, kind: Kind) -> String {
    let url = place.url(kind, "from");
    append(&url, "{\"a\": 1.0}\n{\"kind\":\"from_the_future\",\"n\":1e999}\n");
    run_with(
        ["append", &url, "--session", SESSION, "--segment", SEGMENT, "--trace"],
        "{\"t\":1}\n",
    )
    .ok();
    run(["create", &url, "--session", SESSION, "--segment", OTHER]).ok();
    run(["pods", "put", &url, "coder", "--session", SESSION]).ok();
    url
}

#[rstest]
fn every_backend_can_be_copied_to_every_backend(
    #[values(Kind::Fs, Kind::Sqlite)] from: Kind,
    #[values(Kind::Fs, Kind::Sqlite)] to: Kind,
) {
    let place = Place::new();
    let (from, to) = (populated(&place, from), place.url(to, "to"));
    let printed = run(["migrate", &from, &to]).ok();
    assert!(printed.contains("2 of 2 segments complete, 2 entries copied"), "{printed}");
    assert!(printed.contains("read back and equal: 2 entries, 1 trace entry, 1 pod"), "{printed}");
    for args in [
        ["show", SEGMENT].as_slice(),
        &["show", SEGMENT, "--trace"],
        &["show", OTHER],
        &["pods", "show", "coder"],
    ] {
        let at = |url: &str| {
            let split = if args[0] == "pods" { 2 } else { 1 };
            run(args[..split].iter().chain([&url]).chain(&args[split..])).ok()
        };
        assert_eq!(at(&to), at(&from), "{args:?}");
    }
    let verified = run(["verify", &from, &to]).ok();
    assert_eq!(verified, "equal: 2 segments, 2 entries, 1 trace entry, 1 pod\n");

    let again = run(["migrate", &from, &to]).ok();
    assert!(again.contains("0 entries copied, 2 already present"), "{again}");
    append(&from, "{\"later\":1}\n");
    let resumed = run(["migrate", &from, &to]).ok();
    assert!(resumed.contains("1 entry copied, 2 already present"), "{resumed}");
}

#[test]
fn a_conflict_is_reported_and_the_rest_is_copied() {
    let place = Place::new();
    let (from, to) = (populated(&place, Kind::Fs), place.url(Kind::Sqlite, "to"));
    append(&to, "{\"a\": 2.0}\n");
    let ended = run(["migrate", &from, &to]);
    assert_eq!(ended.status, Some(1));
    let conflict =
        format!("segment {SEGMENT} of session {SESSION}: conflict: entry 1 differs from byte 7 on");
    assert!(ended.stdout.contains(&conflict), "{}", ended.stdout);
    assert!(ended.stdout.contains("1 of 2 segments complete"), "{}", ended.stdout);
    assert_eq!(run(["show", &to, SEGMENT]).ok(), "{\"a\": 2.0}\n");
    run(["exists", &to, OTHER]).ok();
}

#[test]
fn a_corrupt_segment_is_reported_and_the_rest_is_copied() {
    let place = Place::new();
    let (from, to) = (populated(&place, Kind::Fs), place.url(Kind::Sqlite, "to"));
    let log = place.path("from").join(SESSION).join(format!("{SEGMENT}.jsonl"));
    std::fs::write(&log, "{\"a\": 1.0}\nno entry\n{}\n").unwrap();
    let ended = run(["migrate", &from, &to]);
    assert_eq!(ended.status, Some(1));
    assert!(ended.stdout.contains(SEGMENT) && ended.stdout.contains("line 2"), "{}", ended.stdout);
    run(["exists", &to, OTHER]).ok();
}

#[test]
fn traces_pods_and_sessions_can_be_left_out() {
    let place = Place::new();
    let (from, to) = (populated(&place, Kind::Fs), place.url(Kind::Sqlite, "to"));
    run(["create", &from, "--session", OTHER]).ok();
    run(["migrate", &from, &to, "--session", SESSION, "--no-traces", "--no-pods"]).ok();
    assert_eq!(run(["ls", &to]).ok().lines().count(), 1);
    assert_eq!(run(["show", &to, SEGMENT, "--trace"]).ok(), "");
    assert_eq!(run(["pods", "ls", &to]).ok(), "");
}

#[test]
fn an_unknown_session_is_an_error_and_creates_nothing() {
    let place = Place::new();
    let (from, to) = (populated(&place, Kind::Fs), place.url(Kind::Sqlite, "to"));
    let message = run(["migrate", &from, &to, "--session", SEGMENT]).refused(4);
    assert!(message.contains(SEGMENT), "{message}");
    assert!(!place.path("to").exists());
}

#[test]
fn the_report_can_be_json() {
    let place = Place::new();
    let (from, to) = (populated(&place, Kind::Fs), place.url(Kind::Sqlite, "to"));
    let printed = run(["--json", "migrate", &from, &to]).ok();
    let report: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(report["complete"], true);
    assert_eq!(report["segments"][0]["log"]["appended"], 2);
    assert_eq!(report["segments"][0]["trace"]["appended"], 1);
    assert_eq!(report["pods"][0]["outcome"], "copied");
}

#[rstest]
fn a_store_is_not_copied_into_itself(#[values(Kind::Fs, Kind::Sqlite)] kind: Kind) {
    let place = Place::new();
    let from = populated(&place, kind);
    let other_name = place.path("x/../from").display().to_string();
    std::fs::create_dir(place.path("x")).unwrap();
    for to in [from.as_str(), &other_name] {
        let message = run(["migrate", &from, to]).refused(3);
        assert!(message.contains("both are the same store"), "{message}");
    }
}

#[cfg(target_os = "linux")]
#[rstest]
fn an_interrupted_run_leaves_no_report(#[values("migrate", "verify")] command: &str) {
    use std::fs::File;

    use rustix::process::Signal;
    use test_deadlines::{Process, wait_until};

    use crate::program::{handles_signals, program_with_signals};

    let place = Place::new();
    let (from, to) = (populated(&place, Kind::Fs), place.url(Kind::Sqlite, "to"));
    run(["migrate", &from, &to]).ok();
    // The program waits for these locks.
    let locks = place.path("from/.session-store/locks").read_dir().unwrap();
    let held: Vec<_> = locks.map(|lock| File::open(lock.unwrap().path()).unwrap()).collect();
    held.iter().for_each(|lock| lock.lock().unwrap());
    let file = place.path("report.json");
    let arguments = [command, &from, &to, "--report", &file.display().to_string()];
    let child = Process::start(&mut program_with_signals(arguments));
    wait_until("the program to handle signals", || {
        assert!(child.is_running(), "it ended too early");
        handles_signals(child.id())
    });
    child.signal(Signal::INT);
    assert_eq!(child.wait().code(), Some(130));
    let mut left = place.listing().into_iter();
    assert!(left.all(|(path, _)| !path.to_string_lossy().contains("report.json")));
}
