//! Tests of `migrate --follow`, which copies new entries until it is interrupted, and then compares
//! both stores.

use std::fs;
use std::io::{BufRead, BufReader, Read};

use rstest::rstest;
use rustix::process::Signal;
use test_deadlines::Process;

use crate::program::{Kind, OTHER, Place, SEGMENT, SESSION, append, program_with_signals, run};

/// Starts a follower, and waits until it has copied all existing entries.
fn follower(from: &str, to: &str) -> Process {
    let args = ["migrate", from, to, "--follow", "--interval", "10ms"];
    let mut child = Process::start(&mut program_with_signals(args));
    let stderr = child.stderr.as_mut().expect("standard error is a pipe");
    let mut message = String::new();
    BufReader::new(stderr).read_line(&mut message).expect("standard error can be read");
    assert!(message.contains("following"), "{message}");
    child
}

/// Waits until the program ends. Returns its standard output and its exit status.
fn ended(mut child: Process) -> (String, Option<i32>) {
    let mut printed = String::new();
    let mut stdout = child.stdout.take().expect("standard output is a pipe");
    stdout.read_to_string(&mut printed).expect("standard output can be read");
    (printed, child.wait().code())
}

#[rstest]
fn entries_from_before_the_signal_are_copied(
    #[values(Kind::Fs, Kind::Sqlite)] to: Kind,
    #[values(Signal::INT, Signal::TERM)] signal: Signal,
) {
    let place = Place::new();
    let (from, to) = (place.url(Kind::Fs, "from"), place.url(to, "to"));
    append(&from, "{\"a\":1}\n");
    let child = follower(&from, &to);
    for n in 0..20 {
        append(&from, &format!("{{\"n\":{n}}}\n"));
    }
    run(["create", &from, "--session", SESSION, "--segment", OTHER]).ok();
    run(["pods", "put", &from, "coder", "--session", SESSION]).ok();
    child.signal(signal);
    let (printed, status) = ended(child);
    assert_eq!(status, Some(0), "{printed}");
    assert!(
        printed.contains("21 entries copied (20 of them appended during the copy)"),
        "{printed}"
    );
    assert_eq!(run(["verify", &from, &to]).ok().split(':').next(), Some("equal"));
}

#[test]
fn a_follower_continues_after_a_failure_of_the_source() {
    let place = Place::new();
    let (from, to) = (place.url(Kind::Sqlite, "from"), place.url(Kind::Fs, "to"));
    append(&from, "{\"a\":1}\n");
    let mut child = follower(&from, &to);
    let (database, elsewhere) = (place.path("from"), place.path("elsewhere"));
    fs::rename(&database, &elsewhere).unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let message = lines.next().unwrap().unwrap();
    assert!(message.contains("cannot list"), "{message}");
    fs::rename(&elsewhere, &database).unwrap();
    child.terminate();
    let (printed, status) = ended(child);
    assert_eq!(status, Some(0), "{printed}");
    assert!(printed.contains("1 entry copied"), "{printed}");
}

#[test]
fn a_truncated_source_is_followed_and_reported() {
    let place = Place::new();
    let (from, to) = (place.url(Kind::Sqlite, "from"), place.url(Kind::Fs, "to"));
    append(&from, "{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n");
    let child = follower(&from, &to);
    run(["truncate", &from, SEGMENT, "1", "--yes"]).ok();
    append(&from, "{\"d\":4}\n");
    child.terminate();
    let (printed, status) = ended(child);
    assert_eq!(status, Some(0), "{printed}");
    assert!(printed.contains("truncated or replaced in the source during the copy"), "{printed}");
    assert_eq!(run(["show", &to, SEGMENT]).ok(), "{\"a\":1}\n{\"d\":4}\n");
}
