//! Tests of `restore`, which restores a whole backup, and refuses a damaged file before it writes
//! anything.

use std::fs;

use rstest::rstest;

use crate::export::populated;
use crate::program::{Kind, Place, SEGMENT, SESSION, append, run, run_with};

/// The command waits for its input.
#[cfg(target_os = "linux")]
#[test]
fn a_signal_prints_how_to_go_on() {
    use rustix::process::Signal;
    use test_deadlines::{Process, wait_until};

    use crate::program::{handles_signals, program_with_signals};

    let place = Place::new();
    let to = place.url(Kind::Fs, "to");
    let mut child = Process::start(&mut program_with_signals(["restore", "-", &to]));
    // Hold the input open. Otherwise waiting for the end of the program would close the input.
    let _input = child.stdin.take();
    wait_until("the program to handle signals", || {
        assert!(child.is_running(), "it ended too early");
        handles_signals(child.id())
    });
    child.signal(Signal::TERM);
    let ended = child.wait_with_output();
    assert_eq!(ended.status.code(), Some(130));
    let message = String::from_utf8(ended.stderr).unwrap();
    let expected =
        "session-store: interrupted; the restored entries are kept; run the same command";
    assert!(message.starts_with(expected), "{message}");
}

fn exported(place: &Place) -> (String, String) {
    let url = populated(place, Kind::Fs);
    let file = place.path("a.tar.zst").display().to_string();
    run(["export", &url, &file]).ok();
    (url, file)
}

#[rstest]
fn a_backup_is_restored_to_every_backend(#[values(Kind::Fs, Kind::Sqlite)] kind: Kind) {
    let place = Place::new();
    let (from, file) = exported(&place);
    let to = place.url(kind, "to");
    let printed = run(["restore", &file, &to]).ok();
    let read_back = "2 of 2 segments complete, 2 entries copied, 0 already present; read back and equal: 2 entries, 1 trace entry, 2 pods";
    assert!(printed.contains(read_back), "{printed}");
    assert!(run(["verify", &from, &to]).ok().starts_with("equal: "));
    let again = run(["restore", &file, &to]).ok();
    assert!(again.contains("0 entries copied, 2 already present"), "{again}");
}

#[test]
fn a_backup_can_be_restored_to_memory() {
    let place = Place::new();
    let (_, file) = exported(&place);
    let printed = run(["restore", &file, "memory:"]).ok();
    assert!(printed.contains("2 of 2 segments complete"), "{printed}");
}

#[test]
fn a_conflict_is_reported_and_the_rest_is_restored() {
    let place = Place::new();
    let (_, file) = exported(&place);
    let to = place.url(Kind::Sqlite, "to");
    append(&to, "{\"a\": 2.0}\n");
    let ended = run(["restore", &file, &to]);
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(1), ""));
    let lines: Vec<_> = ended.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    let conflict = format!("segment {SEGMENT} of session {SESSION}: conflict: entry 1 differs");
    assert!(lines[0].starts_with(&conflict), "{lines:?}");
    assert!(lines[1].contains(": 1 of 2 segments complete, "), "{lines:?}");
    assert!(
        lines[1].ends_with("read back and equal: 0 entries, 0 trace entries, 2 pods"),
        "a trace is not restored if the log differs from the backup: {lines:?}"
    );
    assert_eq!(run(["show", &to, SEGMENT]).ok(), "{\"a\": 2.0}\n");
    assert_eq!(run(["pods", "ls", &to]).ok().lines().count(), 2);

    let ended = run(["--json", "restore", &file, &to]);
    let report: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((ended.status, &report["complete"]), (Some(1), &false.into()));
    assert_eq!(report["problems"].as_array().unwrap().len(), 1);
}

/// The damage is found before the store is created.
#[test]
fn a_damaged_file_is_refused_with_the_position_and_nothing_is_written() {
    let place = Place::new();
    let (_, file) = exported(&place);
    let whole = fs::read(&file).unwrap();
    let before = place.listing();
    let to = place.url(Kind::Sqlite, "to");
    let cut = whole[..whole.len() * 2 / 3].to_vec();
    let mut changed = whole.clone();
    changed[whole.len() / 2] ^= 1;
    for damaged in [cut, changed] {
        let message = run_with(["restore", "-", &to], damaged).refused(3);
        assert!(
            message.contains("the backup is damaged: ") && message.contains(" of the file: "),
            "{message}"
        );
    }
    for foreign in [b"{}\n".to_vec(), Vec::new()] {
        let message = run_with(["restore", "-", &to], foreign).refused(3);
        assert!(message.contains("the file is not a backup: "), "{message}");
    }
    run(["restore", &place.path("nowhere").display().to_string(), &to]).refused(3);
    assert_eq!(place.listing(), before);
}
