//! Tests of `qualify`: its report, and existing data that the command must not change.

use rstest::rstest;

use crate::program::{Kind, Place, append, run};

#[rstest]
fn a_live_store_passes_and_is_not_changed(#[values(Kind::Fs, Kind::Sqlite)] kind: Kind) {
    let place = Place::new();
    let url = place.url(kind, "a");
    append(&url, "{\"ours\":1}\n");
    run(["pods", "put", &url, "ours", "--session", crate::program::SESSION]).ok();
    let before = run(["ls", &url]).ok();
    let report = run(["qualify", &url, "--filter", "d1_"]).ok();
    assert!(report.contains("ok       d1_a_deleted_segment_is_gone\n"), "{report}");
    assert!(report.contains(" passed, 0 failed, "), "{report}");
    assert_eq!(run(["ls", &url]).ok(), before);
    assert_eq!(run(["pods", "ls", &url]).ok().lines().count(), 1);
}

#[test]
fn an_existing_pod_is_not_changed() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    append(&url, "{}\n");
    run(["pods", "put", &url, "reviewer", "--session", crate::program::SESSION]).ok();
    let pod = run(["pods", "show", &url, "reviewer"]).ok();
    let report = run(["qualify", &url, "--filter", "p1_put"]);
    assert_eq!(report.status, Some(1), "a run without a check is not a success");
    let not_run = "not run  p1_put_creates_and_replaces: a session or pod that it needs is in use";
    assert!(report.stdout.contains(not_run), "{report:?}");
    assert_eq!(run(["pods", "show", &url, "reviewer"]).ok(), pod);
}

#[test]
fn the_report_can_be_json() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    append(&url, "{}\n");
    let report = run(["--json", "qualify", &url, "--filter", "t2_"]).ok();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["checks"][0]["outcome"], "passed");
    assert!(report["kit"].is_string());
}

#[test]
fn a_filter_that_matches_no_check_is_refused() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    append(&url, "{}\n");
    let message = run(["qualify", &url, "--filter", "t99_"]).refused(3);
    assert!(message.contains("no check id contains \"t99_\""), "{message}");
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_deletes_its_sessions() {
    use test_deadlines::{Process, wait_until};

    use crate::program::program;

    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    append(&url, "{\"ours\":1}\n");
    let before = run(["ls", &url]).ok();
    let child = Process::start(&mut program(["qualify", &url]));
    // A new session shows that a check is running.
    wait_until("a check to begin", || {
        assert!(child.is_running(), "it ended too early");
        run(["ls", &url]).stdout != before
    });
    child.terminate();
    let ended = child.wait_with_output();
    let message = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(3), "{message}");
    assert!(message.contains("it was interrupted after "), "{message}");
    assert_eq!(run(["ls", &url]).ok(), before);
}
