//! Tests of limits: the length of a line that a command reads, and the size of a file that the
//! process may write.

use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use rstest::rstest;
use test_deadlines::Process;

use crate::program::{Ended, Kind, Place, SEGMENT, SESSION, run, run_with};

#[test]
fn a_line_beyond_the_limit_is_refused_and_the_entries_before_it_stay() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    let append = ["append", &url, "--session", SESSION, "--segment", SEGMENT, "--max-line", "1KiB"];
    let input = format!("{{}}\n{{\"a\":\"{}\"}}\n", "x".repeat(1024));
    let ended = run_with(append, input);
    assert_eq!((ended.status, ended.stdout.as_str()), (Some(3), "1\n"), "{ended:?}");
    assert!(ended.stderr.contains("line 2 of standard input"), "{ended:?}");
    assert!(ended.stderr.contains("more than 1024 bytes; raise the limit with --max-line"));
}

/// The input has no end, so a command that reads the whole line would not end either.
#[rstest]
#[case(&["append", "STORE", "--session", SESSION, "--segment", SEGMENT])]
#[case(&["create", "STORE", "/dev/zero"])]
fn a_line_without_an_end_is_refused_at_its_beginning(#[case] args: &[&str]) {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    let args = args.iter().map(|&arg| if arg == "STORE" { url.as_str() } else { arg });
    let mut command = Command::new(env!("CARGO_BIN_EXE_session-store"));
    command.args(args).stdin(fs::File::open("/dev/zero").unwrap());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let ended: Ended = Process::start(&mut command).wait_with_output().into();
    assert!(ended.refused(3).contains("does not begin with {"));
}

#[test]
fn an_imported_line_beyond_the_limit_is_refused_even_by_salvage() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    let log = place.path(&format!("{SEGMENT}.jsonl"));
    fs::write(&log, format!("{{}}\n{{\"a\":\"{}\"}}\n", "x".repeat(1024))).unwrap();
    let log = log.to_str().unwrap();
    for options in [&["--max-line", "1KiB"][..], &["--max-line", "1KiB", "--salvage"]] {
        let ended = run([&["import", log, &url], options].concat());
        assert_eq!(ended.status, Some(1), "{ended:?}");
        assert!(ended.stdout.contains("refused: line 2: the line has more than 1024 bytes"));
        assert_eq!(ended.stderr, "", "--salvage does not help");
    }
    run(["import", log, &url]).ok();
}

#[rstest]
fn a_file_size_limit_is_an_error_with_a_message(#[values(Kind::Fs, Kind::Sqlite)] kind: Kind) {
    let place = Place::new();
    let url = place.url(kind, "a");
    run(["create", &url, "--session", SESSION, "--segment", SEGMENT]).ok();
    let script = "ulimit -f 256; exec \"$0\" append \"$@\" >/dev/null";
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_session-store"), &url]);
    command.args(["--session", SESSION, "--segment", SEGMENT]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = Process::start(&mut command);
    let line = format!("{{\"a\":\"{}\"}}\n", "x".repeat(1_000_000));
    let mut stdin = child.stdin.take().unwrap();
    let _ = stdin.write_all(line.as_bytes());
    drop(stdin);
    let output = child.wait_with_output();
    assert_eq!(output.status.signal(), None, "{output:?}");
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("cannot append to segment"), "{message}");
    assert_eq!(run(["count", &url, SEGMENT]).ok(), "0\n", "a part of the entry is stored");
}
