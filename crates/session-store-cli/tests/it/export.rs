//! Tests of `export`, which writes a backup to standard output, or to a file that gets its name
//! when it is complete.

use std::fs;

use rstest::rstest;
#[cfg(target_os = "linux")]
use rustix::process::Signal;
use test_deadlines::Process;

use crate::program::{Kind, OTHER, Place, SEGMENT, SESSION, append, program, run, run_with};

/// Creates a store with a log, a trace, an empty segment and two pods.
pub(crate) fn populated(place: &Place, kind: Kind) -> String {
    let url = place.url(kind, "from");
    append(&url, "{\"a\": 1.0}\n{\"kind\":\"from_the_future\",\"n\":1e999}\n");
    run_with(
        ["append", &url, "--session", SESSION, "--segment", SEGMENT, "--trace"],
        "{\"t\":1}\n",
    )
    .ok();
    run(["create", &url, "--session", SESSION, "--segment", OTHER]).ok();
    for pod in ["coder", "審査 1"] {
        run(["pods", "put", &url, pod, "--session", SESSION]).ok();
    }
    url
}

#[rstest]
fn the_folder_contains_only_the_file(#[values(Kind::Fs, Kind::Sqlite)] kind: Kind) {
    let place = Place::new();
    let url = populated(&place, kind);
    fs::create_dir(place.path("backups")).unwrap();
    let file = place.path("backups/a.tar.zst").display().to_string();
    let printed = run(["export", &url, &file]).ok();
    assert!(printed.contains("2 segments, 2 entries, 1 trace entry, 2 pods in "), "{printed}");
    assert_eq!(place.path("backups").read_dir().unwrap().count(), 1);
}

#[test]
fn an_existing_file_is_replaced_only_with_force() {
    let place = Place::new();
    let url = populated(&place, Kind::Fs);
    let path = place.path("a.tar.zst");
    fs::write(&path, "mine").unwrap();
    let file = path.display().to_string();
    let message = run(["export", &url, &file]).refused(3);
    assert!(message.contains("--force"), "{message}");
    assert_eq!(fs::read(&path).unwrap(), b"mine");
    run(["export", &url, &file, "--force"]).ok();
    assert_ne!(fs::read(&path).unwrap(), b"mine");
    for no_file in [place.path("from"), "/dev/null".into()] {
        run(["export", &url, &no_file.display().to_string(), "--force"]).refused(3);
    }
    assert!(place.path("from").is_dir());
}

#[test]
fn a_failed_export_leaves_no_file() {
    let place = Place::new();
    let url = populated(&place, Kind::Fs);
    let before = place.listing();
    let file = place.path("a.tar.zst").display().to_string();
    run(["export", &place.url(Kind::Sqlite, "nowhere"), &file]).refused(4);
    run(["export", &url, &file, "--session", OTHER]).refused(4);
    run(["export", &url, &place.path("no/such/folder").display().to_string()]).refused(3);
    assert_eq!(place.listing(), before);
}

/// The test holds the lock of the second segment, so the export waits there. The first segment is
/// larger than the buffer of the compressor, so the file already contains a part of that segment.
#[cfg(target_os = "linux")]
#[rstest]
#[case::sigint(&[Signal::INT], "")]
#[case::sigterm(&[Signal::TERM], "")]
#[case::sighup(&[Signal::HUP], "")]
#[case::nohup(&[Signal::HUP, Signal::TERM], "HUP")]
fn an_interrupted_export_leaves_no_file(#[case] signals: &[Signal], #[case] ignored: &str) {
    use std::collections::HashSet;
    use std::fs::File;
    use std::path::PathBuf;

    use test_deadlines::wait_until;

    use crate::program::program_that_ignores;

    let place = Place::new();
    let url = place.url(Kind::Fs, "from");
    append(&url, &format!("{{\"noise\":\"{}\"}}\n", noise(1 << 20)));
    let locks = || -> HashSet<PathBuf> {
        let locks = place.path("from/.session-store/locks").read_dir().unwrap();
        locks.map(|lock| lock.unwrap().path()).collect()
    };
    let before_second = locks();
    run_with(["append", &url, "--session", SESSION, "--segment", OTHER], "{}\n").ok();
    let of_second: Vec<_> = locks().difference(&before_second).cloned().collect();
    let held: Vec<_> = of_second.iter().map(|lock| File::open(lock).unwrap()).collect();
    held.iter().for_each(|lock| lock.lock().unwrap());
    let before = place.listing();

    let file = place.path("a.tar.zst").display().to_string();
    let child = Process::start(&mut program_that_ignores(ignored, ["export", &url, &file]));
    wait_until("the first bytes of the backup", || {
        assert!(child.is_running(), "it ended too early");
        place.listing().iter().any(|found| !before.contains(found) && found.1 > 0)
    });
    signals.iter().for_each(|&signal| child.signal(signal));
    assert_eq!(child.wait().code(), Some(130));
    assert_eq!(place.listing(), before);
}

/// Returns digits that a compressor can hardly shorten.
fn noise(digits: usize) -> String {
    let mut state = 1_u64;
    let mut digit = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from_digit((state >> 60) as u32, 16).unwrap()
    };
    (0..digits).map(|_| digit()).collect()
}

#[test]
fn a_corrupt_segment_is_reported_and_the_rest_is_exported() {
    let place = Place::new();
    let url = populated(&place, Kind::Fs);
    let log = place.path("from").join(SESSION).join(format!("{SEGMENT}.jsonl"));
    fs::write(&log, "{\"a\": 1.0}\nno entry\n{}\n").unwrap();
    let file = place.path("a.tar.zst").display().to_string();
    let ended = run(["export", &url, &file]);
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(1), ""));
    let left_out = format!("left out: segment {SEGMENT} of session {SESSION}: ");
    assert!(ended.stdout.starts_with(&left_out), "{}", ended.stdout);
    assert!(
        ended.stdout.contains("line 2") && ended.stdout.contains("1 segment, 0 entries, 0 trace"),
        "{}",
        ended.stdout
    );

    let to = place.url(Kind::Sqlite, "to");
    let path = format!("damaged/{SESSION}/{SEGMENT}.jsonl");
    let kept = format!("its damaged file is in the backup: {path}");
    assert!(ended.stdout.contains(&kept), "{}", ended.stdout);
    let ended = run(["restore", &file, &to]);
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(1), ""));
    let restored = ended.stdout;
    assert!(restored.starts_with(&format!("not restored: segment {SEGMENT}")), "{restored}");
    assert!(restored.contains(&kept), "{restored}");
    let checked = run(["check", &file]);
    assert_eq!(checked.status, Some(1), "{checked:?}");
    assert!(checked.stdout.contains(&path), "{}", checked.stdout);
    run(["exists", &to, OTHER]).ok();
}

#[test]
fn traces_pods_and_sessions_can_be_left_out() {
    let place = Place::new();
    let url = populated(&place, Kind::Fs);
    run(["create", &url, "--session", OTHER]).ok();
    let file = place.path("a.tar.zst").display().to_string();
    let printed =
        run(["export", &url, &file, "--session", SESSION, "--no-traces", "--no-pods"]).ok();
    assert!(printed.contains("2 segments, 2 entries, 0 trace entries, 0 pods"), "{printed}");
}

#[test]
fn the_report_can_be_json() {
    let place = Place::new();
    let url = populated(&place, Kind::Fs);
    let file = place.path("a.tar.zst").display().to_string();
    let report: serde_json::Value =
        serde_json::from_str(&run(["--json", "export", &url, &file]).ok()).unwrap();
    assert_eq!(report["complete"], true);
    assert_eq!(report["entries"], 2);
    assert_eq!(report["bytes"], fs::metadata(&file).unwrap().len());
}

#[test]
fn a_backup_can_go_through_a_pipe() {
    let place = Place::new();
    let url = populated(&place, Kind::Fs);
    let output = Process::start(&mut program(["export", &url, "-"])).wait_with_output();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
    let to = place.url(Kind::Sqlite, "to");
    run_with(["restore", "-", &to], output.stdout).ok();
    assert!(run(["verify", &url, &to]).ok().starts_with("equal: "));
}

#[test]
fn a_closed_pipe_ends_the_export_without_a_message() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    // The text is larger than the buffer of a pipe and does not compress.
    let words = (0..40_000_u64).map(|n| format!("{:016x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    append(&url, &format!("{{\"text\":\"{}\"}}\n", words.collect::<String>()));
    let mut child = Process::start(&mut program(["export", &url, "-"]));
    drop(child.stdout.take());
    let output = child.wait_with_output();
    assert_eq!(output.status.code(), Some(141));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
